"""One store over time, through the service: timeline, availability, observations, and their ETags."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient
from support.access_scene import serving
from support.scene import settings_in

from storewatch.access import AccessRules
from storewatch.domain.columns import OBSERVATIONS
from storewatch.installation import Installation, open_installation

MONDAY = {"from": "2023-01-23T00:00:00Z", "to": "2023-01-24T00:00:00Z"}
CAFE_FIGURES = {
    "business_seconds": 10_800.0,
    "up_seconds": 8_100.0,
    "down_seconds": 2_700.0,
    "unknown_seconds": 0.0,
    "planned_seconds": 0.0,
    "availability": 0.75,
    "coverage": 1.0,
    "availability_lowest": 0.75,
    "availability_highest": 0.75,
}
NOTHING = {name: None if name.startswith(("avail", "cover")) else 0.0 for name in CAFE_FIGURES}
CAFE_MONDAY = {
    "store_id": "cafe",
    "timezone": "America/New_York",
    "from": "2023-01-23T00:00:00Z",
    "to": "2023-01-24T00:00:00Z",
    "as_of": "2023-01-23T18:00:00Z",
    "policy": "observed",
    "max_gap_seconds": 10_800.0,
    "closures": "honour",
    "annotations": "apply",
    "sources": [],
}
NO_DETAILS = {"reason": None, "source": None}
SECONDS = ("business_seconds", "up_seconds", "down_seconds", "unknown_seconds", "planned_seconds")


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app, AccessRules()) as client:
        yield client


def refused(response: Any) -> str:
    assert (response.status_code, len(response.json()["errors"])) == (422, 1), response.text
    return response.json()["errors"][0]["field"]


def test_timeline_has_sessions_spans_and_polls(client: TestClient) -> None:
    assert client.get("/v1/stores/cafe/timeline", params=MONDAY).json() == CAFE_MONDAY | {
        "figures": CAFE_FIGURES,
        "sessions": [{"open": "2023-01-23T14:00:00Z", "close": "2023-01-23T17:00:00Z"}],
        "spans": [
            {"start": "2023-01-23T14:00:00Z", "end": "2023-01-23T16:15:00Z", "status": "up"},
            {"start": "2023-01-23T16:15:00Z", "end": "2023-01-23T17:00:00Z", "status": "down"},
        ],
        "polls": [
            {"observed_at": "2023-01-23T15:14:00Z", "status": "active", "counted": True} | NO_DETAILS,
            {"observed_at": "2023-01-23T16:15:00Z", "status": "inactive", "counted": True} | NO_DETAILS,
            {"observed_at": "2023-01-23T17:30:00Z", "status": "inactive", "counted": False} | NO_DETAILS,
        ],
    }


def test_instants_may_be_written_as_in_files(client: TestClient) -> None:
    span = {"from": "Mon, 23 Jan 2023 00:00:00 GMT", "to": "1674518400", "as_of": "2023-01-23 18:00:00 +0000 UTC"}
    path = "/v1/stores/cafe/timeline"
    assert client.get(path, params=span).json() == client.get(path, params=MONDAY).json()
    assert refused(client.get(path, params=span | {"to": "24/01/2023"})) == "query.to"


def test_timeline_of_a_part_is_cut_to_it(client: TestClient) -> None:
    part = {"from": "2023-01-23T15:14:00Z", "to": "2023-01-23T16:15:00Z"}
    timeline = client.get("/v1/stores/cafe/timeline", params=part).json()
    assert timeline["sessions"] == [{"open": part["from"], "close": part["to"]}]
    assert timeline["spans"] == [{"start": part["from"], "end": part["to"], "status": "up"}]
    assert [poll["observed_at"] for poll in timeline["polls"]] == [part["from"]]


def test_timeline_by_default_is_the_seven_days_before_the_newest_poll(client: TestClient) -> None:
    timeline = client.get("/v1/stores/bar/timeline").json()
    assert (timeline["from"], timeline["to"]) == ("2023-01-16T18:00:00Z", "2023-01-23T18:00:00Z")
    assert timeline["sessions"] == [{"open": timeline["from"], "close": timeline["to"]}]
    # Observed within 3 h: 09:00-15:00 up, 14:30 (from 17:30 backwards) down until 18:00.
    assert [(span["start"][11:16], span["end"][11:16], span["status"]) for span in timeline["spans"]] == [
        ("18:00", "09:00", "unknown"),
        ("09:00", "15:00", "up"),
        ("15:00", "18:00", "down"),
    ]


@pytest.mark.parametrize(
    ("parameters", "policy", "gap_seconds", "up"),
    [
        ({"policy": "fill"}, "fill", 604_800.0, 167.5 * 3600),
        ({"policy": "observed", "max_gap": "1h"}, "observed", 3_600.0, 2 * 3600),
    ],
)
def test_timeline_follows_its_policy(
    client: TestClient, parameters: dict[str, str], policy: str, gap_seconds: float, up: float
) -> None:
    timeline = client.get("/v1/stores/bar/timeline", params=parameters).json()
    assert (timeline["policy"], timeline["max_gap_seconds"]) == (policy, gap_seconds)
    assert timeline["figures"]["up_seconds"] == up


def test_timeline_of_a_store_that_was_never_seen_is_unknown(client: TestClient) -> None:
    timeline = client.get("/v1/stores/ghost/timeline").json()
    assert {span["status"] for span in timeline["spans"]} == {"unknown"}
    assert (timeline["polls"], timeline["figures"]["coverage"], timeline["figures"]["availability"]) == ([], 0.0, None)


def test_availability_has_a_row_for_each_local_day(client: TestClient) -> None:
    days = {"from": "2023-01-22T05:00:00Z", "to": "2023-01-24T05:00:00Z"}
    assert client.get("/v1/stores/cafe/availability", params=days).json() == CAFE_MONDAY | days | {
        "by": "day",
        "total": CAFE_FIGURES,
        "rows": [
            NOTHING | {"local": "2023-01-22", "from": days["from"], "to": "2023-01-23T05:00:00Z"},
            CAFE_FIGURES | {"local": "2023-01-23", "from": "2023-01-23T05:00:00Z", "to": days["to"]},
        ],
    }


def test_availability_has_a_row_for_each_local_hour_cut_to_the_range(client: TestClient) -> None:
    hours = {"from": "2023-01-23T15:30:00Z", "to": "2023-01-23T17:10:00Z", "by": "hour"}
    rows = client.get("/v1/stores/cafe/availability", params=hours).json()["rows"]
    assert [
        (row["local"], row["from"][11:16], row["to"][11:16], row["up_seconds"], row["down_seconds"]) for row in rows
    ] == [
        ("2023-01-23T10:00", "15:30", "16:00", 1800.0, 0.0),
        ("2023-01-23T11:00", "16:00", "17:00", 900.0, 2700.0),
        ("2023-01-23T12:00", "17:00", "17:10", 0.0, 0.0),
    ]


@pytest.mark.parametrize("by", ["day", "hour"])
@pytest.mark.parametrize("store_id", ["bar", "cafe", "ghost"])
def test_rows_add_up_to_the_total(client: TestClient, store_id: str, by: str) -> None:
    answer = client.get(f"/v1/stores/{store_id}/availability", params={"by": by, "policy": "fill"}).json()
    for name in SECONDS:
        assert sum(row[name] for row in answer["rows"]) == answer["total"][name]
    assert [row["to"] for row in answer["rows"][:-1]] == [row["from"] for row in answer["rows"][1:]]
    assert (answer["rows"][0]["from"], answer["rows"][-1]["to"]) == (answer["from"], answer["to"])


@pytest.mark.parametrize(
    ("begin", "end", "lengths"),
    [
        ("2023-03-12T06:00:00Z", "2023-03-13T05:00:00Z", [23]),  # the clock goes forward
        ("2023-11-05T05:00:00Z", "2023-11-06T06:00:00Z", [25]),  # and back
        ("2023-11-04T05:00:00Z", "2023-11-07T06:00:00Z", [24, 25, 24]),
    ],
)
def test_days_on_which_the_clock_changes_are_as_long_as_they_are(
    client: TestClient, begin: str, end: str, lengths: list[int]
) -> None:
    rows = client.get("/v1/stores/bar/availability", params={"from": begin, "to": end}).json()["rows"]
    assert [row["business_seconds"] / 3600 for row in rows] == lengths


def test_repeated_hour_is_part_of_its_first_reading_and_a_skipped_one_is_none(client: TestClient) -> None:
    back = {"from": "2023-11-05T05:00:00Z", "to": "2023-11-05T09:00:00Z", "by": "hour"}
    forward = {"from": "2023-03-12T07:00:00Z", "to": "2023-03-12T09:00:00Z", "by": "hour"}
    found = [
        [(row["local"][11:], row["business_seconds"] / 3600) for row in answer.json()["rows"]]
        for answer in (client.get("/v1/stores/bar/availability", params=range_) for range_ in (back, forward))
    ]
    assert found == [[("00:00", 1), ("01:00", 2), ("02:00", 1)], [("01:00", 1), ("03:00", 1)]]


@pytest.mark.parametrize("kind", ["timeline", "availability", "observations"])
@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"from": "yesterday"}, "query.from"),
        ({"from": ""}, "query.from"),
        ({"from": "2023-01-23T00:00:00+25:00"}, "query.from"),
        ({"to": "2023-02-30"}, "query.to"),
        ({"from": "\0"}, "query.from"),
        ({"from": "x" * 65}, "query.from"),
        ({"from": "2023-01-24T00:00:00Z", "to": "2023-01-24T00:00:00Z"}, "query.from"),
        ({"from": "2024-01-01T00:00:00Z"}, "query.from"),
        ({"from": "1969-12-31T00:00:00Z", "to": "1970-01-02T00:00:00Z"}, "query.from"),
        ({"from": "9000-01-01T00:00:00Z", "to": "9000-01-02T00:00:00Z"}, "query.from"),
        ({"from": "2021-01-01T00:00:00Z", "to": "2023-01-01T00:00:00Z"}, "query.from"),
    ],
)
def test_invalid_range_is_refused(client: TestClient, kind: str, parameters: dict[str, str], field: str) -> None:
    assert refused(client.get(f"/v1/stores/bar/{kind}", params=parameters)) == field


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"policy": "guess"}, "query.policy"),
        ({"max_gap": "soon"}, "query.max_gap"),
        ({"max_gap": "0s"}, "query.max_gap"),
        ({"max_gap": "367d"}, "query.max_gap"),
        ({"max_gap": "x" * 65}, "query.max_gap"),
    ],
)
def test_policy_that_cannot_be_is_refused(client: TestClient, parameters: dict[str, str], field: str) -> None:
    for kind in ("timeline", "availability"):
        assert refused(client.get(f"/v1/stores/bar/{kind}", params=parameters)) == field


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"by": "week"}, "query.by"),
        ({"by": "hour", "from": "2023-01-01T00:00:00Z", "to": "2023-02-02T00:00:01Z"}, "query.from"),
        ({"by": "day", "from": "2022-01-01T00:00:00Z", "to": "2023-02-05T00:00:01Z"}, "query.from"),
    ],
)
def test_parts_that_cannot_be_are_refused(client: TestClient, parameters: dict[str, str], field: str) -> None:
    assert refused(client.get("/v1/stores/bar/availability", params=parameters)) == field


def test_longest_ranges_are_answered(client: TestClient) -> None:
    by_hour = {"by": "hour", "from": "2023-01-01T00:00:00Z", "to": "2023-02-02T00:00:00Z"}
    by_day = {"from": "2022-01-01T00:00:00Z", "to": "2023-02-05T00:00:00Z"}
    found = [client.get("/v1/stores/bar/availability", params=range_).json() for range_ in (by_hour, by_day)]
    assert [len(answer["rows"]) for answer in found] == [32 * 24, 401]  # Chicago's days begin at 06:00


@pytest.mark.parametrize("kind", ["timeline", "availability", "observations"])
@pytest.mark.parametrize("store_id", ["nobody", "a%00", "timeline"])
def test_store_that_does_not_exist_is_unknown(client: TestClient, kind: str, store_id: str) -> None:
    response = client.get(f"/v1/stores/{store_id}/{kind}")
    assert (response.status_code, response.json()["type"]) == (404, "urn:storewatch:problem:unknown-store")


@pytest.mark.parametrize("kind", ["timeline", "availability"])
def test_answer_that_the_client_has_is_not_sent_again(client: TestClient, app: Installation, kind: str) -> None:
    url = f"/v1/stores/cafe/{kind}"
    first = client.get(url)
    etag = first.headers["etag"]
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(url, headers={"If-None-Match": f'"x", {etag}'}).content == b""
    assert client.get(url, headers={"If-None-Match": "*"}).headers["etag"] == etag
    for other in ({"policy": "fill"}, {"max_gap": "2h"}, {"to": "2023-01-23T18:00:00Z"}, {"from": "2023-01-23"}):
        assert client.get(url, params=other, headers={"If-None-Match": etag}).status_code == 200
    assert client.get("/v1/stores/bar/" + kind, headers={"If-None-Match": etag}).status_code == 200
    client.patch("/v1/stores/cafe", json={"timezone": None})
    changed = client.get(url, headers={"If-None-Match": etag})
    assert (changed.status_code, changed.headers["etag"] == etag) == (200, False)
    seen = datetime(2023, 1, 23, 15, tzinfo=UTC)
    rows = {"store_id": ["cafe"], "observed_at": [seen], "active": [True], "loaded_at": [seen]}
    app.lake.append([pl.DataFrame(rows, OBSERVATIONS)])
    assert client.get(url, headers={"If-None-Match": changed.headers["etag"]}).status_code == 200


def test_observations_are_listed_once_each_as_they_were_loaded_last(client: TestClient) -> None:
    again = [
        {"store_id": "bar", "observed_at": "2023-01-23T17:30:00Z", "status": "active"},
        {"store_id": "bar", "observed_at": "2023-01-23T12:00:00.000001Z", "status": "inactive"},
    ]
    assert client.post("/v1/observations", json=again).status_code == 200
    everything = [
        {"observed_at": "2023-01-23T12:00:00Z", "status": "active"},
        {"observed_at": "2023-01-23T12:00:00.000001Z", "status": "inactive"},
        {"observed_at": "2023-01-23T17:30:00Z", "status": "active"},
        {"observed_at": "2023-01-23T18:00:00Z", "status": "active"},
    ]
    everything = [each | NO_DETAILS for each in everything]
    url = "/v1/stores/bar/observations"
    assert client.get(url).json() == {"items": everything, "next": None}
    half_open = {"from": everything[1]["observed_at"], "to": everything[3]["observed_at"]}
    assert client.get(url, params=half_open).json()["items"] == everything[1:3]
    paged, cursor = [], {}
    while True:
        page = client.get(url, params={"limit": 1} | cursor).json()
        paged += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert paged == everything


@pytest.mark.parametrize("cursor", ["x", "WyJhIl0", "W10", "WzEwMDAwMDAwMDAwMDAwMDAwMDAwMF0"])
def test_observations_with_a_bad_cursor_are_refused(client: TestClient, cursor: str) -> None:
    assert refused(client.get("/v1/stores/bar/observations", params={"cursor": cursor})) == "query.cursor"


@pytest.mark.parametrize("place", [-(2**63), 2**63 - 1])
def test_observations_with_a_cursor_at_the_edge_of_numbers_are_answered(client: TestClient, place: int) -> None:
    from storewatch.web.paging import encode_cursor  # noqa: PLC0415

    response = client.get("/v1/stores/bar/observations", params={"cursor": encode_cursor(place)})
    assert response.status_code == 200


def test_installation_without_polls_needs_a_range(tmp_path: Path) -> None:
    with open_installation(settings_in(tmp_path)) as empty, serving(empty, AccessRules()) as client:
        client.post("/v1/stores", json={"store_id": "a"})
        for kind in ("timeline", "availability", "observations"):
            assert refused(client.get(f"/v1/stores/a/{kind}")) == "query.from"
        timeline = client.get("/v1/stores/a/timeline", params=MONDAY).json()
        assert (timeline["as_of"], timeline["figures"]["unknown_seconds"]) == (None, 86_400.0)
        assert client.get("/v1/stores/a/observations", params=MONDAY).json()["items"] == []
