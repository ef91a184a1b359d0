"""Column mappings over HTTP: named in requests, or saved."""

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, Final

import polars as pl
import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving

from storewatch.access import AccessRules
from storewatch.catalog import AuditFilter
from storewatch.domain.enums import Role
from storewatch.domain.labels import ALL_STORES, Label, Scope
from storewatch.domain.media_types import ARROW, CSV, JSON, NDJSON, PARQUET
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
    for sent in ({"data": {"mapping": "till"}}, {"params": {"mapping": "till"}}):
        used = client.post("/v1/imports", files=ZONES, headers=headers, **sent)
        assert (used.status_code, "There is no column mapping 'till' (saved: none)." in used.text) == (422, True)
    for method, path in (("POST", "/v1/observations"), ("PUT", "/v1/weekly-hours"), ("PUT", "/v1/labels")):
        used = client.request(method, path, json=[{}], params={"mapping": "till"}, headers=headers)
        assert used.json()["errors"] == [
            {"field": "query.mapping", "message": "There is no column mapping 'till' (saved: none)."}
        ]
    for method, path in (("GET", ""), ("GET", "/till"), ("DELETE", "/till")):
        refused = client.request(method, f"/v1/column-mappings{path}", headers=headers)
        assert problem(refused) == (403, "scoped-key")


def written(frame: pl.DataFrame, method: str) -> bytes:
    file = BytesIO()
    getattr(frame, method)(file)
    return file.getvalue()


BODIES: Final[dict[str, Callable[[pl.DataFrame], bytes]]] = {
    JSON: lambda frame: json.dumps(frame.to_dicts()).encode(),
    NDJSON: lambda frame: written(frame, "write_ndjson"),
    CSV: lambda frame: written(frame, "write_csv"),
    PARQUET: lambda frame: written(frame, "write_parquet"),
    ARROW: lambda frame: written(frame, "write_ipc_stream"),
}
POLLS = {"Shop": "kiosk", "ts": "2023-01-23T09:00:00Z", "State": "active", "why": "found", "Channel": "app"}
POLL_MAP = ["shop=store_id", "ts=observed_at", "STATE=status", "why=reason", "channel=source"]
STORED = {
    "observed_at": "2023-01-23T09:00:00Z",
    "status": "active",
    "reason": "found",
    "source": "app",
}


@pytest.mark.parametrize("media_type", BODIES)
@pytest.mark.parametrize("is_saved", [False, True])
def test_pushed_polls_are_mapped(client: TestClient, media_type: str, is_saved: bool) -> None:
    if is_saved:
        file = ("file", ("polls.csv", "shop,ts,state\n"))
        client.post("/v1/imports", files=[file], data={"map": POLL_MAP, "save_map": "till"})
    params = {"mapping": "till"} if is_saved else {"map": POLL_MAP}
    pushed = client.post(
        "/v1/observations",
        content=BODIES[media_type](pl.DataFrame([POLLS])),
        headers={"Content-Type": media_type},
        params=params,
    )
    assert (pushed.status_code, pushed.json()["accepted"], pushed.json().get("ignored")) == (200, 1, None)
    (shown,) = client.get("/v1/stores/kiosk/observations").json()["items"]
    assert {name: shown[name] for name in STORED} == STORED


def test_reasons_that_later_objects_name_are_mapped(client: TestClient) -> None:
    rows = [{"store_id": "kiosk", "timestamp": f"2023-01-23T0{hour}:00:00Z", "status": "inactive"} for hour in range(2)]
    rows[1]["Why"] = "found"
    assert client.post("/v1/observations", json=rows, params={"map": "why=reason"}).json()["accepted"] == 2
    shown = client.get("/v1/stores/kiosk/observations").json()["items"]
    assert {poll["observed_at"]: poll["reason"] for poll in shown} == {
        "2023-01-23T00:00:00Z": None,
        "2023-01-23T01:00:00Z": "found",
    }


def test_row_with_two_keys_of_one_field_is_rejected(client: TestClient) -> None:
    good = {"store_id": "a", "observed_at": "2023-01-23T09:00:00Z", "status": "active"}
    pushed = client.post("/v1/observations", json=[good, good | {"state": "inactive"}], params={"map": "state=status"})
    assert pushed.json()["rejects"] == [{"index": 1, "reason": 'its keys "status" and "state" are mapped to one field'}]
    labels = [{"store_id": "a", "labels": {"owner": "x"}}, {"store_id": "a", "shop": "b", "labels": {}}]
    labelled = client.put("/v1/labels", json=labels, params={"map": "shop=store_id"})
    assert labelled.json()["rejects"] == [
        {"index": 1, "reason": 'its keys "store_id" and "shop" are mapped to one field'}
    ]
    both = good | {"timestamp": "2023-01-24T09:00:00Z"}
    refused = client.post("/v1/observations", json=[both])
    assert (refused.status_code, refused.json()["detail"]) == (
        400,
        "The body: its objects have observed_at twice, as observed_at and timestamp.",
    )


