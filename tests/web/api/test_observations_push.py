"""POST /v1/observations through the real layers of the service; tests/ingest has the rows, tests/processes kills."""

import gzip
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from backports import zstd
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving
from support.waiting import wait_for

from storewatch.access.rules import AccessRules
from storewatch.catalog import StoreChanges, labels_frame
from storewatch.domain.enums import Role
from storewatch.domain.labels import Label, Scope
from storewatch.installation import Installation, utc_now

CAFE = {"store_id": "cafe", "observed_at": "2023-01-23T15:14:00Z", "status": "active"}
BAD = {**CAFE, "status": "open"}
JSON = "application/json"


@pytest.fixture
def app(installation: Installation) -> Installation:
    return installation


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app, AccessRules()) as client:
        yield client


def push(client: TestClient, body: Any, media_type: str = JSON, **headers: str):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/v1/observations", content=data, headers={"Content-Type": media_type, **headers})


def stored(app: Installation) -> list[tuple[str, bool]]:
    seen = app.lake.snapshot().read(-(2**62), 2**62).sort("loaded_at", maintain_order=True)
    latest = seen.unique(["store_id", "observed_at"], keep="last").sort("store_id", "observed_at")
    return list(latest.select("store_id", "active").iter_rows())


def taken(lake_version: int, accepted: int = 1) -> dict[str, object]:
    return {
        "accepted": accepted,
        "rejected": 0,
        "rejects": [],
        "rejects_not_shown": 0,
        "lake_version": lake_version,
    }


def written(frame: pl.DataFrame, method: str) -> bytes:
    file = io.BytesIO()
    getattr(frame, method)(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (JSON, json.dumps(CAFE).encode()),
        ("Application/JSON; charset=UTF-8", json.dumps([CAFE]).encode()),
        ("application/x-ndjson", json.dumps(CAFE).encode()),
        ("text/csv", written(pl.DataFrame([CAFE]), "write_csv")),
        ("application/vnd.apache.parquet", written(pl.DataFrame([CAFE]), "write_parquet")),
        ("application/vnd.apache.arrow.stream", written(pl.DataFrame([CAFE]), "write_ipc_stream")),
    ],
)
@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
def test_every_form_is_stored_before_it_is_answered(
    client: TestClient, app: Installation, media_type: str, body: bytes, encoding: str
) -> None:
    packed = {"identity": bytes, "gzip": gzip.compress, "zstd": zstd.compress}[encoding](body)
    response = push(client, packed, media_type, **{"Content-Encoding": encoding})
    assert (response.status_code, response.json()) == (200, taken(1))
    assert stored(app) == [("cafe", True)]


def test_good_ones_go_in_and_others_come_back_with_their_reason(client: TestClient, app: Installation) -> None:
    response = push(client, [CAFE, BAD, {**CAFE, "store_id": "bar"}])
    reason = "status 'open' is neither active nor inactive"
    assert response.json() == taken(1, accepted=2) | {"rejected": 1, "rejects": [{"index": 1, "reason": reason}]}
    assert stored(app) == [("bar", True), ("cafe", True)]
    many = push(client, [BAD] * 250 + [CAFE]).json()
    assert (many["rejected"], len(many["rejects"]), many["rejects_not_shown"]) == (250, 100, 150)


def test_request_without_a_good_one_is_a_problem_and_stores_nothing(client: TestClient, app: Installation) -> None:
    response = push(client, BAD)
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    problem = response.json()
    del problem["request_id"]
    assert problem == {
        "type": "urn:storewatch:problem:rejected-observations",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "No observation was good, 1 rejected; nothing was stored.",
        "errors": [{"field": "body.0", "message": "status 'open' is neither active nor inactive"}],
    }
    assert app.lake.snapshot().version == 0


def test_later_requests_win_and_repeats_change_nothing(client: TestClient, app: Installation) -> None:
    for status in ("active", "inactive", "inactive", "active", "inactive"):
        assert push(client, {**CAFE, "status": status}).status_code == 200
    assert stored(app) == [("cafe", False)]


@pytest.mark.parametrize(
    ("media_type", "body", "status", "name"),
    [
        (JSON, b"", 400, "invalid-input"),
        (JSON, b"{", 400, "invalid-input"),
        (JSON, b"[" * 200_000, 400, "invalid-input"),
        (JSON, b"\x00\x01", 400, "invalid-input"),
        (JSON, b"\xff\xfe[\x00", 400, "invalid-input"),
        (JSON, b"[]", 400, "invalid-input"),
        (JSON, b"[NaN, 1e999, {}, [], null]", 422, "rejected-observations"),
        (JSON, json.dumps({**CAFE, "observed_at": "2999-01-01T00:00:00Z"}).encode(), 422, "rejected-observations"),
        (JSON, json.dumps({**CAFE, "store_id": "a\0b"}).encode(), 422, "rejected-observations"),
        (JSON, json.dumps({**CAFE, "store_id": 1.5}).encode(), 422, "rejected-observations"),
        (JSON, b"[" + b"{}," * 1_000_002 + b"{}]", 413, "too-many-rows"),
        ("text/csv", b"a,b\n1,2\n", 400, "invalid-input"),
        ("application/vnd.apache.parquet", b"PAR1", 400, "invalid-input"),
        ("application/vnd.apache.arrow.stream", b"ARROW1", 400, "invalid-input"),
        ("application/xml", b"<a/>", 415, "unknown-media-type"),
        ("text/csv; charset=utf-16", b"a", 415, "unknown-media-type"),
        ("", b"{}", 415, "unknown-media-type"),
        ("multipart/form-data; boundary=x", b"--x--", 415, "unknown-media-type"),
    ],
)
def test_body_that_cannot_be_used_is_a_problem_and_stores_nothing(
    client: TestClient, app: Installation, media_type: str, body: bytes, status: int, name: str
) -> None:
    response = push(client, body, media_type)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert response.json()["type"] == f"urn:storewatch:problem:{name}"
    assert app.lake.snapshot().version == 0


