"""Two owners on one installation: for each the other's stores are stores that do not exist."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving

from storewatch.catalog import StoreChanges, labels_frame
from storewatch.domain.enums import Role
from storewatch.domain.labels import ALL_STORES, Label, Scope
from storewatch.installation import Installation, utc_now

ACME, BOLT = Scope(label=Label("owner", "acme")), Scope(label=Label("owner", "bolt"))
ROW = {"day": 0, "start_time_local": "09:00:00", "end_time_local": "12:00:00"}


@pytest.fixture
def app(scene: Installation) -> Installation:
    """The scene: cafe belongs to acme, bar to bolt (and has the newest poll), ghost to no owner."""
    owners = {"cafe": {"owner": "acme", "name": "Cafe"}, "bar": {"owner": "bolt", "name": "Bar"}}
    scene.catalog.stores.replace(StoreChanges(labels=labels_frame(owners)), now=utc_now())
    return scene


@pytest.fixture
def clients(app: Installation) -> Iterator[dict[str, TestClient]]:
    """Clients with operator keys: one for each owner, and one without a scope."""
    keys = {
        name: key_of(app, Role.OPERATOR, scope) for name, scope in (("acme", ACME), ("bolt", BOLT), ("all", ALL_STORES))
    }
    with serving(app) as client:

        def caller(key: str) -> Any:
            return lambda method, path, **options: client.request(method, path, headers=bearer(key), **options)

        yield {name: caller(key) for name, key in keys.items()}


@pytest.mark.parametrize(("owner", "own", "as_of"), [("acme", "cafe", "17:30"), ("bolt", "bar", "18:00")])
def test_lists_and_counts_show_only_the_owners_stores(
    clients: dict[str, Any], owner: str, own: str, as_of: str
) -> None:
    for parameters in (
        {},
        {"q": "a"},
        {"sort": "name"},
        {"sort": "last_poll"},
        {"sort": "-state"},
        {"zone": "America/New_York"} if own == "cafe" else {"zone": "America/Chicago"},
    ):
        page = clients[owner]("GET", "/v1/stores", params=parameters).json()
        assert ([store["store_id"] for store in page["items"]], page["next"]) == ([own], None)
        assert page["as_of"] == f"2023-01-23T{as_of}:00Z"  # the newest poll of the owner's own stores
    other = "bolt" if owner == "acme" else "acme"
    for label in (f"owner:{other}", "owner:nobody"):
        errors = clients[owner]("GET", "/v1/stores", params={"label": label}).json()["errors"]
        message = f"No store has owner={label.removeprefix('owner:')}; the values of owner are {owner}."
        assert errors == [{"field": "query.label", "message": message}]
    for parameters in ({"prefix": "g"}, {"q": "ghost"}):
        assert clients[owner]("GET", "/v1/stores", params=parameters).json()["items"] == []
        assert clients[owner]("GET", "/v1/store_counts", params=parameters).json()["stores"] == 0
    assert clients[owner]("GET", "/v1/store_counts").json()["stores"] == 1
    assert clients["all"]("GET", "/v1/store_counts").json()["stores"] == 3


def test_state_filters_show_only_the_owners_stores(clients: dict[str, Any]) -> None:
    states = {name: set() for name in ("acme", "bolt")}
    for name, found in states.items():
        for state in ("up", "down", "unknown", "closed"):
            found |= {
                row["store_id"] for row in clients[name]("GET", "/v1/stores", params={"state": state}).json()["items"]
            }
    assert states == {"acme": {"cafe"}, "bolt": {"bar"}}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"timezone": "UTC"}),
        ("PATCH", "", {"timezone": "Mars/Base"}),
        ("DELETE", "", None),
        ("GET", "/weekly_hours", None),
        ("PUT", "/weekly_hours", {"weekly_hours": [ROW]}),
        ("GET", "/timeline", None),
        ("GET", "/timeline?from=never", None),
        ("GET", "/availability", None),
        ("GET", "/availability?by=hour", None),
        ("GET", "/observations", None),
    ],
)
def test_store_of_another_is_answered_like_one_that_does_not_exist(
    app: Installation, clients: dict[str, Any], method: str, path: str, body: object
) -> None:
    version = app.catalog.version()
    for store_id in ("bar", "ghost"):
        hidden = clients["acme"](method, f"/v1/stores/{store_id}{path}", json=body)
        missing = clients["acme"](method, f"/v1/stores/nobody{path}", json=body)
        assert hidden.status_code == missing.status_code
        answers = [response.json() | {"request_id": None} for response in (hidden, missing)]
        assert answers[0] == {
            name: value.replace("nobody", store_id) if isinstance(value, str) else value
            for name, value in answers[1].items()
        }
        assert {"bolt", "Bar"}.isdisjoint(hidden.text.split('"'))
    assert app.catalog.version() == version


def test_own_store_can_be_read_and_changed(clients: dict[str, Any]) -> None:
    acme = clients["acme"]
    assert acme("GET", "/v1/stores/cafe").json()["labels"] == {"name": "Cafe", "owner": "acme"}
    assert acme("GET", "/v1/stores/cafe/timeline").json()["as_of"] == "2023-01-23T17:30:00Z"
    changed = acme("PATCH", "/v1/stores/cafe", json={"timezone": "Europe/Berlin"})
    assert changed.json()["timezone"] == "Europe/Berlin"
    assert acme("PUT", "/v1/stores/cafe/weekly_hours", json={"weekly_hours": [ROW]}).status_code == 200


@pytest.mark.parametrize("labels", [{"Owner": "bolt"}, {"owner": None}, {"region": "north"}, {"name": "Café"}])
def test_labels_are_not_the_owners_to_change(clients: dict[str, Any], labels: dict[str, str | None]) -> None:
    refused = [
        clients["acme"]("PATCH", "/v1/stores/cafe", json={"labels": labels}),
        clients["acme"]("PUT", "/v1/labels", json=[{"store_id": "cafe", "labels": labels}]),
        clients["acme"]("POST", "/v1/labels", json=[{"store_id": "bar", "labels": {"owner": "acme"}}]),
    ]
    answers = {(answer.status_code, answer.json()["type"]) for answer in refused}
    assert answers == {(403, "urn:storewatch:problem:scoped-change")}
    assert clients["all"]("GET", "/v1/stores/cafe").json()["labels"] == {"name": "Cafe", "owner": "acme"}
    assert clients["all"]("GET", "/v1/stores/bar").json()["labels"] == {"name": "Bar", "owner": "bolt"}


def test_store_cannot_be_made_under_a_scope(clients: dict[str, Any]) -> None:
    for store_id in ("bar", "new"):  # the answer does not show whether it exists
        response = clients["acme"]("POST", "/v1/stores", json={"store_id": store_id, "labels": {"owner": "acme"}})
        assert (response.status_code, response.json()["type"]) == (403, "urn:storewatch:problem:scoped-change")


def test_hours_of_many_take_only_the_owners_stores(app: Installation, clients: dict[str, Any]) -> None:
    rows = [{"store_id": store_id} | ROW for store_id in ("cafe", "bar", "ghost", "nobody")]
    before = {store_id: clients["all"]("GET", f"/v1/stores/{store_id}").json() for store_id in ("bar", "ghost")}
    answer = clients["acme"]("POST", "/v1/weekly_hours", json=rows).json()
    assert (answer["accepted"], answer["rejected"]) == (1, 3)
    assert answer["rejects"] == [
        {"index": index, "reason": f"there is no store '{store_id}' for this key"}
        for index, store_id in enumerate(("bar", "ghost", "nobody"), 1)
    ]
    assert {store_id: clients["all"]("GET", f"/v1/stores/{store_id}").json() for store_id in before} == before
    assert "nobody" not in app.catalog.stores.read_all().frame["store_id"]


def test_etag_of_one_owner_does_not_open_the_others_store(clients: dict[str, Any]) -> None:
    etag = clients["all"]("GET", "/v1/stores/bar/timeline").headers["etag"]
    with_key = clients["acme"]
    assert with_key("GET", "/v1/stores/bar/timeline").status_code == 404
    assert etag not in with_key("GET", "/v1/stores/bar/timeline").headers.values()


def test_store_that_loses_the_label_is_gone_at_once(clients: dict[str, Any]) -> None:
    assert clients["acme"]("GET", "/v1/stores/cafe/timeline").status_code == 200
    clients["all"]("PATCH", "/v1/stores/cafe", json={"labels": {"owner": "bolt"}})
    assert clients["acme"]("GET", "/v1/stores/cafe/timeline").status_code == 404
    assert clients["acme"]("GET", "/v1/store_counts").json() == {
        "as_of": None,
        "stores": 0,
        "by_state": {"down": 0, "unknown": 0, "up": 0, "closed": 0},
    }
    assert [row["store_id"] for row in clients["bolt"]("GET", "/v1/stores").json()["items"]] == ["bar", "cafe"]
