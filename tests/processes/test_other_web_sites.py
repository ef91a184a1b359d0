"""What pages of other web sites can make a browser do to a real service that requires no key."""

from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from support.real_processes import service

TRIGGERS = ["/trigger_report", "/trigger_report/", "//trigger_report", "/api/trigger_report", "/trigger%5Freport"]
MODES = [
    {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1"},
    {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    {},
]
CHANGES = [
    ("POST", "/trigger_report", None),
    ("POST", "/v1/reports", {}),
    ("POST", "/v1/stores", {"store_id": "made"}),
    ("PATCH", "/v1/stores/made", {"timezone": "UTC"}),
    ("PUT", "/v1/report-definitions/made", {"parameters": {}}),
    ("DELETE", "/v1/stores/made", None),
]
# What browsers send from pages of other sites, of other ports of this machine, and of sandboxed frames.
FOREIGN = [
    {"Origin": "https://evil.example.com", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example.com"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    home: Path = tmp_path_factory.mktemp("other_web_sites") / "home"
    with service(home, "--no-worker", STOREWATCH_CORS_ORIGINS="https://dashboard.example.com") as (_, client):
        yield client


def get(client: httpx.Client, path: str, **headers: str) -> httpx.Response:
    """Get a path as it is written: a relative URL with two slashes would be a host."""
    return client.get(f"{str(client.base_url).rstrip('/')}{path}", headers=headers)


def jobs(client: httpx.Client) -> int:
    return len(client.get("/v1/jobs", params={"limit": 1000}).json()["items"])


def is_foreign(response: httpx.Response) -> bool:
    problem = "urn:storewatch:problem:foreign-origin"
    return response.status_code == 403 and response.json()["type"] == problem


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_site_cannot_trigger_a_report_by_get(client: httpx.Client, site: str) -> None:
    before = jobs(client)
    for path in TRIGGERS:
        for mode in MODES:
            assert is_foreign(get(client, path, **{"Sec-Fetch-Site": site}, **mode)), (path, mode)
    assert jobs(client) == before


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_other_site_cannot_change_anything(client: httpx.Client, method: str, path: str, body: object) -> None:
    before = jobs(client)
    for headers in FOREIGN:
        assert is_foreign(client.request(method, path, json=body, headers=headers)), headers
    assert jobs(client) == before
    assert client.get("/v1/stores").json()["items"] == []


def test_person_and_program_of_this_machine_trigger_reports(client: httpx.Client) -> None:
    typed = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    own_page = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    listed = {"Sec-Fetch-Site": "cross-site", "Origin": "https://dashboard.example.com"}
    before = jobs(client)
    for path in TRIGGERS:
        for headers in ({}, typed, own_page, listed):
            assert "report_id" in get(client, path, **headers).json(), (path, headers)
    for headers in ({}, own_page, listed, {"Origin": "http://localhost:3000"}):
        assert client.post("/v1/reports", json={}, headers=headers).status_code == 202, headers
    assert jobs(client) == before + 4 * len(TRIGGERS) + 4


def test_link_of_another_site_may_still_be_read(client: httpx.Client) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/v1/status", headers=link).status_code == 200
