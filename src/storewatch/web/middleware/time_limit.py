"""Answer 503 for requests that take too long."""

import asyncio
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storewatch.web.dependencies import installation_of
from storewatch.web.problems import problem


class TimeLimitMiddleware:
    """Answer 503 for a request whose answer has not begun within the seconds that the settings allow.

    The time counts from the last part of the body that arrived. A client that sends its body too slowly gets 408.
    An answer that has begun (a download, events) may take any time. A handler in a thread cannot be stopped: it runs
    to its end, and its result is dropped.

    seconds: used instead of the setting `request_seconds`.
    """

    def __init__(self, app: ASGIApp, *, seconds: float | None = None) -> None:
        self.app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seconds = installation_of(scope).settings.request_seconds if self._seconds is None else self._seconds
        timed = _TimedRequest(seconds, receive, send)
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
        task.add_done_callback(_retrieve_error)
        await _time_limit_problem(seconds, slow_client=timed.waiting)(scope, receive, send)


def _time_limit_problem(seconds: float, *, slow_client: bool) -> Response:
    if slow_client:
        return problem(HTTPStatus.REQUEST_TIMEOUT, "slow-request", f"No part of the body came for {seconds:g} s.")
    detail = f"The answer was not ready within {seconds:g} s. Try again later, or request less."
    response = problem(HTTPStatus.SERVICE_UNAVAILABLE, "time-limit", detail)
    response.headers["Retry-After"] = "10"
    return response


class _TimedRequest:
    """A request whose time is measured from the last part of its body."""

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


def _retrieve_error(task: "asyncio.Future[None]") -> None:
    if not task.cancelled():
        task.exception()  # asyncio logs an error that nobody retrieves
