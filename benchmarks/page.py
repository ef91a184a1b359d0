"""The tables, and docs/benchmarks.md around them."""

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import interval_coverage
from benchmarks.measure import MIB, Line

PAGE: Final = Path(__file__).parents[1] / "docs" / "benchmarks.md"
PACKAGES: Final = ("storewatch", "numba", "numpy", "polars", "deltalake", "duckdb", "pandas")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The machine and time of a run. load: processes that needed a core, averaged over a minute."""

    at: datetime
    load: float


@dataclass(frozen=True, kw_only=True)
class Results:
    """Everything that one run measured; compared: what benchmarks.comparison found; report_ms: over HTTP, fresh."""

    lines: Sequence[Line]
    compared: dict[str, Any]
    report_ms: float
    begun: Machine
    ended: Machine
    is_given: bool


def machine() -> Machine:
    return Machine(at=datetime.now(UTC), load=os.getloadavg()[0])


def render_tables(results: Results) -> str:
    """Return both tables and the machine as Markdown."""
    parts = [*_where(results), "", *budgets(results.lines), "", *_rivals(results), "", *_intervals(), ""]
    return "\n".join(parts)


def write_page(results: Results) -> None:
    PAGE.write_text(TEXT.format(tables=render_tables(results)), encoding="utf-8")


def _where(results: Results) -> Iterator[str]:
    begun, ended = results.begun, results.ended
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    data = "given CSV files" if results.is_given else "simulated data"
    yield (
        f"Measured on {begun.at:%Y-%m-%d} (UTC) on {os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, "
        f"{platform.system()}, {data}; load average {begun.load:.1f} at the start, {ended.load:.1f} at the end of "
        f"{(ended.at - begun.at).total_seconds() / 60:.0f} minutes."
    )
    yield f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES) + "."


def budgets(lines: Iterable[Line]) -> Iterator[str]:
    """Return lines as rows of a Markdown table."""
    yield "| what | budget | measured: median (least to most, runs) | peak memory | |"
    yield "|---|---|---|---|---|"
    for line in lines:
        cells = (line.what, _budget(line), _measured(line), _memory(line.peak_bytes), VERDICTS[line.is_met])
        yield f"| {' | '.join(cells)} |"


VERDICTS: Final = {True: "ok", False: "**over**", None: ""}


def _budget(line: Line) -> str:
    if line.limit is None:
        return ""
    budget = f"{'≥' if line.at_least else '≤'} {line.limit:,g} {line.unit}"
    return budget + (f", ≤ {line.limit_bytes / 2**30:g} GiB" if line.limit_bytes else "")


def _measured(line: Line) -> str:
    text = f"{_number(line.median)} {line.unit}"
    if len(line.values) == 1:
        return text
    if line.shows_p99:
        return f"p50 {text}, p99 {_number(line.p99)} {line.unit} ({len(line.values):,})"
    return f"{text} ({_number(min(line.values))} to {_number(max(line.values))}, {len(line.values)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _memory(peak_bytes: int | None) -> str:
    return f"{peak_bytes / MIB:.0f} MiB" if peak_bytes else ""


def _rivals(results: Results) -> Iterator[str]:
    found, report_s = results.compared, results.report_ms / 1000
    walk, group = median(found["walk_s"]), median(found["group_s"])
    engine = walk + group
    yield f"The same figures of {found['stores']:,} stores in the same run, from memory:"
    yield ""
    yield "| who | time | to the engine | to the whole report over HTTP | stores that differ |"
    yield "|---|---|---|---|---|"
    steps = f"sorting {_ms(group)}, walk {_ms(walk)}"
    yield f"| the engine ({steps}) | {_ms(engine)} | 1 | {_number(engine / report_s)} | |"
    for name, key in (("DuckDB, one SQL query", "duckdb"), ("pandas, store by store", "pandas")):
        seconds = median(found[f"{key}_s"])
        differ = ", ".join(f"{found[f'{key}_{what}_differ']} {what}" for what in ("fill", "observed", "report"))
        yield f"| {name} | {_ms(seconds)} | {_number(seconds / engine)} | {_number(seconds / report_s)} | {differ} |"


def _intervals() -> Iterator[str]:
    yield "How often the 95 % interval of an availability holds, of 2,000 simulated stores with hourly polls:"
    yield ""
    yield from interval_coverage.lines()


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


TEXT: Final = """\
# Benchmarks

