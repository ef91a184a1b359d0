"""Measure every budget and print the table: `python -m benchmarks [--small] [--data FOLDER] [--write]`."""

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.data import COMPLETE, DATA_DIR, LONG_POLLS, ninety_days_home, real_size_csv
from benchmarks.measure import MIB, STOREWATCH, Line, of_runs, run
from benchmarks.page import PAGE, Results, machine, render_tables, write_page

REPORT: Final = "report.csv"
MEMORY_BYTES: Final = 1024 * MIB  # of any report on 14,089 stores
REPORTS: Final = 30  # over HTTP, of each kind


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="measure on these CSV files, not on simulated ones")
    parser.add_argument("--small", action="store_true", help="leave out the million stores and the 5,000 commits")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.name}, too")
    options = parser.parse_args()
    begun = machine()
    csv = options.data or real_size_csv()
    DATA_DIR.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=DATA_DIR) as folder:
        home = Path(folder, "home")
        lines = [*_command_line(csv, home), *_forms(home), *_kernels()]
        announce("the engine, DuckDB and pandas (about a minute)")
        compared = _child("benchmarks.comparison", home, home / REPORT)
        lines += _engine(compared)
        announce("the service")
        served = _child("benchmarks.service", "reports", home, REPORTS)
        lines += _service(served)
        lines += _loaded(_child("benchmarks.service", "loaded", home, REPORTS))
        lines += _pushed(commits=0 if options.small else 5_000)
        if not options.small:
            lines += _ninety_days(Path(folder))
            lines += _million(home, "given" if options.data else "simulated")
    results = Results(
        lines=lines,
        compared=compared,
        report_ms=median(served["fresh_ms"]),
        begun=begun,
        ended=machine(),
        is_given=options.data is not None,
    )
    sys.stdout.write(render_tables(results))
    if options.write:
        write_page(results)
        announce(f"written to {PAGE}")


