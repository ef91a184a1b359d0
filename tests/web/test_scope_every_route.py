"""Walks every route as every role under scopes: no answer has a trace of what others own, or of what others do.

A route that needs more than its path must have sample requests in SAMPLES; a new one fails until it has.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import polars as pl
import pypdf
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import BaseRoute, Mount, Route
from support.access_scene import bearer, key_of, serving
from support.scene import settings_in
from support.two_owners import (
    ABSENT,
    CANARY,
    FOREIGN,
    HOURS,
    NUMBERS,
    OWN,
    SPAN,
    SPECIAL,
    Ids,
    foreign_data,
    ok,
    own_data,
    shared_label_data,
    unknown,
)
from support.waiting import wait_for

from storewatch.domain.enums import ReportFormat, Role, Section
from storewatch.domain.labels import Label, Scope
from storewatch.installation import Installation, open_installation
from storewatch.web.middleware.access import PUBLIC_FOLDER, PUBLIC_PATHS

ACME, NOBODY = Scope(label=Label("owner", "acme")), Scope(label=Label("owner", "nobody"))
CALLERS = [(role, scope) for scope in (ACME, NOBODY) for role in (Role.VIEWER, Role.OPERATOR)]
DAY = {"from": "2023-01-23T00:00:00Z", "to": "2023-01-25T00:00:00Z"}
STORE_ID, LABEL = {"store_id": FOREIGN}, {"label": "owner", "value": f"{CANARY}-owner"}
TARGETS: list[dict[str, str]] = [
    STORE_ID,
    LABEL,
    {"label": f"{CANARY}-label", "value": CANARY},
    {"label": "team", "value": "x"},
]
FILTERS: list[dict[str, Any]] = [{"params": target | page} for target in TARGETS for page in ({}, {"limit": 1})]
LISTS: list[dict[str, Any]] = [{}, {"params": {"limit": 1}}]
LABELS: list[dict[str, Any]] = [
    {"params": {"label": [f"owner:{CANARY}-owner"]}},
    {"params": {"label": [f"{CANARY}-label:{CANARY}"]}},
]
STORE_FILTERS = [
    {},
    *({"params": {name: CANARY}} for name in ("q", "prefix")),
    *LABELS,
    {"params": {"zone": "Europe/Vaduz"}},
]


HISTORY: list[dict[str, Any]] = [{}, {"params": {"sources": f"{CANARY}-source"}}]


def rows(**members: Any) -> list[dict[str, Any]]:
    return [{"json": [target | members]} for target in TARGETS[:3]]


def upload(text: str, **options: str) -> dict[str, Any]:
    return {"files": {"file": (f"{CANARY}.csv", text.encode(), "text/csv")}, "data": options}


POLL = {"store_id": FOREIGN, "observed_at": "2023-01-23T12:00:00Z", "status": "active"}
# What is sent beside the path. Routes of GET and DELETE that are not here are sent as they are.
SAMPLES: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("POST", "/trigger_report"): [{}],
    ("GET", "/get_report"): [{"params": {"report_id": "{report_id}"}}],
    ("POST", "/get_report"): [{"json": {"report_id": "{report_id}"}}, {"data": {"report_id": "{report_id}"}}],
    ("POST", "/v1/keys"): [{"json": {"name": "x", "role": "viewer", "scope": LABEL}}],
    ("GET", "/v1/audit"): [{}, {"params": {"format": "csv"}}, {"params": {"format": "ndjson"}}],
    ("POST", "/v1/observations"): [{"json": [POLL]}, {"json": [POLL, POLL | {"store_id": OWN}]}],
    ("POST", "/v1/observations/deletions"): [
        {"json": STORE_ID | DAY},
        {"json": STORE_ID | DAY | {"dry_run": True}},
        {"json": {"observations": [{"store_id": FOREIGN, "observed_at": POLL["observed_at"]}]}},
    ],
    ("POST", "/v1/reports"): [
        {"json": body}
        for body in (
            {"store_ids": [FOREIGN]},
            {"store_ids": [OWN, FOREIGN]},
            {"labels": {"owner": f"{CANARY}-owner"}},
            {"labels": {f"{CANARY}-label": CANARY}},
            {"group_by": f"{CANARY}-label"},
            {"peers": f"{CANARY}-label"},
            {"zone": "Europe/Vaduz"},
            {"sources": [f"{CANARY}-source"]},
            {"definition": f"{CANARY}-definition"},
            {"store_ids": [FOREIGN], "allow_unknown": True},
        )
    ],
    ("GET", "/v1/reports"): LISTS,
    ("POST", "/v1/reports/{report_id}/cancel"): [{}],
    ("POST", "/v1/report-definitions"): [{"json": {"name": f"{CANARY}-definition", "parameters": {}}}],
    ("PUT", "/v1/report-definitions/{name}"): [{"json": {"parameters": {}}}],
    ("POST", "/v1/imports"): [
        upload(f"store_id,status,timestamp_utc\n{FOREIGN},active,2023-01-23 12:00:00 UTC\n"),
        upload(f"store_id,day,start_time_local,end_time_local\n{FOREIGN},0,09:00,17:00\n"),
        upload(f"store_id,objective\n{FOREIGN},99\n"),
        upload(f"store_id,{CANARY}-label\n{FOREIGN},x\n"),
        upload("store_id,stat,timestamp_utc\n", mapping=f"{FOREIGN}-map"),
        upload("store_id,stat,timestamp_utc\n", map="stat=status", save_mapping=f"{FOREIGN}-map"),
    ],
    ("GET", "/v1/imports"): LISTS,
    ("POST", "/v1/imports/{import_id}/cancel"): [{}],
    ("POST", "/v1/imports/{import_id}/undo"): [{}],
    ("GET", "/v1/imports/{import_id}/rejects"): [{}, {"params": {"limit": 1}}, {"params": {"format": "csv"}}],
    ("GET", "/v1/jobs"): LISTS,
    ("POST", "/v1/schedules"): [{"json": {"name": f"{CANARY}-schedule", "kind": "report", "cron": "0 6 * * *"}}],
    ("PUT", "/v1/stores/{store_id}/weekly-hours"): [{"json": {"weekly_hours": HOURS}}],
    ("POST", "/v1/weekly-hours"): [{"json": [STORE_ID | HOURS[0]]}],
    ("PUT", "/v1/weekly-hours"): [{"json": [STORE_ID | HOURS[0]]}],
    ("POST", "/v1/labels"): [{"json": [STORE_ID | {"labels": {"owner": "acme"}}]}],
    ("PUT", "/v1/labels"): [{"json": [STORE_ID | {"labels": {"owner": "acme"}}]}],
    ("GET", "/v1/stores"): [
        *STORE_FILTERS,
        {"params": {"limit": 1, "sort": "-last_poll"}},
        {"params": {"state": "down"}},
    ],
    ("GET", "/v1/store-counts"): STORE_FILTERS,
    **{("GET", f"/v1/stores/{{store_id}}/{part}"): HISTORY for part in ("timeline", "availability", "outages")},
    ("POST", "/v1/stores"): [{"json": STORE_ID}],
    ("PATCH", "/v1/stores/{store_id}"): [{"json": {"labels": {"owner": "acme"}}}, {"json": {"timezone": "UTC"}}],
    ("POST", "/v1/store-renames"): [
        {"json": STORE_ID | {"new_id": "y"}},
        {"json": {"store_id": OWN, "new_id": FOREIGN}},
    ],
    ("POST", "/v1/store-merges"): [{"json": STORE_ID | {"into": OWN}}, {"json": {"store_id": OWN, "into": FOREIGN}}],
    **{("GET", f"/v1/{name}"): [*LISTS, *FILTERS] for name in ("special-hours", "targets", "sales")},
    ("PUT", "/v1/special-hours"): rows(**SPECIAL),
    ("PUT", "/v1/targets"): rows(objective=50),
    ("PUT", "/v1/sales"): rows(sales_per_hour=1),
    ("DELETE", "/v1/special-hours"): [{"params": target | {"date": "2023-01-25"}} for target in TARGETS],
    ("DELETE", "/v1/targets"): [{"params": target} for target in TARGETS],
    ("DELETE", "/v1/sales"): [{"params": target} for target in TARGETS],
    ("POST", "/v1/closures"): [{"json": target | SPAN | {"reason": "x"}} for target in TARGETS],
    ("GET", "/v1/closures"): [*LISTS, {"params": STORE_ID}],
    ("POST", "/v1/annotations"): [{"json": STORE_ID | SPAN | {"cause": "x"}}],
    ("GET", "/v1/annotations"): [*LISTS, {"params": STORE_ID}],
    ("PATCH", "/v1/annotations/{annotation_id}"): [{"json": {"cause": "x"}}],
}
# They show the jobs that the walk itself has queued; what they answer before that is in Scene.reads.
SHOWING_JOBS = {("GET", f"/v1/{name}") for name in ("reports", "imports", "jobs", "status")}
# What differs from one answer to the next for any caller.
CHANGING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # ids of new jobs
    r"|[0-9a-f]{32}"  # ids of requests
    r"|20(2[4-9]|3[0-9])-[0-9]{2}-[0-9]{2}T[0-9:.]+Z"
    r'|"(state|progress|attempts|started_at|finished_at)":[^,}]+'  # of new jobs
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with open_installation(settings_in(tmp_path_factory.mktemp("every_route"))) as app:
        yield app


class Scene:
    """A service, keys, ids, and the answers to a key with a scope before and after others wrote something."""

    def __init__(self, app: Installation, client: TestClient) -> None:
        self.app, self.client = app, client
        self.admin = bearer(key_of(app))
        ok(client.post("/v1/stores", json={"store_id": "other", "labels": {"owner": "nobody"}}, headers=self.admin))
        own_key = bearer(key_of(app, Role.OPERATOR, ACME, name="acme"))
        self.own = own_data(client, self.admin, own_key)
        self.keys = {caller: bearer(key_of(app, *caller, allow_unknown=True)) for caller in CALLERS}
        self.before = self.own_reads(self.keys[Role.OPERATOR, ACME])
        self.foreign = foreign_data(client, self.admin)
        self.after = self.own_reads(self.keys[Role.OPERATOR, ACME])
        shared_label_data(client, self.admin)
        self.reads = {caller: self.own_reads(headers) for caller, headers in self.keys.items()}

    def own_reads(self, caller: dict[str, str]) -> dict[str, tuple[int, Any, str]]:
        """Read everything that a key may read of the own data."""
        seen = {}
        for method, path, sample in requests(self.client.app):
            if method == "GET" and path != "/trigger_report" and CANARY not in json.dumps(sample, default=str):
                response = send(self.client, method, path, sample, self.own, caller)
                headers = sorted((name, CHANGING.sub("*", text)) for name, text in response.headers.items())
                text = re.sub(r'"request_id":"\w+"', "", response.text)
                seen[f"{path} {sample}"] = (response.status_code, headers, text)
        return seen


@pytest.fixture(scope="module")
def scene(app: Installation) -> Iterator[Scene]:
    with serving(app, with_worker=True) as client:
        yield Scene(app, client)


def walk(routes: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Mount):
            assert route.path == PUBLIC_FOLDER.rstrip("/")
            continue
        assert isinstance(route, Route), route
        path = re.sub(r"{(\w+):\w+}", r"{\1}", route.path)
        if path not in PUBLIC_PATHS:
            yield from ((method, path) for method in sorted(route.methods or ()) if method != "HEAD")


def requests(service: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for method, path in walk(service.routes):
        samples = SAMPLES.get((method, path), [{}] if method in ("GET", "DELETE") else None)
        assert samples, f"{method} {path} has no sample request in SAMPLES"
        for sample in samples:
            yield method, path, sample


def send(client: TestClient, method: str, path: str, sample: dict[str, Any], ids: Ids, headers: dict[str, str]) -> Any:
    """Send a request in which the names in braces are these ids."""

    def filled(value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"{(\w+)}", lambda name: ids[name[1]], value)
        if isinstance(value, dict):
            return {name: filled(each) for name, each in value.items()}
        return [filled(each) for each in value] if isinstance(value, list) else value

    options = filled(sample)
    if path.startswith("/v1/stores/{") and method == "GET":
        options["params"] = DAY | options.get("params", {})
    return client.request(method, filled(path), headers=headers, **options)


def absent(value: Any) -> Any:
    """Return a sample that names things that do not exist in the place of those of others."""
    if isinstance(value, str):
        return value.replace(CANARY, ABSENT)
    if isinstance(value, bytes):
        return value.replace(CANARY.encode(), ABSENT.encode())
    if isinstance(value, dict):
        return {absent(name): absent(each) for name, each in value.items()}
    return type(value)(map(absent, value)) if isinstance(value, list | tuple) else value


def visible_parts(response: Any, ids: Ids) -> tuple[int, list[tuple[str, str]], str]:
    """Return an answer without what changes each time, and without the ids that were asked for."""

    def plain(text: str) -> str:
        for name, value in ids.items():
            text = text.replace(value, f"<{name}>") if len(value) > 1 else text
        return CHANGING.sub("*", text.replace(CANARY, ABSENT))

    named = [(name, text) for name, text in response.headers.items() if name != "content-length"]
    headers = sorted((name, plain(text)) for name, text in named)
    return response.status_code, headers, plain(response.text)


def traces(text: str, request: str) -> list[str]:
    text = CHANGING.sub("*", text)
    return [trace for trace in (CANARY, *NUMBERS) if trace in text and trace not in request]


def test_admin_sees_what_the_walk_looks_for(scene: Scene) -> None:
    seen = "".join(
        send(scene.client, method, path, sample, scene.foreign, scene.admin).text
        for method, path, sample in requests(scene.client.app)
        if method == "GET" and path != "/trigger_report" and CANARY not in json.dumps(sample)
    )
    words = ("store", "unpolled", "owner", "name", "label", "reason", "source", "planned", "closed", "shared", "cause")
    words += ("note", "definition", "schedule", "key", "store-open", "store.csv")
    assert [word for word in words if f"{CANARY}-{word}" not in seen] == []
    assert [number for number in NUMBERS if number not in seen] == []


@pytest.mark.parametrize(("role", "scope"), CALLERS)
def test_answers_have_no_trace_of_others_and_are_those_for_things_that_do_not_exist(
    scene: Scene, role: Role, scope: Scope
) -> None:
    headers, nothing = scene.keys[role, scope], unknown(scene.foreign)
    for method, path, sample in requests(scene.client.app):
        hidden = send(scene.client, method, path, sample, scene.foreign, headers)
        missing = send(scene.client, method, path, absent(sample), nothing, headers)
        asked = f"{hidden.request.url} {sample}"
        where = (method, path, sample, hidden.status_code)
        assert hidden.status_code < 500, where
        if (method, path) not in SHOWING_JOBS:
            assert (*where, traces(f"{hidden.headers} {hidden.text}", asked)) == (*where, [])
            assert (*where, visible_parts(hidden, scene.foreign)) == (*where, visible_parts(missing, nothing))
        if method == "GET":
            head = send(scene.client, "HEAD", path, sample, scene.foreign, headers)
            assert (*where, traces(str(head.headers), asked)) == (*where, [])


def test_no_answer_and_no_header_changes_when_others_write(scene: Scene) -> None:
    assert scene.before.keys() == scene.after.keys()
    for path, answer in scene.before.items():
        assert (path, *answer) == (path, *scene.after[path])
    assert sum(answer[0] == 200 for answer in scene.before.values()) > 20


@pytest.mark.parametrize("caller", CALLERS)
def test_answers_about_the_own_have_no_trace_of_others(scene: Scene, caller: tuple[Role, Scope]) -> None:
    for asked, answer in scene.reads[caller].items():
        assert (asked, traces(str(answer), asked)) == (asked, [])


@pytest.mark.parametrize("name", ["special-hours", "targets", "sales", "closures"])
def test_entries_of_a_label_are_seen_only_where_it_is_the_scope(scene: Scene, name: str) -> None:
    def targets(scope: Scope) -> set[tuple[str, ...]]:
        key = bearer(key_of(scene.app, Role.VIEWER, scope, allow_unknown=True))
        items = ok(scene.client.get(f"/v1/{name}", headers=key))["items"]
        return {tuple(item[part] for part in ("store_id", "label", "value") if item[part]) for item in items}

    assert targets(ACME) == {(OWN,)}
    assert targets(Scope(label=Label("team", "x"))) == {(OWN,), ("team", "x")}
    assert targets(NOBODY) == set()


@pytest.mark.parametrize("form", list(ReportFormat))
def test_files_of_reports_have_no_trace_of_others(scene: Scene, form: ReportFormat) -> None:
    operator = scene.keys[Role.OPERATOR, ACME]
    body: dict[str, Any] = {"format": form.value, "as_of": "2023-01-24T12:00:00Z", "windows": ["last_day"]}
    if form in (ReportFormat.JSON, ReportFormat.XLSX, ReportFormat.PDF):
        body |= {"include": [section.value for section in Section], "with_outages": False, "target": 99}
    elif form is ReportFormat.CSV:
        body = {"format": form.value}
    path = f"/v1/reports/{ok(scene.client.post('/v1/reports', json=body, headers=operator))['report_id']}"
    wait_for(lambda: scene.client.get(path, headers=operator).json()["state"] in ("complete", "failed"))
    report = scene.client.get(path, headers=operator).json()
    assert (report["state"], report["error"], report["figures"]["rows"]) == ("complete", None, 1)
    versions = {name: report["figures"][name] for name in ("lake_version", "catalog_version")}
    assert versions == {"lake_version": None, "catalog_version": None}
    answer = scene.client.get(f"{path}/file", headers=operator)
    text = text_of(answer.content, form)
    assert OWN in text
    assert traces(text, "") == []
    if form in (ReportFormat.JSON, ReportFormat.NDJSON):
        assert '"lake_version":null' in text.replace(" ", "")


def text_of(content: bytes, form: ReportFormat) -> str:
    if form is ReportFormat.XLSX:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            return "".join(book.read(name).decode(errors="replace") for name in book.namelist())
    if form is ReportFormat.PARQUET:
        return pl.read_parquet(io.BytesIO(content)).write_json()
    if form is ReportFormat.PDF:
        return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)
    return content.decode(errors="replace")


def test_walk_fails_for_a_route_without_a_sample() -> None:
    service = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    service.post("/v1/new")(lambda: None)
    with pytest.raises(AssertionError, match="POST /v1/new has no sample request"):
        list(requests(service))
