"""Wrong observations are deleted over HTTP, and what is left is shown with its reason and source."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving

from storewatch.access import AccessRules
from storewatch.catalog import AuditFilter, StoreChanges, labels_frame
from storewatch.domain.enums import Role
from storewatch.domain.labels import Label, Scope
from storewatch.installation import Installation

PATH = "/v1/observations/deletions"


@pytest.fixture
def client(installation: Installation) -> Iterator[TestClient]:
    with serving(installation, AccessRules()) as client:
        yield client


@pytest.fixture
def pushed(client: TestClient) -> list[dict[str, Any]]:
    """Three polls of cafe and one of bar."""
    rows = [
        {"store_id": "cafe", "observed_at": f"2023-03-01T1{hour}:00:00Z", "status": "inactive"} for hour in range(3)
    ]
    rows += [{"store_id": "bar", "observed_at": "2023-03-01T11:00:00Z", "status": "active"}]
    rows[1] |= {"reason": "paused by the platform", "source": "wolt"}
    assert client.post("/v1/observations", json=rows).json()["accepted"] == 4
    client.get("/v1/status")
    return rows


def listed(client: TestClient, store_id: str) -> list[dict[str, Any]]:
    path = f"/v1/stores/{store_id}/observations"
    return client.get(path, params={"from": "2023-03-01T00:00:00Z"}).json()["items"]


def register(installation: Installation) -> None:
    owners = labels_frame({"cafe": {"owner": "acme"}, "bar": {"owner": "other"}})
    installation.catalog.stores.replace(StoreChanges(labels=owners), now=installation.clock())


def test_pushed_reasons_in_other_spellings_are_the_known_ones(client: TestClient) -> None:
    sent = ["paused_by_platform", "PAUSED BY platform", "Paused by platform", "Kitchen_Fire"]
    rows = [
        {"store_id": "cafe", "observed_at": f"2023-03-01T1{hour}:00:00Z", "status": "inactive", "reason": reason}
        for hour, reason in enumerate(sent)
    ]
    assert client.post("/v1/observations", json=rows).json()["accepted"] == 4
    shown = [row["reason"] for row in listed(client, "cafe")]
    assert shown == ["paused by the platform"] * 3 + ["Kitchen_Fire"]
    range_ = {"from": "2023-03-01T00:00:00Z", "to": "2023-03-02T00:00:00Z"}
    [outage] = client.get("/v1/stores/cafe/outages", params=range_).json()["outages"]
    assert outage["reasons"] == "3 paused by the platform, 1 kitchen fire"


@pytest.mark.usefixtures("pushed")
def test_polls_are_counted_first_and_deleted_in_one_version(client: TestClient, installation: Installation) -> None:
    register(installation)
    body = {"store_id": "cafe", "from": "2023-03-01T11:00:00Z", "to": "2023-03-01T13:00:00Z"}
    counted = client.post(PATH, json=body | {"dry_run": True}).json()
    assert counted == {
        "dry_run": True,
        "observations": 2,
        "stores": 1,
        "first_observed_at": "2023-03-01T11:00:00Z",
        "last_observed_at": "2023-03-01T12:00:00Z",
        "lake_version": None,
    }
    assert len(listed(client, "cafe")) == 3
    before = installation.lake.snapshot().version
    done = client.post(PATH, json=body).json()
    assert done == counted | {"dry_run": False, "lake_version": before + 1}
    assert [row["observed_at"] for row in listed(client, "cafe")] == ["2023-03-01T10:00:00Z"]
    assert client.post(PATH, json=body).json()["lake_version"] is None
    entries = installation.catalog.audit.list_(AuditFilter(action="observations.delete"), limit=10)
    assert entries[-1].object_id == "cafe"
    assert entries[-1].detail == {"observations": 2, "lake_version": before + 1}


@pytest.mark.usefixtures("pushed")
def test_listed_polls_are_deleted_within_the_scope_only(client: TestClient, installation: Installation) -> None:
    register(installation)
    headers = bearer(key_of(installation, Role.OPERATOR, Scope(label=Label("owner", "acme"))))
    keys = [{"store_id": store, "observed_at": "2023-03-01T11:00:00Z"} for store in ("cafe", "bar")]
    refused = client.post(PATH, json={"observations": keys}, headers=headers)
    assert (refused.status_code, len(listed(client, "cafe")), len(listed(client, "bar"))) == (404, 3, 1)
    assert client.post(PATH, json={"observations": keys[:1]}, headers=headers).json()["observations"] == 1


@pytest.mark.usefixtures("pushed")
def test_reason_and_source_are_shown_with_the_poll(client: TestClient, installation: Installation) -> None:
    register(installation)
    shown = {"reason": "paused by the platform", "source": "wolt"}
    assert [row["reason"] for row in listed(client, "cafe")] == [None, shown["reason"], None]
    path = "/v1/stores/cafe/timeline"
    polls = client.get(path, params={"from": "2023-03-01T00:00:00Z", "to": "2023-03-02T00:00:00Z"}).json()["polls"]
    assert {name: polls[1][name] for name in shown} == shown


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"store_id": "cafe"},
        {"store_id": "cafe", "from": "2023-03-02T00:00:00Z", "to": "2023-03-01T00:00:00Z"},
        {"observations": []},
        {"store_id": "cafe", "observations": [{"store_id": "cafe", "observed_at": "2023-03-01T10:00:00Z"}]},
    ],
)
def test_deletion_names_its_polls_in_one_way(client: TestClient, body: dict[str, Any]) -> None:
    assert client.post(PATH, json=body).status_code == 422
