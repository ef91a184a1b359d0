"""Invisible characters and blanks around ids and labels are removed in every file, request and command."""

from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl
import pytest
from fastapi.testclient import TestClient
from support.access_scene import serving

from storewatch.access.rules import AccessRules
from storewatch.catalog import StoreChanges
from storewatch.installation import Installation

DRESSES = ["\ufeffcafe", "cafe\u200b", "\u00a0cafe\u2009", "ca\u00adfe", "\u202acafe\u202c"]
NOW = datetime(2023, 1, 25, tzinfo=UTC)


@pytest.fixture
def client(installation: Installation) -> Iterator[TestClient]:
    with serving(installation, AccessRules()) as client:
        yield client


@pytest.fixture
def cafe(installation: Installation) -> None:
    installation.catalog.stores.create("cafe", now=NOW)


def pushed(client: TestClient, store_id: str) -> None:
    poll = {"store_id": store_id, "observed_at": "2023-01-23T15:14:00Z", "status": "active"}
    assert client.post("/v1/observations", json=poll).json()["accepted"] == 1


def test_pushed_poll_belongs_to_the_store_as_people_see_it(client: TestClient, installation: Installation) -> None:
    for store_id in DRESSES:
        pushed(client, store_id)
    assert installation.lake.snapshot().read(-(2**62), 2**62)["store_id"].unique().to_list() == ["cafe"]


@pytest.mark.parametrize("dress", DRESSES)
def test_store_is_found_changed_and_deleted_by_any_spelling(client: TestClient, cafe: None, dress: str) -> None:
    path = f"/v1/stores/{dress}"
    assert client.get(path).json()["store_id"] == "cafe"
    assert (
        client.patch(path, json={"timezone": "Europe/Berlin", "labels": {"owner": f"\ufeff{dress}"}}).status_code == 200
    )
    assert client.get("/v1/stores", params={"label": f"owner:{dress}"}).json()["items"][0]["labels"] == {
        "owner": "cafe"
    }
    assert client.get("/v1/stores", params={"prefix": dress, "q": dress}).json()["items"][0]["store_id"] == "cafe"
    span = {"from": "2023-01-23T15:00:00Z", "to": "2023-01-23T16:00:00Z"}
    made = client.post("/v1/annotations", json={"store_id": dress, "cause": "power", **span})
    assert made.json()["store_id"] == "cafe"
    assert len(client.get("/v1/annotations", params={"store_id": dress}).json()["items"]) == 1
    assert client.post("/v1/closures", json={"store_id": dress, "reason": "x", **span}).json()["store_id"] == "cafe"
    of_label = client.post("/v1/closures", json={"label": "owner", "value": dress, "reason": "x", **span}).json()
    assert of_label["value"] == "cafe"
    assert len(client.get("/v1/closures", params={"store_id": dress}).json()["items"]) == 2
    assert client.put("/v1/targets", json=[{"store_id": dress, "objective": 99.5}]).json()["accepted"] == 1
    assert client.delete("/v1/targets", params={"store_id": dress}).status_code == 200
    assert client.get("/v1/targets").json()["items"] == []
    assert client.delete(path).status_code == 204


@pytest.mark.parametrize("dress", DRESSES)
def test_report_of_listed_stores_finds_them_by_any_spelling(client: TestClient, dress: str) -> None:
    pushed(client, "cafe")
    client.get("/v1/stores/cafe")
    started = client.post("/v1/reports", json={"store_ids": [dress], "format": "json"})
    assert started.status_code == 202, started.text


def test_store_of_an_earlier_release_stays_readable_by_its_exact_id(
    client: TestClient, installation: Installation
) -> None:
    ids = pl.Series("store_id", ["\ufeffold", "old", "only\u200b"])
    installation.catalog.stores.replace(StoreChanges(store_ids=ids), now=NOW)
    found = [client.get(f"/v1/stores/{text}").json().get("store_id") for text in [*ids, "\u00adold", "only"]]
    assert found == ["\ufeffold", "old", "only\u200b", "old", None]
    assert client.post("/v1/reports", json={"store_ids": ["only\u200b"]}).status_code == 202


def test_bulk_bodies_are_cleaned_as_files_are(client: TestClient, installation: Installation) -> None:
    row = {"store_id": "\ufeffcafe\u200b", "labels": {" Owner\u200b": "\u00a0acme\ufeff"}}
    assert client.put("/v1/labels", json=[row]).json()["accepted"] == 1
    assert client.get("/v1/stores/cafe").json()["labels"] == {"owner": "acme"}
    hours = {"store_id": "cafe\u00ad", "day": "\ufeff0", "start_time_local": "09:00\u200b", "end_time_local": "17:00"}
    assert client.put("/v1/weekly-hours", json=[hours]).json()["accepted"] == 1
    assert installation.catalog.stores.count() == 1


@pytest.mark.parametrize("dress", DRESSES)
def test_observations_are_deleted_by_any_spelling(client: TestClient, dress: str) -> None:
    span = {"from": "2023-01-23T15:00:00Z", "to": "2023-01-23T16:00:00Z"}
    key = {"store_id": dress, "observed_at": "2023-01-23T15:14:00Z"}
    for body in ({"store_id": dress, **span}, {"observations": [key]}):
        pushed(client, "cafe")
        assert client.post("/v1/observations/deletions", json=body).json()["observations"] == 1
