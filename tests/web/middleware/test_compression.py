"""Answers are compressed for clients that accept it, and only if compression makes them smaller."""

import gzip
import re
from pathlib import Path

import pytest
from backports import zstd
from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.testclient import TestClient

from storewatch.web.middleware.compression import add_compression
from storewatch.web.problems import install_problems, problem

LONG = "store_id,uptime\n" * 1_000
UNPACK = {"gzip": gzip.decompress, "zstd": zstd.decompress}


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    service = FastAPI()
    install_problems(service)
    (tmp_path / "report.csv").write_text(LONG)

    @service.get("/json")
    def json() -> JSONResponse:
        return JSONResponse({"items": [LONG]})

    @service.get("/csv")
    def csv() -> FileResponse:
        return FileResponse(tmp_path / "report.csv", media_type="text/csv", filename="report.csv")

    @service.get("/problem")
    def refused() -> Response:
        return problem(400, "invalid-input", LONG)

    @service.get("/short")
    def short() -> JSONResponse:
        return JSONResponse({"status": "Running"})

    @service.get("/events")
    def events() -> StreamingResponse:
        return StreamingResponse((f"data: {LONG}\n\n" for _ in range(3)), media_type="text/event-stream")

    @service.get("/parquet")
    def parquet() -> Response:
        return Response(bytes(10_000), media_type="application/vnd.apache.parquet")

    add_compression(service)
    return TestClient(service)


def raw(client: TestClient, path: str, **headers: str) -> tuple[str | None, bytes]:
    with client.stream("GET", path, headers=headers) as response:
        return response.headers.get("content-encoding"), b"".join(response.iter_raw())


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip", "gzip"), ("zstd", "zstd"), ("gzip, deflate, br, zstd", "zstd"), ("br, gzip;q=0.5", "gzip")],
)
@pytest.mark.parametrize("path", ["/json", "/csv", "/problem"])
def test_long_text_is_compressed_as_accepted(client: TestClient, path: str, accepted: str, coding: str) -> None:
    plain = raw(client, path, **{"accept-encoding": "identity", "x-request-id": "r"})
    used, body = raw(client, path, **{"accept-encoding": accepted, "x-request-id": "r"})
    assert (used, UNPACK[coding](body)) == (coding, plain[1])
    assert plain[0] is None
    assert len(body) < len(plain[1]) / 10
    assert re.search("accept-encoding", client.get(path).headers["vary"], re.IGNORECASE)


@pytest.mark.parametrize("path", ["/short", "/events", "/parquet"])
def test_short_answers_events_and_compressed_files_go_as_they_are(client: TestClient, path: str) -> None:
    assert raw(client, path, **{"accept-encoding": "gzip, zstd"})[0] is None


def test_part_of_a_file_is_not_compressed(client: TestClient) -> None:
    response = client.get("/csv", headers={"Accept-Encoding": "gzip", "Range": "bytes=0-7"})
    assert (response.status_code, response.text, "content-encoding" in response.headers) == (206, "store_id", False)
