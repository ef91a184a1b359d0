"""The service as a real process on a real socket, really killed."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest
from support.real_processes import service
from support.scene import REPORT, import_scene, settings_in
from support.waiting import wait_for

from storewatch.domain.enums import JobKind
from storewatch.installation import open_installation, prepare_service
from storewatch.reports.request.request import ReportRequest


def finished(client: httpx.Client, report_id: str) -> httpx.Response:
    def ask() -> httpx.Response | None:
        response = client.get("/get_report", params={"report_id": report_id})
        return response if response.headers.get("x-report-status") == "Complete" or response.is_error else None

    return wait_for(ask)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with open_installation(settings_in(tmp_path)) as app:
        import_scene(app, tmp_path / "files")
        return app.settings.home


def test_finished_report_outlives_a_restart(home: Path) -> None:
    with service(home) as (_, client):
        report_id = client.get("/trigger_report").json()["report_id"]
        assert finished(client, report_id).text == REPORT
    with service(home) as (_, client):
        assert client.get("/get_report", params={"report_id": report_id}).text == REPORT


def test_report_killed_while_writing_leaves_no_half_file(home: Path) -> None:
    with open_installation(settings_in(home.parent)) as app:
        report_id = prepare_service(app, with_worker=False).jobs.accept(JobKind.REPORT, ReportRequest().parameters())
        app.reports.folder.mkdir()
        # What a killed writer leaves behind: a part that was never moved into place.
        (app.reports.folder / f".{report_id}.1.csv.0.part").write_text("store_id,upt")
    with service(home) as (_, client):
        assert finished(client, report_id).text == REPORT
    with open_installation(settings_in(home.parent)) as app:
        assert [file.name for file in app.reports.folder.iterdir()] == [f"{report_id}.1.csv"]


def test_sigterm_stops_the_service_in_order(home: Path) -> None:
    with service(home) as (process, client):
        report_id = client.post("/trigger_report").json()["report_id"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    with service(home) as (_, client):
        assert finished(client, report_id).text == REPORT


def test_import_is_seen_by_the_running_service(home: Path, tmp_path: Path) -> None:
    with service(home) as (_, client):
        assert finished(client, client.post("/trigger_report").json()["report_id"]).text == REPORT
        (tmp_path / "more.csv").write_text("store_id,status,timestamp_utc\nnew,active,2023-01-23 18:00:00 UTC\n")
        command = [sys.executable, "-m", "storewatch", "import", str(tmp_path / "more.csv"), "--home", str(home)]
        subprocess.run(command, check=True, capture_output=True)
        fresh = finished(client, client.post("/trigger_report").json()["report_id"]).text
        assert "new,60.0,24.0,168.0,0.0,0.0,0.0\n" in fresh
