"""Polls pushed over HTTP on loopback, and the lake after many commits: `python -m benchmarks.pushing`.

Prints a Markdown table, or with --json its lines for `python -m benchmarks`. The clients are plain sockets in this
process, so they take little from the server's share.
"""

import argparse
import asyncio
import io
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from benchmarks.measure import Line
from benchmarks.page import budgets
from storewatch.domain.enums import PushFormat
from storewatch.ingest.ingestion import Ingestion, IngestionLimits
from storewatch.ingest.pushed import read_pushed
from storewatch.installation import open_installation
from storewatch.reports.request.request import ReportRequest
from storewatch.settings import Settings
from storewatch.web.api.observations.routes import FORMATS

STORES = 14_000
BATCH_ROWS = 5_000
BATCH_CLIENTS = 4
CLIENTS = 100


def polls(rows: int, seed: int, newest: datetime) -> pl.DataFrame:
    rng = random.Random(seed)  # noqa: S311
    return pl.DataFrame(
        {
            "store_id": [f"store-{rng.randrange(STORES)}" for _ in range(rows)],
            "observed_at": [
                (newest - timedelta(microseconds=rng.randrange(3_600_000_000))).isoformat() for _ in range(rows)
            ],
            "status": [rng.choice(("active", "inactive")) for _ in range(rows)],
        }
    )


def as_json(frame: pl.DataFrame) -> bytes:
    return json.dumps(frame.to_dicts()).encode()


def as_ndjson(frame: pl.DataFrame) -> bytes:
    return frame.write_ndjson().encode()


def as_csv(frame: pl.DataFrame) -> bytes:
    return frame.write_csv().encode()


