"""Bound the connections of a service: how many there are, and the time and size of the head of a request.

uvicorn bounds neither: clients that connect and send half a request would use up the file descriptors of the process.
"""

import asyncio
import resource
from collections import defaultdict
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import Any, Final

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from storewatch import telemetry
from storewatch.web.middleware.security_headers import SecurityHeadersMiddleware
from storewatch.web.problems import problem

# For what is no connection: files of the lake and of reports, the database, the listener.
RESERVED_FILES: Final = 256
MAX_OPEN_FILES: Final = 65_536
IDLE_SECONDS: Final = 5  # then a connection that is kept alive is closed
LINGER_SECONDS: Final = 1
LISTEN_BACKLOG: Final = 128


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """How many connections there may be, and what the head (request line and headers) of a request may take.

    total: of all addresses. per_address: of one address that is no trusted proxy. proxies: addresses and networks.
    head_seconds: from the connection, or from the end of the last answer, to the last byte of the head. head_bytes: may
    be exceeded by what one read of the socket returns, 256 KiB.
    """

    total: int = 1_000
    per_address: int = 250
    proxies: tuple[str, ...] = ()
    head_seconds: float = 10.0
    head_bytes: int = 64 * 1024


class Connections:
    """All connections of the service.

    A connection *waits* while no request of it runs: of its next request there is nothing yet, or a part of the head.
    Where there is no room for a new connection, the one that waits longest is closed: of the same address if that has
    too many, otherwise of the address with most connections. So half-sent requests cannot shut other clients out.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._total = min(limits.total, _raise_open_files() - RESERVED_FILES)
        self._proxies = [ip_network(proxy) for proxy in limits.proxies]
        self._open = 0
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._waiting: defaultdict[str, dict[LimitedProtocol, None]] = defaultdict(dict)  # the oldest first

    def admit(self, connection: "LimitedProtocol") -> bool:
        """Count a new connection; return whether there is room for it."""
        address = connection.address
        room = True
        if self._counts[address] >= self.limits.per_address and not self._is_proxy(address):
            room = self._close_oldest(address)
        elif self._open >= self._total:
            crowded = sorted(self._counts, key=lambda each: self._counts[each], reverse=True)
            room = any(self._close_oldest(each) for each in crowded)
        self._open += 1
        self._counts[address] += 1
        return room

    def forget(self, connection: "LimitedProtocol") -> None:
        """Count a connection no more that was lost."""
        address = connection.address
        self.leave(connection)
        self._open -= 1
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]

    def wait(self, connection: "LimitedProtocol") -> None:
        """Add a connection to those that wait."""
        self._waiting[connection.address][connection] = None

    def leave(self, connection: "LimitedProtocol") -> None:
        """Remove a connection from those that wait."""
        waiting = self._waiting.get(connection.address, {})
        waiting.pop(connection, None)
        if not waiting:
            self._waiting.pop(connection.address, None)

    def _close_oldest(self, address: str) -> bool:
        for connection in self._waiting.get(address, ()):
            connection.cut("crowded")
            return True
        return False

    def _is_proxy(self, address: str) -> bool:
        try:
            return any(ip_address(address) in network for network in self._proxies)
        except ValueError:  # no address: a Unix socket
            return True


class LimitedProtocol(HttpToolsProtocol):
    """HTTP/1.1 of uvicorn over one connection that `Connections` bounds."""

    def __init__(self, connections: Connections, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._all = connections
        self._deadline: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = self._refused = False
        self.address = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn declares it
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        if self._all.admit(self):
            self._begin_waiting()
        else:
            self._refuse("full", _full())

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_waiting()
        self._all.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused or self.transport.is_closing():
            return
        # The first part of a head is not counted: it may hold the rest of a body that was answered early.
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > self._all.limits.head_bytes:
            self._refuse("large-head", _large_head(self._all.limits))

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._end_waiting()
        # A head that came in one read with others is measured here.
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self._all.limits.head_bytes:
            self._refuse("large-head", _large_head(self._all.limits))
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._begin_waiting()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as uvicorn declares it
        """Refuse a request that is not HTTP/1.1, such as one that states its length twice (request smuggling)."""
        self._refuse(
            "malformed", problem(HTTPStatus.BAD_REQUEST, "malformed-request", "The request is not valid HTTP/1.1.")
        )

    def cut(self, reason: str) -> None:
        """Close the connection at once, without an answer. reason: for the metric."""
        telemetry.CONNECTIONS_CLOSED.labels(reason).inc()
        self._refused = True
        self._end_waiting()
        self.transport.abort()

    def _begin_waiting(self) -> None:
        self._all.wait(self)
        self._deadline = self.loop.call_later(self._all.limits.head_seconds, self._head_is_late)

    def _end_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            self._all.leave(self)

    def _head_is_late(self) -> None:
        if self._in_head:
            self._refuse("slow-head", _slow_head(self._all.limits))
        else:
            self.cut("slow-head")

    def _refuse(self, reason: str, answer: Response) -> None:
        telemetry.CONNECTIONS_CLOSED.labels(reason).inc()
        self._refused = True
        self._end_waiting()
        answer.headers.update(SecurityHeadersMiddleware.ALWAYS)
        answer.headers["Connection"] = "close"
        head = [f"HTTP/1.1 {answer.status_code} {HTTPStatus(answer.status_code).phrase}".encode()]
        head += [name + b": " + value for name, value in answer.raw_headers]
        self.transport.write(b"\r\n".join([*head, b"", bytes(answer.body)]))
        if reason in ("full", "malformed"):
            self.transport.close()
        else:
            # What is closed with data unread resets the connection, and the client may never see the answer.
            self.transport.write_eof()
            self.loop.call_later(LINGER_SECONDS, self.transport.abort)


def _raise_open_files() -> int:
    """Let this process open as many files as it may. Return how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def _full() -> Response:
    answer = problem(HTTPStatus.SERVICE_UNAVAILABLE, "too-many-connections", "Too many connections. Try again later.")
    answer.headers["Retry-After"] = "1"
    return answer


def _slow_head(limits: ConnectionLimits) -> Response:
    detail = f"The head of the request did not come within {limits.head_seconds:g} s."
    return problem(HTTPStatus.REQUEST_TIMEOUT, "slow-request", detail)


def _large_head(limits: ConnectionLimits) -> Response:
    detail = f"The request line and the headers are larger than {limits.head_bytes // 1024} KiB."
    return problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-large", detail)
