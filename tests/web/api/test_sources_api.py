"""Figures of a store, and reports, on the polls of some sources; sources that no poll has are refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving

from storewatch.access import AccessRules
from storewatch.catalog import StoreChanges, labels_frame
from storewatch.domain.enums import Role
from storewatch.domain.labels import Label, Scope
from storewatch.installation import Installation

DAY = {"from": "2023-03-01T00:00:00Z", "to": "2023-03-02T00:00:00Z"}
ROUTES = ("timeline", "availability", "outages")
POLLS = [
    ("cafe", 10, "active", None, "Wolt"),
    ("cafe", 11, "inactive", "NOT_FOUND", "Uber_Eats"),
    ("cafe", 12, "active", None, "wolt"),
    ("cafe", 13, "active", None, "UBER EATS"),
    ("bar", 13, "active", None, "glovo"),
]


@pytest.fixture
def client(installation: Installation) -> Iterator[TestClient]:
    with serving(installation, AccessRules()) as client:
        rows = [
            {
                "store_id": store_id,
                "observed_at": f"2023-03-01T{hour}:00:00Z",
                "status": status,
                "reason": reason,
                "source": source,
            }
            for store_id, hour, status, reason, source in POLLS
        ]
        assert client.post("/v1/observations", json=rows).json()["accepted"] == len(rows)
        yield client


def of_cafe(client: TestClient, route: str, **parameters: Any) -> Any:
    return client.get(f"/v1/stores/cafe/{route}", params=DAY | {"policy": "observed"} | parameters)


def figures(response: Any) -> dict[str, Any]:
    answer = response.json()
    return answer["total"] if "total" in answer else answer["figures"]


def message(response: Any, field: str = "query.sources") -> str:
    [error] = response.json()["errors"]
    assert (response.status_code, error["field"]) == (422, field)
    return str(error["message"])


@pytest.mark.parametrize("spelling", ["uber_eats", "UBER EATS", " Uber-Eats "])
def test_figures_of_a_store_count_polls_of_some_sources(client: TestClient, spelling: str) -> None:
    shown = {route: of_cafe(client, route, sources=spelling) for route in ROUTES}
    for response in shown.values():
        assert (response.status_code, response.json()["sources"]) == (200, ["uber eats"])
        assert figures(response)["down_seconds"] == 5 * 3600.0  # as early as three hours before the poll
    polls = shown["timeline"].json()["polls"]
    assert [(poll["observed_at"][11:13], poll["source"]) for poll in polls] == [
        ("11", "Uber_Eats"),
        ("13", "UBER EATS"),
    ]
    [outage] = shown["outages"].json()["outages"]
    assert (outage["closed_at"], outage["reasons"]) == ("2023-03-01T13:00:00Z", "1 not found")


@pytest.mark.parametrize("route", ROUTES)
def test_several_sources_are_one_answer_and_have_their_own_etag(client: TestClient, route: str) -> None:
    both, everything, wolt = (
        of_cafe(client, route, **sources) for sources in ({"sources": ["wolt", "Uber Eats"]}, {}, {"sources": "WOLT"})
    )
    assert both.json() == everything.json() | {"sources": ["wolt", "uber eats"]}
    assert figures(wolt)["down_seconds"] == 0
    assert len({response.headers["ETag"] for response in (both, everything, wolt)}) == 3


@pytest.mark.parametrize("route", ROUTES)
def test_source_that_no_poll_has_is_refused_with_the_nearest_ones(client: TestClient, route: str) -> None:
    assert (
        message(of_cafe(client, route, sources="ubereats"))
        == "No poll has the source 'ubereats'; the nearest is uber eats."
    )
    far = "No poll has the source 'lieferando'; the sources are glovo, uber eats, wolt."
    assert message(of_cafe(client, route, sources=["wolt", "Lieferando"])) == far
    assert message(of_cafe(client, route, sources="_")) == "A source must not be empty."
    assert figures(of_cafe(client, route, sources="lieferando", allow_unknown=True))["up_seconds"] == 0
    assert of_cafe(client, route, sources="Glovo").status_code == 200  # of another store


def test_refusal_without_any_source_has_the_reason(installation: Installation) -> None:
    with serving(installation, AccessRules()) as client:
        row = {"store_id": "cafe", "observed_at": "2023-03-01T10:00:00Z", "status": "active"}
        assert client.post("/v1/observations", json=row).json()["accepted"] == 1
        assert message(of_cafe(client, "timeline", sources="wolt")) == "No poll has a source; leave out the sources."


def test_key_with_a_scope_sees_only_sources_of_its_stores(client: TestClient, installation: Installation) -> None:
    client.get("/v1/status")
    owners = labels_frame({"cafe": {"owner": "acme"}, "bar": {"owner": "other"}})
    installation.catalog.stores.replace(StoreChanges(labels=owners), now=installation.clock())
    scope = Scope(label=Label("owner", "acme"))
    caller = bearer(key_of(installation, Role.OPERATOR, scope))
    asked = DAY | {"sources": "glovo"}
    refusal = "No poll has the source 'glovo'; the sources are uber eats, wolt."
    assert message(client.get("/v1/stores/cafe/timeline", params=asked, headers=caller)) == refusal
    report = client.post("/v1/reports", json={"sources": ["glovo"]}, headers=caller)
    assert message(report, "body.sources") == refusal


def test_reports_definitions_and_schedules_refuse_unknown_sources(client: TestClient) -> None:
    wanted = {"sources": ["ubereats"], "windows": ["2023-03-01"], "format": "json"}
    refusal = "No poll has the source 'ubereats'; the nearest is uber eats."
    assert message(client.post("/v1/reports", json=wanted), "body.sources") == refusal
    saved = client.post("/v1/report-definitions", json={"name": "mine", "parameters": wanted})
    assert message(saved, "body.parameters.sources") == refusal
    schedule = {"name": "daily", "kind": "report", "cron": "0 6 * * *"}
    scheduled = client.post("/v1/schedules", json=schedule | {"parameters": wanted})
    assert message(scheduled, "body.parameters.sources") == refusal
    assert client.post("/v1/report-definitions", json={"name": "any", "parameters": wanted | {"allow_unknown": True}})
    for number, parameters in enumerate(({"definition": "any"}, wanted | {"sources": ["WOLT"]})):
        body = schedule | {"name": f"daily-{number}", "parameters": parameters}
        assert client.post("/v1/schedules", json=body).status_code == 201
    assert client.post("/v1/reports", json=wanted | {"allow_unknown": True}).status_code == 202
    assert client.post("/v1/reports", json=wanted | {"sources": ["UBER-EATS"]}).status_code == 202
