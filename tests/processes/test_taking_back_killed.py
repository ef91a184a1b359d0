"""Undos of imports and deletions of polls, as commands and over HTTP, in real processes that are really killed."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from fastapi.testclient import TestClient
from support.command_line import run_command
from support.real_processes import answers, free_port
from support.services import service_of
from support.waiting import wait_for

from storewatch.domain.enums import ReportFormat
from storewatch.installation import Installation, compute_report, prepare_service
from storewatch.lake.overwritten import counting
from storewatch.reports.exports import WRITERS
from storewatch.reports.request.request import ReportRequest
from storewatch.stores.status import read_status

PROGRAM = Path(__file__).with_name("stopping_process.py")
# Two polls of the scene with another status, one more, and one of a store that is a mistake.
WRONG = """store_id,status,timestamp_utc
cafe,inactive,2023-01-23 15:14:00 UTC
bar,inactive,2023-01-23 12:00:00 UTC
bar,active,2023-01-23 17:00:00 UTC
typo,active,2023-01-23 17:00:00 UTC
"""
RANGE = {"store_id": "cafe", "from": "2023-01-23T16:00:00Z", "to": "2023-01-23T18:00:00Z"}
# The way, and where its process is killed.
COMMAND, HTTP = "command", "http"


@dataclass(frozen=True, kw_only=True)
class State:
    """What an installation shows. polls: of each store and instant whether it is active."""

    polls: dict[tuple[str, datetime], bool]
    stores: list[str]
    report: str


@pytest.fixture
def app(scene_on_each_database: Installation) -> Installation:
    return scene_on_each_database


def state_of(app: Installation) -> State:
    """Return what is shown, after checking that status and report have each poll once."""
    snapshot = app.lake.snapshot()
    rows = counting(snapshot.read(-(2**62), 2**62, detailed=True))
    report = app.settings.home / "report.csv"
    with compute_report(app, ReportRequest()) as content:
        WRITERS[ReportFormat.CSV](content, report)
    assert read_status(app.catalog, snapshot, app.settings.home).polls == rows.height
    return State(
        polls={
            (store_id, at): active for store_id, at, active in rows["store_id", "observed_at", "active"].iter_rows()
        },
        stores=app.catalog.stores.read_all().frame["store_id"].to_list(),
        report=report.read_text(),
    )


def check_optimized(app: Installation, shown: State) -> None:
    """Check that rewriting the lake changes nothing that is shown, and leaves each poll once."""
    app.lake.optimize(now=datetime.now(UTC))
    assert state_of(app) == shown
    assert app.lake.snapshot().rows == len(shown.polls)


def environment(app: Installation) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STOREWATCH_")}
    url = app.settings.database_url
    return kept | {"STOREWATCH_HOME": str(app.settings.home), "STOREWATCH_DATABASE_URL": url}


@contextmanager
def stopping(app: Installation, point: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), point, *arguments],
        env=environment(app),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def kill_at(process: "subprocess.Popen[str]", point: str) -> None:
    assert process.stdout is not None
    assert point in (line.strip() for line in process.stdout)
    process.kill()
    process.wait()


def kill_command(app: Installation, point: str, *arguments: str) -> None:
    with stopping(app, point, *arguments) as process:
        kill_at(process, point)


def kill_service(app: Installation, point: str, request: Callable[[httpx.Client], object]) -> None:
    port = free_port()
    with (
        stopping(app, point, "serve", "--port", str(port), "--no-worker") as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        wait_for(lambda: answers(client))
        outcome: list[object] = []

        def send() -> None:
            try:
                outcome.append(request(client))
            except httpx.TransportError:
                outcome.append("killed")

        sender = threading.Thread(target=send)
        sender.start()
        kill_at(process, point)
        sender.join()
        assert outcome == ["killed"]  # nothing was acknowledged


def storewatch(app: Installation, *arguments: str) -> str:
    done = run_command(*arguments, environment=environment(app))
    assert done.returncode == 0, done.stderr
    return done.stdout


def post(app: Installation, path: str, body: Any) -> dict[str, Any]:
    answer = TestClient(service_of(prepare_service(app, with_worker=False))).post(path, json=body)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def import_wrong(app: Installation, way: str, folder: Path) -> str:
    """Import the wrong polls, and return the id under which they are undone."""
    file = folder / "wrong.csv"
    file.write_text(WRONG)
    if way == COMMAND:
        storewatch(app, "import", str(file))
        return str(app.catalog.imports.list_()[0].import_id)
    with TestClient(service_of(prepare_service(app))) as client:
        uploaded = client.post("/v1/imports", files={"file": ("wrong.csv", WRONG.encode())})
        import_id: str = uploaded.json()["items"][0]["import_id"]
        wait_for(lambda: client.get(f"/v1/imports/{import_id}").json()["state"] == "complete")
    return import_id


@pytest.mark.parametrize(
    ("way", "point"),
    [
        (COMMAND, "files written"),
        (COMMAND, "lake committed"),
        (COMMAND, "catalog changed"),
        (COMMAND, "catalog committed"),
        (HTTP, "files written"),
        (HTTP, "catalog changed"),
    ],
)
def test_killed_undo_has_done_nothing_or_is_completed_by_the_next(
    app: Installation, tmp_path: Path, way: str, point: str
) -> None:
    right = state_of(app)
    import_id = import_wrong(app, way, tmp_path)
    wrong = state_of(app)
    assert len(wrong.polls) == len(right.polls) + 2
    assert wrong.report != right.report
    if way == COMMAND:
        kill_command(app, point, "imports", "undo", import_id)
    else:
        kill_service(app, point, lambda client: client.post(f"/v1/imports/{import_id}/undo"))

    found, is_recorded = state_of(app), app.catalog.imports.list_()[0].undone_at is not None
    if point == "files written":
        assert (found, is_recorded) == (wrong, False)
    elif point == "catalog committed":
        assert (found, is_recorded) == (right, True)
    else:  # the polls are gone, in one commit; the store that came with them is not yet
        assert (found.polls, found.stores, is_recorded) == (right.polls, wrong.stores, False)

    if way == COMMAND:
        storewatch(app, "imports", "undo", import_id)
    else:
        post(app, f"/v1/imports/{import_id}/undo", None)
    assert state_of(app) == right
    assert app.catalog.imports.list_()[0].undone_at is not None
    check_optimized(app, right)


@pytest.mark.parametrize("way", [COMMAND, HTTP])
@pytest.mark.parametrize(("point", "is_done"), [("files written", False), ("lake committed", True)])
def test_killed_deletion_has_deleted_all_or_nothing(
    app: Installation, tmp_path: Path, way: str, point: str, is_done: bool
) -> None:
    import_wrong(app, COMMAND, tmp_path)  # so that some polls lie in several files
    before = state_of(app)
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in RANGE.items()]
    if way == COMMAND:
        kill_command(app, point, "observations", "delete", *arguments, "--yes")
    else:
        kill_service(app, point, lambda client: client.post("/v1/observations/deletions", json=RANGE))

    gone = {(store, at) for store, at in before.polls if store == "cafe" and at.hour in (16, 17)}
    kept = {key: active for key, active in before.polls.items() if key not in gone}
    assert len(gone) == 2
    assert state_of(app).polls == (kept if is_done else before.polls)
    if way == COMMAND:
        storewatch(app, "observations", "delete", *arguments, "--yes")
    else:
        assert post(app, "/v1/observations/deletions", RANGE)["observations"] == (0 if is_done else 2)
    done = state_of(app)
    assert (done.polls, done.stores) == (kept, before.stores)
    check_optimized(app, done)
