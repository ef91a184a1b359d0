"""Two services and two workers on one catalog and one lake, killed at random instants under mixed work.

50 kills, half on each kind of database; 1,000 with STOREWATCH_NIGHTLY=1 (`make nightly`). STOREWATCH_KILLS=200 for
another number; STOREWATCH_KILLS_SEED for other instants.
"""

import csv
import io
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx2 as httpx
from support.forking import Forked, Forks
from support.importing import import_file as import_into
from support.real_processes import free_port
from support.scene import settings_in
from support.sites import UNLIMITED, Site, check_acknowledged, check_whole, polls_in
from support.waiting import wait_for
from support.work import Repeated, Work, delete, import_file, optimize, push, report, undo

from storewatch.domain.enums import JobKind, JobState, ReportFormat
from storewatch.ingest import find_files
from storewatch.installation import Installation, compute_report, open_installation
from storewatch.reports.exports import WRITERS
from storewatch.reports.request.request import ReportRequest

NIGHTLY: Final = bool(os.environ.get("STOREWATCH_NIGHTLY"))
KILLS: Final = int(os.environ.get("STOREWATCH_KILLS", "1000" if NIGHTLY else "50"))
SEED: Final = int(os.environ.get("STOREWATCH_KILLS_SEED", random.randrange(10**6) if NIGHTLY else 1))
LONGEST_LIFE_S: Final = 0.8
ALL: Final = "all at once"
WORK: Final[dict[str, Work]] = {
    "push": push,
    "import": import_file,
    "undo": undo,
    "delete": delete,
    "report": report,
    "optimize": optimize,
}


class Fleet:
    """The four processes, by name; each is started again on the address that it had."""

    def __init__(self, home: Path, database_url: str, forks: Forks) -> None:
        self.kills: Counter[str] = Counter()
        self._home, self._forks = home, forks
        self._settings = UNLIMITED | {"STOREWATCH_DATABASE_URL": database_url}
        ports = {f"api-{number}": free_port() for number in (1, 2)}
        self.urls = tuple(f"http://127.0.0.1:{port}" for port in ports.values())
        self._commands = {name: ("serve", "--no-worker", "--port", str(port)) for name, port in ports.items()}
        self._commands |= {f"worker-{number}": ("worker",) for number in (1, 2)}
        self._processes: dict[str, Forked] = {}
        for name in self._commands:
            self._start(name)

    def kill(self, chance: random.Random) -> None:
        """Kill one process with -9, or all of them as in a power cut, and start them again at once."""
        name = chance.choice([*self._commands, ALL])
        self.kills[name] += 1
        names = list(self._commands) if name == ALL else [name]
        for each in names:
            self._processes[each].kill()
        for each in names:
            assert self._processes[each].wait() == -9  # it had not ended by itself
            self._start(each)

    def end(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def _start(self, name: str) -> None:
        log = self._home.parent / f"{name}.log"
        self._processes[name] = self._forks.start(self._home, *self._commands[name], log=log, **self._settings)


@contextmanager
def running(app: Installation, forks: Forks) -> Iterator[tuple[Fleet, Site]]:
    fleet = Fleet(app.settings.home, app.settings.database_url, forks)
    try:
        site = Site(app=app, urls=fleet.urls, secrets=(str(app.settings.home.parent), "Traceback"))
        wait_for(site.is_ready)
        yield fleet, site
    finally:
        fleet.end()


def test_nothing_acknowledged_is_lost_or_doubled_by_kills(tmp_path: Path, database_url: str, forks: Forks) -> None:
    print(f"STOREWATCH_KILLS_SEED={SEED}")
    chance = random.Random(f"{SEED}/{database_url.partition(':')[0]}")
    with open_installation(settings_in(tmp_path, database_url)) as app:
        with running(app, forks) as (fleet, site):
            working = {name: Repeated(site, do, insists=True) for name, do in WORK.items()}
            try:
                for each in working.values():
                    each.require(1)
                for _ in range(KILLS // 2):
                    if chance.random() < 0.7:  # else some processes may be killed while they start
                        wait_for(site.is_ready)
                    threading.Event().wait(chance.uniform(0, LONGEST_LIFE_S))
                    fleet.kill(chance)
                    check_acknowledged(app, site.ledger.polls())
                    for each in working.values():
                        each.check()
                for each in working.values():
                    each.finish()
            finally:
                for each in working.values():
                    each.abandon()
            wait_for(lambda: not app.catalog.jobs.list_(states=[JobState.QUEUED, JobState.RUNNING]))
            wait_for(site.is_ready)
            final = classic_report(site)
        tell(app, fleet, working)
        check_whole(app, site.ledger.polls())
        check_reports(app)
        polled = {store_id for store_id, _ in site.ledger.polls()}
        # A store that an undone import added can stay known, without polls, if another process registers it meanwhile.
        assert [row for row in rows_of(final) if row[0] in polled] == rows_of(
            as_imported_afresh(tmp_path / "afresh", app)
        )


def tell(app: Installation, fleet: Fleet, working: dict[str, Repeated]) -> None:
    jobs = Counter((job.kind.value, job.state.value, job.attempts) for job in app.catalog.jobs.list_(limit=1_000_000))
    print(f"kills {dict(fleet.kills)}; polls {len(polls_in(app)):,}; jobs (kind, state, tries): {dict(jobs)}")
    for name, each in working.items():
        print(f"  {name}: {each.done} acknowledged, {dict(each.caller.refusals)}")


def check_reports(app: Installation) -> None:
    """Check that every report has ended with one file, or with a reason."""
    reports = app.catalog.jobs.list_(kind=JobKind.REPORT, limit=1_000_000)
    assert [job for job in reports if job.state is not JobState.COMPLETE and not job.error] == []
    files = sorted(job.result["file"] for job in reports if job.result is not None)
    assert sorted(file.name for file in app.reports.folder.iterdir()) == files


def rows_of(report: str) -> list[list[str]]:
    """Return the rows of stores of a classic report."""
    return list(csv.reader(io.StringIO(report)))[1:]


def classic_report(site: Site) -> str:
    with httpx.Client(base_url=site.urls[0], timeout=60) as client:
        report_id = client.post("/trigger_report").json()["report_id"]

        def ask() -> str | None:
            answer = client.get("/get_report", params={"report_id": report_id})
            return answer.text if answer.headers.get("x-report-status") == "Complete" or answer.is_error else None

        return wait_for(ask)


def as_imported_afresh(folder: Path, app: Installation) -> str:
    """The classic report of another installation, on SQLite, into which the polls of this one were imported."""
    folder.mkdir()
    polls = folder / "polls.csv"
    with polls.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["store_id", "timestamp_utc", "status"])
        for (store_id, at), is_active in polls_in(app).items():
            writer.writerow([store_id, at.isoformat(), "active" if is_active else "inactive"])
    with open_installation(settings_in(folder)) as afresh:
        for found in find_files([polls]).files:
            import_into(found, catalog=afresh.catalog, lake=afresh.lake, now=datetime.now(UTC))
        report = folder / "report.csv"
        with compute_report(afresh, ReportRequest()) as content:
            WRITERS[ReportFormat.CSV](content, report)
        return report.read_text()
