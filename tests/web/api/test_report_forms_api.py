"""Parameters, forms and manifests of reports over HTTP."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.access_scene import serving
from support.scene import import_scene, settings_in
from support.waiting import wait_for

from storewatch.access import AccessRules
from storewatch.catalog import StoreChanges, labels_frame
from storewatch.domain.enums import ReportFormat
from storewatch.domain.media_types import REPORT_MEDIA_TYPES
from storewatch.installation import Installation, open_installation
from storewatch.reports.archive.manifest import Manifest
from storewatch.reports.request.parameters import parameters_of
from storewatch.reports.request.request import ReportRequest
from storewatch.web.api.report_models import ReportBody, ReportMembers, ReportParameters

WEEK = {"windows": ["2023-01-16/2023-01-23"], "by": "day", "include": ["outages"]}
FILES = {
    "csv": ("text/csv; charset=utf-8", "storewatch_2023-01-23_classic.csv", b"store_id,"),
    "wide_csv": ("text/csv; charset=utf-8", "storewatch_2023-01-23_last-week.csv", b""),
    "json": ("application/json", "storewatch_2023-01-23_last-week.json", b"{"),
    "ndjson": ("application/x-ndjson", "storewatch_2023-01-23_last-week.ndjson", b"{"),
    "parquet": ("application/vnd.apache.parquet", "storewatch_2023-01-23_last-week.parquet", b"PAR1"),
    "xlsx": (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "storewatch_2023-01-23_last-week.xlsx",
        b"PK",
    ),
    "pdf": ("application/pdf", "storewatch_2023-01-23_last-week.pdf", b"%PDF"),
}
EVERYTHING = {
    "as_of": "2023-01-23T18:00:00Z",
    "policy": "observed",
    "max_gap": "90m",
    "store_ids": ["bar", "cafe"],
    "labels": {"owner": "acme"},
    "zone": "America/New_York",
    "with_outages": True,
    "worst": 3,
    "windows": ["last_week", "2023-01-01/2023-02-01"],
    "rolling": True,
    "timezone": "Europe/Berlin",
    "by": "day",
    "group_by": "owner",
    "compare_before": True,
    "peers": "make",
    "target": 99.5,
    "include": ["outages", "quality"],
    "currency": "EUR",
    "min_duration": "5m",
    "closures": "exclude",
    "annotations": "ignore",
    "format": "parquet",
    "table": "buckets",
    "paper": "letter",
    "raw_text": True,
    "allow_unknown": True,
    "sources": ["wolt"],
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("forms")
    with open_installation(settings_in(folder)) as app:
        import_scene(app, folder / "files")
        labels = labels_frame({"cafe": {"owner": "acme", "make": "x"}})
        app.catalog.stores.replace(StoreChanges(labels=labels), now=datetime.now(UTC))
        yield app


@pytest.fixture(scope="module")
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app, AccessRules(), with_worker=True) as client:
        yield client


def completed(client: TestClient, **wanted: Any) -> str:
    response = client.post("/v1/reports", json=wanted)
    assert response.status_code == 202, response.text
    report_id = str(response.json()["report_id"])
    ended = ("complete", "failed")
    report = wait_for(
        lambda: found if (found := client.get(f"/v1/reports/{report_id}").json())["state"] in ended else None
    )
    assert report["error"] is None
    return report_id


def test_body_has_the_members_of_a_report() -> None:
    members = {each.name for each in parameters_of(ReportRequest)} - {"as_of"}
    assert set(ReportMembers.model_fields) == members
    assert set(ReportBody.model_fields) == {*members, "as_of", "definition"}
    assert set(ReportParameters.model_fields) - {"max_gap_seconds"} == {*members, "as_of", "definition"} - {"max_gap"}
    assert all(field.description for field in ReportBody.model_fields.values())
    assert set(REPORT_MEDIA_TYPES) == set(ReportFormat)


def test_every_member_is_stored_and_returned(client: TestClient) -> None:
    shown = client.post("/v1/reports", json=EVERYTHING).json()["parameters"]
    expected = {name: value for name, value in EVERYTHING.items() if name != "max_gap"}
    # `rolling` turns the window's name into that of the rolling window, which is stored.
    rolled = {"windows": ["rolling_7_days", "2023-01-01/2023-02-01"], "rolling": False}
    assert shown == expected | rolled | {"max_gap_seconds": 5400.0, "definition": None}


def test_null_is_the_default(client: TestClient) -> None:
    bare = client.post("/v1/reports", json={}).json()["parameters"]
    assert client.post("/v1/reports", json=dict.fromkeys(EVERYTHING)).json()["parameters"] == bare


@pytest.mark.parametrize("form", list(FILES))
def test_file_comes_with_its_type_and_a_name_for_people(client: TestClient, form: str) -> None:
    media_type, name, begin = FILES[form]
    report_id = completed(client, format=form, **({} if form == "csv" else {"windows": ["last_week"]}))
    for file in (
        client.get(f"/v1/reports/{report_id}/file"),
        client.get("/get_report", params={"report_id": report_id}),
    ):
        assert (file.status_code, file.headers["content-type"]) == (200, media_type)
        assert file.headers["content-disposition"] == f'attachment; filename="{name}"'
        assert file.content.startswith(begin)


def test_manifest_makes_the_report_again(client: TestClient, app: Installation) -> None:
    report_id = completed(client, **WEEK, format="ndjson")
    file = client.get(f"/v1/reports/{report_id}/file")
    manifest = client.get(f"/v1/reports/{report_id}/manifest")
    shown = manifest.json()
    assert shown["sha256"] == hashlib.sha256(file.content).hexdigest()
    assert (shown["file"], shown["as_of"], shown["scope"]) == (
        "storewatch_2023-01-23_2023-01-16-to-2023-01-23_by-day.ndjson",
        "2023-01-23T18:00:00Z",
        None,
    )
    read = Manifest.read(manifest.text)
    assert (read.versions.lake, read.request.windows) == (app.lake.snapshot().version, tuple(WEEK["windows"]))


def test_manifest_of_a_report_that_is_not_complete_is_refused(app: Installation) -> None:
    with serving(app, AccessRules()) as idle:
        report_id = idle.post("/v1/reports", json={"as_of": "2023-01-20T00:00:00Z"}).json()["report_id"]
        response = idle.get(f"/v1/reports/{report_id}/manifest")
        idle.delete(f"/v1/reports/{report_id}")
    assert (response.status_code, response.json()["type"]) == (409, "urn:storewatch:problem:report-not-ready")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"windows": ["some day"]}, "windows"),
        ({"windows": ["2023-02-01/2023-01-01"], "format": "json"}, "windows"),
        ({"windows": ["1950-01-01/2023-01-01"], "format": "json"}, "windows"),
        ({"windows": ["today"] * 11}, "windows"),
        ({"windows": ["last_month"], "rolling": True, "format": "json"}, "rolling"),
        ({"rolling": True}, "rolling"),
        ({"by": "minute"}, "by"),
        ({"by": "day"}, "format"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"zone": "Mars"}, "zone"),
        ({"worst": 0}, "worst"),
        ({"worst": "3"}, "worst"),
        ({"with_outages": "yes"}, "with_outages"),
        ({"target": 101}, "target"),
        ({"target": 0.995}, "target"),
        ({"group_by": "brand", "format": "json"}, "group_by"),
        ({"peers": "brand", "format": "json"}, "peers"),
        ({"target": True}, "target"),
        ({"include": ["gossip"]}, "include.0"),
        ({"include": ["outages"], "format": "json", "min_duration": "soon"}, "min_duration"),
        ({"table": "outages", "format": "parquet"}, "table"),
        ({"table": "summary", "format": "json"}, "table"),
        ({"group_by": ""}, "group_by"),
        ({"labels": {"a": ""}}, "labels.a"),
        ({"closures": "forget"}, "closures"),
        ({"definition": "a/b"}, "definition"),
    ],
)
def test_member_that_cannot_be_is_refused_by_its_name(client: TestClient, change: dict[str, Any], field: str) -> None:
    response = client.post("/v1/reports", json=change)
    assert response.status_code == 422, response.text
    assert [error["field"] for error in response.json()["errors"]] == [f"body.{field}"]


def test_report_that_its_form_cannot_hold_is_refused_at_once(client: TestClient) -> None:
    hours = {"windows": [f"{year}-01-01/{year + 3}-01-01" for year in range(1990, 2020, 3)], "by": "hour"}
    for store_id in ("one", "two"):
        client.post("/v1/stores", json={"store_id": store_id})
    response = client.post("/v1/reports", json=hours | {"format": "xlsx"})
    assert [error["field"] for error in response.json()["errors"]] == ["body.format"]
    assert "buckets" in response.json()["detail"]


def test_report_before_anything_was_observed_is_accepted_and_fails(tmp_path: Path) -> None:
    with open_installation(settings_in(tmp_path)) as empty, serving(empty, AccessRules(), with_worker=True) as client:
        response = client.post("/v1/reports", json={"windows": ["last_week"], "format": "pdf"})
        assert response.status_code == 202
        path = f"/v1/reports/{response.json()['report_id']}"
        report = wait_for(lambda: found if (found := client.get(path).json())["state"] == "failed" else None)
    assert report["error"].startswith("Nothing has been observed yet")
