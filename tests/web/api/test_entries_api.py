"""Special hours, targets and sales over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.access_scene import serving

from storewatch.access import AccessRules
from storewatch.catalog import StoreChanges, labels_frame
from storewatch.installation import Installation

OF_CAFE = {"store_id": "cafe", "label": None, "value": None}
OF_ACME = {"store_id": None, "label": "owner", "value": "acme"}
ALL_TAKEN = {"accepted": 1, "rejected": 0, "rejects": [], "rejects_not_shown": 0}
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "special-hours": (
        {"date": "2023-01-24", "start_time_local": "18:00", "end_time_local": "02:00"},
        {"date": "2023-01-24", "start_time_local": "18:00:00", "end_time_local": "02:00:00"},
    ),
    "targets": ({"objective": "99.9%"}, {"objective": 99.9}),
    "sales": ({"sales_per_hour": 12.5}, {"weekday": None, "hour": None, "sales_per_hour": 12.5}),
}


@pytest.fixture
def app(scene: Installation) -> Installation:
    scene.catalog.stores.replace(StoreChanges(labels=labels_frame({"cafe": {"owner": "acme"}})), now=datetime.now(UTC))
    return scene


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app, AccessRules()) as client:
        yield client


def listed(client: TestClient, path: str, **query: Any) -> list[dict[str, Any]]:
    response = client.get(f"/v1/{path}", params=query)
    assert response.status_code == 200, response.text
    return list(response.json()["items"])


@pytest.mark.parametrize("path", list(KINDS))
def test_entries_are_put_listed_and_deleted(client: TestClient, path: str) -> None:
    sent, shown = KINDS[path]
    for target in ({"store_id": "cafe"}, {"label": "Owner", "value": "acme"}):
        assert client.put(f"/v1/{path}", json=[target | sent]).json() == ALL_TAKEN
    assert listed(client, path) == [OF_CAFE | shown, OF_ACME | shown]
    assert listed(client, path, store_id="cafe") == [OF_CAFE | shown, OF_ACME | shown]
    assert listed(client, path, store_id="bar") == []
    assert listed(client, path, label="OWNER", value="acme") == [OF_ACME | shown]
    first = client.get(f"/v1/{path}", params={"limit": 1}).json()
    assert first["items"] == [OF_CAFE | shown]
    assert listed(client, path, cursor=first["next"]) == [OF_ACME | shown]
    date = {"date": "2023-01-24"} if path == "special-hours" else {}
    assert client.delete(f"/v1/{path}", params={"store_id": "cafe"} | date).json() == {"deleted": 1}
    assert client.delete(f"/v1/{path}", params={"store_id": "cafe"} | date).json() == {"deleted": 0}
    assert client.delete(f"/v1/{path}", params={"label": "OWNER", "value": "acme"} | date).json() == {"deleted": 1}
    assert listed(client, path) == []


def test_special_hours_replace_those_of_the_dates_named(client: TestClient) -> None:
    csv = "store_id,date,start_time_local,end_time_local\n{}"
    put = {"url": "/v1/special-hours", "headers": {"Content-Type": "text/csv"}}
    client.put(content=csv.format("cafe,2023-01-23,09:00,10:00\ncafe,2023-01-24,09:00,10:00\n"), **put)
    answer = client.put(content=csv.format("cafe,2023-01-24,,\ncafe,2023-02-30,,\n"), **put).json()
    assert (answer["accepted"], answer["rejects"][0]["index"]) == (1, 1)
    shown = [(row["date"], row["start_time_local"]) for row in listed(client, "special-hours")]
    assert shown == [("2023-01-23", "09:00:00"), ("2023-01-24", None)]
    assert [row["date"] for row in listed(client, "special-hours", **{"from": "2023-01-24"})] == ["2023-01-24"]
    assert [row["date"] for row in listed(client, "special-hours", to="2023-01-24")] == ["2023-01-23"]
    store = client.get("/v1/stores/cafe").json()
    assert store["special_hours"] == [
        {"date": "2023-01-23", "openings": [["09:00:00", "10:00:00"]]},
        {"date": "2023-01-24", "openings": []},
    ]


def test_page_of_a_filter_is_full_however_far_apart_its_rows_are(client: TestClient) -> None:
    rows = [
        {
            "store_id": "cafe",
            "date": f"{2000 + year}-{month:02}-01",
            "start_time_local": "9:00",
            "end_time_local": "9:30",
        }
        for year in range(90)
        for month in range(1, 13)
    ]
    assert client.put("/v1/special-hours", json=rows).json()["accepted"] == len(rows)
    query = {"from": "2089-11-01", "limit": 1}
    first = client.get("/v1/special-hours", params=query).json()
    second = client.get("/v1/special-hours", params=query | {"cursor": first["next"]}).json()
    assert [row["date"] for row in first["items"] + second["items"]] == ["2089-11-01", "2089-12-01"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("method", "query", "field"),
    [
        ("DELETE", {"date": "2023-01-24"}, "query.store_id"),
        ("DELETE", {"date": "2023-01-24", "store_id": "cafe", "label": "a", "value": "b"}, "query.store_id"),
        ("DELETE", {"date": "2023-01-24", "label": "a"}, "query.store_id"),
        ("DELETE", {"date": "2023-02-30", "store_id": "cafe"}, "query.date"),
        ("DELETE", {"store_id": "cafe"}, "query.date"),
        ("GET", {"from": "20230124"}, "query.from"),
        ("GET", {"to": "0001-01-01"}, "query.to"),
        ("GET", {"value": "b"}, "query.label"),
        ("GET", {"store_id": "nul\0"}, "query.store_id"),
    ],
)
def test_question_that_cannot_be_is_refused_with_its_field(
    client: TestClient, method: str, query: dict[str, str], field: str
) -> None:
    response = client.request(method, "/v1/special-hours", params=query)
    assert (response.status_code, [error["field"] for error in response.json()["errors"]]) == (422, [field])


def test_target_changes_the_report_and_nothing_else(client: TestClient, app: Installation) -> None:
    before = app.catalog.version()
    client.put("/v1/targets", json=[{"store_id": "cafe", "objective": 50}])
    client.put("/v1/targets", json=[{"store_id": "cafe", "objective": 0.5}])
    assert app.catalog.version() == before + 1
    assert app.catalog.entries.read_targets(app.catalog.stores.read_all().frame["store_id"]).rows() == [("cafe", 0.5)]


@pytest.mark.parametrize("path", list(KINDS))
def test_body_without_a_good_row_is_refused(client: TestClient, path: str) -> None:
    for body in ([], {}, [{"store_id": "cafe"}], [{"store_id": ""} | KINDS[path][0]]):
        assert client.put(f"/v1/{path}", json=body).status_code == 422
    assert client.put(f"/v1/{path}", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert listed(client, path) == []
