"""Answer HEAD on every path that answers GET."""

from typing import Final

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storewatch.web.dependencies import HEAD_ONLY

_OK: Final = range(200, 400)


class HeadMiddleware:
    """Answer HEAD as the route answers GET. The server sends the headers without the body.

    The other middleware sees the beginning of the body, so that the headers are those of GET. The rest of a long body
    is not produced. A route that changes something by GET must change nothing if the state of the request has
    `HEAD_ONLY`. Only a refused HEAD writes an audit row.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state[HEAD_ONLY] = True
        as_get = {**scope, "method": "GET"}
        stop = anyio.CancelScope()

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in _OK:
                state.pop("audit", None)
            await send(message)
            if message["type"] == "http.response.body" and message.get("more_body"):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                stop.cancel()

        try:
            with stop:
                await self.app(as_get, receive, send_head)
        finally:
            scope.update({name: as_get[name] for name in ("route", "endpoint", "path_params") if name in as_get})
