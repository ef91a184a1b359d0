"""Clients that connect and send half a request, trickle one or send too much leave the service open to others."""

import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2 as httpx
import pytest
from support.real_processes import service
from support.waiting import wait_for

HALF = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: "
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HEAD_SECONDS = 10
# Of a service whose own loop is busy; the answer itself takes a millisecond.
PATIENCE_SECONDS = 10


@pytest.fixture(scope="module", autouse=True)
def _files() -> Iterator[None]:
    """Let this process open the sockets of the tests."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8_192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with service(tmp_path_factory.mktemp("connections") / "home") as (_, client):
        yield client


def connect(client: httpx.Client, source: str = "127.0.0.1") -> socket.socket:
    port = client.base_url.port
    assert port is not None
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS, source_address=(source, 0))


def ask(client: httpx.Client, source: str = "127.0.0.1") -> int:
    """Return the status of one request over a connection of its own."""
    with connect(client, source) as sent:
        sent.sendall(WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        return int(_everything(sent).split()[1])


def _everything(sent: socket.socket) -> bytes:
    received = b""
    while data := sent.recv(65_536):
        received += data
    return received


def closed(client: httpx.Client, reason: str) -> float:
    name = f'storewatch_connections_closed_total{{reason="{reason}"}} '
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(name)]
    return float(lines[0].removeprefix(name)) if lines else 0.0


def test_half_requests_shut_nobody_out_and_are_closed_in_time(client: httpx.Client) -> None:
    before = closed(client, "slow-head")
    with ExitStack() as stack:
        begun = time.monotonic()
        for number in range(1_500):
            sent = stack.enter_context(connect(client, f"127.0.0.{2 + number % 8}"))
            sent.sendall(HALF)
        last = sent
        assert ask(client) == 200  # from an address of its own
        assert ask(client, "127.0.0.2") == 200  # and from one of those that send halves
        answer = _everything(last)
        assert time.monotonic() - begun < HEAD_SECONDS + PATIENCE_SECONDS
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "urn:storewatch:problem:slow-request"
    assert closed(client, "crowded") > 0
    assert closed(client, "slow-head") > before


def test_one_address_that_sends_halves_shuts_itself_not_out(client: httpx.Client) -> None:
    with ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(connect(client)).sendall(HALF)
        assert ask(client) == 200


def test_head_that_trickles_is_closed_after_ten_seconds(client: httpx.Client) -> None:
    with connect(client) as sent:
        begun = time.monotonic()
        sent.sendall(HALF)
        sent.settimeout(0.5)
        while time.monotonic() - begun < HEAD_SECONDS + PATIENCE_SECONDS:
            try:
                received = sent.recv(1_000)
                break
            except TimeoutError:
                sent.sendall(b"x")
        assert received.startswith(b"HTTP/1.1 408 ")


def test_body_that_trickles_after_the_answer_does_not_keep_the_connection(client: httpx.Client) -> None:
    with connect(client) as sent:
        begun = time.monotonic()
        head = b"POST /v1/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n"
        sent.sendall(head)
        sent.settimeout(0.5)
        while time.monotonic() - begun < HEAD_SECONDS + PATIENCE_SECONDS:
            try:
                if sent.recv(10_000) == b"":
                    return
            except TimeoutError:
                sent.sendall(b"x")
            except ConnectionError:
                return
    pytest.fail("the connection is still open")


def test_head_that_is_too_large_is_refused(client: httpx.Client) -> None:
    with connect(client) as sent:
        sent.sendall(HALF)
        for _ in range(400):
            sent.sendall(1_000 * b"x")
        assert sent.recv(20).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(("size", "status"), [(60_000, b"200"), (66_000, b"431")])
def test_whole_head_in_one_read_is_measured_too(client: httpx.Client, size: int, status: bytes) -> None:
    body = b"POST /get_report?report_id=x HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: %s\r\nContent-Length: 3\r\n\r\nabc"
    health = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: %s\r\n\r\n"
    with connect(client) as sent:
        sent.sendall((health if status == b"200" else body) % (size * b"x"))
        assert sent.recv(12) == b"HTTP/1.1 " + status
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "lengths",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 5",
        "Transfer-Encoding: chunked, identity",
        "Content-Length: 4\rX: y",
    ],
)
def test_request_of_two_lengths_is_refused_with_what_follows_it(client: httpx.Client, lengths: str) -> None:
    with connect(client) as sent:
        head = f"POST /v1/observations HTTP/1.1\r\nHost: 127.0.0.1\r\n{lengths}\r\n\r\n"
        sent.sendall(head.encode() + b"0\r\n\r\n" + WHOLE)
        answer = _everything(sent).decode()
    assert answer.startswith("HTTP/1.1 400 ")
    assert answer.count("HTTP/1.1 ") == 1
    assert "urn:storewatch:problem:malformed-request" in answer
    assert "x-content-type-options: nosniff" in answer


def test_rest_of_a_body_that_was_answered_early_is_no_head(client: httpx.Client) -> None:
    with connect(client) as sent:
        sent.sendall(b"POST /v1/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n")
        assert sent.recv(10_000).startswith(b"HTTP/1.1 404 ")
        for _ in range(100):
            sent.sendall(10_000 * b"x")
        sent.sendall(WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert b"HTTP/1.1 200 " in _everything(sent)


def test_connection_that_is_idle_is_closed_and_one_in_use_is_kept(client: httpx.Client) -> None:
    with connect(client) as sent:
        for _ in range(3):
            sent.sendall(WHOLE)
            answer = b""
            while not answer.endswith(b'{"status":"alive"}'):
                answer += sent.recv(20_000)
            assert answer.startswith(b"HTTP/1.1 200 ")
        begun = time.monotonic()
        assert sent.recv(1) == b""
        assert time.monotonic() - begun < HEAD_SECONDS + PATIENCE_SECONDS


def test_requests_that_are_sent_at_once_are_answered_in_order(client: httpx.Client) -> None:
    with connect(client) as sent:
        sent.sendall(
            WHOLE + WHOLE.replace(b"/healthz", b"/nowhere").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        )
        answers = _everything(sent)
    assert answers.count(b"HTTP/1.1 ") == 2
    assert answers.index(b"HTTP/1.1 200 ") < answers.index(b"HTTP/1.1 404 ")


def test_address_with_requests_under_way_gets_no_more_connections(tmp_path: Path) -> None:
    with (
        service(tmp_path / "home", STOREWATCH_MAX_CONNECTIONS_PER_ADDRESS="5") as (_, client),
        ExitStack() as stack,
    ):
        head = b"POST /v1/observations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        for _ in range(5):
            sent = stack.enter_context(connect(client, "127.0.0.9"))
            sent.sendall(head + b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n")
            assert sent.recv(100).startswith(b"HTTP/1.1 100 ")
        with connect(client, "127.0.0.9") as one_too_many:
            assert one_too_many.recv(1_000).startswith(b"HTTP/1.1 503 ")
            assert one_too_many.recv(1_000) == b""
        assert ask(client, "127.0.0.8") == 200


def test_streams_of_events_are_bounded_and_closing_one_makes_room(tmp_path: Path) -> None:
    with service(tmp_path / "home", "--no-worker") as (_, client), ExitStack() as stack:
        poll = {"store_id": "a", "observed_at": "2023-01-23T17:00:00Z", "status": "active"}
        assert client.post("/v1/observations", json=[poll]).status_code == 200
        report_id = client.post("/v1/reports", json={}).json()["report_id"]  # without a worker it stays queued
        head = f"GET /v1/reports/{report_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()

        def opened() -> tuple[socket.socket, bytes]:
            sent = stack.enter_context(connect(client))
            sent.sendall(head)
            return sent, sent.recv(12)

        streams = [opened() for _ in range(21)]
        assert [answer for _, answer in streams] == [b"HTTP/1.1 200"] * 20 + [b"HTTP/1.1 503"]
        streams[0][0].close()
        wait_for(lambda: opened()[1] == b"HTTP/1.1 200")


def test_no_file_left_is_logged_once_a_minute_and_survived(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with service(home, STOREWATCH_MAX_CONNECTIONS="4000") as (process, client), ExitStack() as stack:
        in_use = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (in_use + 20, in_use + 20))
        for number in range(200):
            stack.enter_context(connect(client, f"127.0.0.{10 + number % 50}")).sendall(HALF)
        time.sleep(3)  # asyncio tries again every second
        log = (home.parent / "service.log").read_text()
        assert log.count("socket.accept() out of system resource") == 1
        stack.pop_all().close()
        wait_for(lambda: ask(client) == 200)
