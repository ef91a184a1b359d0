"""Bounds on a request: its body, on the wire and unpacked, and its time."""

import asyncio
import sys
import zlib
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final, Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storewatch.web.problems import problem

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SMALL_BODY_BYTES: Final = 1_000_000
PIECE_BYTES: Final = 256 * 1024  # unpacked at a time: what one message holds and how long the event loop waits (1 ms)
_WINDOW_LOG: Final = 23  # RFC 9659: a zstd frame of HTTP needs no more than 8 MiB of memory


class BodyLimits:
    """Refuses bodies that are too large (413), and unpacks those sent with Content-Encoding gzip or zstd.

    bytes_of: the limit of every path that starts with the key (the longest counts), both for what comes over the wire
    and for what it unpacks to; other paths take SMALL_BODY_BYTES. An unknown encoding is 415, a broken body 400.
    """

    def __init__(self, app: ASGIApp, *, bytes_of: Mapping[str, int]) -> None:
        self.app = app
        self._bytes_of = sorted(bytes_of.items(), key=lambda entry: -len(entry[0]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        limit = next((limit for prefix, limit in self._bytes_of if path.startswith(prefix)), SMALL_BODY_BYTES)
        headers = Headers(scope=scope)
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("identity", *_UNPACKERS):
            await _unknown_coding(coding)(scope, receive, send)
            return
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            await _too_large(limit)(scope, receive, send)
            return
        if coding in _UNPACKERS:
            scope = {**scope, "headers": list(scope["headers"])}
            for name in ("Content-Encoding", "Content-Length"):
                del MutableHeaders(scope=scope)[name]
        await self._bounded(_Body(receive, limit, coding), scope, send)

    async def _bounded(self, body: "_Body", scope: Scope, send: Send) -> None:
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if body.refusal is not None and not started:
                return  # the answer to a body that broke off; ours says why it did
            started = True
            await send(message)

        try:
            await self.app(scope, body.receive, answer)
        except Exception:
            if body.refusal is None or started:
                raise
        if body.refusal is not None and not started:
            await body.refusal(scope, body.receive, send)


class _RefusedError(HTTPException):
    """Ends the reading of a body; an HTTPException, because frameworks let those through."""


class _Body:
    """The body of a request, counted and unpacked while it is read."""

    def __init__(self, receive: Receive, limit: int, coding: str) -> None:
        self.refusal: Response | None = None
        self._receive, self._limit = receive, limit
        self._unpacker = _Unpacker(coding) if coding in _UNPACKERS else None
        self._pieces: Iterator[bytes] = iter(())
        self._wire_bytes = self._bytes = 0
        self._ended = False

    async def receive(self) -> Message:
        if self._unpacker is None:
            message = await self._receive()
            if message["type"] == "http.request":
                self._count(wire=len(message.get("body", b"")))
            return message
        try:
            return await self._unpack(self._unpacker)
        except (zlib.error, zstd.ZstdError, EOFError) as error:
            self._refuse(
                problem(HTTPStatus.BAD_REQUEST, "broken-encoding", f"The body cannot be decompressed: {error}.")
            )
            raise AssertionError from error  # not reached

    async def _unpack(self, unpacker: "_Unpacker") -> Message:
        while True:
            for piece in self._pieces:
                self._count(unpacked=len(piece))
                return {"type": "http.request", "body": piece, "more_body": True}
            if self._ended:
                self._unpacker = None
                unpacker.finish()
                return {"type": "http.request", "body": b"", "more_body": False}
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            data = message.get("body", b"")
            self._count(wire=len(data))
            self._pieces = unpacker.feed(data)
            self._ended = not message.get("more_body", False)

    def _count(self, *, wire: int = 0, unpacked: int = 0) -> None:
        self._wire_bytes += wire
        self._bytes += unpacked
        if max(self._wire_bytes, self._bytes) > self._limit:
            self._refuse(_too_large(self._limit))

    def _refuse(self, refusal: Response) -> None:
        self.refusal = refusal
        raise _RefusedError(refusal.status_code)


class _Codec(Protocol):
    @property
    def ended(self) -> bool: ...

    def step(self, data: bytes) -> tuple[bytes, bytes, bool]:
        """Unpack at most a piece of `data`: the piece, what is left of `data`, and whether to step again."""


class _Gzip:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    @property
    def ended(self) -> bool:
        return self._member.eof

    def step(self, data: bytes) -> tuple[bytes, bytes, bool]:
        piece = self._member.decompress(data, PIECE_BYTES)
        left = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        return piece, left, bool(left) or (len(piece) == PIECE_BYTES and not self._member.eof)


class _Zstd:
    def __init__(self) -> None:
        self._frame = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})

    @property
    def ended(self) -> bool:
        return self._frame.eof

    def step(self, data: bytes) -> tuple[bytes, bytes, bool]:
        piece = self._frame.decompress(data, PIECE_BYTES)
        if self._frame.eof:
            return piece, self._frame.unused_data, bool(self._frame.unused_data)
        return piece, b"", not self._frame.needs_input


