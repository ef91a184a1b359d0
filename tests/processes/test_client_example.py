"""The client of the API guide, run with a real service."""

import importlib.util
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2 as httpx
import pytest
from support.access_scene import bearer, key_of
from support.scene import REPORT, import_scene, settings_in
from support.waiting import wait_for

from storewatch.domain.enums import Role
from storewatch.installation import open_installation

PROGRAM = Path(__file__).parents[2] / "examples" / "client.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("client_example", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def service(home: Path) -> Iterator[str]:
    """Serve `home` with required keys; yields the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STOREWATCH_")}
    command = [sys.executable, "-m", "storewatch", "serve", "--require-key", "--port", str(port), "--home", str(home)]
    with (
        (home.parent / "service.log").open("ab") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            wait_for(lambda: is_open(port))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def answering(*answers: tuple[int, dict[str, str], bytes]) -> Iterator[tuple[str, list[str]]]:
    """Run a server that sends these answers in turn, then the last one again; yields its address and the requests."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_program_pushes_lists_and_saves_a_report(tmp_path: Path) -> None:
    with open_installation(settings_in(tmp_path)) as app:
        import_scene(app, tmp_path / "files")
        home, key = app.settings.home, key_of(app, Role.OPERATOR)
    file = tmp_path / "report.csv"
    with service(home) as url:
        command = [sys.executable, str(PROGRAM), url, str(file)]
        done = subprocess.run(command, env={"STOREWATCH_KEY": key}, capture_output=True, text=True, check=False)
        refused = subprocess.run(
            command, env={"STOREWATCH_KEY": key + "x"}, capture_output=True, text=True, check=False
        )
        module = load()
        client = module.Client(url, key)
        one_a_page = [store["store_id"] for store in client.stores(limit="1")]
        with pytest.raises(module.ProblemError) as bad:
            client.push([{"store_id": "cafe", "observed_at": "yesterday", "status": "active"}])
        json_file = tmp_path / "report.json"
        figures = client.report(json_file, as_of="2023-01-23T18:00:00Z", policy="observed", format="json")
    assert done.stderr == ""
    assert done.stdout == f"1 poll accepted again\n3 stores\n3 stores in {file}, as of 2023-01-23T18:00:00Z\n"
    assert file.read_text() == REPORT
    assert (refused.returncode, refused.stderr[:21]) == (1, "The service says 401:")
    assert one_a_page == ["bar", "cafe", "ghost"]
    assert (bad.value.status, bad.value.type) == (422, "urn:storewatch:problem:rejected-observations")
    assert (figures["rows"], figures["as_of"]) == (3, "2023-01-23T18:00:00Z")
    assert json_file.stat().st_size > 0


def test_program_keeps_reason_and_source_of_the_poll_that_it_pushes_again(tmp_path: Path) -> None:
    with open_installation(settings_in(tmp_path)) as app:
        home, key = app.settings.home, key_of(app, Role.OPERATOR)
    poll = {"observed_at": "2023-01-23T18:00:00.500000Z", "status": "inactive", "reason": "paused", "source": "uber"}
    with service(home) as url:
        client = load().Client(url, key)
        client.push([{"store_id": "kiosk/1"} | poll])
        assert run_program(url, tmp_path / "report.csv", key)[:2] == ["1 poll accepted again", "1 stores"]
        (store,) = client.stores()
        assert client.newest_poll(store) == {"store_id": "kiosk/1"} | poll


def test_program_pushes_a_poll_of_its_own_only_if_there_is_no_store(tmp_path: Path) -> None:
    with open_installation(settings_in(tmp_path)) as app:
        home, key, admin = app.settings.home, key_of(app, Role.OPERATOR), key_of(app)
    file = tmp_path / "report.csv"
    with service(home) as url:
        httpx.post(f"{url}/v1/stores", json={"store_id": "ghost"}, headers=bearer(admin)).raise_for_status()
        stores_without_polls = run_program(url, file, key)
        httpx.delete(f"{url}/v1/stores/ghost", headers=bearer(admin)).raise_for_status()
        nothing = run_program(url, file, key)
    assert stores_without_polls == [
        "1 stores",
        (
            "The service says 200: the report failed: Nothing has been observed yet, so the report has no 'now'. "
            "Import polls first, or set as_of. (request None)"
        ),
    ]
    assert nothing[:2] == ["1 poll of a new store accepted", "1 stores"]
    assert nothing[2].startswith(f"1 stores in {file}, as of ")


def run_program(url: str, file: Path, key: str) -> list[str]:
    """Run the program, and return the lines that it prints."""
    command = [sys.executable, str(PROGRAM), url, str(file)]
    done = subprocess.run(command, env={"STOREWATCH_KEY": key}, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()


def test_client_waits_for_retry_after_and_tries_again() -> None:
    busy = (503, {"Retry-After": "0"}, b"")
    too_many = (429, {"Retry-After": "1", "Content-Type": "application/problem+json"}, b'{"detail": "later"}')
    page = (200, {"Content-Type": "application/json"}, b'{"items": [{"store_id": "cafe"}], "next": null}')
    with answering(busy, too_many, page) as (url, asked):
        begun = time.monotonic()
        assert list(load().Client(url).stores()) == [{"store_id": "cafe"}]
        assert time.monotonic() - begun >= 1
    assert asked == ["/v1/stores?"] * 3


def test_client_gives_up_after_its_tries() -> None:
    module = load()
    with answering((503, {"Retry-After": "0"}, b"")) as (url, asked), pytest.raises(module.ProblemError) as given_up:
        list(module.Client(url, tries=3).stores())
    assert (given_up.value.status, len(asked)) == (503, 3)
