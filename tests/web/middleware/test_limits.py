"""Limits of bodies and time, around a small service that reads whole bodies and streams like the real one."""

import asyncio
import gzip
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from pydantic import BaseModel
from support.scene import settings_in
from support.services import service_of

from storewatch.installation import open_installation, prepare_service
from storewatch.web.body_limits import SMALL_BODY_VALUES, BodyLimit, body_limit
from storewatch.web.middleware.body_limits import PIECE_BYTES, BodyLimitMiddleware
from storewatch.web.middleware.time_limit import TimeLimitMiddleware
from storewatch.web.problems import install_problems

LIMIT = 1_000


def every_route(size_bytes: int) -> dict[BodyLimit, int]:
    return dict.fromkeys(BodyLimit, size_bytes)


class Words(BaseModel):
    words: list[str]


def echo_service() -> FastAPI:
    service = FastAPI()
    install_problems(service)
    service.state.kept = []

    @service.post("/echo")
    async def echo(request: Request) -> dict[str, Any]:
        parts = [part async for part in request.stream()]
        service.state.kept.append(b"".join(parts))
        return {"bytes": sum(map(len, parts)), "largest": max(map(len, parts)), "headers": dict(request.headers)}

    @service.post("/model")
    async def model(words: Words) -> int:
        service.state.kept.append(words)
        return len(words.words)

    return service


@pytest.fixture
def service() -> FastAPI:
    service = echo_service()
    service.add_middleware(BodyLimitMiddleware, bytes_of=every_route(LIMIT))
    return service


@pytest.fixture
def client(service: FastAPI) -> TestClient:
    return TestClient(service)


def problem_of(response: Any) -> tuple[int, str, str]:
    return response.status_code, response.headers["content-type"], response.json()["type"].rsplit(":", 1)[1]


def chunks(body: bytes, size: int = 100) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def test_body_up_to_the_limit_is_taken(client: TestClient) -> None:
    assert client.post("/echo", content=b"x" * LIMIT).json()["bytes"] == LIMIT
    assert client.post("/echo", content=chunks(b"x" * LIMIT)).json()["bytes"] == LIMIT


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("path", ["/echo", "/model"])
def test_body_over_the_limit_is_413_and_nothing_is_kept(
    service: FastAPI, client: TestClient, path: str, streamed: bool
) -> None:
    body = b"x" * (LIMIT + 1)
    response = client.post(path, content=chunks(body) if streamed else body)
    assert problem_of(response) == (413, "application/problem+json", "body-too-large")
    assert service.state.kept == []


