"""Paths with underscores answer 308 with the path in kebab-case and the same query; clients repeat method and body."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving

from storewatch.installation import Installation


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app, headers=bearer(key_of(app)), follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "old", "new"),
    [
        ("GET", "/v1/store_counts?label=owner:acme&q=a%20b", "/v1/store-counts?label=owner:acme&q=a%20b"),
        ("POST", "/v1/weekly_hours?valid_from=2023-02-01", "/v1/weekly-hours?valid_from=2023-02-01"),
        ("GET", "/v1/stores/cafe/weekly_hours", "/v1/stores/cafe/weekly-hours"),
        ("PUT", "/v1/stores/a%2Fb%20c/weekly_hours", "/v1/stores/a%2Fb%20c/weekly-hours"),
        ("GET", "/v1/stores/weekly_hours/weekly_hours", "/v1/stores/weekly_hours/weekly-hours"),
    ],
)
def test_old_path_leads_to_the_new_one(client: TestClient, method: str, old: str, new: str) -> None:
    response = client.request(method, old, content=bytes(2_000_000) if method != "GET" else None)
    assert response.status_code == 308
    assert response.next_request is not None
    assert (response.next_request.method, response.next_request.url.raw_path.decode()) == (method, new)


def test_followed_request_has_its_method_and_body(client: TestClient) -> None:
    hours = {"weekly_hours": [{"day": 0, "start_time_local": "10:00:00", "end_time_local": "12:00:00"}]}
    changed = client.put("/v1/stores/cafe/weekly_hours", json=hours, follow_redirects=True)
    assert (changed.status_code, changed.json()["weekly_hours"]) == (200, hours["weekly_hours"])
    counts = client.get("/v1/store_counts", follow_redirects=True)
    assert counts.json() == client.get("/v1/store-counts").json()


def test_old_path_needs_a_key_as_the_new_one_does(app: Installation) -> None:
    with serving(app, follow_redirects=False) as client:
        assert client.get("/v1/store_counts").status_code == 401


def test_other_paths_with_underscores_stay(client: TestClient) -> None:
    assert client.get("/v1/stores/weekly_hours").status_code == 404  # of a store with this id
    assert client.get("/v1/special_hours").status_code == 404


@pytest.mark.parametrize("path", ["/v1/weekly-hours", "/v1/labels"])
def test_post_still_replaces_many_rows_as_put_does(client: TestClient, path: str) -> None:
    text = {"/v1/labels": "store_id,name,owner\ncafe,Cafe,acme\n"}.get(
        path, "store_id,day,start_time_local,end_time_local\ncafe,0,09:00:00,12:00:00\n"
    )
    answers = [
        client.request(method, path, content=text, headers={"Content-Type": "text/csv"}) for method in ("PUT", "POST")
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
