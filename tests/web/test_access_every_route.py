"""Checks of every route of the service: a new route without protection, audit or documented problems fails here."""

import re
from collections.abc import Iterable, Iterator

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import BaseRoute, Mount, Route
from support.access_scene import bearer, key_of, serving
from support.scene import settings_in

from storewatch.domain.enums import Role
from storewatch.installation import Installation, open_installation, prepare_service
from storewatch.web import security
from storewatch.web.middleware.access import CHANGE_BY_GET, PUBLIC_FOLDER, PUBLIC_PATHS
from storewatch.web.service import create_service

NO_KEY = PUBLIC_PATHS
READ_ONLY = {"GET", "HEAD"}
# Routes that need another role than the usual one of their method.
OTHERWISE = {
    ("GET", "/trigger_report"): Role.OPERATOR,
    ("POST", "/get_report"): Role.VIEWER,
    ("GET", "/v1/jobs"): Role.OPERATOR,
}
# What clients of the classic contract also send.
NOT_DOCUMENTED = {("GET", "/get_report/{report_id}")}
ADMINS_ONLY = ("/v1/keys", "/v1/audit", "/v1/schedules")
EXPORTS = {"text/csv", "application/x-ndjson", "application/octet-stream", "application/vnd.apache.parquet"}


def needed_role(method: str, path: str) -> Role:
    if path.startswith(ADMINS_ONLY):
        return Role.ADMIN
    return OTHERWISE.get((method, path), Role.VIEWER if method in READ_ONLY else Role.OPERATOR)


def walk(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from walk(included.routes)
        elif isinstance(route, Route):
            yield route
        else:
            assert isinstance(route, Mount), route
            assert route.path == PUBLIC_FOLDER.rstrip("/")


def asked(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for further in dependant.dependencies:
        yield from asked(further)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with open_installation(settings_in(tmp_path_factory.mktemp("routes"))) as app:
        yield app


@pytest.fixture(scope="module")
def service(app: Installation) -> FastAPI:
    return create_service(prepare_service(app, with_worker=False))


@pytest.fixture(scope="module")
def routes(service: FastAPI) -> list[tuple[str, str]]:
    """Method and path of every route that takes a key."""
    return [
        (method, route.path)
        for route in walk(service.routes)
        for method in sorted(route.methods or ())
        if route.path not in NO_KEY
    ]


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app) as client:
        yield client


def ask(client: TestClient, method: str, path: str, **options):
    with client.stream(method, re.sub(r"{[\w:]+}", "0123456789", path), **options) as response:
        return response


def test_walk_finds_what_the_documentation_lists(service: FastAPI) -> None:
    documented = {(method.upper(), path) for path, methods in service.openapi()["paths"].items() for method in methods}
    walked = {(method, r.path_format) for r in walk(service.routes) if isinstance(r, APIRoute) for method in r.methods}
    assert documented <= walked
    assert {path for _, path in walked - documented - NOT_DOCUMENTED} <= NO_KEY


def test_every_route_requires_a_key(client: TestClient, routes: list[tuple[str, str]]) -> None:
    answers = {route: ask(client, *route).status_code for route in routes}
    assert answers == dict.fromkeys(routes, 401)
    assert len(answers) >= 9


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_every_route_refuses_a_role_that_is_too_low(
    app: Installation, client: TestClient, routes: list[tuple[str, str]], role: Role
) -> None:
    headers = bearer(key_of(app, role))
    above = [route for route in routes if not role.includes(needed_role(*route))]
    assert {route: ask(client, *route, headers=headers).status_code for route in above} == dict.fromkeys(above, 403)


@pytest.mark.parametrize("role", list(Role))
def test_every_route_lets_in_a_role_that_suffices(
    app: Installation, client: TestClient, routes: list[tuple[str, str]], role: Role
) -> None:
    headers = bearer(key_of(app, role))
    answers = {
        route: ask(client, *route, headers=headers).status_code
        for route in routes
        if role.includes(needed_role(*route))
    }
    assert {route: status for route, status in answers.items() if status in {401, 403} or status >= 500} == {}


def test_every_route_names_the_role_it_takes(service: FastAPI) -> None:
    roles = {security.viewer, security.operator, security.admin}
    silent = [
        route.path
        for route in walk(service.routes)
        if isinstance(route, APIRoute) and route.path not in NO_KEY and not roles & set(asked(route.dependant))
    ]
    assert silent == []


def test_every_change_and_every_download_is_audited(service: FastAPI) -> None:
    unseen = []
    for route in walk(service.routes):
        if not isinstance(route, APIRoute) or route.path in NO_KEY:
            continue
        content = (route.responses.get(200) or {}).get("content", {})
        if route.methods <= READ_ONLY and not EXPORTS & set(content):
            continue
        if not any("audited" in getattr(call, "__qualname__", "") for call in asked(route.dependant)):
            unseen.append((sorted(route.methods), route.path))
    assert unseen == []


def test_gets_that_change_something_are_listed_as_such(service: FastAPI) -> None:
    """GETs that are audited and are no download: other web sites must not be able to make a browser send them."""
    changing = set()
    for route in walk(service.routes):
        if isinstance(route, APIRoute) and "GET" in route.methods and route.path not in NO_KEY:
            content = (route.responses.get(200) or {}).get("content", {})
            is_audited = any("audited" in getattr(call, "__qualname__", "") for call in asked(route.dependant))
            is_download = EXPORTS & set(content) or route.path.startswith("/get_report")
            if is_audited and not is_download:
                changing.add(route.path)
    assert changing == CHANGE_BY_GET


def test_every_route_documents_its_problems_its_name_and_its_key(service: FastAPI) -> None:
    for path, methods in service.openapi()["paths"].items():
        for method, operation in methods.items():
            if path in NO_KEY:
                continue
            where = f"{method} {path}"
            assert {"401", "403", "429"} <= set(operation["responses"]), where
            assert operation["security"] == [{"bearer": []}, {"header": []}], where
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], f"{where} {status}"


def test_every_route_is_spelled_in_one_way(service: FastAPI) -> None:
    """Paths in kebab-case (the classic contract aside), operation ids in camelCase, of which none occurs twice."""
    paths = service.openapi()["paths"]
    part = r"[a-z0-9]+(-[a-z0-9]+)*|{[a-z]+(_[a-z]+)*}"
    assert [path for path in paths if not re.fullmatch(rf"(/({part})?)+", path)] == ["/trigger_report", "/get_report"]
    ids = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert [name for name in ids if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", name)] == []
    assert sorted(ids) == sorted(set(ids))


def test_deprecated_routes_are_those_that_were_replaced(service: FastAPI) -> None:
    paths = service.openapi()["paths"]
    deprecated = {(m, path) for path, methods in paths.items() for m in methods if methods[m].get("deprecated")}
    assert deprecated == {("post", "/v1/weekly-hours"), ("post", "/v1/labels")}
    assert all("put" in paths[path] for _, path in deprecated)