def test_route_declares_its_limit() -> None:
    service = echo_service()

    @service.put("/rows/{store_id:path}")
    @body_limit(BodyLimit.DATA)
    async def rows(request: Request) -> int:
        return len(await request.body())

    service.add_middleware(BodyLimitMiddleware, bytes_of=every_route(10) | {BodyLimit.DATA: LIMIT})
    client = TestClient(service)
    for content in (b"x" * LIMIT, chunks(b"x" * LIMIT)):
        assert client.put("/rows/a/b", content=content).json() == LIMIT
    assert client.put("/rows/a/b", content=b"x" * (LIMIT + 1)).status_code == 413
    assert client.post("/rows/a/b", content=b"x" * 11).status_code == 413  # the route has no such method
    assert client.post("/echo", content=b"x" * 10).status_code == 200
    assert client.post("/echo", content=b"x" * 11).status_code == 413


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("value", [b"[],", b'"a",', b'{"a":1},'])
def test_small_body_of_very_many_values_is_413(coding: str, value: bytes) -> None:
    service = echo_service()

    @service.put("/rows")
    @body_limit(BodyLimit.DATA)
    async def rows(request: Request) -> int:
        return len(await request.body())

    service.add_middleware(BodyLimitMiddleware, bytes_of=every_route(1_000_000))
    client = TestClient(service)
    separators = value.count(b",") + value.count(b"[") + value.count(b"{")
    for count, status in ((SMALL_BODY_VALUES // separators, 200), (SMALL_BODY_VALUES // separators + 1, 413)):
        body = value * count
        content = gzip.compress(body, mtime=0) if coding == "gzip" else body
        response = client.post("/echo", content=content, headers={"Content-Encoding": coding})
        assert response.status_code == status
        assert client.put("/rows", content=content, headers={"Content-Encoding": coding}).json() == len(body)
    assert response.json()["detail"] == "The body has more than 50,000 values, which no request to this path needs."


def test_of_many_wrong_values_the_first_are_named(service: FastAPI, client: TestClient) -> None:
    service.user_middleware.clear()
    response = client.post("/model", json={"words": list(range(250))})
    assert response.status_code == 422
    assert len(response.json()["errors"]) == 100
    assert response.json()["detail"].endswith("body.words.99: Input should be a valid string; and 150 more")


@pytest.mark.parametrize(
    ("coding", "compress"), [("gzip", gzip.compress), ("X-GZip", gzip.compress), ("zstd", zstd.compress)]
)
@pytest.mark.parametrize("size", [1, 20, 1_000_000])
def test_compressed_body_arrives_unpacked(coding: str, compress: Callable[[bytes], bytes], size: int) -> None:
    service = echo_service()
    service.add_middleware(BodyLimitMiddleware, bytes_of=every_route(10_000_000))
    body = bytes(range(256)) * 4_000 + b"end"
    packed = compress(body[:500_000]) + compress(body[500_000:])  # members follow each other
    response = TestClient(service).post("/echo", content=chunks(packed, size), headers={"Content-Encoding": coding})
    assert service.state.kept == [body]
    assert response.json()["largest"] <= PIECE_BYTES
    assert not {"content-encoding", "content-length"} & response.json()["headers"].keys()


def test_compressed_model_is_read_as_the_model(service: FastAPI, client: TestClient) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert client.post("/model", content=gzip.compress(b'{"words": ["a", "b"]}', mtime=0), headers=headers).json() == 2


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
@pytest.mark.parametrize("path", ["/echo", "/model"])
def test_zip_bomb_is_413_before_it_is_unpacked(
    service: FastAPI, client: TestClient, coding: str, compress: Callable[[bytes], bytes], path: str
) -> None:
    bomb = compress(bytes(30_000_000))
    assert len(bomb) < 50_000
    service.user_middleware.clear()
    service.add_middleware(BodyLimitMiddleware, bytes_of=every_route(50_000))
    response = TestClient(service).post(path, content=bomb, headers={"Content-Encoding": coding})
    assert problem_of(response) == (413, "application/problem+json", "body-too-large")
    assert service.state.kept == []


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"not gzip at all"),
        ("gzip", gzip.compress(b"x" * 500, mtime=0)[:-9]),
        ("gzip", gzip.compress(b"x" * 500, mtime=0) + b"trailing"),
        ("gzip", zlib.compress(b"x" * 500)),
        ("zstd", b"not zstd at all"),
        ("zstd", zstd.compress(b"x" * 500)[:-3]),
        ("zstd", gzip.compress(b"x" * 500, mtime=0)),
    ],
    ids=["none", "cut", "trailing", "zlib", "no-zstd", "cut-zstd", "gzip-as-zstd"],
)
def test_broken_encoding_is_400_and_nothing_is_kept(
    service: FastAPI, client: TestClient, coding: str, body: bytes
) -> None:
    response = client.post("/echo", content=body, headers={"Content-Encoding": coding})
    assert problem_of(response) == (400, "application/problem+json", "broken-encoding")
    assert service.state.kept == []


def test_zstd_window_is_bounded(client: TestClient) -> None:
    greedy = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    frame = greedy.compress(b"x" * 100) + greedy.flush()
    assert client.post("/echo", content=frame, headers={"Content-Encoding": "zstd"}).status_code == 400


@pytest.mark.parametrize(
    "coding", ["br", "deflate", "gzip, gzip", "x" * 500, "\u00e9"], ids=["br", "deflate", "twice", "long", "odd"]
)
def test_unknown_encoding_is_415_and_names_the_known(service: FastAPI, client: TestClient, coding: str) -> None:
    response = client.post("/echo", content=b"x", headers={"Content-Encoding": coding.encode("latin-1")})
    assert problem_of(response) == (415, "application/problem+json", "unknown-encoding")
    assert response.headers["accept-encoding"] == "gzip, zstd"
    assert service.state.kept == []


def test_empty_body_may_name_an_encoding(service: FastAPI, client: TestClient) -> None:
    assert client.post("/echo", content=b"", headers={"Content-Encoding": "gzip"}).status_code == 200


@pytest.fixture
def timed() -> Iterator[TestClient]:
    service = FastAPI()
    install_problems(service)
    released = threading.Event()

    @service.get("/thread")
    def thread() -> str:
        released.wait(30)
        return "late"

    @service.get("/task")
    async def task() -> None:
        await asyncio.Event().wait()

    @service.get("/events")
    async def events() -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            yield "first "
            await asyncio.to_thread(threading.Event().wait, 0.3)
            yield "last"

        return StreamingResponse(parts())

    @service.get("/broken")
    async def broken() -> None:
        raise ValueError("broken")

    service.add_middleware(TimeLimitMiddleware, seconds=0.1)
    with TestClient(service, raise_server_exceptions=False) as client:
        yield client
        released.set()