`make bench` measures the budgets of the project and prints these tables. `.venv/bin/python -m benchmarks --write` also
writes this page. The data is simulated once and kept in `benchmarks/data` (about 2 GB, most of it the million stores,
which take some minutes to build; `--small` leaves out these and the 5,000 commits; removing the folder starts afresh).
`--data FOLDER` measures on CSV files of your own. Nothing is judged: a budget that is missed is marked, and the exit
code is 0.

`make nightly` is no measurement: it fuzzes every parser with a million inputs, where the test suite tries 20,000. Its
last clean run: 2026-11-27 on commit 033e499, 7,500,000 rows of files and pushes, 70,000 single texts and rows of bulk
bodies in 15 minutes, and 21,000 requests in 25 minutes, on 2 cores that had other work (8 CPU-minutes each).

{tables}
## What the lines mean
- **Whole process** is from starting `storewatch` to its end, Python's start, imports and durable writes included. Peak
  memory is the largest resident size that the system saw. Files are in the system's cache, as they are right after an
  import.
- **In a running service**: a real `storewatch serve` process on a port of this machine. The time runs from sending
  `POST /trigger_report` until the CSV has arrived, sending `GET /get_report` again a millisecond after each answer.
  Before each report another process has appended one poll, so everything but the list of stores is read and computed
  again. A second report of the same data takes the finished file.
- **While polls are pushed**: eight clients push requests of 100 polls as fast as they are answered, all of them of
  the newest day, into a service on a copy of the data; reports are requested meanwhile as in the line before.
- **A store's timeline** is a week of one store, another store each time.
- **Pushed polls** go into an empty service on this machine, from clients on the same cores. A request is answered when
  its polls are durable; the lake is compacted meanwhile. The 5,000 commits of one day are made without HTTP, one after
  the other.
- **Kernels**: the seconds that `storewatch compile` names, without Python's start and the import of Numba; the line
  below is the whole process. They are compiled when storewatch is installed, so a user meets the second number.
- **Engine alone** is the walk over sorted polls in memory to exact totals of the last hour, day and week, on one core.
  The line below it includes sorting the polls as the lake returns them.
- **The walk for intervals** is timed in turn with the plain walk, by the time of the thread. Measured on 2026-11-27 in
  one process with its form before (commit c55035d), 40 times in turn: the three windows 25.1 ms (before: 46.5; plain
  walk: 13.4) under `fill` and 27.5 ms (78.5; 14.3) under `observed`, a week 21.7 ms (30.6; 13.3) and 23.1 ms (59.2;
  13.8).
- **A million stores** are the stores of the smaller data repeated under new ids, with their polls, hours and zones,
  appended in one commit and then put in order by `storewatch optimize`, as an operator would have them. The first
  report after an `optimize` also looks through the rewritten files for stores that nobody has registered.

## What is compared
The rivals answer SEMANTICS 9 for any `max_gap`, as the engine does. pandas groups by store and asks the four rules word
for word wherever an answer can change, with arrays inside a store. DuckDB uses window functions over all stores, on all
cores. Both start with what is tedious or slow ready-made (the polls in their own memory, stores as integers, opening
hours as sessions in UTC) and neither reads nor writes a file, so beside a whole report their time is flattered.

The last column counts the stores with any figure that differs from storewatch's: to the microsecond from the engine
under the policies `fill` and `observed`, and in two decimals from the CSV `report` of the command line. All must be 0.
"""
