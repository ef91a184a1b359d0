"""SIGTERM ends a real service within ten seconds, whatever its clients and jobs do, and loses nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psycopg
import pytest
from support.real_processes import answers, free_port
from support.scene import REPORT, import_scene, settings_in
from support.waiting import wait_for

from storewatch import __version__
from storewatch.domain.enums import JobState
from storewatch.installation import open_installation

PATIENCE_SECONDS = 10


@dataclass(kw_only=True)
class Service:
    process: subprocess.Popen[bytes]
    port: int
    client: httpx.Client
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def stop(self, exit_code: int = 0) -> float:
        """Send SIGTERM and return the seconds until the process has ended."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) == exit_code
        return time.monotonic() - begun


@contextmanager
def service(home: Path, *options: str, **settings: str) -> Iterator[Service]:
    port = free_port()
    log = home.parent / "service.log"
    with (
        log.open("wb") as written,
        subprocess.Popen(
            [sys.executable, "-m", "storewatch", "serve", "--port", str(port), *options],
            env=os.environ | {"STOREWATCH_HOME": str(home), **settings},
            stdout=written,
            stderr=written,
        ) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        try:
            wait_for(lambda: answers(client))
            yield Service(process=process, port=port, client=client, log=log)
        finally:
            process.kill()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with open_installation(settings_in(tmp_path)) as app:
        import_scene(app, tmp_path / "files")
        return app.settings.home


def test_idle_service_stops_at_once_and_logs_it(home: Path) -> None:
    with service(home) as running:
        assert running.client.get("/readyz").json()["status"] == "ready"
        assert running.stop() < PATIENCE_SECONDS
        at = {line["event"]: datetime.fromisoformat(line["timestamp"]) for line in running.lines()}
        assert at["stopped"] - at["stopping"] < timedelta(seconds=3)
    with open_installation(settings_in(home.parent)) as app:
        assert app.catalog.workers.list_() == []


def test_upload_under_way_is_finished(home: Path) -> None:
    body = b"store_id,status,observed_at\n" + b"late,active,2023-01-23T18:00:00Z\n" * 10
    with service(home) as running, socket.create_connection(("127.0.0.1", running.port)) as upload:
        upload.sendall(_head(running, length=len(body)) + body[:100])
        wait_for(lambda: _metric(running, "storewatch_http_requests_in_flight") == 2)
        stopped: list[float] = []
        stopping = threading.Thread(target=lambda: stopped.append(running.stop()))
        stopping.start()
        wait_for(lambda: not answers(running.client))
        upload.sendall(body[100:])
        answer = b"".join(iter(lambda: upload.recv(65_536), b""))
        stopping.join()
        assert answer.startswith(b"HTTP/1.1 20")
        assert stopped[0] < PATIENCE_SECONDS
    with open_installation(settings_in(home.parent)) as app:
        assert "late" in app.lake.snapshot().store_ids().to_list()


def test_client_that_hangs_does_not_hold_the_end(home: Path) -> None:
    with service(home) as running, socket.create_connection(("127.0.0.1", running.port)) as hanging:
        hanging.sendall(_head(running, length=100) + b"store_id")
        wait_for(lambda: _metric(running, "storewatch_http_requests_in_flight") == 2)
        assert running.stop() < PATIENCE_SECONDS


def test_job_that_is_not_finished_is_handed_back(home: Path) -> None:
    with service(home, "--no-worker") as running:
        report_id = running.client.post("/trigger_report").json()["report_id"]
        assert running.stop() < PATIENCE_SECONDS
    with service(home) as running:
        wait_for(
            lambda: running.client.get("/get_report", params={"report_id": report_id}).headers.get("x-report-status")
        )
        assert running.stop() < PATIENCE_SECONDS


def test_stream_of_events_is_ended_not_cut(home: Path) -> None:
    with service(home, "--no-worker") as running:
        report_id = running.client.post("/v1/reports", json={}).json()["report_id"]
        with running.client.stream("GET", f"/v1/reports/{report_id}/events") as events:
            lines = events.iter_lines()
            assert next(lines).startswith("event: ")
            assert running.stop() < PATIENCE_SECONDS
            rest = "\n".join(lines)  # raises when the stream is cut
        assert '"state":"failed"' not in rest


def test_report_that_takes_long_is_handed_back_and_made_by_the_next(tmp_path: Path, postgres_url: str) -> None:
    with open_installation(settings_in(tmp_path, postgres_url)) as app:
        import_scene(app, tmp_path / "files")
        home = app.settings.home
        with service(home, STOREWATCH_DATABASE_URL=postgres_url) as running, psycopg.connect(postgres_url) as locking:
            locking.execute("LOCK TABLE stores")  # so the report cannot read them
            report_id = running.client.post("/trigger_report").json()["report_id"]
            wait_for(lambda: app.catalog.jobs.find(report_id).state is JobState.RUNNING)
            assert running.stop() < PATIENCE_SECONDS
            handed_back = app.catalog.jobs.find(report_id)
            assert (handed_back.state, handed_back.attempts, handed_back.worker_id) == (JobState.QUEUED, 0, None)
        with service(home, STOREWATCH_DATABASE_URL=postgres_url) as running:
            wait_for(lambda: app.catalog.jobs.find(report_id).state is JobState.COMPLETE)
            assert running.client.get("/get_report", params={"report_id": report_id}).text == REPORT


def test_database_that_hangs_does_not_hold_the_end(tmp_path: Path, postgres_url: str) -> None:
    with open_installation(settings_in(tmp_path, postgres_url)) as app:
        home = app.settings.home
    with service(home, STOREWATCH_DATABASE_URL=postgres_url) as running, psycopg.connect(postgres_url) as locking:
        locking.execute("LOCK TABLE jobs")
        asking = threading.Thread(target=lambda: answers(running.client, "/v1/reports"))
        asking.start()
        wait_for(lambda: _metric(running, "storewatch_http_requests_in_flight") == 2)
        assert running.stop(exit_code=1) < PATIENCE_SECONDS
        asking.join()
        assert running.lines()[-1]["event"] == "not stopped within 8 s, ended by force"


def test_busy_machine_does_not_hold_the_end(home: Path, tmp_path: Path) -> None:
    """Both cores are taken by others; jobs run, streams are open, requests are half sent, and polls are pushed."""
    burn = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): pass"
    with ExitStack() as opened:
        running = opened.enter_context(service(home))
        for _ in range(2 * (os.cpu_count() or 2)):
            burning = opened.enter_context(subprocess.Popen([sys.executable, "-c", burn, str(os.getpid())]))
            opened.callback(burning.kill)
        for _ in range(100):
            half = opened.enter_context(socket.create_connection(("127.0.0.1", running.port)))
            half.sendall(b"POST /v1/observations HTTP/1.1\r\nHost: 127")
        polls = "".join(f"s{number},active,2023-01-23 10:00:00 UTC\n" for number in range(1_000_000))
        files = {"file": ("polls.csv", f"store_id,status,timestamp_utc\n{polls}", "text/csv")}
        import_id = running.client.post("/v1/imports", files=files).json()["items"][0]["import_id"]
        wait_for(lambda: running.client.get(f"/v1/imports/{import_id}").json()["state"] == "running")
        for number in range(10):
            body = {"as_of": f"2023-01-24T1{number}:00:00Z"}
            report_id = running.client.post("/v1/reports", json=body).json()["report_id"]
        for _ in range(10):
            stream = opened.enter_context(socket.create_connection(("127.0.0.1", running.port)))
            stream.sendall(f"GET /v1/reports/{report_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        acknowledged: list[str] = []
        pushing = threading.Thread(target=_push, args=(running, acknowledged))
        pushing.start()
        wait_for(lambda: len(acknowledged) >= 2)
        seconds = running.stop()
        pushing.join()
        assert seconds < PATIENCE_SECONDS
    with open_installation(settings_in(tmp_path)) as app:
        assert set(acknowledged) <= set(app.lake.snapshot().store_ids())
        states = {job.state for job in app.catalog.jobs.list_()}
        assert states <= {JobState.QUEUED, JobState.COMPLETE}
        assert app.catalog.workers.list_() == []


def test_worker_alone_serves_its_metrics_and_stops_in_order(home: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "storewatch", "worker", "--metrics-port", str(port), "--home", str(home)]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE) as worker,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        try:
            wait_for(lambda: answers(client, "/metrics"))
            assert "storewatch_report_seconds_count 0.0" in client.get("/metrics").text
            begun = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            log = [json.loads(line)["event"] for line in worker.stderr]
            assert worker.wait(timeout=30) == 0
            assert time.monotonic() - begun < PATIENCE_SECONDS
        finally:
            worker.kill()
    assert log == [f"worker {__version__} starts", "stopping", "stopped"]


