"""Request ids, the log line of each request and its counts, around a small service."""

import logging
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, StreamingResponse
from fastapi.testclient import TestClient

from storewatch.access import Principal
from storewatch.domain.enums import Role
from storewatch.telemetry import IN_FLIGHT, REGISTRY, current_request_id
from storewatch.web.middleware.request_log import RequestLogMiddleware
from storewatch.web.problems import install_problems


@pytest.fixture
def client() -> TestClient:
    service = FastAPI()
    install_problems(service)

    @service.get("/stores/{store_id}")
    def store(store_id: str, request: Request) -> dict[str, Any]:
        logging.getLogger("storewatch.test").info("inside")
        request.state.principal = Principal(key_id="k1", name="someone", role=Role.VIEWER)
        return {"bound": current_request_id(), "state": request.state.request_id, "flying": IN_FLIGHT._value.get()}

    @service.get("/broken")
    def broken() -> None:
        raise ValueError("postgresql://user:hunter2@host/db is away")

    @service.get("/half")
    def half() -> StreamingResponse:
        def parts():
            yield "half"
            raise ValueError("broken")

        return StreamingResponse(parts())

    @service.get("/healthz")
    def healthz() -> PlainTextResponse:
        return PlainTextResponse("alive")

    service.add_middleware(RequestLogMiddleware)
    return TestClient(service, raise_server_exceptions=False)


def counted(method: str, route: str, status: int) -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    return REGISTRY.get_sample_value("storewatch_http_requests_total", labels) or 0


def request_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    fields = ("method", "route", "status", "bytes", "key_id", "address")
    return [
        {name: getattr(record, name) for name in fields} for record in caplog.records if record.message == "request"
    ]


def test_request_id_that_is_sane_is_taken_over(client: TestClient) -> None:
    response = client.get("/stores/s1", headers={"X-Request-ID": "abc-1.2_3"})
    assert response.headers["x-request-id"] == "abc-1.2_3"
    assert response.json() == {"bound": "abc-1.2_3", "state": "abc-1.2_3", "flying": 1}
    assert current_request_id() is None


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "<script>", "\u00e9", 'a"', "line\\nbreak"])
def test_request_id_that_is_not_is_replaced(client: TestClient, given: str) -> None:
    ids = [
        client.get("/stores/s1", headers={"X-Request-ID": given.encode("latin-1")}).headers["x-request-id"]
        for _ in range(2)
    ]
    assert [len(name) for name in ids] == [32, 32]
    assert ids[0] != ids[1]


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/stores/s1?bad=1", 405), ("/broken", 500)])
def test_problem_names_the_request(client: TestClient, path: str, status: int) -> None:
    method = "POST" if status == 405 else "GET"
    response = client.request(method, path, headers={"X-Request-ID": "r1"})
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert response.headers["x-request-id"] == response.json()["request_id"] == "r1"
    assert "hunter2" not in response.text


def test_request_leaves_one_line_and_one_count(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    before = counted("GET", "/stores/{store_id}", 200)
    response = client.get("/stores/s1?key=geheim")
    assert request_lines(caplog) == [
        {
            "method": "GET",
            "route": "/stores/{store_id}",
            "status": 200,
            "bytes": len(response.content),
            "key_id": "k1",
            "address": "testclient",
        }
    ]
    assert counted("GET", "/stores/{store_id}", 200) == before + 1
    assert IN_FLIGHT._value.get() == 0
    assert "geheim" not in str([record.__dict__ for record in caplog.records if record.name.startswith("storewatch")])


def test_unknown_paths_and_methods_share_a_series(client: TestClient) -> None:
    before = counted("OTHER", "unmatched", 404), counted("GET", "unmatched", 404)
    client.request("BREW", "/coffee/1")
    client.get("/nothing/2")
    assert (counted("OTHER", "unmatched", 404), counted("GET", "unmatched", 404)) == (before[0] + 1, before[1] + 1)


def test_probes_are_quiet(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert client.get("/healthz").text == "alive"
    assert request_lines(caplog) == []


def test_failure_is_logged_once_and_answered(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    response = client.get("/broken", headers={"X-Request-ID": "r1"})
    assert response.json() == {
        "type": "urn:storewatch:problem:internal",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "The service failed; its log has the reason.",
        "request_id": "r1",
    }
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["request failed"]


def test_answer_that_breaks_off_is_cut_not_finished(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    before = counted("GET", "/half", 200)
    response = client.get("/half")
    assert (response.status_code, response.text) == (200, "half")
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["request failed"]
    assert counted("GET", "/half", 200) == before + 1
