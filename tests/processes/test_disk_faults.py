"""A full disk and damaged files: clear answers, nothing acknowledged is lost, and the service recovers."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2 as httpx
from support.faults import fill
from support.real_processes import service
from support.waiting import wait_for

NEWEST = "2026-11-26T10:00:00Z"


def polls(prefix: str, count: int = 500) -> list[dict[str, str]]:
    return [{"store_id": f"{prefix}{number}", "observed_at": NEWEST, "status": "active"} for number in range(count)]


def upload(client: httpx.Client) -> httpx.Response:
    rows = "".join(f"u{number},2026-11-26 09:00:00 UTC,active\n" for number in range(100_000))
    return client.post(
        "/v1/imports", files={"file": ("polls.csv", f"store_id,timestamp_utc,status\n{rows}", "text/csv")}
    )


def writes(client: httpx.Client) -> dict[str, Callable[[], httpx.Response]]:
    hours = [
        {"store_id": f"h{n}", "day": 0, "start_time_local": "09:00", "end_time_local": "17:00"} for n in range(3_000)
    ]
    labels = [{"store_id": f"l{number}", "labels": {"brand": "b" * 50}} for number in range(5_000)]
    deleted = {"store_id": "a1", "from": "2026-11-26T09:00:00Z", "to": "2026-11-26T11:00:00Z"}
    return {
        "push": lambda: client.post("/v1/observations", json=polls("b")),
        "upload": lambda: upload(client),
        "report": lambda: client.post("/v1/reports", json={}),
        "classic": lambda: client.post("/trigger_report"),
        "hours": lambda: client.put("/v1/weekly-hours", json=hours),
        "labels": lambda: client.put("/v1/labels", json=labels),
        "delete": lambda: client.post("/v1/observations/deletions", json=deleted),
    }


def test_full_disk_is_503_everywhere_and_the_service_recovers(small_disk: Path, tmp_path: Path) -> None:
    (small_disk / "tmp").mkdir()
    settings = {"STOREWATCH_MIN_FREE_MB": "1", "TMPDIR": str(small_disk / "tmp")}
    home = small_disk / "home"
    with service(home, **settings) as (_, client):
        assert client.post("/v1/observations", json=polls("a")).status_code == 200
        filler = fill(small_disk)
        for name, write in writes(client).items():
            answer = write()
            assert (name, answer.status_code) == (name, 503)
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.json()["type"] == "urn:storewatch:problem:storage-full", name
            assert str(small_disk) not in answer.text
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert client.get("/v1/stores/a1/timeline").status_code == 200
        assert client.get("/v1/stores", params={"limit": 1}).status_code == 200
        filler.unlink()
        wait_for(lambda: client.get("/readyz").status_code == 200)
        for name, write in writes(client).items():
            assert (name, write().status_code // 100) == (name, 2)
        wait_for(lambda: not unfinished(client))
        assert client.get("/v1/status").json()["polls"] == 100_999  # 500 + 500 + 100,000, and one was deleted
    checked = subprocess.run(
        [sys.executable, "-m", "storewatch", "check", "--json", "--home", str(home)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(checked.stdout)["problems"] == []


def unfinished(client: httpx.Client) -> list[Any]:
    jobs = client.get("/v1/jobs", params={"limit": 100}).json()["items"]
    return [job for job in jobs if job["state"] in ("queued", "running")]


def test_uploads_and_reports_are_refused_before_the_disk_is_full(tmp_path: Path) -> None:
    with service(tmp_path / "home", STOREWATCH_MIN_FREE_MB="900000000") as (_, client):
        for name, write in writes(client).items():
            wanted = 503 if name in ("upload", "report", "classic") else 200
            if name != "delete":
                assert (name, write().status_code) == (name, wanted)


def test_damaged_file_is_a_fault_of_the_service_and_makes_it_not_ready(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with service(home) as (_, client):
        assert client.post("/v1/observations", json=polls("a")).status_code == 200
        file = next((home / "lake").glob("day=*/*.parquet"))
        whole = file.read_bytes()
        file.write_bytes(whole[:200])
        answer = client.get("/v1/stores/a1/timeline")
        assert answer.status_code == 500
        assert answer.json()["type"] == "urn:storewatch:problem:lake-damaged"
        assert str(tmp_path) not in answer.text
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["lake"]["ok"]) == (503, False)
        assert str(tmp_path) not in ready.text
        file.write_bytes(whole)
        wait_for(lambda: client.get("/readyz").status_code == 200)
        assert client.get("/v1/stores/a1/timeline").status_code == 200


def test_empty_commit_of_the_lake_is_noticed_and_no_poll_is_missing_without_a_word(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with service(home) as (_, client):
        for prefix in "ab":
            assert client.post("/v1/observations", json=polls(prefix)).status_code == 200
        commit = max((home / "lake" / "_delta_log").glob("0*.json"))
        whole = commit.read_bytes()
        commit.write_bytes(b"")
        assert client.get("/v1/stores/b1/timeline").status_code in (500, 503)
        assert client.get("/readyz").status_code == 503
        assert client.post("/v1/observations", json=polls("c")).status_code in (500, 503)
        commit.write_bytes(whole)
        wait_for(lambda: client.get("/readyz").status_code == 200)
        assert client.get("/v1/status").json()["polls"] == 1_000


def test_files_that_others_may_read_are_logged_at_the_start(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with service(home):
        assert home.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o077 for path in home.rglob("*")} == {0}
    home.chmod(0o755)
    with service(home):
        log = (tmp_path / "service.log").read_text()
    assert f"chmod -R go= {home}" in log
