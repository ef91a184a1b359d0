"""Processes of storewatch, forked from one that has imported it and loaded its kernels.

Such a process starts with 0.3 CPU-seconds, where a new interpreter takes 2.5. It runs the same commands. Tests of the
environment or the exit of a process start real ones (`real_processes.start`).
"""

import contextlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

_LARGEST_MESSAGE: Final = 1 << 20


class Forked:
    """A forked process, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, status: int) -> None:
        self._status = os.fdopen(status, "rb", buffering=0)
        self.pid = int(self._line())
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while the process runs."""
        if self._code is None and select.select([self._status], [], [], 0)[0]:
            self._code = int(self._line())
            self._status.close()
        return self._code

    def wait(self, timeout: float = 60) -> int:
        """Wait for the end of the process and return its exit code."""
        if self._code is None:
            assert select.select([self._status], [], [], timeout)[0], f"process {self.pid} did not end"
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            byte = self._status.read(1)
            assert byte, "the process from which others are forked has ended"
            line += byte
        return line


class Forks:
    """The process from which others are forked."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            program, number = str(Path(__file__).resolve()), theirs.fileno()
            self._process = subprocess.Popen([sys.executable, program, str(number)], pass_fds=[number])

    def start(self, home: Path, *arguments: str, log: Path, program: Path | None = None, **settings: str) -> Forked:
        """Start `storewatch ...` on a home folder, or a program; its output is appended to a file."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STOREWATCH_")}
        order = {
            "environment": kept | {"STOREWATCH_HOME": str(home), **settings},
            "arguments": [str(program or "storewatch"), *arguments],
            "program": None if program is None else str(program),
            "log": str(log),
        }
        status, theirs = os.pipe()
        socket.send_fds(self._channel, [json.dumps(order).encode()], [theirs])
        os.close(theirs)
        return Forked(status)

    def close(self) -> None:
        self._channel.close()
        self._process.wait(60)


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """The process of this test worker from which services and workers are forked."""
    forks = Forks()
    yield forks
    forks.close()


def _serve(channel: socket.socket) -> None:
    while True:
        message, (*descriptors,), _, _ = socket.recv_fds(channel, _LARGEST_MESSAGE, 1)
        if not message:
            return
        (status,) = descriptors
        if os.fork() == 0:
            channel.close()
            _keep(json.loads(message), status)
            return
        os.close(status)


def _keep(order: dict[str, Any], status: int) -> None:
    """Fork the process, wait for its end and report that; return only in the process itself."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if (pid := os.fork()) == 0:
        os.close(status)
        _run(**order)
        return
    os.write(status, b"%d\n" % pid)
    _, code = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(status, b"%d\n" % os.waitstatus_to_exitcode(code))
    os._exit(0)


def _run(environment: dict[str, str], arguments: list[str], program: str | None, log: str) -> None:
    from storewatch.cli import main  # noqa: PLC0415 - the tests that import this file need no command line

    with Path(log).open("ab") as written:
        os.dup2(written.fileno(), 1)
        os.dup2(written.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = arguments
    tempfile.tempdir = None  # chosen by the environment
    if program is None:
        main()
    else:
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    from storewatch.engine.compiling import compile_kernels
    from storewatch.web.service import build_service

    compile_kernels()
    build_service()
    _serve(socket.socket(fileno=int(sys.argv[1])))
