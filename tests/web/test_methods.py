"""Every route of the service: HEAD, OPTIONS, methods that a path does not have, slashes that make no difference."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Route
from support.access_scene import REQUIRED, bearer, key_of
from support.installations import OpenInstallation
from support.services import service_of
from support.waiting import wait_for

from storewatch.domain.enums import JobKind
from storewatch.installation import Installation, prepare_service
from storewatch.web.store_paths import PARTS

SERVICE = "http://127.0.0.1:8000"  # before a path that begins with two slashes, which would name a host
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
# What differs between two answers to the same request; some bodies hold measured times.
OF_ONE_ANSWER = {"x-request-id", "content-length", "etag", "ratelimit"}
CHANGING_BY_GET = "/trigger_report"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, open_scene: OpenInstallation) -> Iterator[Installation]:
    with open_scene(tmp_path_factory.mktemp("methods")) as app:
        yield app


@pytest.fixture(scope="module")
def service(app: Installation) -> FastAPI:
    return service_of(prepare_service(app, access=REQUIRED))


@pytest.fixture(scope="module")
def client(app: Installation, service: FastAPI) -> Iterator[TestClient]:
    options: dict[str, Any] = {"base_url": SERVICE, "follow_redirects": False}
    with TestClient(service, headers=bearer(key_of(app)), **options) as client:
        yield client


@pytest.fixture(scope="module")
def values(client: TestClient) -> dict[str, str]:
    """The values of path parameters: a store, and a complete report."""
    report_id = client.post("/trigger_report").json()["report_id"]
    wait_for(lambda: client.get(f"/v1/reports/{report_id}").json()["state"] == "complete")
    return {"store_id": "cafe", "report_id": report_id}


@pytest.fixture(scope="module")
def paths(service: FastAPI, values: dict[str, str]) -> dict[str, set[str]]:
    """Every path of the service, and the methods that its routes have."""
    found: dict[str, set[str]] = {}
    for route in service.routes:
        if isinstance(route, Route):
            path = re.sub(r"{(\w+)(:\w+)?}", lambda name: values.get(name[1], "0123456789"), route.path)
            found.setdefault(path, set()).update(route.methods or ())
    return found


def lasting(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in OF_ONE_ANSWER}


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_head_is_answered_as_get_is_without_a_body(
    client: TestClient, paths: dict[str, set[str]], encoding: str
) -> None:
    readable = sorted(path for path, methods in paths.items() if "GET" in methods)
    assert len(readable) >= 40
    for path in readable:
        got, head = (client.request(method, path, headers={"Accept-Encoding": encoding}) for method in ("GET", "HEAD"))
        assert (path, head.status_code, lasting(head)) == (path, got.status_code, lasting(got))
        assert ("content-length" in head.headers) == ("content-length" in got.headers)
        assert (head.content, bool(got.content)) == (b"", True)


def test_method_that_a_path_does_not_have_is_refused_with_those_that_it_has(
    client: TestClient, paths: dict[str, set[str]]
) -> None:
    for path, methods in paths.items():
        allowed = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        for method in set(METHODS) - allowed:
            refused = client.request(method, path)
            assert (method, path, refused.status_code) == (method, path, 405)
            assert refused.headers["allow"] == ", ".join(sorted(allowed))
        asked = client.options(path)
        assert (path, asked.status_code, asked.headers["allow"]) == (path, 204, ", ".join(sorted(allowed)))
        assert asked.content == b""
    assert client.options("/nothing").status_code == 404


def test_slashes_and_api_before_a_path_make_no_difference(client: TestClient, paths: dict[str, set[str]]) -> None:
    for path in sorted(path for path, methods in paths.items() if "GET" in methods and path != CHANGING_BY_GET):
        doubled = path.replace("/", "//")
        answers = [client.get(SERVICE + each) for each in (path, f"{path}/", f"{path}//", f"{doubled}/", f"/api{path}")]
        assert {(path, each.status_code, str(lasting(each))) for each in answers} == {
            (path, answers[0].status_code, str(lasting(answers[0])))
        }
    assert client.get("/v1/stores/").json() == client.get("/v1/stores").json()
    assert client.get(f"{SERVICE}//v1//stores//cafe//?x=//").json() == client.get("/v1/stores/cafe").json()
    assert client.post("/v1/stores/", json={"store_id": ""}).status_code == 422
    assert client.put("/v1//labels/", content="").status_code == client.put("/v1/labels", content="").status_code


def test_path_that_needs_no_key_needs_none_with_a_slash_at_its_end(app: Installation) -> None:
    with TestClient(service_of(prepare_service(app, with_worker=False, access=REQUIRED)), base_url=SERVICE) as anybody:
        answers = [anybody.get(SERVICE + path) for path in ("/healthz/", "//healthz", "/api/healthz", "/v1/stores/")]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 401]


def test_head_starts_no_report_and_leaves_no_row_in_the_audit_log(
    app: Installation, client: TestClient, values: dict[str, str]
) -> None:
    reports, rows = len(app.catalog.jobs.list_(kind=JobKind.REPORT)), len(client.get("/v1/audit").json()["items"])
    for path in (CHANGING_BY_GET, f"/get_report?report_id={values['report_id']}", "/v1/audit?format=csv"):
        assert client.head(path).status_code == 200
    assert len(app.catalog.jobs.list_(kind=JobKind.REPORT)) == reports  # whatever their states, which a worker changes
    assert len(client.get("/v1/audit").json()["items"]) == rows


def test_head_of_events_ends_while_the_report_does_not(app: Installation) -> None:
    with TestClient(service_of(prepare_service(app, with_worker=False)), base_url=SERVICE) as client:
        report_id = client.post("/trigger_report").json()["report_id"]
        events = client.head(f"/v1/reports/{report_id}/events")
        assert (events.status_code, events.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        client.delete(f"/v1/reports/{report_id}")


def test_slash_of_a_store_id_is_written_encoded(client: TestClient) -> None:
    for part in PARTS:
        store_id = f"kiosk/{part}"
        location = client.post("/v1/stores", json={"store_id": store_id}).headers["location"]
        assert location == f"/v1/stores/kiosk%2F{part}"
        assert client.get(location.replace("%2F", "%2f")).json()["store_id"] == store_id
        assert client.get(f"{location}/weekly-hours").json()["store_id"] == store_id
        assert client.patch(location, json={"timezone": "UTC"}).json()["timezone"] == "UTC"
        refused = client.delete(f"/v1/stores/kiosk/{part}")
        assert (refused.status_code, "DELETE" in refused.headers["allow"]) == (405, False)
        assert client.delete(location).status_code == 204
    store_id = "/a//b/"
    location = client.post("/v1/stores", json={"store_id": store_id}).headers["location"]
    assert client.get(location).json()["store_id"] == store_id
    assert client.get("/v1/stores/a/b").status_code == 404


def test_day_of_weekly_hours_is_a_number(client: TestClient) -> None:
    row = {"day": False, "start_time_local": "09:00", "end_time_local": "12:00"}
    answer = client.post("/v1/stores", json={"store_id": "new", "weekly_hours": [row]})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["body.weekly_hours.0.day"]
