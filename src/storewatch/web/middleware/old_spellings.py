"""Redirect old paths, which have underscores, for one release."""

import re
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_OLD: Final = re.compile(r"/v1/(?:store_counts|(?:stores/.+/)?weekly_hours)")


class OldSpellingMiddleware:
    """Answer 308 with the path in kebab-case and the same query. The client repeats its request there.

    Only the last part of the path changes, so the new location is relative to the old one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _OLD.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        sent = scope.get("raw_path") or scope["path"].encode()
        up = "../" * (len(sent) - len(sent.rstrip(b"/")))
        name = up + scope["path"].rpartition("/")[2].replace("_", "-")
        query = scope["query_string"].decode("latin-1")
        redirect = Response(status_code=308, headers={"Location": f"{name}?{query}" if query else name})
        await redirect(scope, receive, send)
