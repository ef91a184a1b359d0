"""Real processes of storewatch, started on a home folder and killed by tests."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx

from support.waiting import wait_for


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def answers(client: httpx.Client, path: str = "/healthz") -> bool:
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False


def start(
    home: Path, *arguments: str, log: Path, before: Sequence[str] = (), **settings: str
) -> subprocess.Popen[bytes]:
    """Start `storewatch ...` on a home folder; its output is appended to a file.

    before: a command that is put before it, such as `setpriv` with its options.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STOREWATCH_")}
    with log.open("ab") as written:
        return subprocess.Popen(
            [*before, sys.executable, "-m", "storewatch", *arguments],
            env=kept | {"STOREWATCH_HOME": str(home), **settings},
            stdout=written,
            stderr=written,
        )


@contextmanager
def service(home: Path, *options: str, **settings: str) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """Run a service, and yield its process and a client once it is alive."""
    port = free_port()
    home.parent.mkdir(exist_ok=True)
    with (
        start(home, "serve", "--port", str(port), *options, log=home.parent / "service.log", **settings) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        try:
            wait_for(lambda: answers(client))
            yield process, client
        finally:
            process.kill()