_UNPACKERS: Final[dict[str, type[_Gzip | _Zstd]]] = {"gzip": _Gzip, "x-gzip": _Gzip, "zstd": _Zstd}


class _Unpacker:
    """Members or frames, one after the other, unpacked piece by piece."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._codec: _Codec | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        again = bool(data)
        while again:
            if self._codec is None or self._codec.ended:
                self._codec = _UNPACKERS[self._coding]()
            piece, data, again = self._codec.step(data)
            if piece:
                yield piece

    def finish(self) -> None:
        """Raise EOFError when the body broke off in a member."""
        if self._codec is not None and not self._codec.ended:
            raise EOFError("it ends too early")


class TimeLimit:
    """Gives up a request that was not begun to be answered within `seconds`.

    The time runs from the last part of the body that came: a slow client is told 408, a slow handler makes it 503.
    Once the answer has begun (a download, events) it takes as long as it takes. What a handler does in a thread cannot
    be stopped: it runs to its end, and nobody hears of it.
    """

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self.app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        timed = _Timed(self._seconds, receive, send)
        task = asyncio.ensure_future(self.app(scope, timed.receive, timed.send))
        try:
            while not task.done() and not timed.started and (left := timed.left()) > 0:
                await asyncio.wait({task}, timeout=left)
            if task.done() or timed.started:
                await task
                return
        except asyncio.CancelledError:
            task.cancel()
            raise
        timed.given_up = True
        task.cancel()
        task.add_done_callback(_forget)
        await self._late(slow_client=timed.waiting)(scope, receive, send)

    def _late(self, *, slow_client: bool) -> Response:
        if slow_client:
            detail = f"No part of the body came for {self._seconds:g} s."
            return problem(HTTPStatus.REQUEST_TIMEOUT, "slow-request", detail)
        detail = f"The answer was not ready within {self._seconds:g} s. Try again later, or ask for less."
        response = problem(HTTPStatus.SERVICE_UNAVAILABLE, "time-limit", detail)
        response.headers["Retry-After"] = "10"
        return response


class _Timed:
    def __init__(self, seconds: float, receive: Receive, send: Send) -> None:
        self.started = self.waiting = self.given_up = self._complete = False
        self._seconds, self._receive, self._send = seconds, receive, send
        self._clock = asyncio.get_running_loop().time
        self._since = self._clock()

    def left(self) -> float:
        return self._since + self._seconds - self._clock()

    async def receive(self) -> Message:
        self.waiting = not self._complete
        message = await self._receive()
        self.waiting = False
        if not self._complete:
            self._since = self._clock()
            self._complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if not self.given_up:
            self.started = True
            await self._send(message)


def _forget(task: "asyncio.Future[None]") -> None:
    if not task.cancelled():
        task.exception()  # retrieved, or asyncio would complain


def _too_large(limit: int) -> Response:
    detail = f"The body is larger than the {limit / 1e6:g} MB that are taken here. Send it in parts."
    return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", detail)


def _unknown_coding(coding: str) -> Response:
    detail = f"Content-Encoding {coding[:40]!r} is not known here. Send gzip, zstd or none."
    response = problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unknown-encoding", detail)
    response.headers["Accept-Encoding"] = "gzip, zstd"
    return response
