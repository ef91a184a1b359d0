"""Reports, imports and jobs that name a store or label which has left the scope of a key do not exist for this key.

Each route that returns one is called for things made under the scope, before and after a store leaves it.
"""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from starlette.routing import Route
from support.access_scene import bearer, key_of, serving
from support.scene import settings_in
from support.two_owners import ok
from support.waiting import wait_for

from storewatch.domain.enums import JobKind, ReportFormat, Role
from storewatch.domain.labels import Label, Scope
from storewatch.installation import Installation, open_installation, utc_now

ACME = Scope(label=Label("owner", "acme"))
LEAVES, STAYS = "leaving-shop", "staying-shop"
WINDOW = {"windows": ["last_day"], "as_of": "2023-01-24T12:00:00Z"}
FORMS = [{"format": form.value} | ({} if form is ReportFormat.CSV else WINDOW) for form in ReportFormat]
# name -> request, and whether the report must be hidden once LEAVES has left.
REPORTS: dict[str, tuple[dict[str, Any], bool]] = {
    **{f"all as {form['format']}": (form, True) for form in FORMS},
    "of the leaving store": ({"store_ids": [LEAVES]}, True),
    "of a label of both": ({"labels": {"team": "x"}}, True),
    "of a label of the leaving store": ({"labels": {"region": "north"}}, True),
    "failed": ({"store_ids": [STAYS], "windows": ["1990-01-01..1990-01-02"], "sources": ["none"]}, True),
    "of the staying store": ({"store_ids": [STAYS]}, False),
    "of a label of the staying store": ({"labels": {"region": "south"}}, False),
    "by a label": ({"store_ids": [STAYS], "group_by": "region", "format": "json"} | WINDOW, False),
}
KEYS = [Role.VIEWER, Role.OPERATOR]


class Scene:
    """A service with two stores of acme, of which one leaves; what both keys of acme made before is in `hidden`."""

    def __init__(self, app: Installation, client: TestClient) -> None:
        self.app, self.client = app, client
        self.admin = bearer(key_of(app))
        self.keys = {role: bearer(key_of(app, role, ACME, allow_unknown=True)) for role in KEYS}
        operator = self.keys[Role.OPERATOR]
        for store, region in ((LEAVES, "north"), (STAYS, "south")):
            labels = {"owner": "acme", "team": "x", "region": region}
            ok(client.post("/v1/stores", json={"store_id": store, "labels": labels}, headers=self.admin))
        rows = "".join(
            f"{store},active,2023-01-24 0{hour}:00:00 UTC\n" for store in (LEAVES, STAYS) for hour in range(9)
        )
        files = {"file": ("polls.csv", f"store_id,status,timestamp_utc\n{rows}{LEAVES},open,\n".encode(), "text/csv")}
        import_id = ok(client.post("/v1/imports", files=files, headers=operator))["items"][0]["import_id"]
        self.wait(f"/v1/imports/{import_id}")
        self.hidden = {"import": import_id}
        self.shown: dict[str, str] = {}
        for name, (body, is_hidden) in REPORTS.items():
            (self.hidden if is_hidden else self.shown)[name] = self.create(name, body)
        self.before = {role: self.lists(role) for role in KEYS}
        change = {"labels": {"owner": "other", "region": None}}
        ok(client.patch(f"/v1/stores/{LEAVES}", json=change, headers=self.admin))

    def create(self, name: str, body: dict[str, Any]) -> str:
        operator = self.keys[Role.OPERATOR]
        if name != "failed":
            report_id: str = ok(self.client.post("/v1/reports", json=body, headers=operator))["report_id"]
        else:  # its error may name stores that are near
            report_id = str(uuid4())
            parameters = {
                "policy": "fill",
                "as_of": None,
                "max_gap_us": 1,
                "store_ids": [STAYS],
                "labels": {"no": "no"},
            }
            self.app.catalog.jobs.create(
                report_id, JobKind.REPORT, parameters | {"format": "csv"}, utc_now(), scope=ACME
            )
            self.app.jobs.cancel("none")  # wakes the worker
        self.wait(f"/v1/reports/{report_id}", "failed" if name == "failed" else "complete")
        return report_id

    def wait(self, path: str, state: str = "complete") -> None:
        operator = self.keys[Role.OPERATOR]
        wait_for(lambda: self.client.get(path, headers=operator).json()["state"] in ("complete", "failed"))
        assert self.client.get(path, headers=operator).json()["state"] == state, path

    def lists(self, role: Role) -> dict[str, list[str]]:
        """Return the ids in each list, read page by page."""
        found = {}
        for path in ("/v1/reports", "/v1/imports", *(["/v1/jobs"] if role is Role.OPERATOR else [])):
            ids, cursor = [], None
            while True:
                page = ok(
                    self.client.get(
                        path, params={"limit": 2, "cursor": cursor} if cursor else {"limit": 2}, headers=self.keys[role]
                    )
                )
                ids += [item.get("report_id") or item.get("import_id") or item["job_id"] for item in page["items"]]
                if (cursor := page["next"]) is None:
                    break
            found[path] = sorted(ids)
        return found


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with (
        open_installation(settings_in(tmp_path_factory.mktemp("shrinks"))) as app,
        serving(app, with_worker=True) as client,
    ):
        yield Scene(app, client)


