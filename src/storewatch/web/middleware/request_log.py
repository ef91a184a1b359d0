"""The outermost middleware: request ids, a log line for each request, metrics, and an answer if a route fails."""

import logging
import re
import time
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storewatch import telemetry
from storewatch.web.problems import problem_of_unexpected

log = logging.getLogger(__name__)

_VALID_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Monitors request these every few seconds; their log lines would hide the others.
_PROBES: Final = frozenset({"/health", "/healthz", "/readyz", "/metrics"})
CLIENT_GONE: Final = 499  # the status that nginx logs for a client that left before its answer began


class RequestLogMiddleware:
    """Log and count every request, and answer 500 for an unexpected error.

    The request id is the X-Request-ID of the request if that is valid, otherwise a new one. It is in
    `request.state.request_id`, in the X-Request-ID of the answer, in problems, and on every log line of the request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent_id = Headers(scope=scope).get("x-request-id", "")
        request_id = sent_id if _VALID_ID.fullmatch(sent_id) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(request_id, send)
        started = time.perf_counter()
        with telemetry.bound(request_id=request_id), telemetry.IN_FLIGHT.track_inprogress():
            try:
                await self.app(scope, receive, answer.send)
            except Exception as error:
                log.exception("request failed", extra={"method": scope["method"], "route": _route(scope)})
                if answer.status is not None:
                    raise  # the server must close the connection, or half an answer would look complete
                await problem_of_unexpected(error)(scope, receive, answer.send)
            finally:
                _record(scope, answer, time.perf_counter() - started)


class _Answer:
    """An answer on its way to the client: its status and the bytes sent so far."""

    def __init__(self, request_id: str, send: Send) -> None:
        self.status: int | None = None
        self.bytes = 0
        self._request_id = request_id
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["X-Request-ID"] = self._request_id
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self._send(message)


def _record(scope: Scope, answer: _Answer, seconds: float) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "OTHER"
    route = _route(scope)
    status = answer.status or CLIENT_GONE
    telemetry.REQUESTS.labels(method, route, status).inc()
    telemetry.REQUEST_SECONDS.labels(method, route).observe(seconds)
    state = scope["state"]
    principal = state.get("principal")
    refusal = {name: state[name] for name in ("problem", "refused_key_id") if name in state}
    log.log(
        logging.DEBUG if route in _PROBES else logging.INFO,
        "request",
        extra={
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1e3, 1),
            "bytes": answer.bytes,
            "key_id": principal and principal.key_id,
            "address": scope["client"][0] if scope.get("client") else None,
            **refusal,
        },
    )


def _route(scope: Scope) -> str:
    """Return the template of the path, such as /v1/stores/{store_id}. Full paths would make a metric for each store."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "unmatched"
