"""Planned closures and annotations over HTTP, and what they do to a store's timeline and outages."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving
from support.scene import settings_in

from storewatch.access import AccessRules
from storewatch.catalog import StoreChanges, labels_frame
from storewatch.domain.enums import Role
from storewatch.installation import Installation, open_installation

DAY = {"from": "2023-01-23T00:00:00Z", "to": "2023-01-24T00:00:00Z"}
# cafe is open 14:00-17:00 and down from 16:15 on.
CLOSED = {"from": "2023-01-23T16:30:00Z", "to": "2023-01-23T16:45:00Z", "reason": "inventory"}
KNOWN = {"store_id": "cafe", "from": "2023-01-23T16:45:00Z", "to": "2023-01-24T00:00:00Z", "cause": "power"}


@pytest.fixture
def app(scene: Installation) -> Installation:
    scene.catalog.stores.replace(StoreChanges(labels=labels_frame({"cafe": {"owner": "acme"}})), now=datetime.now(UTC))
    return scene


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app, AccessRules()) as client:
        yield client


def problem(response: Any) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["type"].rsplit(":", 1)[-1]


def made(client: TestClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = client.post(path, json=body)
    assert response.status_code == 201, response.text
    assert client.get(response.headers["location"]).json() == response.json()
    return dict(response.json())


def seconds(client: TestClient, **query: str) -> tuple[float, ...]:
    figures = client.get("/v1/stores/cafe/timeline", params=DAY | query).json()["figures"]
    return tuple(figures[f"{name}_seconds"] for name in ("business", "up", "down", "unknown", "planned"))


@pytest.mark.parametrize("target", [{"store_id": "cafe"}, {"label": "Owner", "value": "acme"}, {"all_stores": True}])
def test_closure_is_made_counted_listed_and_deleted(client: TestClient, target: dict[str, Any]) -> None:
    nobody = {"store_id": None, "label": None, "value": None, "all_stores": False}
    shown = target | ({"label": "owner"} if "label" in target else {})
    closure = made(client, "/v1/closures", target | CLOSED)
    created_at = closure["created_at"]
    at_ms = int(datetime.fromisoformat(created_at).timestamp() * 1000)
    path, closure_id = f"/v1/closures/{at_ms}", str(at_ms)
    expected = nobody | shown | CLOSED | {"closure_id": closure_id, "created_at": created_at, "created_by": None}
    assert closure == expected
    assert client.get("/v1/closures").json() == {"items": [closure], "next": None}
    assert client.get("/v1/closures", params={"store_id": "cafe"}).json()["items"] == [closure]
    of_bar = client.get("/v1/closures", params={"store_id": "bar"}).json()["items"]
    assert of_bar == ([closure] if "all_stores" in target else [])
    assert seconds(client) == (10_800.0, 8_100.0, 1_800.0, 0.0, 900.0)
    assert client.delete(path).status_code == 204
    assert seconds(client) == (10_800.0, 8_100.0, 2_700.0, 0.0, 0.0)
    for method in ("GET", "DELETE"):
        for nothing in (closure_id, "none", "%00", "9" * 40):
            assert problem(client.request(method, f"/v1/closures/{nothing}")) == (404, "unknown-closure")


def test_closure_is_honoured_excluded_or_ignored(client: TestClient) -> None:
    made(client, "/v1/closures", {"store_id": "cafe"} | CLOSED)
    assert seconds(client, closures="exclude") == (9_900.0, 8_100.0, 1_800.0, 0.0, 0.0)
    assert seconds(client, closures="ignore") == (10_800.0, 8_100.0, 2_700.0, 0.0, 0.0)
    timeline = client.get("/v1/stores/cafe/timeline", params=DAY).json()
    assert [(span["start"][11:16], span["status"]) for span in timeline["spans"]] == [
        ("14:00", "up"),
        ("16:15", "down"),
        ("16:30", "planned"),
        ("16:45", "down"),
    ]
    assert [(session["open"][11:16], session["close"][11:16]) for session in timeline["sessions"]] == [
        ("14:00", "16:30"),
        ("16:45", "17:00"),
    ]
    days = client.get("/v1/stores/cafe/availability", params=DAY).json()
    assert (days["total"]["planned_seconds"], days["total"]["coverage"]) == (900.0, 1.0)
    assert sum(row["planned_seconds"] for row in days["rows"]) == 900.0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"store_id": None}, "body.store_id"),
        ({"all_stores": True}, "body.store_id"),
        ({"label": "a"}, "body.value"),
        ({"store_id": None, "value": "b"}, "body.value"),
        ({"store_id": "cafe", "label": "a", "value": "b"}, "body.store_id"),
        ({"from": "soon"}, "body.from"),
        ({"from": "1066-10-14T09:00:00Z"}, "body.from"),
        ({"to": CLOSED["from"]}, "body.to"),
        ({"reason": ""}, "body.reason"),
        ({"reason": "nul\0"}, "body.reason"),
        ({"until": "x"}, "body.until"),
    ],
)
def test_closure_that_cannot_be_is_refused_with_its_field(
    client: TestClient, change: dict[str, Any], field: str
) -> None:
    response = client.post("/v1/closures", json={"store_id": "cafe"} | CLOSED | change)
    assert problem(response) == (422, "invalid-request")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert client.get("/v1/closures").json()["items"] == []


def test_entries_of_an_unknown_store_are_refused(client: TestClient) -> None:
    assert problem(client.post("/v1/closures", json=CLOSED | {"store_id": "nobody"})) == (404, "unknown-store")
    assert problem(client.post("/v1/annotations", json=KNOWN | {"store_id": "nobody"})) == (404, "unknown-store")


def test_closure_of_a_label_that_no_store_has_names_the_nearest(client: TestClient) -> None:
    for store_id, region in (("cafe", "north"), ("bar", "south")):
        client.patch(f"/v1/stores/{store_id}", json={"labels": {"region": region}})
    unknown = CLOSED | {"label": "region", "value": "nroth"}
    refused = client.post("/v1/closures", json=unknown)
    error = {"field": "body.label", "message": "No store has region=nroth; the nearest are region=north, region=south."}
    assert (refused.status_code, refused.json()["errors"]) == (422, [error])
    assert client.post("/v1/closures", json=unknown | {"allow_unknown": True}).status_code == 201
    assert made(client, "/v1/closures", unknown | {"value": "north"})["value"] == "north"
    near = client.post("/v1/closures", json=CLOSED | {"store_id": "caffe"}).json()["detail"]
    assert near.startswith("There is no store with the id 'caffe'; the nearest is cafe.")


@pytest.mark.parametrize("path", ["closures", "annotations", "special-hours", "targets", "sales"])
def test_list_for_a_store_that_does_not_exist_is_refused(client: TestClient, path: str) -> None:
    assert problem(client.get(f"/v1/{path}", params={"store_id": "caffe"})) == (404, "unknown-store")
    assert client.get(f"/v1/{path}", params={"store_id": "cafe"}).json()["items"] == []


def test_annotation_is_made_changed_counted_and_deleted(client: TestClient) -> None:
    annotation = made(client, "/v1/annotations", KNOWN | {"note": "dark", "reclassify_as": "unknown"})
    annotation_id = annotation["annotation_id"]
    path = f"/v1/annotations/{annotation_id}"
    rest = {"annotation_id": annotation_id, "created_at": annotation["created_at"], "created_by": None}
    assert annotation == KNOWN | {"note": "dark", "reclassify_as": "unknown"} | rest
    assert seconds(client) == (10_800.0, 8_100.0, 1_800.0, 900.0, 0.0)
    assert seconds(client, annotations="ignore") == (10_800.0, 8_100.0, 2_700.0, 0.0, 0.0)
    for mode, counted in (("planned", (8_100.0, 1_800.0, 0.0, 900.0)), ("not_an_outage", (9_000.0, 1_800.0, 0.0, 0.0))):
        changed = client.patch(path, json={"reclassify_as": mode, "note": None})
        assert changed.json() == annotation | {"reclassify_as": mode, "note": None}
        assert seconds(client) == (10_800.0, *counted)
    assert client.patch(path, json={"reclassify_as": None}).json()["reclassify_as"] == "down"
    assert seconds(client) == (10_800.0, 8_100.0, 2_700.0, 0.0, 0.0)
    assert client.delete(path).status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        for nothing in (annotation_id, "none", "%00", "9" * 40):
            response = client.request(method, f"/v1/annotations/{nothing}", json={})
            assert problem(response) == (404, "unknown-annotation")


@pytest.mark.parametrize("later", [{}, {"reclassify_as": None}, {"reclassify_as": "down"}])
def test_later_annotation_that_leaves_time_down_undoes_an_earlier_one(
    client: TestClient, later: dict[str, str | None]
) -> None:
    first = made(client, "/v1/annotations", KNOWN | {"reclassify_as": "planned"})["annotation_id"]
    assert seconds(client) == (10_800.0, 8_100.0, 1_800.0, 0.0, 900.0)
    second = made(client, "/v1/annotations", KNOWN | {"cause": "no, the oven"} | later)
    assert second["reclassify_as"] == "down"
    assert seconds(client) == (10_800.0, 8_100.0, 2_700.0, 0.0, 0.0)
    outages = client.get("/v1/stores/cafe/outages", params=DAY).json()["outages"]
    assert [(outage["down_seconds"], outage["cause"]) for outage in outages] == [(2_700.0, "no, the oven")]
    changed = client.patch(f"/v1/annotations/{first}", json={"reclassify_as": "unknown"})
    assert changed.json()["reclassify_as"] == "unknown"
    assert seconds(client) == (10_800.0, 8_100.0, 2_700.0, 0.0, 0.0)
    client.delete(f"/v1/annotations/{second['annotation_id']}")
    assert seconds(client) == (10_800.0, 8_100.0, 1_800.0, 900.0, 0.0)


def test_annotations_are_listed_newest_first_by_store_and_range(client: TestClient) -> None:
    for cause in ("a", "b"):
        made(client, "/v1/annotations", KNOWN | {"cause": cause})
    made(client, "/v1/annotations", KNOWN | {"store_id": "bar", "cause": "c"})

    def causes(**query: Any) -> list[str]:
        return [item["cause"] for item in client.get("/v1/annotations", params=query).json()["items"]]

    assert causes() == ["c", "b", "a"]
    assert causes(store_id="cafe") == ["b", "a"]
    assert causes(to="2023-01-23T16:45:00Z") == []
    assert causes(**{"from": "2023-01-24T00:00:00Z"}) == []
    first = client.get("/v1/annotations", params={"limit": 2}).json()
    assert causes(limit=2, cursor=first["next"]) == ["a"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"cause": None}, "body.cause"),
        ({"from": None}, "body.from"),
        ({"to": "2023-01-23T16:00:00Z"}, "body.to"),
        ({"reclassify_as": "up"}, "body.reclassify_as"),
        ({"store_id": "bar"}, "body.store_id"),
    ],
)
def test_change_that_cannot_be_is_refused_with_its_field(client: TestClient, body: dict[str, Any], field: str) -> None:
    annotation = made(client, "/v1/annotations", KNOWN)
    path = f"/v1/annotations/{annotation['annotation_id']}"
    response = client.patch(path, json=body)
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert client.get(path).json() == annotation


def test_outages_tell_when_how_long_and_why(client: TestClient) -> None:
    made(client, "/v1/annotations", KNOWN | {"note": "dark"})
    answer = client.get("/v1/stores/cafe/outages", params=DAY)
    shown = answer.json()
    assert shown["outage_figures"] == {
        "outages": 1,
        "longest_outage_seconds": 2_700.0,
        "mean_outage_seconds": 2_700.0,
        "mttr_seconds": None,
        "mtbf_seconds": 8_100.0,
    }
    assert shown["figures"]["down_seconds"] == 2_700.0
    assert shown["outages"] == [
        {
            "start_at": "2023-01-23T16:15:00Z",
            "end_at": "2023-01-23T17:00:00Z",
            "start_local": "2023-01-23T11:15:00",
            "down_seconds": 2_700.0,
            "wall_seconds": 2_700.0,
            "opened_at": "2023-01-23T16:15:00Z",
            "closed_at": None,
            "position": "early_close",
            "state": "ongoing",
            "began_before": False,
            "cause": "power",
            "note": "dark",
            "inactive_polls": None,
            "reason": None,
            "reason_polls": None,
            "reasons": None,
        }
    ]
    known = {"If-None-Match": answer.headers["etag"]}
    assert client.get("/v1/stores/cafe/outages", params=DAY, headers=known).status_code == 304
    for shortest, number in (("30m", 1), ("31m", 0)):  # bar is down from 17:30 to 18:00 and up on both sides
        shown = client.get("/v1/stores/bar/outages", params=DAY | {"min_duration": shortest, "policy": "fill"}).json()
        assert (len(shown["outages"]), shown["outage_figures"]["outages"]) == (number, number)
    assert client.get("/v1/stores/ghost/outages", params=DAY).json()["outages"] == []
    assert problem(client.get("/v1/stores/nobody/outages")) == (404, "unknown-store")
    for query, field in (({"min_duration": "x"}, "query.min_duration"), ({"from": "x"}, "query.from")):
        response = client.get("/v1/stores/cafe/outages", params=query)
        assert [error["field"] for error in response.json()["errors"]] == [field]


def test_outages_have_the_policy_of_reports_and_timelines_the_careful_one(client: TestClient) -> None:
    def policies(**query: str) -> list[str]:
        kinds = ("outages", "timeline", "availability")
        return [client.get(f"/v1/stores/cafe/{kind}", params=DAY | query).json()["policy"] for kind in kinds]

    assert policies() == ["fill", "observed", "observed"]
    assert policies(policy="observed") == ["observed"] * 3


def test_outages_before_anything_was_observed_are_none(tmp_path: Path) -> None:
    with open_installation(settings_in(tmp_path / "empty")) as empty, serving(empty, AccessRules()) as client:
        client.post("/v1/stores", json={"store_id": "new"})
        answer = client.get("/v1/stores/new/outages", params=DAY).json()
    assert (answer["outages"], answer["as_of"], answer["figures"]["unknown_seconds"]) == ([], None, 86_400.0)


def test_changes_are_of_operators_and_audited(app: Installation) -> None:
    with serving(app) as client:
        viewer, operator = bearer(key_of(app, Role.VIEWER)), bearer(key := key_of(app, Role.OPERATOR))
        ids = []
        for path, body in (("/v1/closures", CLOSED | {"store_id": "cafe"}), ("/v1/annotations", KNOWN)):
            assert problem(client.post(path, json=body, headers=viewer)) == (403, "role-too-low")
            created = client.post(path, json=body, headers=operator).json()
            ids.append(created.get("closure_id") or created["annotation_id"])
            author = created["created_by"]
            assert author is not None
            assert author in key
            assert client.get(path, headers=viewer).json()["items"][0]["created_by"] == author
        closure, annotation = ids
        client.patch(f"/v1/annotations/{annotation}", json={"reclassify_as": "planned"}, headers=operator)
        rows = client.get("/v1/audit", headers=bearer(key_of(app))).json()["items"]
    done = [(row["action"], row["object_id"]) for row in rows if row["outcome"] == "done"]
    assert done[:3] == [
        ("annotation.change", annotation),
        ("annotation.create", annotation),
        ("closure.create", closure),
    ]
    assert rows[0]["detail"] == {"reclassify_as": "planned"}


def test_state_of_a_store_follows_what_is_known(client: TestClient) -> None:
    poll = {"store_id": "bar", "observed_at": "2023-01-23T18:30:00Z", "status": "inactive"}
    client.post("/v1/observations", json=poll)
    assert client.get("/v1/stores/bar").json()["state"] == "down"
    span = {"store_id": "bar", "from": "2023-01-23T18:00:00Z", "to": "2023-01-23T19:00:00Z"}
    made(client, "/v1/annotations", span | {"cause": "x", "reclassify_as": "not_an_outage"})
    assert client.get("/v1/stores/bar").json()["state"] == "up"
    made(client, "/v1/closures", span | {"reason": "x"})
    assert client.get("/v1/stores/bar").json()["state"] == "closed"
    assert client.get("/v1/store_counts").json()["by_state"]["closed"] == 2
