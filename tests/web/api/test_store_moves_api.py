"""Stores that get another id, and stores that are merged into another one."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving

from storewatch.access import AccessRules
from storewatch.domain.enums import Role
from storewatch.domain.labels import Label, Scope
from storewatch.installation import Installation

SPAN = {"from": "2023-01-23T14:00:00Z", "to": "2023-01-23T18:00:00Z", "policy": "fill"}


@pytest.fixture
def client(scene: Installation) -> Iterator[TestClient]:
    with serving(scene, AccessRules()) as client:
        yield client


def figures(client: TestClient, store_id: str) -> Any:
    return client.get(f"/v1/stores/{store_id}/timeline", params=SPAN).json()["figures"]


def problem(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["type"].rsplit(":", 1)[-1]


def test_renamed_store_keeps_its_polls_and_all_that_is_known_of_it(client: TestClient, scene: Installation) -> None:
    client.patch("/v1/stores/cafe", json={"labels": {"region": "north"}, "opened_on": "2020-01-01"})
    span = {"from": "2023-01-23T16:15:00Z", "to": "2023-01-23T17:00:00Z", "store_id": "cafe"}
    client.post("/v1/annotations", json=span | {"cause": "power", "reclassify_as": "unknown"})
    client.put("/v1/targets", json=[{"store_id": "cafe", "objective": "99"}])
    before, version = figures(client, "cafe"), scene.lake.snapshot().version
    renamed = client.post("/v1/store-renames", json={"store_id": "cafe", "new_id": "bistro"})
    assert renamed.json() == {"store_id": "bistro", "polls_moved": 3}
    assert scene.lake.snapshot().version == version + 1
    assert figures(client, "bistro") == before
    store = client.get("/v1/stores/bistro").json()
    assert (store["labels"], store["opened_on"], store["timezone"], store["hours_source"]) == (
        {"region": "north"},
        "2020-01-01",
        "America/New_York",
        "given",
    )
    assert [entry["store_id"] for entry in client.get("/v1/annotations").json()["items"]] == ["bistro"]
    assert [entry["store_id"] for entry in client.get("/v1/targets").json()["items"]] == ["bistro"]
    assert problem(client.get("/v1/stores/cafe")) == (404, "unknown-store")
    assert [store["store_id"] for store in client.get("/v1/stores").json()["items"]] == ["bar", "bistro", "ghost"]


def test_blanks_and_invisible_characters_around_ids_do_not_count(client: TestClient) -> None:
    renamed = client.post("/v1/store-renames", json={"store_id": "\u200bcafe", "new_id": "\u00a0bistro"})
    assert renamed.json() == {"store_id": "bistro", "polls_moved": 3}
    client.post("/v1/stores", json={"store_id": "new"})
    merged = client.post("/v1/store-merges", json={"store_id": "bistro\u200f", "into": " new"})
    assert merged.json() == {"store_id": "new", "polls_moved": 3}


def test_merged_store_moves_its_polls_and_fills_what_the_other_lacks(client: TestClient, scene: Installation) -> None:
    for store_id, status in (("bar-old", "inactive"), ("bar", "active")):
        poll = {"store_id": store_id, "observed_at": "2023-01-23T16:00:00Z", "status": status}
        assert client.post("/v1/observations", json=poll).status_code == 200
    client.patch("/v1/stores/bar-old", json={"labels": {"owner": "acme"}, "timezone": "Europe/Paris"})
    merged = client.post("/v1/store-merges", json={"store_id": "bar-old", "into": "bar"})
    assert merged.json() == {"store_id": "bar", "polls_moved": 1}
    store = client.get("/v1/stores/bar").json()
    assert (store["labels"], store["timezone"]) == ({"owner": "acme"}, "Europe/Paris")
    seen = scene.lake.snapshot().read(0, 2**62, stores=["bar"])
    assert seen["observed_at"].n_unique() == 4
    assert problem(client.get("/v1/stores/bar-old")) == (404, "unknown-store")


def test_stores_that_differ_are_not_merged(client: TestClient) -> None:
    client.patch("/v1/stores/cafe", json={"labels": {"owner": "acme", "region": "north"}})
    client.patch("/v1/stores/bar", json={"labels": {"owner": "bolt", "region": "north"}, "timezone": "Europe/Paris"})
    before = figures(client, "cafe")
    refused = client.post("/v1/store-merges", json={"store_id": "bar", "into": "cafe"})
    assert problem(refused) == (409, "store-merge")
    assert refused.json()["detail"].startswith("The stores 'bar' and 'cafe' differ in timezone, label owner. Clear or")
    assert figures(client, "cafe") == before
    client.patch("/v1/stores/bar", json={"labels": {"owner": None}, "timezone": None})
    assert client.post("/v1/store-merges", json={"store_id": "bar", "into": "cafe"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("renames", {"store_id": "nobody", "new_id": "x"}, (404, "unknown-store")),
        ("renames", {"store_id": "cafe", "new_id": "bar"}, (409, "store-exists")),
        ("renames", {"store_id": "cafe", "new_id": " "}, (422, "invalid-request")),
        ("merges", {"store_id": "cafe", "into": "nobody"}, (404, "unknown-store")),
        ("merges", {"store_id": "cafe", "into": "cafe"}, (422, "invalid-request")),
    ],
)
def test_move_that_cannot_be_is_refused(
    client: TestClient, path: str, body: dict[str, str], expected: tuple[int, str]
) -> None:
    assert problem(client.post(f"/v1/store-{path}", json=body)) == expected
    assert [store["store_id"] for store in client.get("/v1/stores").json()["items"]] == ["bar", "cafe", "ghost"]


def test_moves_take_an_operator_without_a_scope_and_are_audited(scene: Installation) -> None:
    body = {"store_id": "cafe", "new_id": "bistro"}
    with serving(scene) as client:
        scoped = key_of(scene, Role.OPERATOR, Scope(label=Label("owner", "acme")))
        for key, expected in ((key_of(scene, Role.VIEWER), "role-too-low"), (scoped, "scoped-change")):
            assert problem(client.post("/v1/store-renames", json=body, headers=bearer(key))) == (403, expected)
        done = client.post("/v1/store-renames", json=body, headers=bearer(key_of(scene, Role.OPERATOR)))
        rows = client.get("/v1/audit", headers=bearer(key_of(scene))).json()["items"]
    assert done.status_code == 200
    assert next((row["object_id"], row["detail"]) for row in rows if row["action"] == "store.rename") == (
        "cafe",
        {"new_id": "bistro"},
    )
