"""Saved column mappings over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving

from storewatch.access import AccessRules
from storewatch.catalog import AuditFilter
from storewatch.domain.enums import Role
from storewatch.domain.labels import Label, Scope
from storewatch.installation import Installation

ZONES = [("file", ("zones.csv", "shop,tz\ncafe,Europe/Berlin\n"))]
COLUMNS = {"shop": "store_id", "tz": "timezone_str"}
MAP = [f"{column}={field}" for column, field in COLUMNS.items()]


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app, AccessRules(), headers=bearer(key_of(app))) as client:
        yield client


def problem(response: Any) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["type"].rsplit(":", 1)[-1]


def save(client: TestClient, name: str, **options: Any) -> Any:
    return client.post("/v1/imports", files=ZONES, data={"map": MAP, "save_map": name}, **options)


def test_mapping_is_saved_listed_shown_and_deleted(client: TestClient, app: Installation) -> None:
    assert [save(client, name).status_code for name in ("till", "another")] == [202, 202]
    listed = client.get("/v1/column-mappings").json()["items"]
    assert [item["name"] for item in listed] == ["another", "till"]
    shown = client.get("/v1/column-mappings/till").json()
    assert shown == listed[1]
    assert (shown["columns"], shown["created_by"]) == (COLUMNS, client.get("/v1/me").json()["key_id"])
    assert client.delete("/v1/column-mappings/till").status_code == 204
    assert [item["name"] for item in client.get("/v1/column-mappings").json()["items"]] == ["another"]
    for method in ("GET", "DELETE"):
        for name in ("till", "%00"):
            assert problem(client.request(method, f"/v1/column-mappings/{name}")) == (404, "unknown-mapping")
    deleted = app.catalog.audit.list_(AuditFilter(object_type="mapping", outcome="done"), limit=10)
    assert [(row.action, row.object_id) for row in deleted] == [("mapping.delete", "till")]
    (newest, _) = app.catalog.audit.list_(AuditFilter(action="import.create"), limit=10)
    assert newest.detail is not None
    assert newest.detail["saved_mapping"] == "another"


@pytest.mark.parametrize("name", ["a/b", "x" * 101])
def test_name_that_cannot_be_saved_is_refused(client: TestClient, name: str) -> None:
    refused = save(client, name)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.save_map")
    assert client.get("/v1/column-mappings").json() == {"items": []}


def test_key_with_a_scope_neither_uses_nor_saves_nor_sees_mappings(client: TestClient, app: Installation) -> None:
    save(client, "till")
    scope = Scope(label=Label("owner", "acme"))
    headers = bearer(key_of(app, Role.OPERATOR, scope))
    assert problem(save(client, "till", headers=headers)) == (403, "scoped-change")
    used = client.post("/v1/imports", files=ZONES, data={"map": "till"}, headers=headers)
    assert used.status_code == 422
    for method, path in (("GET", ""), ("GET", "/till"), ("DELETE", "/till")):
        refused = client.request(method, f"/v1/column-mappings{path}", headers=headers)
        assert problem(refused) == (403, "scoped-key")
