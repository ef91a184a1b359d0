"""Commands of storewatch in this process. A process of its own costs 2 to 3 CPU-seconds, nearly all of it imports.

Tests of commands that serve, wait for signals or depend on their process run real processes.
"""

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from storewatch.cli import main

_LOGGERS = ("", "uvicorn", "uvicorn.error", "uvicorn.access")


def run_command(
    *arguments: str | Path, home: Path | None = None, cwd: Path | None = None, environment: Mapping[str, str] = {}
) -> subprocess.CompletedProcess[str]:
    """Run a command as a process would run it: its output as text, and its exit code.

    Variables of storewatch in the environment of the tests do not count. An error that is not meant for users is
    raised here, where a process would print its traceback.
    """
    words = ["storewatch", *map(str, arguments)]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("STOREWATCH_")}
    if home is not None:
        variables["STOREWATCH_HOME"] = str(home)
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="", write_through=True) for _ in range(2))
    with _process_state(words, variables | environment, cwd), redirect_stdout(out), redirect_stderr(err):
        code = _exit_code()
    texts = [stream.buffer.getvalue().decode().replace("\r\n", "\n") for stream in (out, err)]  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(words, code, *texts)


def run_process(*arguments: str | Path, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command as a real process, for tests of the process itself and of services."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("STOREWATCH_")}
    return subprocess.run(
        [sys.executable, "-m", "storewatch", *map(str, arguments)],
        env=variables | ({} if home is None else {"STOREWATCH_HOME": str(home)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def _exit_code() -> int:
    try:
        main()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
            return 1
        return ended.code or 0
    return 0


@contextmanager
def _process_state(words: list[str], variables: Mapping[str, str], cwd: Path | None) -> Iterator[None]:
    """Set the environment, arguments and folder of the process for the block, and restore them and the log handlers."""
    before = dict(os.environ), sys.argv, Path.cwd()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    logs = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    try:
        os.environ.clear()
        os.environ.update(variables)
        sys.argv = words
        if cwd is not None:
            os.chdir(cwd)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before[0])
        sys.argv = before[1]
        os.chdir(before[2])
        for logger, (handlers, level, propagate) in zip(loggers, logs, strict=True):
            logger.handlers[:] = handlers
            logger.setLevel(level)
            logger.propagate = propagate
