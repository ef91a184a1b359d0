"""The reports and imports of one key that wait are bounded: more are refused, and nothing of them is kept."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving
from support.scene import settings_in
from support.two_owners import ok

from storewatch.domain.enums import JobKind, Role
from storewatch.installation import Installation, open_installation

POLLS = ("polls.csv", b"store_id,status,timestamp_utc\na,active,2023-01-23 10:00:00 UTC\n", "text/csv")
ZONES = ("zones.csv", b"store_id,timezone_str\na,UTC\n", "text/csv")
DETAIL = "At most 3 jobs of a key may wait in the queue. Wait until some have run, or cancel some."


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Installation]:
    with open_installation(replace(settings_in(tmp_path), max_queued_jobs_per_key=3)) as app:
        yield app


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    """A service without a worker, so that every job waits."""
    with serving(app) as client:
        yield client


def refused(response: Any) -> bool:
    if response.status_code != 429:
        return False
    assert response.headers["Retry-After"] == "5"
    problem = response.json()
    assert (problem["type"], problem["detail"]) == ("urn:storewatch:problem:too-many-queued-jobs", DETAIL)
    return True


def test_jobs_of_a_key_that_wait_are_bounded(app: Installation, client: TestClient) -> None:
    key, other = (bearer(key_of(app, Role.OPERATOR)) for _ in range(2))
    waiting = [ok(client.post("/v1/reports", json={"allow_unknown": True}, headers=key)) for _ in range(3)]
    body = {"allow_unknown": True}
    assert refused(client.post("/v1/reports", json=body, headers=key))
    assert refused(client.post("/trigger_report", headers=key))
    assert refused(client.get("/trigger_report", headers=key))
    assert refused(client.post("/v1/imports", files={"file": POLLS}, headers=key))
    assert list(app.settings.uploads_dir.iterdir()) == []
    ok(client.post("/trigger_report", headers=other))
    ok(client.post(f"/v1/reports/{waiting[0]['report_id']}/cancel", headers=key))
    assert app.catalog.jobs.claim("w", [JobKind.REPORT], app.clock()) is not None  # one of them runs now
    ok(client.post("/v1/reports", json=body, headers=key))
    ok(client.post("/v1/reports", json=body, headers=key))
    assert refused(client.post("/v1/reports", json=body, headers=key))


def test_upload_of_several_imports_is_accepted_whole_or_not_at_all(app: Installation, client: TestClient) -> None:
    key = bearer(key_of(app, Role.OPERATOR))
    two = [("file", POLLS), ("file", ZONES)]
    accepted = ok(client.post("/v1/imports", files=two, headers=key))["items"]
    assert len(accepted) == 2
    assert refused(client.post("/v1/imports", files=two, headers=key))
    assert sorted(path.name for path in app.settings.uploads_dir.iterdir()) == sorted(
        item["import_id"] for item in accepted
    )
    ok(client.post("/v1/imports", files={"file": POLLS}, headers=key))
    listed = ok(client.get("/v1/imports", headers=key))["items"]
    assert [item["file"] for item in listed] == ["polls.csv", "zones.csv", "polls.csv"]


def test_callers_without_a_key_are_not_limited(app: Installation) -> None:
    ids = [app.jobs.accept(JobKind.REPORT, {}) for _ in range(5)]
    assert {job.job_id for job in app.catalog.jobs.list_()} == {*ids}
