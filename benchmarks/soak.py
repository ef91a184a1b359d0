"""A service under mixed load for a long time: `python -m benchmarks.soak [--minutes 60]` (`make soak`).

200 clients push polls, read boards and timelines, create reports, follow their events and upload files. Every minute a
row shows the memory, open files and threads of the service, and how long each kind of request took. At the end come the
growth of the memory and the errors. The exit code is 1 when an answer was neither a success nor 429 or 503, when the
service does not stop in order, or when `storewatch check` finds damage.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from benchmarks.measure import MIB, STOREWATCH, run

STORES: Final = 2_000
BATCH_POLLS: Final = 100
FILE_POLLS: Final = 1_000
FIRST_MINUTES: Final = 10  # in which caches fill
LATER: Final = frozenset({429, 503})
LOST: Final = 0  # in place of the status of an answer that did not come
# A client waits between its requests, so the load depends little on how fast the service answers.
PAUSE_S: Final = (0.5, 1.5)
SETTINGS: Final = {"STOREWATCH_RATE_PER_ADDRESS": "1000000 per 1 second"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer of the service."""

    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Figures:
    """What was measured: milliseconds by kind since the last row, and statuses by kind since the start."""

    ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)

    def note(self, kind: str, seconds: float, status: int) -> None:
        self.ms[kind].append(seconds * 1e3)
        self.statuses[kind, status] += 1

    def errors(self) -> Counter[tuple[str, int]]:
        """Return the answers that were neither a success nor a request to try again later."""
        return Counter(
            {
                (kind, status): count
                for (kind, status), count in self.statuses.items()
                if status // 100 != 2 and status not in LATER
            }
        )


