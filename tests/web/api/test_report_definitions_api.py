"""Saved reports over HTTP, and schedules that run one."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving
from support.waiting import wait_for

from storewatch.access import AccessRules
from storewatch.domain.enums import JobKind, Role
from storewatch.domain.labels import Label, Scope
from storewatch.installation import Installation

MONDAY = {"windows": ["last_week"], "by": "day", "policy": "observed", "format": "ndjson"}


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app, AccessRules(), with_worker=True) as client:
        yield client


def problem(response: Any) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["type"].rsplit(":", 1)[-1]


def save(client: TestClient, name: str = "monday", **parameters: Any) -> dict[str, Any]:
    response = client.post("/v1/report-definitions", json={"name": name, "parameters": parameters or MONDAY})
    assert response.status_code == 201, response.text
    return dict(response.json())


def test_definition_is_saved_listed_replaced_and_deleted(client: TestClient) -> None:
    saved = save(client)
    created_at = saved["created_at"]
    assert saved == {"name": "monday", "parameters": MONDAY, "created_at": created_at, "created_by": None}
    assert client.get("/v1/report-definitions/monday").json() == saved
    save(client, "all", format="wide_csv", worst=5)
    assert [item["name"] for item in client.get("/v1/report-definitions").json()["items"]] == ["all", "monday"]
    replaced = client.put("/v1/report-definitions/monday", json={"parameters": {"format": "json", "by": None}})
    assert (replaced.status_code, replaced.json()["parameters"]) == (200, {"format": "json"})
    assert client.delete("/v1/report-definitions/monday").status_code == 204
    for method, body in (("GET", None), ("PUT", {"parameters": {}}), ("DELETE", None)):
        for name in ("monday", "%00"):
            response = client.request(method, f"/v1/report-definitions/{name}", json=body)
            assert problem(response) == (404, "unknown-definition")


def test_definition_of_a_taken_name_is_refused(client: TestClient) -> None:
    saved = save(client)
    taken = client.post("/v1/report-definitions", json={"name": "monday", "parameters": {}})
    assert problem(taken) == (409, "definition-exists")
    assert client.get("/v1/report-definitions/monday").json() == saved


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "a/b", "parameters": {}}, "body.name"),
        ({"name": "a"}, "body.parameters"),
        ({"name": "a", "parameters": {"windows": ["some day"]}}, "body.parameters.windows"),
        ({"name": "a", "parameters": {"by": "day"}}, "body.parameters.format"),
        ({"name": "a", "parameters": {"as_of": "2023-01-01T00:00:00Z"}}, "body.parameters.as_of"),
        ({"name": "a", "parameters": {"definition": "b"}}, "body.parameters.definition"),
    ],
)
def test_definition_that_cannot_be_is_refused_with_its_field(
    client: TestClient, body: dict[str, Any], field: str
) -> None:
    response = client.post("/v1/report-definitions", json=body)
    assert problem(response) == (422, "invalid-request")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert client.get("/v1/report-definitions").json() == {"items": []}


def test_report_of_a_definition_takes_its_members_and_what_is_sent_goes_before(client: TestClient) -> None:
    save(client)
    sent = {"definition": "monday", "format": "json", "by": None}
    parameters = client.post("/v1/reports", json=sent).json()["parameters"]
    shown = (parameters["windows"], parameters["by"], parameters["policy"], parameters["format"])
    assert shown == (["last_week"], None, "observed", "json")
    assert problem(client.post("/v1/reports", json={"definition": "other"})) == (404, "unknown-definition")


def test_schedule_of_a_definition_is_checked_and_names_it(client: TestClient) -> None:
    schedule = {"name": "s", "kind": "report", "cron": "0 6 * * 1", "parameters": {"definition": "monday"}}
    assert problem(client.post("/v1/schedules", json=schedule)) == (404, "unknown-definition")
    save(client)
    unfit = {"definition": "monday", "format": "csv"}
    response = client.post("/v1/schedules", json=schedule | {"parameters": unfit})
    assert [error["field"] for error in response.json()["errors"]] == ["body.parameters.format"]
    assert client.post("/v1/schedules", json=schedule).json()["parameters"] == {"definition": "monday"}


def test_scheduled_report_without_its_definition_fails_with_the_reason(app: Installation, client: TestClient) -> None:
    app.catalog.jobs.create("gone", JobKind.REPORT, {"definition": "monday"}, datetime.now(UTC))
    report = wait_for(lambda: found if (found := client.get("/v1/reports/gone").json())["state"] == "failed" else None)
    assert report["error"].startswith("There is no report saved as 'monday'.")
    assert report["parameters"]["definition"] == "monday"


def test_operators_save_and_viewers_read_and_scopes_see_nothing(app: Installation) -> None:
    with serving(app) as client:
        body = {"name": "monday", "parameters": MONDAY}
        viewer, operator = bearer(key_of(app, Role.VIEWER)), bearer(key_of(app, Role.OPERATOR))
        scoped = bearer(key_of(app, Role.OPERATOR, Scope(label=Label("owner", "acme"))))
        assert problem(client.post("/v1/report-definitions", json=body, headers=viewer)) == (403, "role-too-low")
        assert problem(client.post("/v1/report-definitions", json=body, headers=scoped)) == (403, "scoped-key")
        assert client.post("/v1/report-definitions", json=body, headers=operator).status_code == 201
        assert client.get("/v1/report-definitions/monday", headers=viewer).json()["created_by"] is not None
        assert problem(client.get("/v1/report-definitions", headers=scoped)) == (403, "scoped-key")
        rows = client.get("/v1/audit", headers=bearer(key_of(app))).json()["items"]
    shown = [(row["action"], row["object_id"], row["outcome"]) for row in rows if row["object_type"] == "definition"]
    assert shown[0] == ("definition.create", "monday", "done")
