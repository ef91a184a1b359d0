"""The classic report over HTTP, from a real service process on a free port of this machine.

As a program: prints the milliseconds and the service's largest size as JSON.
"""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.measure import STOREWATCH, wait
from storewatch.engine.columns import OBSERVATIONS, instant_of
from storewatch.lake import Lake

READY_WITHIN_S = 60


def measure_service(home: Path, *, times: int) -> dict[str, Any]:
    """Trigger reports in a running service and poll for each until its file has arrived.

    Before each fresh report one more poll is appended to the lake by this process, as another writer would, so the
    service has to follow the lake, compute and write a file; without it, it takes the finished file again.
    """
    lake = Lake(str(home / "lake"))
    snapshot = lake.snapshot()
    newest_us = snapshot.newest_us()
    assert newest_us is not None
    store_id = snapshot.store_ids()[0]
    fresh, again = [], []
    with _service(home) as (connection, peak):
        first = _report_ms(connection)
        for number in range(times):
            _append(lake, store_id, instant_of(newest_us) - timedelta(minutes=1, microseconds=number))
            fresh.append(_report_ms(connection))
            again.append(_report_ms(connection))
    return {"first_ms": first, "fresh_ms": fresh, "again_ms": again, "peak_bytes": peak[0]}


@contextmanager
def _service(home: Path) -> Iterator[tuple[http.client.HTTPConnection, list[int]]]:
    """Serve `home`; when the service has stopped, the list holds its largest resident size in bytes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    peak: list[int] = []
    process = subprocess.Popen(
        [STOREWATCH, "serve", "--port", str(port), "--home", str(home)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _connect(process, port), peak
    finally:
        process.terminate()
        peak.append(wait(process))


def _connect(process: subprocess.Popen[bytes], port: int) -> http.client.HTTPConnection:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_WITHIN_S)
        try:
            connection.connect()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return connection
    raise TimeoutError("the service did not start")


def _append(lake: Lake, store_id: str, observed_at: datetime) -> None:
    lake.append([pl.DataFrame([(store_id, observed_at, True, datetime.now(UTC))], OBSERVATIONS, orient="row")])


def _report_ms(connection: http.client.HTTPConnection) -> float:
    begun = time.perf_counter()
    report_id = json.loads(_ask(connection, "POST", "/trigger_report")[1])["report_id"]
    while True:
        status, _ = _ask(connection, "GET", f"/get_report?report_id={report_id}")
        if status == "Complete":
            return (time.perf_counter() - begun) * 1000
        time.sleep(0.001)


def _ask(connection: http.client.HTTPConnection, method: str, path: str) -> tuple[str | None, bytes]:
    connection.request(method, path)
    response = connection.getresponse()
    body = response.read()
    if response.status != http.HTTPStatus.OK:
        raise RuntimeError(f"{method} {path}: {response.status} {body.decode()}")
    return response.headers["X-Report-Status"], body


if __name__ == "__main__":
    print(json.dumps(measure_service(Path(sys.argv[1]), times=int(sys.argv[2]))))
