"""Schedules, jobs and status over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving

from storewatch import __version__
from storewatch.access import AccessRules
from storewatch.catalog import StoreChanges, labels_frame
from storewatch.domain.enums import JobKind, Role
from storewatch.domain.labels import ALL_STORES, Label, Scope
from storewatch.installation import Installation

ACME = Scope(label=Label("owner", "acme"))
WEEKLY = {
    "name": "weekly",
    "kind": "report",
    "cron": "0  6 * * 1",
    "timezone": "Europe/Berlin",
    "parameters": {"policy": "observed"},
}


@pytest.fixture
def app(scene: Installation) -> Installation:
    scene.catalog.stores.replace(StoreChanges(labels=labels_frame({"cafe": {"owner": "acme"}})), now=datetime.now(UTC))
    return scene


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app, AccessRules()) as client:
        yield client


def problem(response: Any) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["type"].rsplit(":", 1)[-1]


def test_schedule_is_created_listed_and_deleted(client: TestClient) -> None:
    created = client.post("/v1/schedules", json=WEEKLY)
    assert (created.status_code, created.headers["location"]) == (201, "/v1/schedules/weekly")
    schedule = created.json()
    assert schedule["cron"] == "0 6 * * 1"
    assert schedule["parameters"]["policy"] == "observed"
    assert schedule["last_run_at"] is None
    due = datetime.fromisoformat(schedule["next_run_at"])
    assert (due.weekday(), due.minute) == (0, 0)
    assert due > datetime.now(UTC)
    assert client.get("/v1/schedules/weekly").json()["name"] == "weekly"
    assert [item["name"] for item in client.get("/v1/schedules").json()["items"]] == ["optimize", "weekly"]
    assert client.delete("/v1/schedules/weekly").status_code == 204
    for method in ("GET", "DELETE"):
        assert problem(client.request(method, "/v1/schedules/weekly")) == (404, "unknown-schedule")
        assert problem(client.request(method, "/v1/schedules/%00")) == (404, "unknown-schedule")


def test_schedule_of_a_taken_name_is_refused(client: TestClient) -> None:
    assert problem(client.post("/v1/schedules", json=WEEKLY | {"name": "optimize"})) == (409, "schedule-exists")


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "a/b"},
        {"kind": "import"},
        {"kind": "nothing"},
        {"cron": "soon"},
        {"timezone": "Mars"},
        {"parameters": {"when": "now"}},
        {"parameters": []},
        {"more": 1},
    ],
)
def test_schedule_that_can_never_be_run_is_refused(client: TestClient, change: dict[str, Any]) -> None:
    assert problem(client.post("/v1/schedules", json=WEEKLY | change)) == (422, "invalid-request")
    assert [item["name"] for item in client.get("/v1/schedules").json()["items"]] == ["optimize"]


def test_schedules_are_for_admins(app: Installation) -> None:
    with serving(app) as client:
        operator = bearer(key_of(app, Role.OPERATOR))
        for path in ("/v1/schedules", "/v1/schedules/optimize"):
            assert problem(client.get(path, headers=operator)) == (403, "role-too-low")
        assert problem(client.post("/v1/schedules", json=WEEKLY, headers=operator)) == (403, "role-too-low")
        assert problem(client.delete("/v1/schedules/optimize", headers=operator)) == (403, "role-too-low")


def test_jobs_are_listed_for_operators(app: Installation) -> None:
    with serving(app) as client:
        scoped, whole = (bearer(key_of(app, Role.OPERATOR, scope)) for scope in (ACME, ALL_STORES))
        for headers in (scoped, whole):
            client.post("/v1/reports", json={}, headers=headers)
        app.catalog.jobs.create("o1", JobKind.OPTIMIZE, {}, datetime.now(UTC))
        listed = client.get("/v1/jobs", headers=whole).json()["items"]
        assert [(job["kind"], job["state"]) for job in listed] == [
            ("optimize", "queued"),
            ("report", "queued"),
            ("report", "queued"),
        ]
        page = client.get("/v1/jobs", params={"limit": 1, "kind": "report", "state": "queued"}, headers=whole).json()
        assert (len(page["items"]), page["next"] is None) == (1, False)
        assert len(client.get("/v1/jobs", headers=scoped).json()["items"]) == 1
        viewer = bearer(key_of(app, Role.VIEWER))
        assert problem(client.get("/v1/jobs", headers=viewer)) == (403, "role-too-low")


def test_status_counts_stores_and_polls(client: TestClient) -> None:
    client.post("/v1/reports", json={})
    status = client.get("/v1/status").json()
    assert status.pop("oldest_queued_at") is not None
    assert status.pop("lake_bytes") > 0
    assert status.pop("size_bytes") > 0
    assert (status["inputs"].pop("unpolled"), status.pop("inputs")["hourless"]) == (1, 1)
    assert status == {
        "version": __version__,
        "stores": 3,
        "jobs": {"report": {"queued": 1}},
        "workers": 0,
        "polls": 6,
        "first_day": "2023-01-23",
        "last_day": "2023-01-23",
        "days": 1,
        "newest_poll": "2023-01-23T18:00:00Z",
        "as_of_warning": None,
        "lake_version": 1,
    }


def test_status_of_a_scope_has_nothing_of_others(app: Installation) -> None:
    with serving(app) as client:
        client.post("/v1/reports", json={}, headers=bearer(key_of(app)))
        status = client.get("/v1/status", headers=bearer(key_of(app, Role.VIEWER, ACME))).json()
    shown = {name: value for name, value in status.items() if value is not None}
    assert shown == {"version": __version__, "stores": 1, "jobs": {}}


def test_status_counts_anew_when_something_changed(client: TestClient) -> None:
    before = client.get("/v1/status").json()
    assert client.get("/v1/status").json() == before
    poll = {"store_id": "cafe", "observed_at": "2023-01-24T18:00:00Z", "status": "active"}
    client.post("/v1/observations", json=poll)
    after = client.get("/v1/status").json()
    assert (after["polls"], after["days"], after["newest_poll"]) == (7, 2, "2023-01-24T18:00:00Z")
    assert (after["lake_version"], after["size_bytes"] > before["size_bytes"]) == (2, True)
