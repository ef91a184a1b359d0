"""The client's address behind a proxy: which proxies a real service trusts."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
from support.access_scene import bearer, key_of
from support.scene import settings_in
from support.waiting import wait_for

from storewatch.installation import open_installation


@contextmanager
def service(home: Path, *options: str) -> Iterator[httpx.Client]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "storewatch", "serve", "--port", str(port), "--no-worker", *options]
    environment = {**os.environ, "STOREWATCH_HOME": str(home), "FORWARDED_ALLOW_IPS": "*"}
    with (
        subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        try:
            wait_for(lambda: _lives(client))
            yield client
        finally:
            process.kill()


def _lives(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def seen_from(client: httpx.Client, key: str, forwarded: str) -> str:
    """Return the client address in the audit log of a request."""
    headers = {**bearer(key), "X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
    exported = client.get("/v1/audit", params={"format": "ndjson", "limit": 1}, headers=headers)
    assert exported.status_code == 200
    row: str = client.get("/v1/audit", params={"limit": 1}, headers=bearer(key)).json()["items"][0]["address"]
    assert ("strict-transport-security" in exported.headers) == (row != "127.0.0.1")
    return row


def test_forwarded_address_counts_only_from_a_trusted_proxy(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with open_installation(settings) as app:
        key = key_of(app)
    with service(settings.home, "--require-key") as client:
        assert seen_from(client, key, "203.0.113.9") == "127.0.0.1"
        assert client.get("/v1/me").status_code == 401
    with service(settings.home, "--require-key", "--trusted-proxy", "127.0.0.1") as client:
        assert seen_from(client, key, "198.51.100.1, 203.0.113.9") == "203.0.113.9"


def test_loopback_service_takes_no_forwarded_address_for_its_own(tmp_path: Path) -> None:
    with service(settings_in(tmp_path).home) as client:
        assert client.get("/v1/me").status_code == 200
        assert client.get("/v1/me", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401
        assert client.get("/v1/me", headers={"Host": "evil.example.com"}).status_code == 421
