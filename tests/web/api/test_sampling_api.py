"""How sure the availability of one store is, through the service: the same intervals as in reports."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving
from support.simulated import simulated_fleet

from storewatch.access import AccessRules
from storewatch.catalog import StoreFilter
from storewatch.domain.enums import ReportTable, Role
from storewatch.domain.labels import Label, Scope
from storewatch.installation import Installation
from storewatch.reports.compute.content import SAMPLING
from storewatch.reports.request.request import read_request

FROM: Final = "2023-01-20T00:00:00Z"
TO: Final = "2023-01-23T12:00:00Z"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation with a simulated fleet of 60 stores."""
    with simulated_fleet(tmp_path_factory.mktemp("simulated")) as opened:
        yield opened


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app, AccessRules()) as client:
        yield client


def in_report(app: Installation, store_id: str, begin: str, end: str) -> dict[str, Any]:
    """Return the columns of the sampling section of one store in a report on one window, with the facts."""
    asked = {"windows": [f"{begin}/{end}"], "include": ["sampling"], "store_ids": [store_id], "policy": "observed"}
    with app.reports.compute(read_request(asked | {"format": "json"}), app.lake.snapshot()) as content:
        [row] = content.tables[ReportTable.STORES].read().select(*SAMPLING).rows(named=True)
        return row | {"facts": content.facts["sampling"]}


def get(client: TestClient, store_id: str, **parameters: Any) -> Any:
    answer = client.get(f"/v1/stores/{store_id}/availability", params={"from": FROM, "to": TO} | parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_intervals_are_those_of_reports(app: Installation, client: TestClient) -> None:
    store_id = app.catalog.stores.list_ids(StoreFilter())[3]
    answer = get(client, store_id, include="sampling")
    expected = in_report(app, store_id, FROM, TO)
    facts = expected.pop("facts")
    assert {name: answer["total"][name] for name in SAMPLING} == expected
    assert answer["sampling"] == {name: facts[name] for name in answer["sampling"]}
    assert answer["sampling"].keys() == {"stores", "changes", "from", "to", "down_per_hour", "up_per_hour", "widening"}
    day = answer["rows"][1]
    expected = in_report(app, store_id, day["from"], day["to"])
    # A report on one day does not read polls more than max_gap away from it.
    assert {name: day[name] for name in SAMPLING} == pytest.approx(
        {name: expected[name] for name in SAMPLING}, rel=1e-3
    )
    assert day["availability_from"] < day["availability_expected"] < day["availability_to"]


def test_timeline_has_the_interval_of_its_range(app: Installation, client: TestClient) -> None:
    store_id = app.catalog.stores.list_ids(StoreFilter())[3]
    path, span = f"/v1/stores/{store_id}/timeline", {"from": FROM, "to": TO}
    plain, sampled = (client.get(path, params=span | more) for more in ({}, {"include": "sampling"}))
    assert plain.headers["etag"] != sampled.headers["etag"]
    availability = get(client, store_id, include="sampling")
    assert (sampled.json()["figures"], sampled.json()["sampling"]) == (availability["total"], availability["sampling"])
    assert {"sampling", *SAMPLING}.isdisjoint({*plain.json(), *plain.json()["figures"]})


def test_answer_without_sampling_has_no_member_of_it(app: Installation, client: TestClient) -> None:
    store_id = app.catalog.stores.list_ids(StoreFilter())[3]
    plain, sampled = get(client, store_id), get(client, store_id, include="sampling")
    assert {"sampling", *SAMPLING}.isdisjoint({*plain, *plain["total"], *plain["rows"][0]})
    for part, whole in ((plain["total"], sampled["total"]), *zip(plain["rows"], sampled["rows"], strict=True)):
        assert part == {name: whole[name] for name in part}


def test_etag_differs_with_sampling(app: Installation, client: TestClient) -> None:
    path = f"/v1/stores/{app.catalog.stores.list_ids(StoreFilter())[3]}/availability"
    tags = [client.get(path, params=parameters).headers["etag"] for parameters in ({}, {"include": "sampling"})]
    assert tags[0] != tags[1]
    assert client.get(path, params={"include": "sampling"}, headers={"If-None-Match": tags[1]}).status_code == 304
    assert client.get(path, params={"include": "sampling"}, headers={"If-None-Match": tags[0]}).status_code == 200


def test_unknown_value_of_include_is_refused(app: Installation, client: TestClient) -> None:
    answer = client.get(f"/v1/stores/{app.catalog.stores.list_ids(StoreFilter())[3]}/availability?include=outages")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.include.0")


def test_new_poll_changes_the_rates(app: Installation, client: TestClient) -> None:
    store_id = app.catalog.stores.list_ids(StoreFilter())[3]
    before = get(client, store_id, include="sampling")["sampling"]
    poll = {"store_id": store_id, "status": "active", "timestamp_utc": "2023-01-25T18:13:30Z"}
    assert client.post("/v1/observations", json=[poll]).status_code == 200
    after = get(client, store_id, include="sampling")["sampling"]
    assert (before["to"], after["to"]) == ("2023-01-25T18:13:22.479220Z", "2023-01-25T18:13:30Z")


def test_key_with_a_scope_gets_the_rates_of_its_stores(app: Installation) -> None:
    scope = Scope(label=Label("brand", "blue-kettle"))
    with serving(app) as client:
        client.headers.update(bearer(key_of(app, Role.VIEWER, scope)))
        store_id = client.get("/v1/stores").json()["items"][0]["store_id"]
        answer = get(client, store_id, include="sampling")
    own = {row["store_id"] for row in client.get("/v1/stores").json()["items"]}
    assert answer["sampling"]["stores"] == len(own) < 30
    assert answer["sampling"]["missing"].endswith("times in 31 days; rates need 200 changes.")
    assert {answer["total"][name] for name in SAMPLING} == {None}
