"""The audit log over HTTP, and the rows that requests leave in it."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving

from storewatch.catalog import AuditEntry, AuditFilter
from storewatch.domain.enums import Role
from storewatch.installation import Installation

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENTRY = AuditEntry(
    at=NOW,
    actor_id="k1",
    actor_name="=poller",
    address="203.0.113.7",
    action="store.delete",
    object_type="store",
    object_id="cafe",
    outcome="done",
    request_id="r1",
    detail={"rows": 1},
)


@pytest.fixture
def app(installation: Installation) -> Installation:
    return installation


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app, headers=bearer(key_of(app))) as client:
        yield client


def test_log_is_listed_page_by_page(app: Installation, client: TestClient) -> None:
    app.catalog.audit.append([replace(ENTRY, object_id=str(number)) for number in range(3)])
    first = client.get("/v1/audit", params={"limit": 2}).json()
    assert first["items"][0] == {
        **vars(replace(ENTRY, object_id="2")),
        "at": "2026-03-01T12:00:00Z",
        "audit_id": first["items"][0]["audit_id"],
    }
    second = client.get("/v1/audit", params={"limit": 2, "cursor": first["next"]}).json()
    assert [row["object_id"] for row in first["items"] + second["items"]] == ["2", "1", "0"]
    assert second["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"actor": "k2"},
        {"actor": "dashboard"},
        {"action": "key.create"},
        {"object_type": "key"},
        {"object_id": "k9"},
        {"outcome": "failed"},
        {"from": "2026-03-01T12:00:01Z"},
        {"from": "2026-03-01T13:00:01+01:00", "to": "2026-03-01T12:00:02"},
    ],
)
def test_log_is_filtered(app: Installation, client: TestClient, query) -> None:
    other = AuditEntry(
        at=NOW + timedelta(seconds=1),
        actor_id="k2",
        actor_name="dashboard",
        address="203.0.113.8",
        action="key.create",
        object_type="key",
        object_id="k9",
        outcome="failed",
    )
    app.catalog.audit.append([ENTRY, other, replace(ENTRY, object_id="bar")])
    assert [row["actor_id"] for row in client.get("/v1/audit", params=query).json()["items"]] == ["k2"]


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"to": "2026-13-01"},
        {"outcome": "perhaps"},
        {"limit": "many"},
        {"cursor": "-"},
        {"format": "xlsx"},
        {"actor": "x" * 201},
    ],
)
def test_wrong_filter_is_refused_with_its_field(client: TestClient, query) -> None:
    response = client.get("/v1/audit", params=query)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [f"query.{next(iter(query))}"]


def test_filter_with_a_nul_finds_nothing(app: Installation, client: TestClient) -> None:
    app.catalog.audit.append([ENTRY])
    assert client.get("/v1/audit?actor=%00").json() == {"items": [], "next": None}


def test_log_is_exported_whole_and_the_export_audited(app: Installation, client: TestClient) -> None:
    app.catalog.audit.append([replace(ENTRY, object_id=str(number)) for number in range(2500)])
    exported = client.get("/v1/audit", params={"format": "csv", "action": "store.delete", "limit": 1})
    assert exported.headers["content-disposition"] == 'attachment; filename="storewatch_audit.csv"'
    rows = list(csv.DictReader(io.StringIO(exported.text)))
    assert [row["object_id"] for row in rows] == [str(number) for number in reversed(range(2500))]
    assert (rows[0]["actor_name"], rows[0]["detail"]) == ("'=poller", '{"rows": 1}')
    lines = client.get("/v1/audit", params={"format": "ndjson", "action": "store.delete"}).text.splitlines()
    assert [json.loads(line)["object_id"] for line in lines] == [row["object_id"] for row in rows]
    exports = app.catalog.audit.list_(AuditFilter(action="audit.export"), limit=10)
    assert [(row.outcome, row.detail) for row in exports] == [
        ("done", {"format": "ndjson"}),
        ("done", {"format": "csv"}),
    ]


def test_empty_log_exports_its_header(client: TestClient) -> None:
    header = "audit_id,at,actor_id,actor_name,address,action,object_type,object_id,outcome,request_id,detail\r\n"
    assert client.get("/v1/audit?format=csv&action=none").text == header
    assert client.get("/v1/audit?format=ndjson&action=none").text == ""


def test_refused_attempt_is_audited_with_where_it_came_from(app: Installation) -> None:
    viewer = key_of(app, Role.VIEWER)
    with serving(app, client=("203.0.113.9", 4711), headers=bearer(viewer)) as client:
        response = client.delete("/v1/keys/0123456789", headers={"X-Request-ID": "r-42"})
    assert response.status_code == 403
    (row,) = app.catalog.audit.list_(AuditFilter(), limit=10)
    assert replace(row, at=NOW, audit_id=0) == replace(
        row,
        at=NOW,
        audit_id=0,
        actor_id=viewer[3:13],
        actor_name="viewer",
        address="203.0.113.9",
        action="key.revoke",
        object_type="key",
        object_id="0123456789",
        outcome="refused",
        request_id="r-42",
        detail=None,
    )