@pytest.mark.parametrize(
    ("path", "columns", "row", "where", "shown"),
    [
        (
            "/v1/weekly-hours",
            ["shop=store_id", "dow=day", "open=start_time_local", "close=end_time_local"],
            {"Shop": "cafe", "dow": "Mon", "open": "9 AM", "close": "17:00"},
            ("/v1/stores/cafe/weekly-hours", "weekly_hours"),
            {"day": 0, "start_time_local": "09:00:00", "end_time_local": "17:00:00"},
        ),
        (
            "/v1/special-hours",
            ["shop=store_id", "holiday=date", "open=start_time_local", "close=end_time_local"],
            {"Shop": "cafe", "holiday": "2023-01-24", "open": "10:00", "close": "12:00"},
            ("/v1/special-hours", "items"),
            {"store_id": "cafe", "date": "2023-01-24", "start_time_local": "10:00:00", "end_time_local": "12:00:00"},
        ),
        (
            "/v1/targets",
            ["shop=store_id", "goal=objective"],
            {"Shop": "cafe", "goal": "99.5"},
            ("/v1/targets", "items"),
            {"store_id": "cafe", "objective": 99.5},
        ),
        (
            "/v1/sales",
            ["shop=store_id", "revenue=sales_per_hour", "dow=weekday", "h=hour"],
            {"Shop": "cafe", "revenue": "12.5", "dow": "Tue", "h": "9"},
            ("/v1/sales", "items"),
            {"store_id": "cafe", "sales_per_hour": 12.5, "weekday": 1, "hour": 9},
        ),
    ],
)
@pytest.mark.parametrize("media_type", [JSON, CSV])
def test_bodies_of_rows_are_mapped(
    client: TestClient,
    media_type: str,
    path: str,
    columns: list[str],
    row: dict[str, str],
    where: tuple[str, str],
    shown: dict[str, Any],
) -> None:
    client.post("/v1/stores", json={"store_id": "cafe"})
    body = BODIES[media_type](pl.DataFrame([row]))
    headers = {"Content-Type": media_type}
    put = client.put(path, content=body, headers=headers, params={"map": columns})
    assert (put.status_code, put.json()["accepted"], put.json().get("ignored")) == (200, 1, None), put.text
    (stored,) = client.get(where[0]).json()[where[1]]
    assert {name: stored[name] for name in shown} == shown
    refused = client.put(path, content=body, headers=headers)
    guessed = "&".join(f"map={pair}" for pair in columns if pair not in ("dow=weekday", "h=hour"))
    assert (refused.status_code, f"If columns of other names hold these, add: ?{guessed}" in refused.text) == (
        422,
        True,
    ), refused.text


@pytest.mark.parametrize("media_type", [JSON, CSV])
def test_labels_are_mapped(client: TestClient, media_type: str) -> None:
    objects = b'[{"shop": "cafe", "labels": {"Title": "Central", "owner": "acme"}}]'
    body = objects if media_type == JSON else b"shop,Title,owner\ncafe,Central,acme\n"
    params = {"map": ["shop=store_id", "title=name"]}
    put = client.put("/v1/labels", content=body, headers={"Content-Type": media_type}, params=params)
    assert put.json() == {"accepted": 1, "rejected": 0, "rejects": [], "rejects_not_shown": 0}
    assert client.get("/v1/stores/cafe").json()["labels"] == {"name": "Central", "owner": "acme"}


def test_uploads_take_mappings_in_the_query_as_in_the_form(client: TestClient, app: Installation) -> None:
    save(client, "till")
    sent = [{"params": {"map": MAP}}, {"params": {"mapping": "till"}}, {"data": {"mapping": "till"}}]
    for number, request in enumerate(sent):
        accepted = client.post("/v1/imports", files=ZONES, **request)
        (item,) = accepted.json()["items"]
        job = app.catalog.jobs.find(item["import_id"], ALL_STORES)
        assert job is not None
        assert (number, job.parameters["columns"]) == (number, COLUMNS)


def test_polls_under_other_names_are_refused_with_the_query_that_maps_them(client: TestClient) -> None:
    row = {"id": "a", "ts": "2023-01-23T09:00:00Z", "state": "active"}
    refused = client.post("/v1/observations", json=[row])
    assert refused.json()["detail"] == (
        "No observation was good, 1 rejected; nothing was stored. If columns of other names hold these, add: "
        "?map=id=store_id&map=ts=timestamp_utc&map=state=status"
    )
    csv = client.post("/v1/observations", content="id,ts,state\na,1,active\n", headers={"Content-Type": CSV})
    assert csv.json()["detail"].endswith("?map=id=store_id&map=ts=timestamp_utc&map=state=status")


def test_mapping_that_cannot_be_is_a_problem_of_its_parameter(client: TestClient) -> None:
    save(client, "till")
    for params, error in (
        ({"map": "x=stor_id"}, ("query.map", "'x=stor_id' does not name a field of a table; did you mean store_id?")),
        ({"mapping": "tilll"}, ("query.mapping", "There is no column mapping 'tilll'; did you mean till?")),
    ):
        for method, path in (("POST", "/v1/observations"), ("PUT", "/v1/sales"), ("POST", "/v1/imports")):
            sent = {"files": ZONES} if path == "/v1/imports" else {"json": [{}]}
            refused = client.request(method, path, params=params, **sent)
            assert [tuple(each.values()) for each in refused.json()["errors"]] == [error]