@pytest.mark.parametrize("path", ["/thread", "/task"])
def test_handler_over_its_time_is_503_with_retry_after(timed: TestClient, path: str) -> None:
    response = timed.get(path)
    assert problem_of(response) == (503, "application/problem+json", "time-limit")
    assert response.headers["retry-after"] == "10"


def test_answer_that_has_begun_may_take_its_time(timed: TestClient) -> None:
    assert timed.get("/events").text == "first last"


def test_time_limit_lets_errors_through(timed: TestClient) -> None:
    assert problem_of(timed.get("/broken")) == (500, "application/problem+json", "internal")


def test_body_that_stops_coming_is_408() -> None:
    assert asyncio.run(_slow_client(parts=[b"one"])) == 408


def test_body_that_keeps_coming_is_waited_for() -> None:
    assert asyncio.run(_slow_client(parts=[b"x"] * 6, last=True)) == 200


async def _slow_client(*, parts: list[bytes], last: bool = False) -> int:
    """Send a part every 0.05 s where 0.1 s are allowed, then end the body or hang; return the status."""
    statuses: list[int] = []
    left = list(parts)

    async def receive() -> dict[str, Any]:
        if left:
            await asyncio.sleep(0.05)
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or not last}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/echo",
        "headers": [],
        "query_string": b"",
        "http_version": "1.1",
    }
    await TimeLimitMiddleware(echo_service(), seconds=0.1)(scope, receive, send)
    return statuses[0]


@pytest.mark.parametrize("path", ["/v1/observations", "/v1/weekly-hours", "/v1/imports", "/v1/reports"])
def test_service_takes_no_bomb_and_stores_nothing(tmp_path: Path, path: str) -> None:
    settings = replace(settings_in(tmp_path), max_body_mb=1, max_upload_mb=1)
    with open_installation(settings) as app:
        before = app.lake.snapshot().version, app.catalog.version()
        with TestClient(service_of(prepare_service(app, with_worker=False))) as client:
            for body, coding in ((gzip.compress(bytes(5_000_000), mtime=0), "gzip"), (bytes(5_000_000), "identity")):
                headers = {"Content-Encoding": coding, "Content-Type": "text/csv"}
                response = client.post(path, content=body, headers=headers)
                assert response.status_code in (413, 415, 422)
                assert response.headers["content-type"] == "application/problem+json"
            headers = {"Content-Encoding": "br", "Content-Type": "text/csv"}
            assert problem_of(client.post(path, content=b"x", headers=headers))[::2] == (415, "unknown-encoding")
        assert (app.lake.snapshot().version, app.catalog.version()) == before
        assert app.catalog.jobs.count() == {}


def test_service_takes_compressed_observations(tmp_path: Path) -> None:
    line = b'{"store_id": "s1", "observed_at": "2023-01-23T18:00:00Z", "status": "active"}\n'
    with (
        open_installation(settings_in(tmp_path)) as app,
        TestClient(service_of(prepare_service(app, with_worker=False))) as client,
    ):
        for coding, compress in (("gzip", gzip.compress), ("zstd", zstd.compress)):
            headers = {"Content-Encoding": coding, "Content-Type": "application/x-ndjson"}
            response = client.post("/v1/observations", content=compress(line), headers=headers)
            assert (response.status_code, response.json()["accepted"]) == (200, 1)
        assert app.lake.snapshot().store_ids().to_list() == ["s1"]


def test_service_takes_many_special_hours_as_it_takes_many_labels(tmp_path: Path) -> None:
    dates = [(date(2026, 1, 1) + timedelta(days=day)).isoformat() for day in range(300)]
    rows = [f"store-{store},{day},10:00,14:00\n" for store in range(300) for day in dates]
    hours = "store_id,date,start_time_local,end_time_local\n" + "".join(rows)
    labels = "store_id,name,owner\n" + "".join(f"store-{store},Store {store},acme\n" for store in range(60_000))
    with (
        open_installation(settings_in(tmp_path)) as app,
        TestClient(service_of(prepare_service(app, with_worker=False))) as client,
    ):
        for path, text, count in (("labels", labels, 60_000), ("special-hours", hours, 90_000)):
            assert len(text) > 1_500_000
            answer = client.put(f"/v1/{path}", content=text, headers={"Content-Type": "text/csv"})
            assert answer.status_code == 200, answer.text[:500]
            assert answer.json()["accepted"] == count