def test_unknown_media_type_is_answered_with_the_known_ones(client: TestClient) -> None:
    detail = push(client, b"x", "text/plain").json()["detail"]
    assert detail == (
        "Content-Type 'text/plain' is not supported; send one of application/json, application/x-ndjson, text/csv, "
        "application/vnd.apache.parquet, application/vnd.apache.arrow.stream (in UTF-8)."
    )


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_zip_bomb_and_large_body_are_too_large(client: TestClient, app: Installation, pack: Any) -> None:
    bomb = pack(b" " * 200_000_000)
    assert len(bomb) < 1_000_000
    for response in (
        push(client, bomb, **{"Content-Encoding": "gzip" if pack is gzip.compress else "zstd"}),
        push(client, b" " * 65_000_000),
    ):
        assert (response.status_code, response.json()["type"]) == (413, "urn:storewatch:problem:body-too-large")
    assert app.lake.snapshot().version == 0


def test_lake_that_cannot_be_written_is_503_and_comes_back(
    client: TestClient, app: Installation, tmp_path: Path
) -> None:
    assert push(client, CAFE).status_code == 200
    lake = Path(app.settings.lake_url)
    lake.rename(tmp_path / "away")
    lake.write_text("a file where the folder was")
    response = push(client, CAFE)
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["type"] == "urn:storewatch:problem:lake-unavailable"
    lake.unlink()
    (tmp_path / "away").rename(lake)
    assert push(client, {**CAFE, "store_id": "bar"}).status_code == 200
    assert stored(app) == [("bar", True), ("cafe", True)]


def test_many_clients_at_once_are_all_stored(client: TestClient, app: Installation) -> None:
    with ThreadPoolExecutor(30) as threads:
        answers = list(threads.map(lambda n: push(client, {**CAFE, "store_id": f"s-{n}"}), range(120)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(stored(app)) == 120
    assert app.lake.snapshot().version < 60


def test_keys_need_the_role_operator(app: Installation) -> None:
    with serving(app) as client:
        assert push(client, CAFE).status_code == 401
        assert push(client, CAFE, **bearer(key_of(app, Role.VIEWER))).status_code == 403
        assert push(client, CAFE, **bearer(key_of(app, Role.OPERATOR))).status_code == 200
    assert stored(app) == [("cafe", True)]


def test_scoped_key_writes_only_its_stores_and_learns_nothing_of_others(app: Installation) -> None:
    for store_id, owner in (("mine", "acme"), ("theirs", "other")):
        app.catalog.stores.create(
            store_id, StoreChanges(labels=labels_frame({store_id: {"owner": owner}})), now=utc_now()
        )
    with serving(app) as client:
        key = bearer(key_of(app, Role.OPERATOR, Scope(label=Label("owner", "acme"))))
        mixed = push(client, [{**CAFE, "store_id": store_id} for store_id in ("theirs", "mine", "new")], **key)
        assert [reject["reason"] for reject in mixed.json()["rejects"]] == [
            "there is no store 'theirs' for this key",
            "there is no store 'new' for this key",
        ]
        assert push(client, {**CAFE, "store_id": "theirs"}, **key).status_code == 422
    assert stored(app) == [("mine", True)]


def test_pushes_of_a_key_share_an_audit_row(app: Installation) -> None:
    with serving(app) as client:
        key = bearer(key_of(app, Role.OPERATOR))
        for _ in range(3):
            push(client, [CAFE, BAD], **key)
    with serving(app) as client:
        admin = bearer(key_of(app))

        def ask() -> list[dict[str, Any]] | None:
            items = client.get("/v1/audit", params={"action": "observations.push"}, headers=admin).json()["items"]
            return items or None

        rows = wait_for(ask)
    assert [(row["action"], row["outcome"]) for row in rows] == [("observations.push", "done")]
    assert rows[0]["detail"] | {"last_at": ""} == {"requests": 3, "accepted": 3, "rejected": 3, "last_at": ""}


def test_new_stores_are_listed_and_reported(client: TestClient) -> None:
    push(client, [CAFE, {**CAFE, "store_id": "bar"}])

    def listed() -> list[str] | None:
        return [store["store_id"] for store in client.get("/v1/stores").json()["items"]] or None

    assert wait_for(listed) == ["bar", "cafe"]


def test_answer_states_the_unit_of_times_that_are_numbers(client: TestClient) -> None:
    poll = {"store_id": "cafe", "observed_at": 1674486840000000, "status": "active"}
    answer = client.post("/v1/observations", json=poll).json()
    assert answer["assumed"] == ["times that are numbers were read as microseconds since 1970"]
    assert "assumed" not in client.post("/v1/observations", json=poll | {"observed_at": "2023-01-23T15:14:00Z"}).json()
