"""The routes of stores, through the service's real layers: their answers, parameters and refusals."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving
from support.scene import settings_in

from storewatch.access import AccessRules
from storewatch.domain.enums import Role
from storewatch.installation import Installation, open_installation

CAFE = {
    "store_id": "cafe",
    "name": None,
    "labels": {},
    "timezone": "America/New_York",
    "timezone_source": "given",
    "hours_source": "given",
    "opened_on": None,
    "closed_on": None,
    "last_poll": "2023-01-23T17:30:00Z",
    "state": "closed",
}
BAR = CAFE | {
    "store_id": "bar",
    "timezone": "America/Chicago",
    "timezone_source": "default",
    "hours_source": "default",
    "last_poll": "2023-01-23T18:00:00Z",
    "state": "up",
}
GHOST = BAR | {"store_id": "ghost", "hours_source": "given", "last_poll": None, "state": "unknown"}
AS_OF = "2023-01-23T18:00:00Z"
DETAIL = {"versions": [], "special_hours": [], "as_of": AS_OF}
NINE_TO_TWELVE = {"day": 0, "start_time_local": "09:00:00", "end_time_local": "12:00:00"}
WHOLE_WEEK = [{"day": day, "start_time_local": "00:00:00", "end_time_local": "24:00:00"} for day in range(7)]


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app, AccessRules()) as client:
        yield client


@pytest.fixture
def sqlite_app(scene: Installation) -> Installation:
    return scene


@pytest.fixture
def sqlite_client(sqlite_app: Installation) -> Iterator[TestClient]:
    with serving(sqlite_app, AccessRules()) as client:
        yield client


def ids(client: TestClient, **parameters: Any) -> list[str]:
    response = client.get("/v1/stores", params=parameters)
    assert response.status_code == 200, response.text
    return [store["store_id"] for store in response.json()["items"]]


def fields(response: Any) -> list[str]:
    body = response.json()
    assert (response.status_code, body["type"]) == (422, "urn:storewatch:problem:invalid-request"), response.text
    return [error["field"] for error in body["errors"]]


def messages(response: Any) -> list[str]:
    return [error["message"] for error in response.json()["errors"]]


def test_list_has_every_store_with_its_state(client: TestClient) -> None:
    assert client.get("/v1/stores").json() == {"as_of": AS_OF, "items": [BAR, CAFE, GHOST], "next": None}


def test_get_returns_one_store_with_its_hours(client: TestClient) -> None:
    assert client.get("/v1/stores/cafe").json() == CAFE | {"weekly_hours": [NINE_TO_TWELVE]} | DETAIL
    assert client.get("/v1/stores/bar").json() == BAR | {"weekly_hours": WHOLE_WEEK} | DETAIL


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"q": "A"}, ["bar", "cafe", "ghost"]),
        ({"q": "zENTR"}, ["cafe"]),
        ({"prefix": "ca"}, ["cafe"]),
        ({"prefix": "CA"}, []),
        ({"label": "owner:acme"}, ["cafe", "ghost"]),
        ({"label": ["Owner:acme", "region:north"]}, ["cafe"]),
        ({"zone": "America/Chicago"}, ["bar", "ghost"]),
        ({"state": "unknown"}, ["ghost"]),
        ({"state": "closed", "label": "owner:acme"}, ["cafe"]),
        ({"state": "down"}, []),
        ({"state": "unknown", "sort": "-name"}, ["ghost"]),
        ({"sort": "-store_id"}, ["ghost", "cafe", "bar"]),
        ({"sort": "name"}, ["ghost", "cafe", "bar"]),
        ({"sort": "-name"}, ["cafe", "ghost", "bar"]),
        ({"sort": "last_poll"}, ["cafe", "bar", "ghost"]),
        ({"sort": "-last_poll"}, ["bar", "cafe", "ghost"]),
        ({"sort": "state"}, ["ghost", "bar", "cafe"]),
        ({"sort": "-state"}, ["cafe", "bar", "ghost"]),
        ({"sort": "-state", "q": "C"}, ["cafe"]),
    ],
)
def test_list_is_filtered_and_sorted_whatever_the_size_of_its_pages(
    client: TestClient, parameters: dict[str, Any], found: list[str]
) -> None:
    for store_id, labels in (
        ("cafe", {"owner": "acme", "region": "north", "name": "Zentrale"}),
        ("ghost", {"owner": "acme", "name": "Aal"}),
    ):
        assert client.patch(f"/v1/stores/{store_id}", json={"labels": labels}).status_code == 200
    assert ids(client, **parameters) == found
    paged: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/v1/stores", params=parameters | {"limit": 1} | cursor).json()
        paged += [store["store_id"] for store in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert paged == found


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"q": ""}, "query.q"),
        ({"q": "a\0"}, "query.q"),
        ({"q": "x" * 257}, "query.q"),
        ({"prefix": "\0"}, "query.prefix"),
        ({"label": "owner"}, "query.label.0"),
        ({"label": ["owner:acme", "a b:c"]}, "query.label.1"),
        ({"label": "owner:\0"}, "query.label.0"),
        ({"label": ["a:b"] * 17}, "query.label"),
        ({"zone": "Mars/Base"}, "query.zone"),
        ({"state": "open"}, "query.state"),
        ({"sort": "size"}, "query.sort"),
        ({"limit": 0}, "query.limit"),
        ({"limit": 1001}, "query.limit"),
        ({"limit": "many"}, "query.limit"),
        ({"cursor": "x"}, "query.cursor"),
        ({"cursor": "WzFd"}, "query.cursor"),  # [1]
        ({"cursor": "WyJhXHUwMDAwIl0"}, "query.cursor"),  # ["a\0"]
        ({"cursor": "WyJcdWQ4MDAiXQ"}, "query.cursor"),  # half of a surrogate pair
        ({"cursor": "WyJhIiwiYiJd", "sort": "state"}, "query.cursor"),  # ["a","b"]
        ({"cursor": "W3RydWUsImIiXQ", "sort": "last_poll"}, "query.cursor"),  # [true,"b"]
        ({"cursor": "WzksImIiXQ", "sort": "name"}, "query.cursor"),  # [9,"b"]
    ],
)
def test_list_with_a_parameter_that_cannot_be_is_refused(
    sqlite_client: TestClient, parameters: dict[str, Any], field: str
) -> None:
    assert fields(sqlite_client.get("/v1/stores", params=parameters)) == [field]


@pytest.mark.parametrize("edge", [-(2**63), 2**63 - 1])
def test_list_with_a_cursor_at_the_edge_of_numbers_is_answered(client: TestClient, edge: int) -> None:
    from storewatch.web.paging import encode_cursor  # noqa: PLC0415

    for sort in ("last_poll", "-last_poll"):
        assert client.get("/v1/stores", params={"sort": sort, "cursor": encode_cursor(edge, "a")}).status_code == 200


def test_counts_are_those_of_the_list(client: TestClient) -> None:
    assert client.get("/v1/store_counts").json() == {
        "as_of": AS_OF,
        "stores": 3,
        "by_state": {"down": 0, "unknown": 1, "up": 1, "closed": 1},
    }
    assert client.get("/v1/store_counts", params={"q": "caf"}).json()["by_state"]["closed"] == 1
    assert client.get("/v1/store_counts", params={"q": "caf"}).json()["stores"] == 1


def test_state_follows_new_polls_and_changed_hours(client: TestClient) -> None:
    assert ids(client, state="closed") == ["cafe"]
    client.patch("/v1/stores/cafe", json={"weekly_hours": None})
    assert (ids(client, state="closed"), ids(client, state="down")) == ([], ["cafe"])
    poll = {"store_id": "ghost", "observed_at": "2023-01-23T18:00:00Z", "status": "active"}
    assert client.post("/v1/observations", json=poll).status_code == 200
    assert ids(client, state="up") == ["bar", "ghost"]
    assert client.get("/v1/stores/ghost").json()["last_poll"] == "2023-01-23T18:00:00Z"


def test_empty_installation_has_no_stores(tmp_path: Path) -> None:
    with open_installation(settings_in(tmp_path)) as app, serving(app, AccessRules()) as client:
        assert client.get("/v1/stores").json() == {"as_of": None, "items": [], "next": None}
        assert client.get("/v1/store_counts").json()["stores"] == 0
        assert client.post("/v1/stores", json={"store_id": "a"}).json()["state"] == "unknown"
        assert ids(client, sort="last_poll") == ids(client, sort="state") == ids(client, state="unknown") == ["a"]


def test_create_takes_all_that_is_known_of_a_store(client: TestClient) -> None:
    body = {
        "store_id": " kiosk/1 ",
        "timezone": "Asia/Beirut",
        "weekly_hours": [{"day": 6, "start_time_local": "22:00", "end_time_local": "02:00"}],
        "labels": {"Name": " Kiosk ", "owner": "acme", "empty": "", "none": None},
    }
    created = client.post("/v1/stores", json=body)
    assert (created.status_code, created.headers["location"]) == (201, "/v1/stores/kiosk%2F1")
    assert (
        created.json()
        == {
            "store_id": "kiosk/1",
            "name": "Kiosk",
            "labels": {"name": "Kiosk", "owner": "acme"},
            "timezone": "Asia/Beirut",
            "timezone_source": "given",
            "hours_source": "given",
            "opened_on": None,
            "closed_on": None,
            "last_poll": None,
            "state": "closed",
            "weekly_hours": [
                {"day": 0, "start_time_local": "00:00:00", "end_time_local": "02:00:00"},
                {"day": 6, "start_time_local": "22:00:00", "end_time_local": "24:00:00"},
            ],
            "assumed": [
                (
                    "weekdays were read as 0 (Monday) to 6 (Sunday); there is no 0 or 7 that confirms this: choose "
                    "with --weekdays (over HTTP: ?weekdays=)"
                )
            ],
        }
        | DETAIL
    )
    shown = client.get(created.headers["location"]).json()
    assert shown == {name: value for name, value in created.json().items() if name != "assumed"}


@pytest.mark.parametrize("store_id", ["a b", "é🏪", "%", "..b", "a?b#c", "007", "a/timelines", "'; DROP TABLE stores"])
def test_store_with_an_odd_id_is_found_under_its_location(sqlite_client: TestClient, store_id: str) -> None:
    location = sqlite_client.post("/v1/stores", json={"store_id": store_id}).headers["location"]
    assert sqlite_client.get(location).json()["store_id"] == store_id
    assert sqlite_client.get(f"{location}/weekly_hours").json()["store_id"] == store_id
    assert sqlite_client.delete(location).status_code == 204


def test_create_of_a_store_that_exists_is_refused(client: TestClient) -> None:
    response = client.post("/v1/stores", json={"store_id": "cafe", "timezone": "UTC"})
    assert (response.status_code, response.json()["type"]) == (409, "urn:storewatch:problem:store-exists")
    assert client.get("/v1/stores/cafe").json()["timezone"] == "America/New_York"


BAD_CHANGES: list[tuple[dict[str, Any], list[str]]] = [
    ({"timezone": "Mars/Base"}, ["body.timezone"]),
    ({"timezone": ""}, ["body.timezone"]),
    ({"timezone": "UTC\0"}, ["body.timezone"]),
    ({"timezone": 1}, ["body.timezone"]),
    (
        {"weekly_hours": [{}]},
        ["body.weekly_hours.0.day", "body.weekly_hours.0.start_time_local", "body.weekly_hours.0.end_time_local"],
    ),
    ({"weekly_hours": [NINE_TO_TWELVE, NINE_TO_TWELVE | {"day": 7}]}, ["body.weekly_hours.1"]),
    ({"weekly_hours": [NINE_TO_TWELVE | {"day": "Mon-Fri", "end_time_local": "9"}]}, ["body.weekly_hours.0"]),
    ({"weekly_hours": [NINE_TO_TWELVE | {"day": True}]}, ["body.weekly_hours.0.day"]),
    ({"weekly_hours": [NINE_TO_TWELVE | {"day": 1.0}]}, ["body.weekly_hours.0.day"]),
    ({"weekly_hours": [NINE_TO_TWELVE, NINE_TO_TWELVE | {"end_time_local": "09:00"}]}, ["body.weekly_hours.1"]),
    (
        {"weekly_hours": [NINE_TO_TWELVE | {"start_time_local": "nine"}] * 2},
        ["body.weekly_hours.0", "body.weekly_hours.1"],
    ),
    ({"weekly_hours": [{"day": 0}]}, ["body.weekly_hours.0.start_time_local", "body.weekly_hours.0.end_time_local"]),
    ({"weekly_hours": [NINE_TO_TWELVE | {"store_id": "bar"}]}, ["body.weekly_hours.0.store_id"]),
    ({"weekly_hours": "always"}, ["body.weekly_hours"]),
    ({"labels": {"a b": "c"}}, ["body.labels"]),
    ({"labels": {"a b": None}}, ["body.labels"]),
    ({"labels": {"x": "1", "X": "2"}}, ["body.labels"]),
    ({"labels": {"x": "y" * 257}}, ["body.labels"]),
    ({"labels": {"x": "a\0b"}}, ["body.labels"]),
    ({"labels": {"x": 1}}, ["body.labels.x"]),
    ({"labels": {f"x{number}": "1" for number in range(101)}}, ["body.labels"]),
    ({"labels": None}, ["body.labels"]),
    ({"timezone": "Mars/Base", "labels": {"é": "1"}}, ["body.timezone", "body.labels"]),
    ({"colour": "red"}, ["body.colour"]),
]


@pytest.mark.parametrize(("body", "found"), BAD_CHANGES)
def test_change_that_cannot_be_is_refused_whole(
    sqlite_client: TestClient, body: dict[str, Any], found: list[str]
) -> None:
    before = sqlite_client.get("/v1/stores/cafe").json()
    assert fields(sqlite_client.patch("/v1/stores/cafe", json={"labels": {"ok": "1"}} | body)) == found
    assert fields(sqlite_client.post("/v1/stores", json={"store_id": "new"} | body)) == found
    assert sqlite_client.get("/v1/stores/cafe").json() == before
    assert sqlite_client.get("/v1/stores/new").status_code == 404


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"timezone": "UTC\ud800"}, "body.timezone"),
        ({"opened_on": "2023-\udfff"}, "body.opened_on"),
        ({"labels": {"owner": "\ud83d"}}, "body.labels.owner"),
        ({"labels": {"own\ud83der": "acme"}}, "body.labels"),
        ({"labels": {"own\ud83der": None}}, "body.labels"),
        ({"weekly_hours": [NINE_TO_TWELVE | {"start_time_local": "9\ud83d"}]}, "body.weekly_hours.0.start_time_local"),
    ],
)
def test_half_characters_are_refused_in_every_field(
    sqlite_client: TestClient, body: dict[str, Any], found: str
) -> None:
    before = sqlite_client.get("/v1/stores/cafe").json()
    for method, path, sent in (("PATCH", "/v1/stores/cafe", body), ("POST", "/v1/stores", {"store_id": "new"} | body)):
        answer = sqlite_client.request(
            method, path, content=json.dumps(sent).encode(), headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, fields(answer)) == (422, [found])
    assert sqlite_client.get("/v1/stores/cafe").json() == before
    assert sqlite_client.get("/v1/stores/new").status_code == 404


@pytest.mark.parametrize("store_id", ["", " ", "a\tb", "x\0", "x" * 256, None, 7])
def test_create_with_an_id_that_cannot_be_is_refused(sqlite_client: TestClient, store_id: object) -> None:
    assert fields(sqlite_client.post("/v1/stores", json={"store_id": store_id})) == ["body.store_id"]
    assert ids(sqlite_client) == ["bar", "cafe", "ghost"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"store_id": "\\ud800"}'])
def test_create_with_a_body_that_is_no_store_is_refused(sqlite_client: TestClient, body: bytes) -> None:
    response = sqlite_client.post("/v1/stores", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422), response.text
    assert ids(sqlite_client) == ["bar", "cafe", "ghost"]


def test_change_leaves_alone_what_it_does_not_name(client: TestClient) -> None:
    client.patch("/v1/stores/cafe", json={"labels": {"owner": "acme", "region": "north"}})
    changed = client.patch("/v1/stores/cafe", json={"labels": {"region": None, "Brand": "x"}, "timezone": None})
    assert (
        changed.json()
        == CAFE
        | {
            "labels": {"brand": "x", "owner": "acme"},
            "timezone": "America/Chicago",
            "timezone_source": "default",
            "weekly_hours": [NINE_TO_TWELVE],
        }
        | DETAIL
    )
    assert client.patch("/v1/stores/cafe", json={}).json() == changed.json()


def test_life_of_a_store_ends_its_business_time_and_takes_it_from_lists(client: TestClient) -> None:
    span = {"from": "2023-01-21T00:00:00Z", "to": "2023-01-25T00:00:00Z", "policy": "fill"}

    def figures() -> tuple[float, ...]:
        found = client.get("/v1/stores/bar/timeline", params=span).json()["figures"]
        return tuple(found[f"{name}_seconds"] for name in ("business", "up", "down", "unknown"))

    assert figures() == (345_600.0, 343_800.0, 1_800.0, 0.0)
    changed = client.patch("/v1/stores/bar", json={"opened_on": "2023-01-22", "closed_on": "2023-01-23"}).json()
    assert (changed["opened_on"], changed["closed_on"], changed["state"]) == ("2023-01-22", "2023-01-23", "closed")
    assert figures() == (86_400.0, 0.0, 0.0, 86_400.0)  # a day in Chicago; every poll lies after it
    assert client.get("/v1/stores/bar/outages", params=span).json()["outages"] == []
    assert ids(client) == ["cafe", "ghost"]
    assert ids(client, state="closed", out_of_business=True) == ["bar", "cafe"]
    assert client.get("/v1/store-counts").json()["stores"] == 2
    assert client.get("/v1/store-counts", params={"out_of_business": True}).json()["stores"] == 3
    assert client.patch("/v1/stores/bar", json={"closed_on": None}).json()["closed_on"] is None
    assert ids(client) == ["bar", "cafe", "ghost"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"closed_on": "2023-02-30"}, "body.closed_on"),
        ({"opened_on": "yesterday"}, "body.opened_on"),
        ({"opened_on": "2023-01-22", "closed_on": "2023-01-22"}, "body.closed_on"),
    ],
)
def test_life_that_cannot_be_is_refused(client: TestClient, body: dict[str, str], field: str) -> None:
    assert fields(client.patch("/v1/stores/bar", json=body)) == [field]
    assert client.get("/v1/stores/bar").json()["opened_on"] is None
    assert fields(client.post("/v1/stores", json={"store_id": "new"} | body)) == [field]


@pytest.mark.parametrize("path", ["/v1/stores", "/v1/store-counts"])
def test_filter_by_a_label_that_no_store_has_names_the_nearest(client: TestClient, path: str) -> None:
    client.patch("/v1/stores/bar", json={"labels": {"region": "north"}})
    for label, message in (
        ("region:nroth", "No store has region=nroth; the nearest is region=north."),
        ("regoin:north", "No store has a label 'regoin'; the labels are region."),
    ):
        response = client.get(path, params={"label": label})
        assert (fields(response), messages(response)) == (["query.label"], [message])


@pytest.mark.parametrize("store_id", ["nobody", "a%00b", "%F0%28", "x" * 1000])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {}),
        ("DELETE", "", None),
        ("GET", "/weekly_hours", None),
        ("PUT", "/weekly_hours", {"weekly_hours": [NINE_TO_TWELVE]}),
    ],
)
def test_store_that_does_not_exist_is_unknown(
    client: TestClient, method: str, path: str, body: object, store_id: str
) -> None:
    response = client.request(method, f"/v1/stores/{store_id}{path}", json=body)
    assert (response.status_code, response.json()["type"]) == (404, "urn:storewatch:problem:unknown-store")


def test_put_replaces_the_hours_of_one_store(client: TestClient) -> None:
    rows = [
        {"day": 0, "start_time_local": "10:00:00", "end_time_local": "12:00:00"},
        {"day": 0, "start_time_local": "09:00:00", "end_time_local": "10:00:00"},
    ]
    expected = {
        "store_id": "bar",
        "timezone": "America/Chicago",
        "hours_source": "given",
        "weekly_hours": [NINE_TO_TWELVE],
        "versions": [],
    }
    assert client.put("/v1/stores/bar/weekly_hours", json={"weekly_hours": rows}).json() == expected
    assert client.get("/v1/stores/bar/weekly_hours").json() == expected


def test_hours_from_a_date_keep_those_before_it(client: TestClient) -> None:
    ten_to_noon = NINE_TO_TWELVE | {"start_time_local": "10:00:00"}
    for method, path, body in (
        ("PUT", "/v1/stores/cafe/weekly_hours", {"weekly_hours": [ten_to_noon], "valid_from": "2023-02-01"}),
        ("PATCH", "/v1/stores/cafe", {"weekly_hours": None, "valid_from": "2023-03-01"}),
    ):
        assert client.request(method, path, json=body).status_code == 200
    versions = [
        {"valid_from": "2023-02-01", "hours_source": "given", "weekly_hours": [ten_to_noon]},
        {"valid_from": "2023-03-01", "hours_source": "default", "weekly_hours": WHOLE_WEEK},
    ]
    for path in ("/v1/stores/cafe", "/v1/stores/cafe/weekly_hours"):
        shown = client.get(path).json()
        assert (shown["weekly_hours"], shown["versions"]) == ([NINE_TO_TWELVE], versions)
    rows = [NINE_TO_TWELVE | {"store_id": "cafe"}]
    dated = client.post("/v1/weekly_hours", params={"valid_from": "2023-04-01"}, json=rows)
    assert dated.json()["accepted"] == 1
    shown = client.get("/v1/stores/cafe").json()["versions"]
    assert shown == [
        *versions,
        {"valid_from": "2023-04-01", "hours_source": "given", "weekly_hours": [NINE_TO_TWELVE]},
    ]
    assert client.post("/v1/weekly_hours", json=rows).json()["accepted"] == 1
    assert client.get("/v1/stores/cafe").json()["versions"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PATCH", "/v1/stores/cafe", {"valid_from": "2023-02-01"}, "body.valid_from"),
        ("PATCH", "/v1/stores/cafe", {"valid_from": "2023-02-30", "weekly_hours": None}, "body.valid_from"),
        ("PUT", "/v1/stores/cafe/weekly_hours", {"valid_from": "1", "weekly_hours": []}, "body.valid_from"),
        ("POST", "/v1/stores", {"store_id": "x", "valid_from": "2023-02-01"}, "body.valid_from"),
        ("POST", "/v1/weekly_hours?valid_from=soon", [], "query.valid_from"),
    ],
)
def test_date_of_hours_that_cannot_be_is_refused(
    client: TestClient, method: str, path: str, body: Any, field: str
) -> None:
    assert fields(client.request(method, path, json=body)) == [field]


def test_hours_that_are_read_can_be_put_back(sqlite_client: TestClient) -> None:
    for store_id in ("bar", "cafe", "ghost"):
        before = sqlite_client.get(f"/v1/stores/{store_id}/weekly_hours").json()["weekly_hours"]
        put = sqlite_client.put(f"/v1/stores/{store_id}/weekly_hours", json={"weekly_hours": before})
        assert put.json()["weekly_hours"] == before


def test_put_of_hours_with_a_bad_row_changes_nothing(client: TestClient) -> None:
    rows = [NINE_TO_TWELVE, NINE_TO_TWELVE | {"start_time_local": "12:00:00"}]
    response = client.put("/v1/stores/bar/weekly_hours", json={"weekly_hours": rows})
    assert fields(response) == ["body.weekly_hours.1"]
    assert messages(response) == [
        "start and end are both '12:00:00': write an end after the start, or 00:00:00 twice for the whole day"
    ]
    assert client.get("/v1/stores/bar").json()["hours_source"] == "default"


def test_delete_forgets_a_store_that_was_never_polled(client: TestClient) -> None:
    client.patch("/v1/stores/ghost", json={"labels": {"owner": "acme"}})
    assert client.delete("/v1/stores/ghost").status_code == 204
    assert client.delete("/v1/stores/ghost").status_code == 404
    assert ids(client) == ["bar", "cafe"]
    assert client.post("/v1/stores", json={"store_id": "ghost"}).json()["labels"] == {}


def test_delete_of_a_polled_store_is_refused(client: TestClient) -> None:
    response = client.delete("/v1/stores/cafe")
    assert (response.status_code, response.json()["type"]) == (409, "urn:storewatch:problem:store-in-use")
    assert ids(client) == ["bar", "cafe", "ghost"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("days", "params", "read", "assumed"),
    [
        ([0, 6], {}, [0, 6], None),
        ([1, 7], {}, [0, 6], ["weekdays were read as 1 (Monday) to 7 (Sunday), because there is a 7 and no 0"]),
        (["Tue", "sunday"], {}, [1, 6], None),
        (["Mon-Wed"], {}, [0, 1, 2], None),
        (["mi", "do", "fr"], {}, [2, 3, 4], ["weekdays were read as German: do is Thursday"]),
        ([1, 2], {"weekdays": "iso"}, [0, 1], None),
        ([0, "1"], {"weekdays": "sunday0"}, [0, 6], None),
    ],
)
def test_weekdays_of_one_store_are_read_as_in_files(
    client: TestClient,
    method: str,
    days: list[int | str],
    params: dict[str, str],
    read: list[int],
    assumed: list[str] | None,
) -> None:
    rows = [NINE_TO_TWELVE | {"day": day} for day in days]
    path = "/v1/stores/cafe/weekly-hours" if method == "PUT" else "/v1/stores/cafe"
    changed = client.request(method, path, json={"weekly_hours": rows}, params=params)
    assert (changed.status_code, changed.json().get("assumed")) == (200, assumed), changed.text
    assert [row["day"] for row in changed.json()["weekly_hours"]] == read
    assert "assumed" not in client.get("/v1/stores/cafe/weekly-hours").json()


HOURS_CSV = "store_id,day,start_time_local,end_time_local\nbar,0,09:00,12:00\nnew,1,09:00,09:00\n\nnew,0,9:00,12:00\n"
HOURS_JSON = [
    {"store_id": "bar", "day": 0, "start_time_local": "09:00", "end_time_local": "12:00"},
    {"store_id": "new", "day": "1", "start_time_local": "09:00", "end_time_local": "09:00"},
    7,
    {"store_id": "new", "dayOfWeek": 0, "day": 0, "start_time_local": "9:00", "end_time_local": "12:00"},
]
SAME = "start and end are both '09:00': write an end after the start, or 00:00:00 twice for the whole day"


def test_hours_of_many_stores_come_as_csv(client: TestClient) -> None:
    response = client.post("/v1/weekly_hours", content=HOURS_CSV, headers={"Content-Type": "text/csv; charset=utf-8"})
    rejects = [{"index": 1, "reason": SAME}]
    assert response.json() == {"accepted": 2, "rejected": 1, "rejects": rejects, "rejects_not_shown": 0}
    for store_id in ("bar", "new"):
        assert client.get(f"/v1/stores/{store_id}/weekly_hours").json()["weekly_hours"] == [NINE_TO_TWELVE]


def test_hours_of_many_stores_come_as_json(client: TestClient) -> None:
    response = client.post("/v1/weekly_hours", json=HOURS_JSON)
    rejects = [{"index": 1, "reason": SAME}, {"index": 2, "reason": "it is not a JSON object"}]
    assert response.json() == {
        "accepted": 2,
        "rejected": 2,
        "rejects": rejects,
        "rejects_not_shown": 0,
        "ignored": ["dayOfWeek"],
        "assumed": ["1 rejected row of weekly hours without a readable store_id may be of any store"],
    }
    for store_id in ("bar", "new"):
        assert client.get(f"/v1/stores/{store_id}/weekly_hours").json()["weekly_hours"] == [NINE_TO_TWELVE]


@pytest.mark.parametrize("store_id", ["bar", "new"])
def test_stores_of_a_body_without_a_good_row_are_named(client: TestClient, store_id: str) -> None:
    client.post("/v1/weekly_hours", json=[{"store_id": "bar", **NINE_TO_TWELVE}])
    bad = [{"store_id": store_id, "day": 0, "start_time_local": "9h", "end_time_local": "12h"}]
    assert client.post("/v1/weekly_hours", json=bad).status_code == 422
    inputs = client.get("/v1/status").json()["inputs"]
    named = {key: inputs[key] for key in ("older_hours", "default_hours")}
    assert named == {"older_hours": ["bar"] * (store_id == "bar"), "default_hours": ["new"] * (store_id == "new")}
    client.post("/v1/weekly_hours", json=[{"store_id": store_id, **NINE_TO_TWELVE}])
    inputs = client.get("/v1/status").json()["inputs"]
    assert (inputs["older_hours"], inputs["default_hours"]) == ([], [])


def test_labels_of_many_stores_come_as_csv(client: TestClient) -> None:
    client.patch("/v1/stores/bar", json={"labels": {"region": "north"}})
    text = "store_id,name,Owner\nbar,Bar,acme\n,x,y\nnew,,\n"
    response = client.post("/v1/labels", content=text, headers={"Content-Type": "text/csv"})
    rejects = [{"index": 1, "reason": "store_id is empty"}]
    assert response.json() == {"accepted": 2, "rejected": 1, "rejects": rejects, "rejects_not_shown": 0}
    assert client.get("/v1/stores/bar").json()["labels"] == {"name": "Bar", "owner": "acme"}
    assert client.get("/v1/stores/new").json()["labels"] == {}


def test_several_rows_of_labels_of_a_store_are_named(client: TestClient) -> None:
    rows = [{"store_id": "bar", "labels": {"name": name}} for name in ("Bar", "Pub")]
    assumed = ["of several rows of labels of a store the last row counts: bar"]
    assert client.post("/v1/labels", json=rows).json()["assumed"] == assumed
    assert client.get("/v1/stores/bar").json()["labels"] == {"name": "Pub"}


def test_labels_of_many_stores_come_as_json(client: TestClient) -> None:
    rows = [
        {"store_id": "bar", "labels": {"Owner": "acme", "none": None}},
        {"store_id": "cafe", "labels": {"a b": "c"}},
        {"store_id": "cafe"},
        {"store_id": "cafe", "labels": {"x": 1}},
        {"store_id": 7, "labels": {}},
        "cafe",
        {"store_id": "new", "labels": {}},
    ]
    response = client.post("/v1/labels", json=rows)
    assert (response.json()["accepted"], response.json()["rejected"]) == (2, 5)
    assert [reject["index"] for reject in response.json()["rejects"]] == [1, 2, 3, 4, 5]
    assert client.get("/v1/stores/bar").json()["labels"] == {"owner": "acme"}
    assert client.get("/v1/stores/cafe").json()["labels"] == {}


REJECTED_HOURS = b"store_id,day,start_time_local,end_time_local\na,9,1:00,2:00\n"


@pytest.mark.parametrize(
    ("path", "body", "content_type", "status"),
    [
        ("weekly_hours", b"", "text/csv", 422),
        ("weekly_hours", b"store_id,name\na,b\n", "text/csv", 422),
        ("weekly_hours", b"store_id,day,start_time_local,end_time_local\n", "text/csv", 422),
        ("weekly_hours", REJECTED_HOURS, "text/csv", 422),
        ("weekly_hours", b"\x1f\x8b\x00", "text/csv", 422),
        ("weekly_hours", b"PAR1", "text/csv", 422),
        ("weekly_hours", b"{}", "application/json", 422),
        ("weekly_hours", b"[]", "application/json", 422),
        ("weekly_hours", b"[" * 100_000, "application/json", 422),
        ("weekly_hours", b"\xff\xfe[]", "application/json", 422),
        (
            "weekly_hours",
            b'[{"store_id":"a\\ud800","day":0,"start_time_local":"1:00","end_time_local":"2:00"}]',
            "application/json",
            422,
        ),
        ("labels", b'[{"store_id":"a","labels":{"x":"\\ud800"}}]', "application/json", 422),
        ("labels", b'[{"store_id":"a","labels":{"x":"\\u0000"}}]', "application/json", 422),
        ("labels", b'[{"store_id":"a","labels":{"x":"1","x":"2"}}]', "application/json", 422),
        ("labels", b"store_id,name,status\na,b,c\n", "text/csv", 422),
        ("labels", b"store_id,name,a b\na,b,c\n", "text/csv", 422),
        ("labels", b"store_id\na\n", "text/csv", 422),
        ("labels", b"store_id,name\na,b\n", "text/plain", 415),
        ("labels", b"store_id,name\na,b\n", "text/csv; charset=latin-1", 415),
        ("weekly_hours", b"[]", "", 415),
    ],
)
def test_bulk_body_that_cannot_be_is_refused_whole(
    sqlite_client: TestClient, sqlite_app: Installation, path: str, body: bytes, content_type: str, status: int
) -> None:
    version, stores = sqlite_app.catalog.version(), sqlite_app.catalog.stores.read_all().frame
    response = sqlite_client.post(f"/v1/{path}", content=body, headers={"Content-Type": content_type})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert status == 415 or all(error["field"].startswith("body") for error in response.json()["errors"])
    assert sqlite_app.catalog.stores.read_all().frame.equals(stores)
    # It is noted that the hours of a store were all rejected, so that the store can be named until they are put right.
    assert sqlite_app.catalog.version() == version + (body == REJECTED_HOURS)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/stores", {"store_id": "new"}),
        ("PATCH", "/v1/stores/ghost", {"timezone": "UTC"}),
        ("DELETE", "/v1/stores/ghost", None),
        ("PUT", "/v1/stores/ghost/weekly_hours", {"weekly_hours": [NINE_TO_TWELVE]}),
        ("POST", "/v1/weekly_hours", HOURS_JSON),
        ("POST", "/v1/labels", [{"store_id": "ghost", "labels": {"a": "b"}}]),
    ],
)
def test_change_takes_an_operator_and_leaves_an_audit_row(
    app: Installation, method: str, path: str, body: object
) -> None:
    viewer, operator, admin = (key_of(app, role) for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN))
    version = app.catalog.version()
    with serving(app) as client:
        assert client.request(method, path, json=body).status_code == 401
        assert client.request(method, path, json=body, headers=bearer(viewer)).status_code == 403
        assert app.catalog.version() == version
        assert client.request(method, path, json=body, headers=bearer(operator)).is_success
        assert app.catalog.version() > version
        rows = client.get("/v1/audit", headers=bearer(admin)).json()["items"]
    done = [row for row in rows if row["outcome"] == "done" and row["object_type"] in ("store", "stores")]
    assert [row["object_id"] for row in done] == [{"/v1/stores": "new"}.get(path, "ghost" if "ghost" in path else None)]
