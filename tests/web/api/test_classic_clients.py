"""Requests of the classic contract as its clients spell them beside the documented form."""

import csv
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.installations import OpenInstallation
from support.scene import REPORT
from support.services import service_of
from support.waiting import wait_for

from storewatch.installation import prepare_service


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, open_scene: OpenInstallation) -> Iterator[TestClient]:
    with (
        open_scene(tmp_path_factory.mktemp("classic")) as app,
        TestClient(service_of(prepare_service(app))) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def complete(client: TestClient) -> str:
    """The id of a complete report."""
    report_id: str = client.post("/trigger_report").json()["report_id"]
    wait_for(lambda: client.get(f"/v1/reports/{report_id}").json()["state"] == "complete")
    return report_id


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("GET", "/get_report/{id}", {}),
        ("GET", "/get_report/{id}/", {}),
        ("GET", "/get_report/?report_id={id}", {}),
        ("GET", "//get_report?report_id={id}", {}),
        ("GET", "/api/get_report?report_id={id}", {}),
        ("GET", "/api/get_report/{id}", {}),
        ("POST", "/get_report?report_id={id}", {}),
        ("POST", "/get_report", {"json": {"report_id": "{id}"}}),
        ("POST", "/api/get_report/", {"json": {"report_id": "{id}"}}),
        ("POST", "/get_report", {"data": {"report_id": "{id}"}}),
        ("POST", "/get_report", {"files": {"report_id": (None, "{id}")}}),
    ],
)
def test_report_is_sent_in_every_form_of_the_request(
    client: TestClient, complete: str, method: str, path: str, options: dict[str, dict[str, Any]]
) -> None:
    filled = {
        kind: {
            name: tuple(complete if part == "{id}" else part for part in value) if kind == "files" else complete
            for name, value in fields.items()
        }
        for kind, fields in options.items()
    }
    answer = client.request(method, f"http://testserver{path.format(id=complete)}", **filled)
    assert (answer.status_code, answer.text, answer.headers["x-report-status"]) == (200, REPORT, "Complete")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"report_id": 7}', b'{"report_id": "\\ud800"}', b"\xff"])
def test_body_without_a_report_is_a_problem_that_names_the_field(client: TestClient, body: bytes) -> None:
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        answer = client.post("/get_report", content=body, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.report_id")


def test_trigger_and_health_are_found_under_their_other_names(client: TestClient) -> None:
    for path in ("/api/trigger_report", "/trigger_report/"):
        assert list(client.post(path).json()) == ["report_id"]
    for path in ("/health", "/health/", "/api/health"):
        assert client.get(path).json() == client.get("/healthz").json()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "text/csv; charset=utf-8"),
        ("*/*;q=0.1", "text/csv; charset=utf-8"),
        ("*/*", "text/csv; charset=utf-8"),
        ("application/json, text/plain, */*", "text/csv; charset=utf-8"),
        ("text/*", "text/csv; charset=utf-8"),
        ("image/png", "text/csv; charset=utf-8"),
        ("text/csv", "text/csv"),
        ("application/json;q=0.9, TEXT/CSV", "text/csv"),
        ("application/json", "application/json"),
        ("application/json, text/csv;q=0", "application/json"),
        ("application/*, text/html", "application/json"),
    ],
)
def test_complete_report_is_csv_unless_a_client_accepts_only_json(
    client: TestClient, complete: str, accept: str | None, kind: str
) -> None:
    headers = {name: value for name, value in {"Accept": accept}.items() if value is not None}
    request = client.build_request("GET", f"/get_report/{complete}", headers=headers)
    if accept is None:
        del request.headers["accept"]
    answer = client.send(request)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["vary"].split(", ")[0] == "Accept"
    if kind != "application/json":
        assert answer.text == REPORT
        return
    rows = list(csv.DictReader(REPORT.splitlines()))
    assert answer.json() == {
        "status": "Complete",
        "report_id": complete,
        "url": f"http://testserver/get_report?report_id={complete}",
        "data": [{name: float(v) if name != "store_id" else v for name, v in row.items()} for row in rows],
    }
    assert client.get(answer.json()["url"]).text == REPORT
