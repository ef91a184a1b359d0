"""The classic contract through the real service object; tests/processes has the same over real sockets and kills."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from support.scene import REPORT, settings_in
from support.services import service_of
from support.waiting import wait_for

from storewatch.domain.enums import JobKind
from storewatch.domain.error_families import StorewatchError
from storewatch.installation import Installation, open_installation, prepare_service
from storewatch.reports.request.request import ReportRequest
from storewatch.web.problems import STATUS_OF


@pytest.fixture
def app(scene_on_each_database: Installation) -> Installation:
    """The scene. This contract is tested on each kind of database, from the request to the file of the worker."""
    return scene_on_each_database


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with TestClient(service_of(prepare_service(app)), raise_server_exceptions=False) as client:
        yield client


def finished(client: TestClient, report_id: str):
    def ask():
        response = client.get("/get_report", params={"report_id": report_id})
        return None if response.headers["content-type"] == "application/json" else response

    return wait_for(ask)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_trigger_returns_an_id_and_then_the_csv(client: TestClient, method: str) -> None:
    triggered = client.request(method, "/trigger_report")
    assert (triggered.status_code, list(triggered.json())) == (200, ["report_id"])
    report_id = triggered.json()["report_id"]
    response = finished(client, report_id)
    assert (response.status_code, response.text) == (200, REPORT)
    assert response.headers["content-type"].startswith("text/csv")
    assert response.headers["content-disposition"] == 'attachment; filename="storewatch_2023-01-23_classic.csv"'
    assert response.headers["x-report-status"] == "Complete"


def test_report_that_is_not_ready_is_running(app: Installation) -> None:
    with TestClient(service_of(prepare_service(app, with_worker=False))) as client:
        report_id = client.post("/trigger_report").json()["report_id"]
        response = client.get("/get_report", params={"report_id": report_id})
    assert (response.status_code, response.json()) == (200, {"status": "Running"})


def test_report_left_running_is_run_at_the_next_start(app: Installation) -> None:
    report_id = prepare_service(app, with_worker=False).jobs.accept(JobKind.REPORT, ReportRequest().parameters())
    with TestClient(service_of(prepare_service(app))) as client:
        assert finished(client, report_id).text == REPORT


def test_reports_triggered_together_are_all_answered(client: TestClient) -> None:
    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda _: client.post("/trigger_report").json()["report_id"], range(16)))
    assert len(set(ids)) == 16
    assert {finished(client, report_id).text for report_id in ids} == {REPORT}


def test_unknown_id_is_a_problem(client: TestClient) -> None:
    response = client.get("/get_report", params={"report_id": "nope"})
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "request_id": response.headers["x-request-id"],
        "type": "urn:storewatch:problem:unknown-report",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no report with the id 'nope'. `storewatch jobs list` and GET /v1/reports list them.",
    }


def test_missing_id_is_a_problem_that_names_the_field(client: TestClient) -> None:
    response = client.get("/get_report")
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert response.json()["errors"] == [{"field": "query.report_id", "message": "Field required"}]


def test_failed_report_is_a_problem_with_its_reason(tmp_path: Path) -> None:
    with (
        open_installation(settings_in(tmp_path)) as empty,
        TestClient(service_of(prepare_service(empty)), raise_server_exceptions=False) as client,
    ):
        response = finished(client, client.post("/trigger_report").json()["report_id"])
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert response.json()["detail"].startswith("Nothing has been observed yet")


def test_unknown_path_and_method_are_problems(client: TestClient) -> None:
    for response, status in ((client.get("/nothing"), 404), (client.delete("/trigger_report"), 405)):
        assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


def test_welcome_is_json_for_programs_and_a_page_for_browsers(client: TestClient) -> None:
    listed = [entry["endpoint"] for entry in client.get("/").json()["endpoints"]]
    assert listed[:2] == ["POST /trigger_report", "GET /get_report?report_id=..."]
    page = client.get("/", headers={"Accept": "text/html,application/xhtml+xml"})
    assert page.headers["content-type"].startswith("text/html")
    assert "curl -X POST http://testserver/trigger_report" in page.text


def test_head_is_answered_like_get_without_a_body(client: TestClient) -> None:
    assert (client.head("/").status_code, client.head("/").text) == (200, "")
    assert client.head("/get_report", params={"report_id": "nope"}).status_code == 404


def test_running_and_triggered_are_never_cached(client: TestClient) -> None:
    assert client.get("/trigger_report").headers["cache-control"] == "no-store"


def test_every_storewatch_error_has_a_status() -> None:
    assert set(STATUS_OF) == set(StorewatchError.__subclasses__())


def test_docs_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "https://" not in page
    assert client.get("/static-offline-docs/swagger-ui-bundle.js").status_code == 200
    assert {"/", "/get_report", "/trigger_report"} <= set(client.get("/openapi.json").json()["paths"])
