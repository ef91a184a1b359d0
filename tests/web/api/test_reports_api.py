"""Reports over HTTP: created, watched, downloaded, cancelled, deleted; with keys with and without a scope."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving
from support.scene import HEADER, REPORT, settings_in
from support.waiting import wait_for

from storewatch.access import AccessRules
from storewatch.catalog import StoreChanges, labels_frame
from storewatch.domain.enums import Role
from storewatch.domain.labels import ALL_STORES, Label, Scope
from storewatch.installation import Installation, open_installation

ACME = Scope(label=Label("owner", "acme"))
CAFE = "cafe,0.0,2.25,2.25,0.0,0.75,0.75\n"


@pytest.fixture
def app(scene: Installation) -> Installation:
    labels = labels_frame({"cafe": {"owner": "acme"}, "bar": {"owner": "other"}})
    scene.catalog.stores.replace(StoreChanges(labels=labels), now=datetime.now(UTC))
    return scene


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app, AccessRules(), with_worker=True) as client:
        yield client


@pytest.fixture
def idle(app: Installation) -> Iterator[TestClient]:
    """A service that runs no jobs."""
    with serving(app, AccessRules()) as client:
        yield client


def ask(client: TestClient, **wanted: Any) -> str:
    response = client.post("/v1/reports", json=wanted)
    assert response.status_code == 202, response.text
    return str(response.json()["report_id"])


def ended(client: TestClient, report_id: str, **options: Any) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        report = client.get(f"/v1/reports/{report_id}", **options).json()
        return report if report["state"] in ("complete", "failed", "cancelled") else None

    return wait_for(look)


def problem(response: Any) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["type"].rsplit(":", 1)[-1]


def events(client: TestClient, report_id: str) -> list[tuple[str, Any]]:
    response = client.get(f"/v1/reports/{report_id}/events")
    assert response.headers["content-type"].startswith("text/event-stream")
    fields = [line.split(": ", 1) for line in response.text.splitlines() if ": " in line and line[0] != ":"]
    names = [value for name, value in fields if name == "event"]
    data = [json.loads(value) for name, value in fields if name == "data"]
    return list(zip(names, data, strict=True))


WARNING = (
    "as_of 2023-01-24T18:00:00Z does not fit the polls: of 3 polled stores only 1 was polled in the 24 hours before "
    "it. Perhaps its newest poll has a wrong time. as_of 2023-01-23T18:00:00Z would fit."
)


@pytest.mark.parametrize(
    ("newest", "warning"), [("2023-01-24T17:59:59.999999Z", None), ("2023-01-24T18:00:00Z", WARNING)]
)
def test_header_warns_where_as_of_does_not_fit_the_polls(client: TestClient, newest: str, warning: str | None) -> None:
    client.post("/v1/observations", json={"store_id": "ghost", "observed_at": newest, "status": "active"})
    report_id = client.post("/v1/reports", json={}).json()["report_id"]
    assert ended(client, report_id)["state"] == "complete"
    for path in (f"/v1/reports/{report_id}/file", f"/get_report?report_id={report_id}"):
        for method in ("GET", "HEAD"):
            answer = client.request(method, path)
            assert (answer.status_code, answer.headers.get("x-as-of-warning")) == (200, warning)


def test_report_is_accepted_computed_and_downloaded(client: TestClient) -> None:
    accepted = client.post("/v1/reports", json={})
    report_id = accepted.json()["report_id"]
    assert (accepted.status_code, accepted.headers["location"]) == (202, f"/v1/reports/{report_id}")
    report = ended(client, report_id)
    file = client.get(f"/v1/reports/{report_id}/file")
    assert (file.status_code, file.text) == (200, REPORT)
    assert file.headers["content-disposition"] == 'attachment; filename="storewatch_2023-01-23_classic.csv"'
    sha256 = hashlib.sha256(file.content).hexdigest()
    assert file.headers["etag"] == f'"{sha256}"'
    figures = report.pop("figures")
    assert figures.pop("seconds") > 0
    assert figures == {
        "rows": 3,
        "as_of": "2023-01-23T18:00:00Z",
        "as_of_warning": None,
        "lake_version": 1,
        "catalog_version": figures["catalog_version"],
        "sha256": sha256,
    }
    times = [report.pop(name) for name in ("created_at", "started_at", "finished_at")]
    assert times == sorted(times)
    assert report == {
        "report_id": report_id,
        "state": "complete",
        "progress": 1.0,
        "attempts": 1,
        "cancel_requested": False,
        "parameters": {
            "as_of": None,
            "policy": "fill",
            "max_gap_seconds": 604_800.0,
            "store_ids": None,
            "labels": {},
            "zone": None,
            "with_outages": False,
            "worst": None,
            "windows": [],
            "rolling": False,
            "timezone": None,
            "by": None,
            "group_by": None,
            "compare_before": False,
            "peers": None,
            "target": None,
            "include": [],
            "currency": None,
            "min_duration": None,
            "closures": "honour",
            "annotations": "apply",
            "format": "csv",
            "table": None,
            "paper": "a4",
            "allow_unknown": False,
            "raw_text": False,
            "sources": [],
            "definition": None,
        },
        "error": None,
    }


def test_file_that_the_client_has_is_not_sent_again(client: TestClient) -> None:
    report_id = ask(client)
    ended(client, report_id)
    etag = client.get(f"/v1/reports/{report_id}/file").headers["etag"]
    for sent in (etag, f'"x", W/{etag}', "*"):
        again = client.get(f"/v1/reports/{report_id}/file", headers={"If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert client.get(f"/v1/reports/{report_id}/file", headers={"If-None-Match": '"x"'}).text == REPORT


def test_report_takes_every_parameter(client: TestClient) -> None:
    wanted = {"as_of": "2023-01-23T16:00:00Z", "policy": "observed", "max_gap": "90m", "format": "json"}
    report_id = ask(client, **wanted, store_ids=["cafe"], labels={"owner": "acme"})
    ended(client, report_id)
    file = client.get(f"/v1/reports/{report_id}/file")
    assert file.headers["content-type"] == "application/json"
    header = file.json()["report"]
    assert (header["as_of"], header["policy"], header["max_gap_seconds"]) == ("2023-01-23T16:00:00Z", "observed", 5400)
    assert [store["store_id"] for store in file.json()["stores"]] == ["cafe"]


def test_report_by_label_covers_only_its_stores(client: TestClient) -> None:
    report_id = ask(client, labels={"owner": "acme"})
    assert ended(client, report_id)["figures"]["rows"] == 1
    assert client.get(f"/v1/reports/{report_id}/file").text == HEADER + CAFE


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"as_of": "soon"}, "body.as_of"),
        ({"as_of": "1066-10-14T09:00:00Z"}, "body.as_of"),
        ({"policy": "guess"}, "body.policy"),
        ({"max_gap": "3"}, "body.max_gap"),
        ({"format": "doc"}, "body.format"),
        ({"store_ids": []}, "body.store_ids"),
        ({"store_ids": ["nul\0"]}, "body.store_ids.0"),
        ({"labels": {"a": "nul\0"}}, "body.labels.a"),
        ({"labels": []}, "body.labels"),
        ({"when": "now"}, "body.when"),
        ([], "body"),
    ],
)
def test_report_that_cannot_be_is_refused_with_its_field(idle: TestClient, body: Any, field: str) -> None:
    response = idle.post("/v1/reports", json=body)
    assert problem(response) == (422, "invalid-request")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert idle.get("/v1/reports").json() == {"items": [], "next": None}


def test_report_of_an_unknown_store_is_refused(idle: TestClient) -> None:
    assert problem(idle.post("/v1/reports", json={"store_ids": ["cafe", "nobody"]})) == (404, "unknown-store")
    assert idle.get("/v1/reports").json()["items"] == []


@pytest.mark.parametrize("report_id", ["nope", "%00", "x" * 300, "..%2F..%2Fetc%2Fpasswd"])
def test_report_that_does_not_exist_is_unknown_everywhere(idle: TestClient, report_id: str) -> None:
    calls = [("GET", ""), ("GET", "/file"), ("GET", "/events"), ("POST", "/cancel"), ("DELETE", "")]
    for method, path in calls:
        status, name = problem(idle.request(method, f"/v1/reports/{report_id}{path}"))
        assert (status, name) in {(404, "unknown-report"), (404, "http-404"), (405, "http-405")}


def test_reports_are_listed_newest_first_in_pages(idle: TestClient) -> None:
    asked = [ask(idle) for _ in range(3)]
    idle.post(f"/v1/reports/{asked[0]}/cancel")
    first = idle.get("/v1/reports", params={"limit": 2}).json()
    second = idle.get("/v1/reports", params={"limit": 2, "cursor": first["next"]}).json()
    assert [report["report_id"] for report in first["items"] + second["items"]] == asked[::-1]
    assert second["next"] is None
    only = idle.get("/v1/reports", params={"state": "cancelled"}).json()["items"]
    assert [report["report_id"] for report in only] == asked[:1]
    for bad in ({"cursor": "x"}, {"limit": 0}, {"limit": 1001}, {"state": "lost"}):
        assert problem(idle.get("/v1/reports", params=bad)) == (422, "invalid-request")


def test_report_that_is_not_ready_has_no_file(idle: TestClient) -> None:
    response = idle.get(f"/v1/reports/{ask(idle)}/file")
    assert problem(response) == (409, "report-not-ready")
    assert "is queued" in response.json()["detail"]


def test_queued_report_is_cancelled_at_once_and_deleted(idle: TestClient) -> None:
    report_id = ask(idle)
    assert problem(idle.delete(f"/v1/reports/{report_id}")) == (409, "job-not-ended")
    cancelled = idle.post(f"/v1/reports/{report_id}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
    assert problem(idle.post(f"/v1/reports/{report_id}/cancel")) == (409, "job-ended")
    assert problem(idle.get(f"/v1/reports/{report_id}/file")) == (409, "report-not-ready")
    assert idle.delete(f"/v1/reports/{report_id}").status_code == 204
    assert problem(idle.get(f"/v1/reports/{report_id}")) == (404, "unknown-report")


def test_deleted_report_takes_its_file_with_it_and_no_other(client: TestClient, app: Installation) -> None:
    report_id, equal = ask(client), ask(client)
    for asked in (report_id, equal):
        ended(client, asked)
    assert client.delete(f"/v1/reports/{report_id}").status_code == 204
    assert client.get(f"/v1/reports/{equal}/file").text == REPORT
    assert [file.name for file in app.reports.folder.iterdir()] == [f"{equal}.1.csv"]


def test_file_removed_by_hand_is_gone(client: TestClient, app: Installation) -> None:
    report_id = ask(client)
    ended(client, report_id)
    app.reports.remove_files(report_id)
    assert problem(client.get(f"/v1/reports/{report_id}/file")) == (410, "missing-report-file")


def test_failed_report_has_the_reason(tmp_path: Path) -> None:
    with open_installation(settings_in(tmp_path)) as empty, serving(empty, AccessRules(), with_worker=True) as client:
        report_id = ask(client)
        report = ended(client, report_id)
        assert report["state"] == "failed"
        assert report["error"].startswith("Nothing has been observed yet")
        assert problem(client.get(f"/v1/reports/{report_id}/file")) == (409, "report-not-ready")
        assert events(client, report_id) == [("failed", {"state": "failed", "progress": 0.0, "error": report["error"]})]


def test_events_tell_the_progress_until_the_end(client: TestClient) -> None:
    shown = events(client, ask(client))
    assert [name for name, _ in shown[:-1]] == ["progress"] * (len(shown) - 1)
    assert shown[-1] == ("complete", {"state": "complete", "progress": 1.0, "error": None})


def test_scoped_key_gets_and_sees_only_what_is_its_own(app: Installation) -> None:
    with serving(app, with_worker=True) as client:
        scoped, other, whole = (
            {"headers": bearer(key_of(app, Role.OPERATOR, scope))}
            for scope in (ACME, Scope(label=Label("owner", "other")), ALL_STORES)
        )
        theirs = client.post("/v1/reports", json={}, **scoped).json()["report_id"]
        all_stores = client.post("/v1/reports", json={}, **whole).json()["report_id"]
        classic = client.post("/trigger_report", **scoped).json()["report_id"]
        for report_id in (theirs, classic):
            assert ended(client, report_id, **scoped)["figures"]["rows"] == 1
        ended(client, all_stores, **whole)
        # cafe alone: its now is its own newest poll, 17:30.
        expected = HEADER + CAFE.replace("0.0,0.75", "30.0,0.75")
        assert client.get(f"/v1/reports/{theirs}/file", **scoped).text == expected
        assert client.get("/get_report", params={"report_id": classic}, **scoped).text == expected
        listed = {report["report_id"] for report in client.get("/v1/reports", **scoped).json()["items"]}
        assert listed == {theirs, classic}
        for caller, foreign in ((scoped, all_stores), (other, theirs)):
            for method, path in (
                ("GET", ""),
                ("GET", "/file"),
                ("GET", "/events"),
                ("POST", "/cancel"),
                ("DELETE", ""),
            ):
                response = client.request(method, f"/v1/reports/{foreign}{path}", **caller)
                assert problem(response) == (404, "unknown-report")
            assert problem(client.get("/get_report", params={"report_id": foreign}, **caller))[0] == 404
        foreign_store = client.post("/v1/reports", json={"store_ids": ["bar"]}, **scoped)
        assert problem(foreign_store) == (404, "unknown-store")
        assert (
            foreign_store.json()["detail"]
            == "There is no store with the id 'bar'. `storewatch stores list` and GET /v1/stores list them."
        )


def test_viewer_reads_reports_and_creates_none(app: Installation) -> None:
    with serving(app) as client:
        viewer = {"headers": bearer(key_of(app, Role.VIEWER))}
        report_id = client.post("/v1/reports", json={}, headers=bearer(key_of(app))).json()["report_id"]
        assert client.get(f"/v1/reports/{report_id}", **viewer).json()["state"] == "queued"
        for method, path in (("POST", ""), ("POST", f"/{report_id}/cancel"), ("DELETE", f"/{report_id}")):
            response = client.request(method, f"/v1/reports{path}", json={}, **viewer)
            assert problem(response) == (403, "role-too-low")


def test_changes_and_downloads_are_audited(app: Installation) -> None:
    with serving(app, with_worker=True, headers=bearer(key_of(app))) as client:
        report_id = ask(client)
        ended(client, report_id)
        client.get(f"/v1/reports/{report_id}/file")
        client.delete(f"/v1/reports/{report_id}")
        rows = client.get("/v1/audit").json()["items"]
    shown = [(row["action"], row["object_id"], row["outcome"]) for row in rows if row["object_type"] == "report"]
    assert shown == [(f"report.{word}", report_id, "done") for word in ("delete", "download", "create")]
