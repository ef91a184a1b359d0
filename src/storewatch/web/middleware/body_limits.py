"""Limit the size of request bodies, and decompress them."""

import sys
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from anyio.to_thread import run_sync
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storewatch.ingest.decompressing import CODINGS, BrokenCompressionError, Decompressor
from storewatch.web.body_limits import SMALL_BODY_VALUES, BodyLimit, bytes_allowed, declared_limit
from storewatch.web.dependencies import installation_of
from storewatch.web.problems import problem

PIECE_BYTES: Final = 256 * 1024  # decompressed at a time
# A part of a body up to this size is decompressed at once, which takes less time than to wake a thread.
INLINE_BYTES: Final = 4_000


class BodyLimitMiddleware:
    """Refuse bodies that are too large (413), and decompress those sent with Content-Encoding gzip or zstd.

    The route declares the limit (`body_limit`). It holds for the bytes that are sent and for the decompressed bytes.
    An unknown encoding is 415, a broken body 400. bytes_of: the limits to use instead of those of the settings.
    """

    def __init__(self, app: ASGIApp, *, bytes_of: Mapping[BodyLimit, int] | None = None) -> None:
        self.app = app
        self._bytes_of = bytes_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = _Limit(scope, self._bytes_of or bytes_allowed(installation_of(scope).settings))
        headers = Headers(scope=scope)
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("identity", *CODINGS):
            await _unknown_coding(coding)(scope, receive, send)
            return
        length = headers.get("content-length", "")
        # Python raises an error for a number of more than 4,300 digits.
        if length.isdecimal() and not limit.allows(int(length) if len(length) < 20 else sys.maxsize):
            await _too_large(limit.bytes)(scope, receive, send)
            return
        if coding in CODINGS:
            scope = {**scope, "headers": list(scope["headers"])}
            for name in ("Content-Encoding", "Content-Length"):
                del MutableHeaders(scope=scope)[name]
        await self._run_limited(_Body(receive, limit, coding), scope, send)

    async def _run_limited(self, body: "_Body", scope: Scope, send: Send) -> None:
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if body.refusal is not None and not started:
                return  # the route's answer to an incomplete body; the refusal below has the reason
            started = True
            await send(message)

        try:
            await self.app(scope, body.receive, answer)
        except Exception:
            if body.refusal is None or started:
                raise
        if body.refusal is not None and not started:
            await body.refusal(scope, body.receive, send)


class _Limit:
    """The largest size of a body. The route is looked up only for a body that exceeds a small limit."""

    def __init__(self, scope: Scope, bytes_of: Mapping[BodyLimit, int]) -> None:
        self._scope, self._bytes_of = scope, bytes_of
        self.bytes = bytes_of[BodyLimit.SMALL]
        self._declared: BodyLimit | None = None

    def allows(self, size_bytes: int) -> bool:
        if size_bytes > self.bytes:
            self._look_up()
        return size_bytes <= self.bytes

    def allows_values(self, count: int) -> bool:
        if count > SMALL_BODY_VALUES:
            self._look_up()
        return count <= SMALL_BODY_VALUES or self._declared is not BodyLimit.SMALL

    def _look_up(self) -> None:
        if self._declared is None:
            self._declared = declared_limit(self._scope["app"].routes, self._scope)
            self.bytes = self._bytes_of[self._declared]


class _RefusedError(HTTPException):
    """Ends the reading of a body. It is an HTTPException, because FastAPI passes only those on unchanged."""


class _Body:
    """The body of a request. It is counted and decompressed while it is read."""

    def __init__(self, receive: Receive, limit: _Limit, coding: str) -> None:
        self.refusal: Response | None = None
        self._receive, self._limit = receive, limit
        self._decompressor = Decompressor(coding) if coding in CODINGS else None
        self._fed_bytes = 0  # of the newest part that has come; 0 when nothing of it is left
        self._wire_bytes = self._bytes = self._values = 0
        self._ended = False

    async def receive(self) -> Message:
        if self._decompressor is None:
            message = await self._receive()
            if message["type"] == "http.request":
                data = message.get("body", b"")
                self._count(wire=len(data))
                self._count_values(data)
            return message
        try:
            return await self._decompress(self._decompressor)
        except BrokenCompressionError as error:
            self._refuse(
                problem(HTTPStatus.BAD_REQUEST, "broken-encoding", f"The body cannot be decompressed: {error}.")
            )
            raise AssertionError from error  # not reached

    async def _decompress(self, decompressor: Decompressor) -> Message:
        while True:
            while self._fed_bytes:
                if self._fed_bytes <= INLINE_BYTES:
                    piece = decompressor.read(PIECE_BYTES)
                else:
                    piece = await run_sync(decompressor.read, PIECE_BYTES)
                self._fed_bytes *= len(piece) == PIECE_BYTES
                if piece:
                    self._count(unpacked=len(piece))
                    self._count_values(piece)
                    return {"type": "http.request", "body": piece, "more_body": True}
            if self._ended:
                self._decompressor = None
                decompressor.finish()
                return {"type": "http.request", "body": b"", "more_body": False}
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            data = message.get("body", b"")
            self._count(wire=len(data))
            decompressor.feed(data)
            self._fed_bytes = len(data)
            self._ended = not message.get("more_body", False)

    def _count(self, *, wire: int = 0, unpacked: int = 0) -> None:
        self._wire_bytes += wire
        self._bytes += unpacked
        if not self._limit.allows(max(self._wire_bytes, self._bytes)):
            self._refuse(_too_large(self._limit.bytes))

    def _count_values(self, data: bytes) -> None:
        """Bound what FastAPI decodes and checks at once on the event loop; a million values take seconds."""
        if self._values <= SMALL_BODY_VALUES:
            self._values += data.count(b",") + data.count(b"[") + data.count(b"{")
            if not self._limit.allows_values(self._values):
                self._refuse(_too_many_values())

    def _refuse(self, refusal: Response) -> None:
        self.refusal = refusal
        raise _RefusedError(refusal.status_code)


def _too_large(limit: int) -> Response:
    detail = f"The body is larger than the {limit / 1e6:g} MB that this request allows. Send it in parts."
    return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", detail)


def _too_many_values() -> Response:
    detail = f"The body has more than {SMALL_BODY_VALUES:,} values, which no request to this path needs."
    return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", detail)


def _unknown_coding(coding: str) -> Response:
    detail = f"Content-Encoding {coding[:40]!r} is not supported. Send gzip, zstd or none."
    response = problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unknown-encoding", detail)
    response.headers["Accept-Encoding"] = "gzip, zstd"
    return response
