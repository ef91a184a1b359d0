"""Two services and two workers on one PostgreSQL receive polls and create reports, while one after the other is killed.

STOREWATCH_CHAOS_SECONDS=60 for longer; STOREWATCH_CHAOS_SEED for other moments; STOREWATCH_CHAOS_PAUSE=0.5-1.5 for more
kills.
"""

import csv
import hashlib
import io
import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2 as httpx
import polars as pl
from support.importing import import_file
from support.real_processes import answers, free_port, start
from support.scene import import_scene, settings_in
from support.waiting import wait_for

from storewatch.catalog import Job
from storewatch.domain.enums import ENDED, JobKind, JobState, ReportFormat
from storewatch.ingest import find_files
from storewatch.installation import Installation, compute_report, open_installation, prepare_service
from storewatch.reports.exports import WRITERS
from storewatch.reports.request.request import ReportRequest

CHAOS_SECONDS: Final = float(os.environ.get("STOREWATCH_CHAOS_SECONDS", "8"))
SEED: Final = int(os.environ.get("STOREWATCH_CHAOS_SEED", "1"))
PAUSE_SECONDS: Final = tuple(float(part) for part in os.environ.get("STOREWATCH_CHAOS_PAUSE", "2-3").split("-"))
PUSHERS, ASKERS = 8, 4
SCENE_POLLS, SCENE_STORES = 6, 3
POLLS_PER_STORE: Final = 12
FIRST_POLL_AT: Final = datetime(2023, 1, 20, tzinfo=UTC)

Poll = tuple[str, str, str]  # store_id, observed_at, status


@dataclass
class Site:
    """The four processes, by name; each is started again on the address that it had."""

    home: Path
    database_url: str
    urls: dict[str, str] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    _commands: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("api-1", "api-2"):
            port = free_port()
            self.urls[name] = f"http://127.0.0.1:{port}"
            self._commands[name] = ("serve", "--no-worker", "--port", str(port))
        for name in ("worker-1", "worker-2"):
            self._commands[name] = ("worker",)

    def start(self, name: str) -> None:
        log = self.home.parent / f"{name}.log"
        command, url = self._commands[name], self.database_url
        self._processes[name] = start(self.home, *command, log=log, STOREWATCH_DATABASE_URL=url)

    def start_all(self) -> None:
        for name in self._commands:
            self.start(name)

    def kill_one(self, chance: random.Random) -> None:
        """Kill one with -9 and start it again at once."""
        name = chance.choice(list(self._commands))
        self.end(name)
        self.kills[name] += 1
        self.start(name)

    def end(self, name: str) -> None:
        process = self._processes[name]
        process.kill()
        process.wait()

    def end_all(self) -> None:
        for name in self._processes:
            self.end(name)

    def is_up(self) -> bool:
        """Return whether all four processes run, and both services answer."""
        if any(process.poll() is not None for process in self._processes.values()):
            return False
        with httpx.Client(timeout=10) as client:
            return all(answers(client, f"{url}/readyz") for url in self.urls.values())