class Client:
    """One client with one connection, which does one kind of work again and again."""

    def __init__(self, port: int, store_ids: list[str], figures: Figures, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311
        self._port, self._store_ids, self._figures = port, store_ids, figures
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def repeat(self, work: Callable[["Client"], Awaitable[None]], until: float) -> None:
        await asyncio.sleep(self.rng.uniform(0, PAUSE_S[1]))
        while time.monotonic() < until:
            await work(self)
            await asyncio.sleep(self.rng.uniform(*PAUSE_S))
        self._close()

    async def ask(
        self, kind: str, method: str, path: str, body: bytes = b"", media_type: str = "application/json"
    ) -> Answer:
        """Send a request and measure the time until the whole answer is there."""
        begun = time.perf_counter()
        try:
            answer = await self._send(method, path, body, media_type)
        except (OSError, asyncio.IncompleteReadError):
            self._close()
            answer = Answer(status=LOST, body=b"")
        self._figures.note(kind, time.perf_counter() - begun, answer.status)
        return answer

    def poll(self) -> dict[str, str]:
        store_id, status = self.rng.choice(self._store_ids), self.rng.choice(("active", "active", "inactive"))
        return {"store_id": store_id, "observed_at": datetime.now(UTC).isoformat(), "status": status}

    def store(self) -> str:
        return quote(self.rng.choice(self._store_ids), safe="")

    async def _send(self, method: str, path: str, body: bytes, media_type: str) -> Answer:
        for is_new in (self._streams is None, True):
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(
                f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {media_type}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            try:
                await writer.drain()
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            except (OSError, asyncio.IncompleteReadError):
                # The service closes a connection after 5 s of silence; a request may meet that on its way.
                self._close()
                if is_new:
                    raise
                continue
            answer = Answer(status=int(head.split(" ", 2)[1]), body=await _body(reader, head))
            if "connection: close" in head:
                self._close()
            return answer
        raise AssertionError

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _body(reader: asyncio.StreamReader, head: str) -> bytes:
    if "transfer-encoding: chunked" not in head:
        length = head.partition("content-length:")[2].split("\r\n")[0].strip()
        return await reader.readexactly(int(length or 0))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


async def push_one(client: Client) -> None:
    await client.ask("push", "POST", "/v1/observations", json.dumps(client.poll()).encode())


async def push_batch(client: Client) -> None:
    polls = [client.poll() for _ in range(BATCH_POLLS)]
    await client.ask(f"push {BATCH_POLLS}", "POST", "/v1/observations", json.dumps(polls).encode())


async def read_board(client: Client) -> None:
    await client.ask("counts", "GET", "/v1/store-counts")
    await client.ask("states", "GET", f"/v1/stores?limit=100&state={client.rng.choice(('up', 'down'))}")


async def read_timeline(client: Client) -> None:
    await client.ask("timeline", "GET", f"/v1/stores/{client.store()}/timeline")


async def read_report(client: Client) -> None:
    """Create a classic report and ask until its file is there."""
    created = await client.ask("report: create", "POST", "/trigger_report")
    begun = time.monotonic()
    while created.status == 200 and time.monotonic() < begun + 120:
        answer = await client.ask("report: file", "GET", f"/get_report?report_id={created.json()['report_id']}")
        if answer.status != 200 or answer.body != b"Running":
            return
        await asyncio.sleep(0.5)


async def follow_events(client: Client) -> None:
    created = await client.ask("report: create", "POST", "/v1/reports", b'{"windows": ["last_day"], "format": "json"}')
    if created.status in (200, 201, 202):
        await client.ask("events", "GET", f"/v1/reports/{created.json()['report_id']}/events")


async def import_file(client: Client) -> None:
    polls = [client.poll() for _ in range(FILE_POLLS)]
    rows = "".join(f"{each['store_id']},{each['status']},{each['observed_at']}\n" for each in polls)
    form = (
        '--soak\r\nContent-Disposition: form-data; name="file"; filename="polls.csv"\r\n\r\n'
        f"store_id,status,timestamp_utc\n{rows}\r\n--soak--\r\n"
    )
    uploaded = await client.ask(
        "import: upload", "POST", "/v1/imports", form.encode(), "multipart/form-data; boundary=soak"
    )
    while uploaded.status == 202:
        await asyncio.sleep(0.5)
        path = f"/v1/imports/{uploaded.json()['items'][0]['import_id']}"
        answer = await client.ask("import: state", "GET", path)
        if answer.status != 200 or answer.json()["state"] in ("complete", "failed", "cancelled"):
            return


# How many clients do which work: 200 in all. More than 20 streams of events of one address are refused.
WORK: Final = (
    (80, push_one),
    (20, push_batch),
    (40, read_board),
    (30, read_timeline),
    (8, read_report),
    (14, follow_events),
    (8, import_file),
)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What a process uses at one moment."""

    rss_mib: float
    files: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Sample":
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return cls(
            rss_mib=int(status["VmRSS"].split()[0]) * 1024 / MIB,
            files=sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
            threads=int(status["Threads"]),
        )


async def load(port: int, pid: int, minutes: int, store_ids: list[str]) -> tuple[Figures, list[Sample]]:
    """Run all clients; print a row a minute and return what was measured."""
    figures, samples = Figures(), [Sample.of(pid)]
    until = time.monotonic() + 60 * minutes
    works = [work for count, work in WORK for _ in range(count)]
    clients = [
        asyncio.create_task(Client(port, store_ids, figures, seed).repeat(work, until))
        for seed, work in enumerate(works)
    ]
    for minute in range(1, minutes + 1):
        await asyncio.sleep(max(0.0, until - 60 * (minutes - minute) - time.monotonic()))
        samples.append(Sample.of(pid))
        print(row(minute, samples[-1], figures), flush=True)
        figures.ms.clear()
    await asyncio.gather(*clients)
    return figures, samples


def row(minute: int, sample: Sample, figures: Figures) -> str:
    lines = [f"minute {minute}: {sample.rss_mib:,.0f} MiB, {sample.files} open files, {sample.threads} threads"]
    for kind, ms in sorted(figures.ms.items()):
        ordered = sorted(ms)
        p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
        statuses = {status: count for (of, status), count in sorted(figures.statuses.items()) if of == kind}
        lines.append(f"  {kind:<15} {len(ms):>6} p50 {p50:>7,.0f} ms p99 {p99:>7,.0f} ms; statuses so far {statuses}")
    return "\n".join(lines)


def growth_mib_per_hour(samples: list[Sample]) -> float | None:
    """Return the slope of the memory after the first minutes by least squares, None for fewer than three samples."""
    kept = list(enumerate(samples))[FIRST_MINUTES:]
    if len(kept) < 3:
        return None
    mean_minute = sum(minute for minute, _ in kept) / len(kept)
    mean_mib = sum(sample.rss_mib for _, sample in kept) / len(kept)
    both = sum((minute - mean_minute) * (sample.rss_mib - mean_mib) for minute, sample in kept)
    return 60 * both / sum((minute - mean_minute) ** 2 for minute, _ in kept)


def soak(minutes: int, folder: Path) -> bool:
    """Run the service under load. Return whether nothing failed."""
    home = folder / "home"
    run(STOREWATCH, "simulate", "--stores", str(STORES), "--days", "14", "--end", "now", "--out", folder / "csv")
    run(STOREWATCH, "import", folder / "csv", "--home", home)
    store_ids = [line.partition(",")[0] for line in run(STOREWATCH, "report", "--home", home).output.splitlines()[1:]]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [STOREWATCH, "serve", "--port", str(port), "--home", str(home)]
    with (folder / "service.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | SETTINGS)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            assert process.poll() is None, (folder / "service.log").read_text()
            time.sleep(0.1)
        figures, samples = asyncio.run(load(port, process.pid, minutes, store_ids))
        process.send_signal(signal.SIGTERM)
        stopped = process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
    return tell(figures, samples, stopped, home)


def tell(figures: Figures, samples: list[Sample], stopped: int, home: Path) -> bool:
    growth, errors = growth_mib_per_hour(samples), figures.errors()
    later = sum(count for (_, status), count in figures.statuses.items() if status in LATER)
    print(f"{figures.statuses.total():,} requests; {later:,} answered 429 or 503")
    print(f"{errors.total():,} errors (kind, status) {dict(errors)}")
    if growth is None:
        print(f"memory: no growth is computed, which needs {FIRST_MINUTES + 3} minutes")
    else:
        print(f"memory after the first {FIRST_MINUTES} minutes: {growth:+,.1f} MiB an hour")
    print(f"the service stopped with exit code {stopped}")
    checked = subprocess.run([STOREWATCH, "check", "--home", str(home)], capture_output=True, text=True, check=False)
    print(checked.stdout, end="")
    return not errors and stopped == 0 and checked.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        sys.exit(0 if soak(options.minutes, Path(folder)) else 1)


if __name__ == "__main__":
    main()
