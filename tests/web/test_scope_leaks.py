"""Nothing that a key with a scope can read names, counts or times a store outside it.

Two owners have stores. Every GET route of the service is read, as it is found, under a key of acme; a route whose
answer would need more than the defaults gets its query in QUERIES.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving
from support.importing import import_file
from support.scene import settings_in
from support.waiting import wait_for

from storewatch.domain.enums import Role
from storewatch.domain.labels import Label, Scope
from storewatch.installation import Installation, open_installation

ACME = Scope(label=Label("owner", "acme"))
OWN, FOREIGN, NOBODYS = "acme-shop", "rival-shop", "never-was"
FILES = {
    "stores.csv": f"store_id,name,owner\n{OWN},Our shop,acme\n{FOREIGN},Their shop,rival\nfree-shop,No shop,\n",
    "store_status.csv": (
        "store_id,status,timestamp_utc\n"
        f"{OWN},active,2023-01-23 12:00:00 UTC\n{OWN},inactive,2023-01-23 17:00:00 UTC\n"
        f"{FOREIGN},active,2023-01-23 12:00:00 UTC\n{FOREIGN},inactive,2023-01-24 09:09:09 UTC\n"
        f"free-shop,active,2023-01-23 12:00:00 UTC\nrival-bad,open,2023-01-23 12:00:00 UTC\n"
    ),
    "menu_hours.csv": f"store_id,dayOfWeek,start_time_local,end_time_local\n{FOREIGN},0,03:33:00,04:44:00\n",
    "timezones.csv": f"store_id,timezone_str\n{FOREIGN},Europe/Vaduz\n",
}
# Texts that only stores of another owner have: ids, names, labels, zone, hours, the time of their newest poll.
TRACES = ("rival", "free-shop", "Their shop", "No shop", "Vaduz", "03:33", "09:09:09")
DAY = {"from": "2023-01-23T00:00:00Z", "to": "2023-01-25T00:00:00Z", "by": "hour"}
QUERIES = {
    "/v1/stores": [{}, {"q": "shop"}, {"prefix": "rival"}, {"zone": "Europe/Vaduz"}],
    "/v1/store_counts": [{}, {"prefix": "rival"}],
    "/v1/imports/{import_id}/rejects": [{}, {"format": "csv"}],
}
# Filters with names of other owners' stores.
NAMING_OTHERS = [
    *((f"/v1/{name}", {"label": "owner:rival"}) for name in ("stores", "store-counts")),
    *((f"/v1/{name}", {"label": "owner", "value": "rival"}) for name in ("special-hours", "targets", "sales")),
    *(
        (f"/v1/{name}", {"store_id": FOREIGN})
        for name in ("special-hours", "targets", "sales", "closures", "annotations")
    ),
]
# A key with a scope gets 403 for these.
REFUSED = {
    "/metrics",
    "/v1/audit",
    "/v1/column-mappings",
    "/v1/column-mappings/{name}",
    "/v1/keys",
    "/v1/keys/{key_id}",
    "/v1/report-definitions",
    "/v1/report-definitions/{name}",
    "/v1/schedules",
    "/v1/schedules/{name}",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("scope")
    with open_installation(settings_in(folder)) as app:
        for name, text in FILES.items():
            (folder / name).write_text(text)
            import_file(folder / name, catalog=app.catalog, lake=app.lake, now=datetime.now(UTC))
        yield app


@pytest.fixture(scope="module")
def client(app: Installation) -> Iterator[TestClient]:
    """A client with the key of acme; `client.ids` has the ids of everything that the admin created."""
    with serving(app, with_worker=True, headers=bearer(key_of(app, Role.OPERATOR, ACME))) as client:
        yield client


@pytest.fixture(scope="module")
def admin(app: Installation) -> dict[str, str]:
    return bearer(key_of(app))


def create_entries(client: TestClient, store_id: str, word: str, start: str, **options) -> dict[str, str]:
    """Create a closure, an annotation, special hours, a target and sales of a store; return the first two ids."""
    span = {"store_id": store_id, "from": "2023-01-23T01:00:00Z", "to": "2023-01-23T02:00:00Z"}
    closure = client.post("/v1/closures", json=span | {"reason": word}, **options).json()
    annotation = client.post("/v1/annotations", json=span | {"cause": word}, **options).json()
    times = {"date": "2023-01-25", "start_time_local": start, "end_time_local": "08:44"}
    for path, entry in (("special-hours", times), ("targets", {"objective": 99}), ("sales", {"sales_per_hour": 9})):
        assert client.put(f"/v1/{path}", json=[{"store_id": store_id} | entry], **options).status_code == 200
    return {"closure_id": closure["closure_id"], "annotation_id": annotation["annotation_id"]}


@pytest.fixture(scope="module")
def others(client: TestClient, admin: dict[str, str]) -> dict[str, str]:
    """Return ids of finished reports, imports and the like that an admin created for all stores."""
    report_id = client.post("/v1/reports", json={}, headers=admin).json()["report_id"]
    polls = {"file": ("store_status.csv", FILES["store_status.csv"].encode(), "text/csv")}
    import_id = client.post("/v1/imports", files=polls, headers=admin).json()["items"][0]["import_id"]
    for path in (f"/v1/reports/{report_id}", f"/v1/imports/{import_id}"):
        wait_for(lambda path=path: client.get(path, headers=admin).json()["state"] == "complete")
    entry = create_entries(client, FOREIGN, "rival", "03:33", headers=admin)
    of_label = {"label": "owner", "value": "rival", "reason": "rival"}
    of_label |= {"from": "2023-01-23T03:00:00Z", "to": "2023-01-23T04:00:00Z"}
    assert client.post("/v1/closures", json=of_label, headers=admin).status_code == 201
    for path, row in (("special-hours", {"date": "2023-01-25"}), ("targets", {"objective": 1}), ("sales", {})):
        row |= {"label": "owner", "value": "rival", "start_time_local": "", "end_time_local": "", "sales_per_hour": 1}
        assert client.put(f"/v1/{path}", json=[row], headers=admin).status_code == 200, path
    definition = {"name": "x", "parameters": {"store_ids": [FOREIGN]}}
    assert client.post("/v1/report-definitions", json=definition, headers=admin).status_code == 201
    ids = {"report_id": report_id, "import_id": import_id, "key_id": "0123456789", "name": "x"}
    return {"store_id": FOREIGN, **ids, **entry}


@pytest.fixture(scope="module")
def own(client: TestClient) -> dict[str, str]:
    """Return ids of everything that the key of acme may read."""
    report_id = client.post("/v1/reports", json={}).json()["report_id"]
    text = f"store_id,status,timestamp_utc\n{OWN},active,2023-01-23 12:00:00 UTC\n{OWN},open,2023-01-23 12:00:00 UTC\n"
    polls = {"file": ("store_status.csv", text.encode(), "text/csv")}
    import_id = client.post("/v1/imports", files=polls).json()["items"][0]["import_id"]
    for path in (f"/v1/reports/{report_id}", f"/v1/imports/{import_id}"):
        wait_for(lambda path=path: client.get(path).json()["state"] == "complete")
    ids = {"report_id": report_id, "import_id": import_id, "key_id": "0123456789", "name": "x"}
    return {"store_id": OWN, **ids, **create_entries(client, OWN, "own entry", "05:05")}


def read_routes(client: TestClient) -> list[str]:
    paths = client.app.openapi()["paths"]  # type: ignore[attr-defined]
    return [path for path, methods in paths.items() if "get" in methods and path != "/trigger_report"]


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)(:\w+)?}", lambda name: ids[name[1]], path)


def read(client: TestClient, path: str, ids: dict[str, str], query: dict[str, str], **options):
    asked = DAY if path.startswith("/v1/stores/{") else {}
    return client.get(filled(path, ids), params={**asked, "report_id": ids["report_id"], **query}, **options)


def test_scene_shows_the_other_stores_to_an_admin(client: TestClient, admin, others) -> None:
    seen = "".join(
        read(client, path, others, query, headers=admin).text
        for path in read_routes(client)
        for query in QUERIES.get(path, [{}])
    )
    assert [trace for trace in TRACES if trace not in seen] == []


def test_no_read_shows_a_trace_of_other_stores(client: TestClient, own, others) -> None:
    for path in read_routes(client):
        for query in QUERIES.get(path, [{}]):
            response = read(client, path, own, query)
            assert response.status_code == (403 if path in REFUSED else 200), (path, query, response.text)
            asked_for = set(query.values())
            traces = [trace for trace in TRACES if trace in response.text and trace not in asked_for]
            assert (path, query, traces) == (path, query, [])


def test_others_things_are_answered_like_things_that_do_not_exist(client: TestClient, others) -> None:
    nothing = dict.fromkeys(others, NOBODYS)
    for path in read_routes(client):
        if path in REFUSED or not ("{" in path or path == "/get_report"):
            continue
        theirs, none = read(client, path, others, {}), read(client, path, nothing, {})
        assert theirs.status_code == none.status_code == 404, path
        foreign, known = theirs.json(), none.json()
        foreign.pop("request_id")
        known.pop("request_id")
        for other in others.values():
            foreign["detail"] = foreign["detail"].replace(f"'{other}'", f"'{NOBODYS}'")
        assert foreign == known, path


@pytest.mark.parametrize(("path", "query"), NAMING_OTHERS)
def test_filters_by_names_of_others_are_refused_like_names_that_nobody_has(
    client: TestClient, path: str, query: dict[str, str]
) -> None:
    nobodys = {name: value.replace("rival", "zzzzz").replace(FOREIGN, NOBODYS) for name, value in query.items()}
    theirs, none = (client.get(path, params=asked) for asked in (query, nobodys))
    assert theirs.status_code == none.status_code
    assert theirs.status_code in (404, 422)
    texts = [answer.text.replace(answer.json()["request_id"], "") for answer in (theirs, none)]
    own = [re.sub("; the nearest is acme-shop", "", text) for text in texts]  # similar ids are not secret
    assert own[0].replace("rival", "zzzzz").replace(FOREIGN, NOBODYS) == own[1]


def test_counts_are_of_the_own_stores_only(client: TestClient, own) -> None:
    assert client.get("/v1/store_counts").json()["stores"] == 1
    assert [item["store_id"] for item in client.get("/v1/stores").json()["items"]] == [OWN]
    assert client.get(f"/v1/reports/{own['report_id']}").json()["figures"]["rows"] == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_classic_report_covers_the_own_stores_only(client: TestClient, method: str) -> None:
    report_id = client.request(method, "/trigger_report").json()["report_id"]

    def ask():
        response = client.get("/get_report", params={"report_id": report_id})
        return response if response.headers["content-type"].startswith("text/csv") else None

    lines = wait_for(ask).text.splitlines()
    assert [line.split(",")[0] for line in lines] == ["store_id", OWN]


def test_list_of_reports_and_imports_holds_only_those_of_the_scope(client: TestClient, own, others) -> None:
    for path, name in (("/v1/reports", "report_id"), ("/v1/imports", "import_id"), ("/v1/jobs", "job_id")):
        listed = {item[name] for item in client.get(path, params={"limit": 1000}).json()["items"]}
        assert not listed & set(others.values()), path
        assert listed & set(own.values()), path


@pytest.mark.parametrize("store_id", [FOREIGN, NOBODYS])
def test_changes_reach_no_store_outside_the_scope(app: Installation, client: TestClient, store_id: str) -> None:
    before = app.catalog.stores.read_all().frame
    hours = {"weekly_hours": [{"day": 0, "start_time_local": "09:00:00", "end_time_local": "12:00:00"}]}
    for method, path, body in (
        ("PATCH", f"/v1/stores/{store_id}", {"timezone": "Europe/Berlin"}),
        ("PUT", f"/v1/stores/{store_id}/weekly_hours", hours),
        ("DELETE", f"/v1/stores/{store_id}", None),
        ("POST", "/v1/reports", {"store_ids": [store_id]}),
    ):
        response = client.request(method, path, json=body)
        assert (response.status_code, response.json()["type"]) == (404, "urn:storewatch:problem:unknown-store"), path
    assert (
        client.post("/v1/stores", json={"store_id": store_id}).json()["type"] == "urn:storewatch:problem:scoped-change"
    )
    assert app.catalog.stores.read_all().frame.equals(before)


def test_pushed_observation_outside_the_scope_is_rejected_without_telling_why(
    app: Installation, client: TestClient
) -> None:
    before = app.lake.snapshot().rows
    reasons = {}
    for store_id in (FOREIGN, NOBODYS):
        poll = {"store_id": store_id, "observed_at": "2023-01-23T13:00:00Z", "status": "active"}
        response = client.post("/v1/observations", json=[poll])
        assert response.status_code == 422
        reasons[store_id] = response.json()["errors"][0]["message"].replace(store_id, "it")
    assert reasons[FOREIGN] == reasons[NOBODYS]
    assert app.lake.snapshot().rows == before


def test_import_reaches_no_store_outside_the_scope(app: Installation, client: TestClient, own) -> None:
    before, known = app.lake.snapshot().rows, app.catalog.stores.read_all().frame
    rows = "".join(f"{store_id},active,2023-01-23 13:00:00 UTC\n" for store_id in (FOREIGN, NOBODYS))
    polls = {"file": ("store_status.csv", f"store_id,status,timestamp_utc\n{rows}".encode(), "text/csv")}
    path = f"/v1/imports/{client.post('/v1/imports', files=polls).json()['items'][0]['import_id']}"
    done = wait_for(lambda: found if (found := client.get(path).json())["state"] == "complete" else None)
    assert (done["counts"]["accepted"], done["counts"]["rejected"]) == (0, 2)
    theirs, none = (reject["reason"] for reject in done["first_rejects"])
    assert theirs.replace(FOREIGN, NOBODYS) == none
    assert app.lake.snapshot().rows == before
    assert app.catalog.stores.read_all().frame.equals(known)


def test_entries_of_others_are_neither_shown_changed_nor_deleted(client: TestClient, admin, others) -> None:
    span = {"from": "2023-01-23T01:00:00Z", "to": "2023-01-23T02:00:00Z"}
    closure, annotation = f"/v1/closures/{others['closure_id']}", f"/v1/annotations/{others['annotation_id']}"
    before = [client.get(path, headers=admin).json() for path in (closure, annotation)]
    for store_id in (FOREIGN, NOBODYS):
        answers = [
            client.post("/v1/closures", json=span | {"store_id": store_id, "reason": "x"}),
            client.post("/v1/annotations", json=span | {"store_id": store_id, "cause": "x"}),
            client.delete("/v1/special-hours", params={"store_id": store_id, "date": "2023-01-25"}),
            client.delete("/v1/targets", params={"store_id": store_id}),
            client.delete("/v1/sales", params={"store_id": store_id}),
        ]
        assert [answer.json()["type"].rsplit(":", 1)[-1] for answer in answers] == ["unknown-store"] * 5
        row = {"store_id": store_id, "objective": 50}
        assert client.put("/v1/targets", json=[row]).status_code == 422
    for label in ({"label": "owner", "value": "rival"}, {"label": "owner", "value": "acme"}, {"all_stores": True}):
        answers = [client.post("/v1/closures", json=span | label | {"reason": "x"})]
        if "label" in label:
            answers += [client.delete(f"/v1/{name}", params=label) for name in ("targets", "sales")]
            assert client.put("/v1/targets", json=[label | {"objective": 50}]).status_code == 422
        assert {answer.json()["type"].rsplit(":", 1)[-1] for answer in answers} == {"scoped-change"}
    assert client.delete(closure).status_code == 404
    assert client.patch(annotation, json={"cause": "x"}).status_code == 404
    assert client.delete(annotation).status_code == 404
    assert [client.get(path, headers=admin).json() for path in (closure, annotation)] == before


def test_closure_of_all_stores_is_seen_and_not_deleted(client: TestClient, admin) -> None:
    span = {"from": "2023-01-21T01:00:00Z", "to": "2023-01-21T02:00:00Z"}
    body = span | {"all_stores": True, "reason": "holiday"}
    closure_id = client.post("/v1/closures", json=body, headers=admin).json()["closure_id"]
    assert client.get(f"/v1/closures/{closure_id}").json()["reason"] == "holiday"
    refused = client.delete(f"/v1/closures/{closure_id}")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:storewatch:problem:scoped-change")
    assert client.delete(f"/v1/closures/{closure_id}", headers=admin).status_code == 204


def test_definition_of_a_report_is_not_for_a_scope(client: TestClient, others) -> None:
    refused = client.post("/v1/reports", json={"definition": "x"})
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:storewatch:problem:scoped-key")


def test_report_of_others_can_be_neither_cancelled_nor_deleted(client: TestClient, admin, others) -> None:
    report_id, import_id = others["report_id"], others["import_id"]
    for method, path in (
        ("POST", f"/v1/reports/{report_id}/cancel"),
        ("DELETE", f"/v1/reports/{report_id}"),
        ("POST", f"/v1/imports/{import_id}/cancel"),
    ):
        assert client.request(method, path).status_code == 404
    assert client.get(f"/v1/reports/{report_id}", headers=admin).json()["state"] == "complete"