class Clients:
    """Push polls and create reports at any service that answers, and remember what was acknowledged."""

    def __init__(self, urls: list[str], seed: int) -> None:
        self.acknowledged: list[Poll] = []
        self.accepted: dict[str, int] = {}  # the reports, and how many stores had been acknowledged by then
        self.unexpected: list[str] = []
        self.answers: Counter[str] = Counter()
        self._stores: set[str] = set()
        self._urls, self._stopping = urls, threading.Event()
        work = [("push", number) for number in range(PUSHERS)] + [("ask", number) for number in range(ASKERS)]
        self._threads = [
            threading.Thread(target=self._run, args=(what, number, random.Random(f"{seed}/{what}/{number}")))
            for what, number in work
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Start nothing new; what was started is sent until a service acknowledges it."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=60)
        assert not any(thread.is_alive() for thread in self._threads)

    def _run(self, what: str, number: int, chance: random.Random) -> None:
        with httpx.Client(timeout=30) as client:
            try:
                if what == "push":
                    self._push(client, f"store-{number}", chance)
                else:
                    self._ask(client, chance)
            except Exception as error:  # noqa: BLE001 - the test reports it
                self.unexpected.append(repr(error))

    def _push(self, client: httpx.Client, stores: str, chance: random.Random) -> None:
        sent = 0
        while not self._stopping.is_set():
            size = chance.choice([1, 1, 1, 2, 7, 20])
            polls = [_poll(stores, sent + place, chance) for place in range(size)]
            sent += size
            answer = self._send(client, chance, "/v1/observations", [_as_json(poll) for poll in polls])
            if (answer["accepted"], answer["rejected"]) != (size, 0):
                self.unexpected.append(f"{size} polls pushed: {answer}")
            self.acknowledged += polls
            self._stores |= {store_id for store_id, _, _ in polls}

    def _ask(self, client: httpx.Client, chance: random.Random) -> None:
        """Create a report and wait for its end, so that the workers always have some reports, and never many."""
        while not self._stopping.is_set():
            path, body = chance.choice([("/trigger_report", None), ("/v1/reports", {"format": "csv"})])
            stores = len(self._stores)
            report_id = self._send(client, chance, path, body)["report_id"]
            self.accepted[report_id] = stores
            while not self._stopping.wait(0.05) and not self._has_ended(client, chance, report_id):
                pass

    def _has_ended(self, client: httpx.Client, chance: random.Random, report_id: str) -> bool:
        try:
            answer = client.get(f"{chance.choice(self._urls)}/v1/reports/{report_id}")
        except httpx.TransportError:
            return False
        return answer.status_code == 200 and answer.json()["state"] in ENDED

    def _send(self, client: httpx.Client, chance: random.Random, path: str, body: Any) -> dict[str, Any]:
        """Send a request until it is acknowledged, to both services in turn."""
        urls = chance.sample(self._urls, 2)
        while True:
            url = urls[0]
            urls.reverse()
            try:
                answer = client.post(f"{url}{path}", **({} if body is None else {"json": body}))
            except httpx.TransportError as error:
                self.answers[type(error).__name__] += 1
                threading.Event().wait(0.05)
                continue
            self.answers[str(answer.status_code)] += 1
            if answer.is_success:
                parsed: dict[str, Any] = answer.json()
                return parsed
            if answer.status_code != 503:
                self.unexpected.append(f"{path}: {answer.status_code} {answer.text}")
            threading.Event().wait(0.05)


def _poll(prefix: str, number: int, chance: random.Random) -> Poll:
    store, turn = divmod(number, POLLS_PER_STORE)
    observed_at = FIRST_POLL_AT + timedelta(hours=7 * turn, seconds=store, microseconds=chance.randrange(10**6))
    return f"{prefix}-{store}", observed_at.isoformat(), chance.choice(["active", "inactive"])


def _as_json(poll: Poll) -> dict[str, str]:
    return dict(zip(("store_id", "observed_at", "status"), poll, strict=True))


@contextmanager
def running(home: Path, database_url: str) -> Iterator[Site]:
    site = Site(home, database_url)
    try:
        site.start_all()
        wait_for(site.is_up)
        yield site
    finally:
        site.end_all()


def test_whatever_was_acknowledged_outlives_a_minute_of_kills(tmp_path: Path, postgres_url: str) -> None:
    chance = random.Random(SEED)
    with open_installation(settings_in(tmp_path, postgres_url)) as app:
        import_scene(app, tmp_path / "files")
        with running(app.settings.home, postgres_url) as site:
            clients = Clients(list(site.urls.values()), SEED)
            queue = prepare_service(app, with_worker=False).jobs
            until = time.monotonic() + CHAOS_SECONDS
            while time.monotonic() < until:
                queue.accept(JobKind.OPTIMIZE, {})  # rewrites the days that are pushed to
                threading.Event().wait(chance.uniform(*PAUSE_SECONDS))
                site.kill_one(chance)
            wait_for(site.is_up)
            clients.stop()
            wait_for(lambda: not app.catalog.jobs.list_(states=[JobState.QUEUED, JobState.RUNNING]))
            assert clients.unexpected == []
            ended = app.catalog.jobs.list_(limit=1_000_000)
            assert [job for job in ended if job.state is not JobState.COMPLETE and not job.error] == []
            jobs = {job.job_id: job for job in ended if job.kind is JobKind.REPORT}
            tell(site, clients, ended)
            check_reports(app, site, clients, jobs)
            final = final_report(site)
        check_polls(app, clients.acknowledged)
        assert final == as_imported_afresh(tmp_path / "afresh", clients.acknowledged)


def tell(site: Site, clients: Clients, jobs: list[Job]) -> None:
    print(
        f"kills {dict(site.kills)}; polls acknowledged {len(clients.acknowledged):,}; reports accepted "
        f"{len(clients.accepted):,}; answers {dict(clients.answers)}; jobs (kind, state, tries):"
    )
    for job, count in sorted(Counter((job.kind.value, job.state.value, job.attempts) for job in jobs).items()):
        print(" ", *job, "-", count)


def check_reports(app: Installation, site: Site, clients: Clients, jobs: dict[str, Job]) -> None:
    """Every report that was accepted ended: with one whole file of all the stores known by then, or with a reason."""
    assert clients.accepted.keys() <= jobs.keys()
    assert {job.state for job in jobs.values()} <= {JobState.COMPLETE, JobState.FAILED}
    with httpx.Client(base_url=next(iter(site.urls.values())), timeout=30) as client:
        for report_id, job in jobs.items():
            if job.state is JobState.FAILED:
                assert job.error, report_id
                continue
            assert job.result is not None
            answer = client.get("/get_report", params={"report_id": report_id})
            assert answer.headers["x-report-status"] == "Complete"
            assert hashlib.sha256(answer.content).hexdigest() == job.result["sha256"]
            rows = list(csv.reader(io.StringIO(answer.text)))
            assert {len(row) for row in rows} == {7}
            assert len({row[0] for row in rows[1:]}) == len(rows) - 1 == job.result["rows"]
            assert len(rows) - 1 >= clients.accepted.get(report_id, 0) + SCENE_STORES
            assert [file.name for file in app.reports.folder.glob(f"*{report_id}.*")] == [job.result["file"]]


def final_report(site: Site) -> str:
    with httpx.Client(base_url=next(iter(site.urls.values())), timeout=30) as client:
        report_id = client.post("/trigger_report").json()["report_id"]

        def ask() -> str | None:
            answer = client.get("/get_report", params={"report_id": report_id})
            return answer.text if answer.headers.get("x-report-status") == "Complete" or answer.is_error else None

        return wait_for(ask)


def check_polls(app: Installation, acknowledged: list[Poll]) -> None:
    """Every poll that was acknowledged is there once; nothing else is, for everything was sent until it was."""
    sent = pl.DataFrame(acknowledged, schema=["store_id", "observed_at", "status"], orient="row").select(
        "store_id", pl.col("observed_at").str.to_datetime("%+", time_zone="UTC"), active=pl.col("status") == "active"
    )
    for is_optimized in (False, True):
        if is_optimized:
            app.lake.optimize(now=datetime.now(UTC))
        found = app.lake.snapshot().read(-(2**62), 2**62).select("store_id", "observed_at", "active")
        found = found.filter(pl.col("store_id").str.starts_with("store-"))
        assert sent.sort(sent.columns).equals((found if is_optimized else found.unique()).sort(sent.columns))
    assert app.lake.snapshot().rows == sent.height + SCENE_POLLS


def as_imported_afresh(folder: Path, acknowledged: list[Poll]) -> str:
    """The classic report of another installation, on SQLite, into which the same polls were imported from a file."""
    with open_installation(settings_in(folder)) as app:
        import_scene(app, folder / "files")
        polls = folder / "polls.csv"
        with polls.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["store_id", "timestamp_utc", "status"])
            writer.writerows(acknowledged)
        for found in find_files([polls]).files:
            import_file(found, catalog=app.catalog, lake=app.lake, now=datetime.now(UTC))
        report = folder / "report.csv"
        with compute_report(app, ReportRequest()) as content:
            WRITERS[ReportFormat.CSV](content, report)
        return report.read_text()
