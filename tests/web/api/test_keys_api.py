"""API keys over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving

from storewatch.catalog import AuditFilter
from storewatch.domain.enums import Role
from storewatch.installation import Installation


@pytest.fixture
def app(installation: Installation) -> Installation:
    return installation


@pytest.fixture
def admin(app: Installation) -> str:
    return key_of(app)


@pytest.fixture
def client(app: Installation, admin: str) -> Iterator[TestClient]:
    with serving(app, headers=bearer(admin)) as client:
        yield client


def test_key_is_made_shown_once_and_good(app: Installation, client: TestClient, admin: str) -> None:
    wanted = {
        "name": "dashboard",
        "role": "viewer",
        "scope": {"label": "owner", "value": "acme"},
        "expires_at": "2999-01-01T01:00:00+01:00",
    }
    unknown = client.post("/v1/keys", json=wanted).json()["errors"]
    message = "No store has a label 'owner'; import a table of stores to give them labels."
    assert unknown == [{"field": "body.scope", "message": message}]
    response = client.post("/v1/keys", json=wanted | {"allow_unknown": True})
    made = response.json()
    text, shown = made.pop("key"), {**made}
    assert (response.status_code, response.headers["location"]) == (201, f"/v1/keys/{made['key_id']}")
    assert made == {
        **wanted,
        "key_id": text[3:13],
        "expires_at": "2999-01-01T00:00:00Z",
        "state": "active",
        "created_at": made["created_at"],
        "created_by": admin[3:13],
        "last_used_at": None,
        "revoked_at": None,
    }
    assert client.get(f"/v1/keys/{made['key_id']}").json() == shown
    assert client.get("/v1/me", headers=bearer(text)).json()["scope"] == wanted["scope"]
    assert text not in client.get("/v1/keys").text


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "body.name"),
        ({"name": "x" * 201}, "body.name"),
        ({"name": "nul\0"}, "body"),
        ({"name": None}, "body.name"),
        ({"role": "root"}, "body.role"),
        ({"role": 3}, "body.role"),
        ({"scope": {"label": "", "value": "acme"}}, "body.scope.label"),
        ({"scope": {"label": "owner"}}, "body.scope.value"),
        ({"scope": "owner=acme"}, "body.scope"),
        ({"role": "admin", "scope": {"label": "owner", "value": "acme"}}, "body"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "body"),
        ({"expires_at": "2999-01-01T00:00:00"}, "body.expires_at"),
        ({"expires_at": "tomorrow"}, "body.expires_at"),
        ({"sha256": "0" * 64}, "body.sha256"),
    ],
)
def test_wrong_key_is_not_made(app: Installation, client: TestClient, wrong, field: str) -> None:
    response = client.post("/v1/keys", json={"name": "dashboard", "role": "viewer"} | wrong)
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert len(app.catalog.keys.list_()) == 1


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        *((body, (400, 422)) for body in (b"", b"{", b"[]", b"null", b'"\xff"', b"\0")),
        (b"[" * 100_000, (413,)),  # more values than a body without rows may have
    ],
)
def test_broken_body_makes_no_key(
    app: Installation, client: TestClient, body: bytes, statuses: tuple[int, ...]
) -> None:
    response = client.post("/v1/keys", content=body, headers={"Content-Type": "application/json"})
    assert response.headers["content-type"] == "application/problem+json"
    assert response.status_code in statuses
    assert len(app.catalog.keys.list_()) == 1


def test_keys_are_listed_in_pages_with_their_state(app: Installation, client: TestClient) -> None:
    now = datetime.now(UTC)
    key_of(app, Role.VIEWER, now=now - timedelta(days=9), expires_at=now - timedelta(days=8))
    doomed = key_of(app, Role.OPERATOR)
    client.delete(f"/v1/keys/{doomed[3:13]}")
    first = client.get("/v1/keys", params={"limit": 2}).json()
    second = client.get("/v1/keys", params={"limit": 2, "cursor": first["next"]}).json()
    assert [(key["role"], key["state"]) for key in first["items"] + second["items"]] == [
        ("viewer", "expired"),
        ("admin", "active"),
        ("operator", "revoked"),
    ]
    assert second["next"] is None
    assert client.get("/v1/keys").json() == {"items": first["items"] + second["items"], "next": None}


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"cursor": "x"}, {"cursor": "WyJhIiwiYiJd"}])
def test_wrong_page_is_refused(client: TestClient, query) -> None:
    response = client.get("/v1/keys", params=query)
    assert (response.status_code, response.json()["type"]) == (422, "urn:storewatch:problem:invalid-request")


@pytest.mark.parametrize("key_id", ["0123456789", "%00", "..%2f..", "x" * 2000, "%F0%9F%94%91"])
def test_unknown_key_is_a_problem(client: TestClient, key_id: str) -> None:
    for method in ("GET", "DELETE"):
        response = client.request(method, f"/v1/keys/{key_id}")
        assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


def test_changes_are_audited_without_the_key(app: Installation, client: TestClient, admin: str) -> None:
    made = client.post("/v1/keys", json={"name": "dashboard", "role": "viewer"}).json()
    client.delete(f"/v1/keys/{made['key_id']}")
    client.post("/v1/keys", json={"name": "", "role": "viewer"})
    client.post("/v1/keys", json={"name": "x", "role": "admin"}, headers=bearer(made["key"]))
    client.get("/v1/keys")
    rows = app.catalog.audit.list_(AuditFilter(), limit=100)
    assert [(row.action, row.object_id, row.outcome, row.actor_id) for row in reversed(rows)] == [
        ("key.create", made["key_id"], "done", admin[3:13]),
        ("key.revoke", made["key_id"], "done", admin[3:13]),
        ("key.create", None, "refused", admin[3:13]),
    ]
    assert all(made["key"] not in str(row) and admin not in str(row) for row in rows)