def routes_of_one(service: Any) -> list[tuple[str, str]]:
    """Return the method and path of each route of one report or import."""
    return sorted(
        (method, route.path)
        for route in service.routes
        if isinstance(route, Route) and re.search(r"{(report|import|job)_id}|/get_report$", route.path)
        for method in route.methods or ()
    )


def test_walk_finds_the_routes_of_reports_and_imports(scene: Scene) -> None:
    paths = {path for _, path in routes_of_one(scene.client.app)}
    of_reports = {f"/v1/reports/{{report_id}}{end}" for end in ("", "/cancel", "/file", "/manifest", "/events")}
    of_imports = {f"/v1/imports/{{import_id}}{end}" for end in ("", "/cancel", "/undo", "/rejects")}
    assert of_reports | of_imports | {"/get_report", "/get_report/{report_id}"} <= paths


@pytest.mark.parametrize("role", KEYS)
def test_what_names_a_store_that_left_is_answered_as_unknown_by_every_route(scene: Scene, role: Role) -> None:
    headers = scene.keys[role] | {"If-None-Match": "*"}
    for name, job_id in scene.hidden.items():
        for method, path in routes_of_one(scene.client.app):
            answers = []
            for each in (job_id, str(uuid4())):
                url = re.sub(r"{\w+}", each, path)
                answer = scene.client.request(method, url, params={"report_id": each}, headers=headers)
                text = re.sub(r'"request_id":"\w+"', "", answer.text.replace(each, "<id>"))
                answers.append((answer.status_code, answer.headers.get("etag"), text))
            assert (name, method, path, answers[0]) == (name, method, path, answers[1])
            assert answers[0][0] in (403, 404)


@pytest.mark.parametrize("role", KEYS)
def test_lists_and_counts_have_only_what_names_the_own_stores(scene: Scene, role: Role) -> None:
    everything = {*scene.hidden.values(), *scene.shown.values()}
    shown = sorted(scene.shown.values())
    assert {id_ for ids in scene.before[role].values() for id_ in ids} == everything
    expected = {"/v1/reports": shown, "/v1/imports": []} | ({"/v1/jobs": shown} if role is Role.OPERATOR else {})
    assert scene.lists(role) == expected
    counts = ok(scene.client.get("/v1/status", headers=scene.keys[role]))["jobs"]
    assert counts == {"report": {"complete": len(shown)}}
    for job_id in shown:
        assert scene.client.get(f"/v1/reports/{job_id}/file", headers=scene.keys[role]).status_code == 200


def test_admin_still_sees_everything(scene: Scene) -> None:
    for name, job_id in scene.hidden.items():
        path = f"/v1/{'imports' if name == 'import' else 'reports'}/{job_id}"
        assert ok(scene.client.get(path, headers=scene.admin))["state"] in ("complete", "failed")


def test_scheduled_reports_are_unknown_to_keys_with_a_scope(scene: Scene) -> None:
    report_id = scene.app.jobs.accept(JobKind.REPORT, {"policy": "fill", "as_of": None, "max_gap_us": 1})
    assert scene.client.get(f"/v1/reports/{report_id}", headers=scene.keys[Role.OPERATOR]).status_code == 404


def test_store_that_comes_back_brings_its_reports_back(tmp_path: Path) -> None:
    with open_installation(settings_in(tmp_path)) as app, serving(app, with_worker=True) as client:
        scene = Scene(app, client)
        change = {"labels": {"owner": "acme", "region": "north"}}
        ok(client.patch(f"/v1/stores/{LEAVES}", json=change, headers=scene.admin))
        assert scene.lists(Role.OPERATOR) == scene.before[Role.OPERATOR]


def test_queued_report_and_its_events_end_when_its_store_leaves(tmp_path: Path) -> None:
    with open_installation(settings_in(tmp_path)) as app, serving(app) as client:
        admin, operator = bearer(key_of(app)), bearer(key_of(app, Role.OPERATOR, ACME, allow_unknown=True))
        ok(client.post("/v1/stores", json={"store_id": LEAVES, "labels": {"owner": "acme"}}, headers=admin))
        made = {"store_ids": [LEAVES, "made-up"], "allow_unknown": True}
        report_id = ok(client.post("/v1/reports", json=made, headers=operator))["report_id"]
        answers: list[Any] = []
        reading = threading.Thread(
            target=lambda: answers.append(client.get(f"/v1/reports/{report_id}/events", headers=operator))
        )
        reading.start()
        assert client.get(f"/v1/reports/{report_id}", headers=operator).status_code == 200
        ok(client.patch(f"/v1/stores/{LEAVES}", json={"labels": {"owner": "other"}}, headers=admin))
        reading.join(20)
        assert not reading.is_alive()
        assert answers[0].status_code in (200, 404)
        assert client.get(f"/v1/reports/{report_id}", headers=operator).status_code == 404