def test_lines_of_a_request_and_of_its_job_share_an_id(home: Path) -> None:
    with service(home) as running:
        report_id = running.client.post("/trigger_report", headers={"X-Request-ID": "mine"}).json()["report_id"]
        line = wait_for(lambda: next((line for line in running.lines() if line.get("job_id") == report_id), None))
        assert line["request_id"] == "mine"
        request = next(line for line in running.lines() if line["event"] == "request" and line["request_id"] == "mine")
        assert {name: request[name] for name in ("method", "route", "status", "address")} == {
            "method": "POST",
            "route": "/trigger_report",
            "status": 200,
            "address": "127.0.0.1",
        }


def test_log_of_a_service_holds_no_secret(home: Path) -> None:
    secret = "hunter2hunter2"  # noqa: S105
    with service(home, STOREWATCH_LOG_LEVEL="DEBUG") as running:
        for headers in ({"Authorization": f"Bearer {secret}"}, {"X-API-Key": secret}, {"Cookie": f"a={secret}"}):
            running.client.get(f"/v1/me?token={secret}&key={secret}", headers=headers)
        assert running.stop() < PATIENCE_SECONDS
        assert secret not in running.log.read_text()
        assert len([line for line in running.lines() if line["event"] == "request"]) >= 3


def _push(running: Service, acknowledged: list[str]) -> None:
    """Push polls, one store each, until the service does not answer any more."""
    number = 0
    with httpx.Client(base_url=f"http://127.0.0.1:{running.port}", timeout=30) as client:
        while True:
            number += 1
            poll = {"store_id": f"pushed-{number}", "observed_at": "2023-01-23T18:00:00Z", "status": "active"}
            try:
                if client.post("/v1/observations", json=[poll]).status_code >= 300:
                    return
            except httpx.TransportError:
                return
            acknowledged.append(poll["store_id"])


def _head(running: Service, *, length: int) -> bytes:
    return (
        f"POST /v1/observations HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\nContent-Type: text/csv\r\n"
        f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
    ).encode()


def _metric(running: Service, name: str) -> float | None:
    for line in running.client.get("/metrics").text.splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    return None
