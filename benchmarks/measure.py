"""Run a command and measure its time and memory."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MIB: Final = 2**20
STOREWATCH: Final = str(Path(sys.executable).with_name("storewatch"))


@dataclass(frozen=True, kw_only=True)
class Run:
    """One process from its start to its end; peak_bytes is its largest resident size."""

    seconds: float
    peak_bytes: int
    output: str


def run(*command: str | Path, environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end. Raises RuntimeError with its output when it fails.

    Linux counts the memory of the starting process as memory of the new one, so the caller must stay smaller than the
    measured process: everything large runs in separate processes.
    """
    with tempfile.TemporaryFile() as output:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | (environment or {})
        )
        peak_bytes = wait(process)
        seconds = time.perf_counter() - begun
        output.seek(0)
        text = output.read().decode()
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{text}")
    return Run(seconds=seconds, peak_bytes=peak_bytes, output=text)


def wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process and return its largest resident size in bytes."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024


def seconds_of(work: Callable[[], object], times: int) -> list[float]:
    """Do some work a few times in this process."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return taken


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table.

    values: in `unit`, one for each repetition; the median counts. limit: the most that the median may be, or the least
    if `at_least`.
    shows_p99: the slowest of a hundred is more useful than the extremes.
    """

    what: str
    unit: str
    values: Sequence[float]
    limit: float | None = None
    at_least: bool = False
    peak_bytes: int | None = None
    limit_bytes: int | None = None
    shows_p99: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.values, n=100, method="inclusive")[98]

    @property
    def is_met(self) -> bool | None:
        """Whether the budget is kept; None without one."""
        if self.limit is None:
            return None
        in_time = self.median >= self.limit if self.at_least else self.median <= self.limit
        return in_time and (self.limit_bytes is None or (self.peak_bytes or 0) <= self.limit_bytes)


def of_runs(
    what: str, runs: Sequence[Run], *, limit: float | None = None, limit_bytes: int | None = None, unit: str = "s"
) -> Line:
    """Return the line of whole processes: their seconds (or ms) and the largest of their peaks."""
    factor = 1000 if unit == "ms" else 1
    return Line(
        what=what,
        unit=unit,
        values=[each.seconds * factor for each in runs],
        limit=limit,
        peak_bytes=max(each.peak_bytes for each in runs),
        limit_bytes=limit_bytes,
    )
