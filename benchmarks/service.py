"""Reports and timelines over HTTP, from a real service process on a free port of this machine.

As a program (`reports`, `timelines` or `loaded`, a home, how often): prints the milliseconds and the service's largest
size as JSON.
"""

import http.client
import json
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import polars as pl

from benchmarks.measure import STOREWATCH, wait
from storewatch.domain.columns import OBSERVATIONS
from storewatch.domain.instants import DAY_US, instant_of
from storewatch.lake import Lake

READY_WITHIN_S: Final = 60
PUSHERS: Final = 8
PUSHED_POLLS: Final = 100


def measure_service(home: Path, *, times: int) -> dict[str, Any]:
    """Trigger reports in a running service and poll for each until its file has arrived; then request timelines.

    Before each fresh report one more poll is appended to the lake by this process, as another writer would, so the
    service has to follow the lake, compute and write a file; without it, it takes the finished file again.
    """
    lake = Lake(str(home / "lake"))
    fresh, again = [], []
    with _service(home) as (connection, peak):
        first = _report_ms(connection)
        for number in range(times):
            _append_one(lake, number)
            fresh.append(_report_ms(connection))
            again.append(_report_ms(connection))
        timeline = _timelines_ms(connection, lake, 10 * times)
    return {"first_ms": first, "fresh_ms": fresh, "again_ms": again, "timeline_ms": timeline, "peak_bytes": peak[0]}


def measure_timelines(home: Path, *, times: int) -> dict[str, Any]:
    """Request the newest week of one store after the other from a running service."""
    with _service(home) as (connection, peak):
        timeline = _timelines_ms(connection, Lake(str(home / "lake")), times)
    return {"timeline_ms": timeline, "peak_bytes": peak[0]}


def measure_loaded(home: Path, *, times: int) -> dict[str, Any]:
    """Measure fresh reports of a copy of `home` before and while polls are pushed into it."""
    with tempfile.TemporaryDirectory(prefix="loaded-", dir=home.parent) as folder:
        copy = shutil.copytree(home, Path(folder, "home"))
        lake = Lake(str(copy / "lake"))
        quiet = []
        with _service(copy) as (connection, peak):
            _report_ms(connection)
            for number in range(times):
                _append_one(lake, number)
                quiet.append(_report_ms(connection))
            with _pushing(connection.port, lake) as answered:
                begun = time.perf_counter()
                loaded = [_report_ms(connection) for _ in range(times)]
                pushed_per_s = sum(answered) / (time.perf_counter() - begun)
    return {"quiet_ms": quiet, "loaded_ms": loaded, "pushed_per_s": pushed_per_s, "peak_bytes": peak[0]}


@contextmanager
def _pushing(port: int, lake: Lake) -> Iterator[list[int]]:
    """Push polls of the newest day until the end; append the number of polls of each answered request to the list."""
    snapshot = lake.snapshot()
    newest, store_ids = instant_of(snapshot.newest_us() or 0), snapshot.store_ids().to_list()
    answered: list[int] = []
    stopping = threading.Event()

    def push(seed: int) -> None:
        rng = random.Random(seed)  # noqa: S311
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_WITHIN_S)
        while not stopping.is_set():
            polls = [
                {
                    "store_id": rng.choice(store_ids),
                    "observed_at": (newest - timedelta(microseconds=rng.randrange(1, DAY_US))).isoformat(),
                    "status": rng.choice(("active", "inactive")),
                }
                for _ in range(PUSHED_POLLS)
            ]
            _ask(connection, "POST", "/v1/observations", json.dumps(polls).encode())
            answered.append(PUSHED_POLLS)

    with ThreadPoolExecutor(PUSHERS) as threads:
        pushers = [threads.submit(push, seed) for seed in range(PUSHERS)]
        try:
            while not answered and not any(each.done() for each in pushers):
                time.sleep(0.01)
            answered.clear()
            yield answered
        finally:
            stopping.set()
    for each in pushers:
        each.result()


def _timelines_ms(connection: http.client.HTTPConnection, lake: Lake, times: int) -> list[float]:
    snapshot = lake.snapshot()
    to, store_ids = instant_of(snapshot.newest_us() or 0), snapshot.store_ids().to_list()
    span = {"from": (to - timedelta(days=7)).isoformat(), "to": to.isoformat()}
    taken = []
    for store_id in random.Random(1).sample(store_ids, min(times + 1, len(store_ids))):  # noqa: S311
        begun = time.perf_counter()
        _ask(connection, "GET", f"/v1/stores/{quote(store_id, safe='')}/timeline?{urlencode(span)}")
        taken.append((time.perf_counter() - begun) * 1000)
    return taken[1:]  # the first one opens what the others find open


@contextmanager
def _service(home: Path) -> Iterator[tuple[http.client.HTTPConnection, list[int]]]:
    """Serve `home`; after the service has stopped, the list has its largest resident size in bytes."""
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


def _append_one(lake: Lake, number: int) -> None:
    """Append a new poll, a minute older than the newest."""
    snapshot = lake.snapshot()
    observed_at = instant_of(snapshot.newest_us() or 0) - timedelta(minutes=1, microseconds=number)
    poll = (snapshot.store_ids()[0], observed_at, True, datetime.now(UTC))
    lake.append([pl.DataFrame([poll], OBSERVATIONS, orient="row")])


def _report_ms(connection: http.client.HTTPConnection) -> float:
    begun = time.perf_counter()
    report_id = json.loads(_ask(connection, "POST", "/trigger_report")[1])["report_id"]
    while True:
        status, _ = _ask(connection, "GET", f"/get_report?report_id={report_id}")
        if status == "Complete":
            return (time.perf_counter() - begun) * 1000
        time.sleep(0.001)


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
) -> tuple[str | None, bytes]:
    connection.request(method, path, body, {} if body is None else {"Content-Type": "application/json"})
    response = connection.getresponse()
    body = response.read()
    if response.status != http.HTTPStatus.OK:
        raise RuntimeError(f"{method} {path}: {response.status} {body.decode()}")
    return response.headers["X-Report-Status"], body


if __name__ == "__main__":
    measure = {"reports": measure_service, "timelines": measure_timelines, "loaded": measure_loaded}[sys.argv[1]]
    print(json.dumps(measure(Path(sys.argv[2]), times=int(sys.argv[3]))))