def as_parquet(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


BODIES: dict[PushFormat, Callable[[pl.DataFrame], bytes]] = {
    PushFormat.JSON: as_json,
    PushFormat.NDJSON: as_ndjson,
    PushFormat.CSV: as_csv,
    PushFormat.PARQUET: as_parquet,
}


@contextmanager
def service(home: Path) -> Iterator[int]:
    """Run the service with an empty home folder; yields its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "storewatch", "serve", "--port", str(port), "--home", str(home)]
    with (home.parent / "serve.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert process.poll() is None, (home.parent / "serve.log").read_text()
                time.sleep(0.05)
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


async def client(port: int, form: PushFormat, bodies: Iterator[bytes], seconds: list[float]) -> None:
    """Push one body after the other over one connection; every answer must be 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    address, media_type = f"127.0.0.1:{port}", next(name for name in FORMATS if FORMATS[name] is form)
    head = f"POST /v1/observations HTTP/1.1\r\nHost: {address}\r\nContent-Type: {media_type}\r\nContent-Length: "
    for body in bodies:
        begun = time.perf_counter()
        writer.write(head.encode() + str(len(body)).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        answer += await reader.readexactly(length)
        assert answer.startswith(b"HTTP/1.1 200"), answer.decode()
        seconds.append(time.perf_counter() - begun)
    writer.close()


async def all_clients(port: int, form: PushFormat, bodies: list[Iterator[bytes]]) -> tuple[float, list[float]]:
    seconds: list[float] = []
    begun = time.perf_counter()
    await asyncio.gather(*(client(port, form, each, seconds) for each in bodies))
    return time.perf_counter() - begun, seconds


def lake_version(port: int) -> int:
    body = as_json(polls(1, 0, datetime.now(UTC)))
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/observations", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        version: int = json.load(answer)["lake_version"]
        return version


def measure_batches(port: int, batches: int) -> Iterator[Line]:
    now = datetime.now(UTC)
    for number, (form, encode) in enumerate(BODIES.items()):
        # Different bodies, each sent several times: encoding them all would take longer than sending them.
        bodies = [encode(polls(BATCH_ROWS, 10 * number + seed, now)) for seed in range(8)]
        per_client = [iter([bodies[(i + k) % 8] for i in range(batches)]) for k in range(BATCH_CLIENTS)]
        took_s, seconds = asyncio.run(all_clients(port, form, per_client))
        yield Line(
            what=f"pushed polls, batches of {BATCH_ROWS:,} as {form.name} over {BATCH_CLIENTS} connections",
            unit="polls/s",
            values=[BATCH_CLIENTS * batches * BATCH_ROWS / took_s],
            limit=100_000,
            at_least=True,
        )
        yield answered_in("- time of a batch", seconds)


def answered_in(what: str, seconds: list[float]) -> Line:
    return Line(what=what, unit="ms", values=[each * 1e3 for each in seconds], shows_p99=True)


def measure_singles(port: int, requests_each: int) -> Iterator[Line]:
    now = datetime.now(UTC)
    rows = polls(CLIENTS * requests_each, 99, now).to_dicts()
    bodies = [
        iter([json.dumps(row).encode() for row in rows[k * requests_each : (k + 1) * requests_each]])
        for k in range(CLIENTS)
    ]
    before = lake_version(port)
    took_s, seconds = asyncio.run(all_clients(port, PushFormat.JSON, bodies))
    versions = lake_version(port) - before
    yield Line(
        what=f"pushed polls, one a request, {CLIENTS} clients",
        unit="requests/s",
        values=[len(seconds) / took_s],
        limit=300,
        at_least=True,
    )
    yield answered_in("- time of a request", seconds)
    yield Line(what="- commits that they share", unit="commits/s", values=[versions / took_s])


def measure_steady(home: Path, commits: int) -> Iterator[Line]:
    """Measure commits of 100 polls on one day, compacted meanwhile; then a report, and one on the compacted lake."""
    start = datetime(2026, 3, 2, tzinfo=UTC)
    step = timedelta(seconds=80_000 / commits)
    now = start
    with open_installation(Settings.from_environment(home)) as app:
        limits = IngestionLimits(wait_s=0)
        ingestion = Ingestion(catalog=app.catalog, lake=app.lake, clock=lambda: now, limits=limits)
        most_files = 0
        begun = time.perf_counter()
        for number in range(1, commits + 1):
            now = start + number * step
            ingestion.submit(read_pushed(as_json(polls(100, number, now)), PushFormat.JSON)).result()
            if number % 50 == 0:
                files = app.lake.snapshot().listing.group_by("day").len()["len"].max()
                assert isinstance(files, int)
                most_files = max(most_files, files)
        took_s = time.perf_counter() - begun
        ingestion.stop()
        pushed = report_seconds(app.reports.compute, app.lake.snapshot)
        opened = median_seconds(app.lake.snapshot)
        app.lake.optimize(now=start + timedelta(days=2))
        tidy = report_seconds(app.reports.compute, app.lake.snapshot)
    yield Line(
        what=f"{commits:,} commits of 100 polls each on one day, compacted as they come",
        unit="commits/s",
        values=[commits / took_s],
    )
    yield Line(what="- most files of the day meanwhile", unit="files", values=[most_files], limit=64)
    yield Line(what="- opening the lake after them", unit="ms", values=[opened * 1e3])
    yield Line(what="- a report after them", unit="ms", values=[pushed * 1e3])
    yield Line(what="- to one on the compacted lake", unit="times", values=[pushed / tidy], limit=2)


def report_seconds(compute: Callable[..., object], snapshot: Callable[[], object]) -> float:
    return median_seconds(lambda: compute(ReportRequest(), snapshot()))


def median_seconds(work: Callable[[], object]) -> float:
    work()
    seconds = []
    for _ in range(9):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=25, help="of each client and format")
    parser.add_argument("--singles", type=int, default=100, help="of each of 100 clients")
    parser.add_argument("--commits", type=int, default=5_000)
    parser.add_argument("--port", type=int, help="of a service that runs already")
    parser.add_argument("--json", action="store_true", help="print the lines as one line of JSON")
    arguments = parser.parse_args()
    rows: list[Line] = []
    with tempfile.TemporaryDirectory() as folder:
        if arguments.port:
            rows += measure_batches(arguments.port, arguments.batches)
            rows += measure_singles(arguments.port, arguments.singles)
        else:
            with service(Path(folder, "home")) as port:
                rows += measure_batches(port, arguments.batches)
                rows += measure_singles(port, arguments.singles)
        if arguments.commits:
            rows += measure_steady(Path(folder, "steady"), arguments.commits)
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    print("\n".join(budgets(rows)))
    print(f"\n{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
