"""Remove extra slashes and `/api` from the paths of requests."""

import re
from typing import Final
from urllib.parse import quote, unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from storewatch.web.store_paths import ID_SLASH

_STORES: Final = b"/v1/stores/"
_NOT_NORMAL: Final = re.compile(rb"//|./$|^/api/|%2F", re.IGNORECASE | re.DOTALL)
_SLASH: Final = re.compile(rb"%2F", re.IGNORECASE)
_ID_SLASH: Final = quote(ID_SLASH).encode()


class PathMiddleware:
    """Remove doubled slashes, a slash at the end, and `/api` at the start of a path.

    A slash that belongs to the id of a store is written `%2F`, and stays in the id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path") if scope["type"] == "http" else None
        if raw is not None and _NOT_NORMAL.search(raw):
            scope["path"] = _normalised(raw)
        await self.app(scope, receive, send)


def _normalised(raw: bytes) -> str:
    parts = [part for part in raw.split(b"/") if part]
    if parts[:1] == [b"api"]:
        parts = parts[1:]
    path = b"/" + b"/".join(parts)
    if path.startswith(_STORES) and ID_SLASH not in unquote(path):
        path = _SLASH.sub(_ID_SLASH, path)
    return unquote(path)