def announce(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


def _command_line(csv: Path, home: Path) -> Iterator[Line]:
    """Import into `home` and report from it; the report stays there."""
    announce("import, report and optimize from the command line")
    yield of_runs("`storewatch --help`", [run(STOREWATCH, "--help") for _ in range(10)], limit=150, unit="ms")
    imports = []
    for _ in range(3):
        shutil.rmtree(home, ignore_errors=True)
        imports.append(run(STOREWATCH, "import", csv, "--home", home))
    rows = dict.fromkeys(("observations", "weekly_hours", "timezones"), 0) | {
        table: int(count.replace(",", ""))
        for count, table in re.findall(r"of ([\d,]+) rows of (\w+)", imports[0].output)
    }
    what = "import of {observations:,} polls, {weekly_hours:,} hours and {timezones:,} zones from CSV, whole process"
    yield of_runs(what.format(**rows), imports, limit=3, limit_bytes=1024 * MIB)
    reports = [run(STOREWATCH, "report", "--home", home, "--output", home / REPORT) for _ in range(5)]
    yield of_runs("classic report from the command line, whole process", reports, limit=1.5)
    yield _bytes_per_poll("lake, bytes per poll, as imported", home)
    with _twice_imported(csv, home) as twice:
        optimized = run(STOREWATCH, "optimize", "--home", twice)
    yield of_runs("`storewatch optimize` after the same polls came twice, whole process", [optimized])


def _forms(home: Path) -> Iterator[Line]:
    """Write the report of a week in each form, with and without outages in turn, so that noise affects both."""
    announce("reports in every form")
    week = ("report", "--windows", "last_week", "--rolling", "--home", home)
    outages = ("--include", "outages")
    plain, with_outages = [], []
    for _ in range(5):
        plain.append(run(STOREWATCH, *week, "--output", home / "week.ndjson"))
        with_outages.append(run(STOREWATCH, *week, *outages, "--output", home / "outages.ndjson"))
    yield of_runs("report of a week as NDJSON, whole process", plain, limit_bytes=MEMORY_BYTES)
    yield of_runs("- with every outage of the week", with_outages, limit_bytes=MEMORY_BYTES)
    more = [with_.seconds - without.seconds for with_, without in zip(with_outages, plain, strict=True)]
    yield Line(what="- the outages alone: the difference, in pairs", unit="s", values=more, limit=0.5)
    for suffix, limit in (("xlsx", 6), ("pdf", 3)):
        runs = [run(STOREWATCH, *week, "--output", home / f"week.{suffix}") for _ in range(3)]
        yield of_runs(
            f"- report of a week as {suffix.upper()}, whole process", runs, limit=limit, limit_bytes=MEMORY_BYTES
        )


def _ninety_days(folder: Path) -> Iterator[Line]:
    announce("90 days (some minutes to build, once)")
    home = ninety_days_home()
    days = ("--windows", "last_90_days", "--rolling", "--by", "day", "--table", "buckets")
    runs = [run(STOREWATCH, "report", "--home", home, *days, "--output", folder / "days.parquet") for _ in range(3)]
    what = f"90 days by day, {LONG_POLLS:,} polls, as Parquet, whole process"
    yield of_runs(what, runs, limit=3, limit_bytes=MEMORY_BYTES)


@contextmanager
def _twice_imported(csv: Path, home: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="twice-", dir=home.parent) as folder:
        copy = shutil.copytree(home, Path(folder, "home"))
        run(STOREWATCH, "import", csv, "--home", copy)
        yield copy


def _bytes_per_poll(what: str, home: Path) -> Line:
    status = run(STOREWATCH, "status", "--home", home).output.replace(",", "")
    polls, lake_mb = (re.findall(shown, status)[0] for shown in (r"polls: +(\d+)", r"lake ([\d.]+) MB"))
    return Line(what=what, unit="bytes", values=[round(float(lake_mb) * 1e6 / int(polls), 1)])


def _kernels() -> Iterator[Line]:
    """Compile into an empty cache, then load from it, in processes of their own."""
    announce("compiling the kernels")
    with tempfile.TemporaryDirectory() as cache:
        runs = [run(STOREWATCH, "compile", environment={"NUMBA_CACHE_DIR": cache}) for _ in range(6)]
    seconds = [float(match[1]) for each in runs if (match := re.search(r"ready in ([\d.]+) s", each.output))]
    yield Line(what="kernels: cold compile", unit="s", values=seconds[:1], limit=8)
    yield Line(what="kernels: loaded from the cache", unit="s", values=seconds[1:], limit=0.6)
    yield of_runs("`storewatch compile` with a full cache, whole process", runs[1:])


def _engine(compared: dict[str, Any]) -> Iterator[Line]:
    polls = compared["polls"]
    walk = [polls / seconds / 1e6 for seconds in compared["walk_s"]]
    both = [polls / (group + walk) / 1e6 for group, walk in zip(compared["group_s"], compared["walk_s"], strict=False)]
    yield Line(
        what="engine alone: sorted polls → totals of three windows",
        unit="M polls/s",
        values=walk,
        limit=100,
        at_least=True,
    )
    for policy, ratios in compared["moments_ratios"].items():
        moments = f"- the walk for intervals (`sampling`), in the same windows, to that walk, policy {policy}"
        yield Line(what=moments, unit="times", values=ratios, limit=2)
    yield Line(what="- with polls in the lake's order (by day, then store)", unit="M polls/s", values=both)
    sessions_ms = [seconds * 1000 for seconds in compared["sessions_s"]]
    yield Line(what=f"- sessions of {compared['calendars']:,} distinct calendars", unit="ms", values=sessions_ms)


def _service(served: dict[str, Any]) -> Iterator[Line]:
    yield Line(
        what="classic report in a running service, trigger → file here, after a new poll",
        unit="ms",
        values=served["fresh_ms"],
        limit=250,
        peak_bytes=served["peak_bytes"],
        shows_p99=True,
    )
    yield Line(what="- the first one after the service started", unit="ms", values=[served["first_ms"]])
    again = "- nothing new: the finished file is taken again"
    yield Line(what=again, unit="ms", values=served["again_ms"], shows_p99=True)
    what = "a store's timeline of a week over HTTP"
    yield Line(what=what, unit="ms", values=served["timeline_ms"], limit=30, shows_p99=True)


def _loaded(served: dict[str, Any]) -> Iterator[Line]:
    what = "classic report in a running service while nothing is pushed (the same run)"
    yield Line(what=what, unit="ms", values=served["quiet_ms"], shows_p99=True)
    what = f"- while {served['pushed_per_s']:,.0f} polls/s are pushed"
    yield Line(what=what, unit="ms", values=served["loaded_ms"], peak_bytes=served["peak_bytes"], shows_p99=True)
    slowed = median(served["loaded_ms"]) / median(served["quiet_ms"])
    yield Line(what="- p50 to p50", unit="times", values=[slowed])


def _pushed(*, commits: int) -> Iterator[Line]:
    """Measure pushed polls; commits: how many the lake gets one after the other, 0 to leave that out."""
    announce("pushed polls" + (f", and {commits:,} commits (some minutes)" if commits else ""))
    for line in _child("benchmarks.pushing", "--json", "--commits", commits):
        yield Line(**line)


def _million(source: Path, name: str) -> Iterator[Line]:
    """Measure the million stores; build them first (minutes) unless an earlier run did."""
    folder = DATA_DIR / f"million-{name}"
    home, complete = folder / "home", folder / COMPLETE
    if not complete.is_file():
        announce("building a million stores (some minutes, once)")
        built = _child("benchmarks.million", source, home)
        announce(f"built in {built['seconds']:.0f} s; optimizing")
        optimized = run(STOREWATCH, "optimize", "--home", home)
        first = run(STOREWATCH, "report", "--home", home, "--output", folder / REPORT)
        complete.write_text(
            json.dumps(
                {"optimize": [optimized.seconds, optimized.peak_bytes], "first": [first.seconds, first.peak_bytes]}
            )
        )
    announce("a million stores")
    kept = json.loads(complete.read_text())
    runs = [run(STOREWATCH, "report", "--home", home, "--output", folder / REPORT) for _ in range(3)]
    yield of_runs("classic report of 1 M stores, whole process", runs, limit=12, limit_bytes=2048 * MIB)
    served = _child("benchmarks.service", "timelines", home, 100)
    yield Line(
        what="a store's timeline of a week over HTTP, of 1 M stores",
        unit="ms",
        values=served["timeline_ms"],
        limit=150,
        peak_bytes=served["peak_bytes"],
        shows_p99=True,
    )
    for key, what in (
        ("first", "the first one after `optimize`"),
        ("optimize", "`storewatch optimize`, whole process"),
    ):
        seconds, peak_bytes = kept[key]
        yield Line(what=f"- {what} (when the data was built)", unit="s", values=[seconds], peak_bytes=peak_bytes)
    yield _bytes_per_poll("- lake, bytes per poll", home)


def _child(module: str, *arguments: Path | int | str) -> Any:
    """Run a module of the benchmarks in a new process, so that this one stays small (see `run`)."""
    return json.loads(run(sys.executable, "-m", module, *map(str, arguments)).output.splitlines()[-1])


if __name__ == "__main__":
    main()
