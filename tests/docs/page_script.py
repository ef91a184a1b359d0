"""Run the fenced blocks of a page as a reader would, in their order, in one shell and one folder.

- A line that begins with `$ ` is a command, the lines after it are its whole output. Without such lines it prints
  nothing and succeeds. `…` stands for any text, alone in a line for any lines. A value of `VARYING` may be any other
  value of its kind.
- `make demo`, `storewatch serve` and `storewatch worker` without output run until the page ends, a service until the
  next one begins.
- A block after a line that ends with a file name in backticks and a colon is the content of that file.
- Blocks of other kinds are checked by `CHECKS`. A block of no kind that is none of these is an error.

Sybil reads pages and leaves running and comparing to its user. byexample and prysk compare shell sessions, but run no
services, files or other kinds of blocks. Each would save less than it adds.
"""

import re
import shlex
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

VARYING: Final = {
    "uuid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "hash": r"\b[0-9a-f]{64}\b",
    "id made from the clock": r"\b1[789]\d{11}\b",
    "request id": r"\b[0-9a-f]{32}\b",
    "instant of the clock": r"(?:202[6-9]|20[3-9]\d)-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?",
    "duration": r'"(?:ms|seconds)": ?\d+(?:\.\d+)?',
    "size": r"\b\d[\d,.]* (?:bytes|kB|MB|GB)\b",
}
_VARYING: Final = re.compile("|".join(f"({pattern})" for pattern in VARYING.values()))
_FILE: Final = re.compile(r"`([\w./-]+\.\w+)`:$")
_SERVES: Final = re.compile(r"^(?:storewatch (serve|worker)\b|make demo$)")
_SECONDS: Final = 300  # for one command; a nightly `make demo` installs everything
_PORT: Final = re.compile(r"\b8000\b")


@dataclass(frozen=True, kw_only=True)
class Block:
    line: int
    kind: str
    text: str
    file: str | None

    def commands(self) -> Iterator[tuple[str, str]]:
        """Yield each command with its output. A command goes on while a quote is open or its line ends with a `\\`."""
        command, output = "", ""
        for line in self.text.splitlines():
            if command and not _is_whole(command):
                command += f"\n{line}"
            elif line.startswith("$ "):
                if command:
                    yield command, output
                command, output = line[2:], ""
            else:
                output += f"{line}\n"
        yield command, output


def _is_whole(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:
        return False
    return True


def blocks_of(page: Path) -> Iterator[Block]:
    before = ""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "inline":
            before = token.content
        elif token.type == "fence":
            named = _FILE.search(before)
            yield Block(
                line=(token.map or [0])[0] + 1,
                kind=token.info,
                text=token.content,
                file=named[1] if named and not token.content.startswith("$ ") else None,
            )
            before = ""


def is_output(expected: str, printed: str) -> bool:
    """Return whether a command printed what the page shows. Empty lines at the end do not count."""
    lines = expected.rstrip("\n").splitlines()
    pattern = "".join(r"(?:.*\n)*" if line == "…" else f"{_pattern_of(line)}\n" for line in lines)
    return re.fullmatch(pattern, printed.rstrip("\n") + "\n" if printed.strip("\n") else "") is not None


def _pattern_of(line: str) -> str:
    kinds, text, at = list(VARYING.values()), "", 0
    for found in _VARYING.finditer(line):
        text += re.escape(line[at : found.start()]) + kinds[(found.lastindex or 0) - 1]
        at = found.end()
    return (text + re.escape(line[at:])).replace("…", ".*")


class Shell:
    """A bash that keeps variables and the folder from one command to the next."""

    _END: Final = "-- end of the command, exit code "

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def run(self, command: str) -> tuple[str, int]:
        """Run a command. Return what it printed, and its exit code."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{{ {command}\n}} </dev/null; printf '\\n{self._END}%s\\n' $?\n")
        self._process.stdin.flush()
        printed = ""
        limit = threading.Timer(_SECONDS, self._process.kill)
        limit.start()
        for line in self._process.stdout:
            if line.startswith(self._END):
                limit.cancel()
                return printed.removesuffix("\n"), int(line.removeprefix(self._END))
            printed += line
        raise AssertionError(f"the shell ended, or had no answer in {_SECONDS} s, in {command!r}: {printed}")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class PageScript:
    """The run of one page in a folder.

    checks: by kind, for blocks that are neither commands nor files. rewritten: texts of commands that are replaced,
    such as addresses of other machines. The port 8000 is always replaced by `port`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        checks: Mapping[str, Callable[[str], object]],
        rewritten: Mapping[str, str] = {},
        environment: Mapping[str, str] = {},
    ) -> None:
        self._folder, self._port, self._checks, self._rewritten = folder, port, checks, rewritten
        self._service: int | None = None
        self._started: list[int] = []
        empty = folder.parent / f"{folder.name}-empty-home"
        empty.mkdir()
        path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        self._shell = Shell(folder, {"PATH": path, "HOME": str(empty), "LANG": "C.UTF-8"} | environment)

    def run(self, page: Path) -> Iterator[tuple[int, str, str, str]]:
        """Run a page. Yield of each command its line, the command, what the page shows and what it printed."""
        for block in blocks_of(page):
            if block.file is not None:
                file = self._folder / block.file
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(_PORT.sub(str(self._port), block.text), encoding="utf-8")
            if block.text.startswith("$ "):
                for command, expected in block.commands():
                    yield block.line, command, expected, self._printed(command, expected)
            elif block.kind in self._checks:
                self._checks[block.kind](block.text)
            else:
                assert block.file is not None, f"{page.name}:{block.line}: a block of no known kind"

    def _printed(self, command: str, expected: str) -> str:
        words = command
        for old, new in self._rewritten.items():
            words = words.replace(old, new)
        words = _PORT.sub(str(self._port), words)
        if (serves := _SERVES.match(command)) and not expected:
            return self._start(words, is_service=serves[1] != "worker")
        printed, code = self._shell.run(words)
        if code and not expected:
            printed += f"(exit code {code})\n"
        return re.sub(rf"\b{self._port}\b", "8000", printed)

    def _start(self, command: str, *, is_service: bool) -> str:
        """Start a service or worker. Return nothing, or why it does not answer."""
        if is_service:
            self._stop(self._service)
            command = command if "--port" in command else f"{command} --port {self._port}"
        command = re.sub(r"^storewatch ", "exec storewatch ", command)  # so that $! is its process
        printed, _ = self._shell.run(f"(exec >>{shlex.quote(str(self._log))} 2>&1; {command}) & echo $!")
        self._started.append(int(printed))
        if is_service:
            self._service = self._started[-1]
            deadline = time.monotonic() + _SECONDS
            while not self._answers():
                if time.monotonic() > deadline or not _is_running(self._service):
                    return self._log.read_text(encoding="utf-8")
                time.sleep(0.05)
        return ""

    @property
    def _log(self) -> Path:
        return self._folder.parent / f"{self._folder.name}.log"

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=10).close()
        except OSError:  # not yet open, not ready, or slow
            return False
        return True

    def _stop(self, process: int | None) -> None:
        if process is not None:
            self._shell.run(f"kill {process} 2>/dev/null; wait {process}")

    def close(self) -> None:
        for process in self._started:
            self._stop(process)
        self._shell.close()


def _is_running(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
