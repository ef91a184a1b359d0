"""Reads paths alike, however a client writes their slashes."""

import re
from typing import Final
from urllib.parse import quote, unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from storewatch.web.store_paths import ID_SLASH

_STORES: Final = b"/v1/stores/"
_RARE: Final = re.compile(rb"//|./$|^/api/|%2F", re.IGNORECASE | re.DOTALL)
_SLASH: Final = re.compile(rb"%2F", re.IGNORECASE)
_ID_SLASH: Final = quote(ID_SLASH).encode()


class PathMiddleware:
    """Lets a path be written with doubled slashes, with a slash at its end, or after `/api`: the answer is the same.

    A slash that belongs to the id of a store is written `%2F`, and is left to the id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path") if scope["type"] == "http" else None
        if raw is not None and _RARE.search(raw):
            scope["path"] = _read(raw)
        await self.app(scope, receive, send)


def _read(raw: bytes) -> str:
    parts = [part for part in raw.split(b"/") if part]
    if parts[:1] == [b"api"]:
        parts = parts[1:]
    path = b"/" + b"/".join(parts)
    if path.startswith(_STORES) and ID_SLASH not in unquote(path):
        path = _SLASH.sub(_ID_SLASH, path)
    return unquote(path)
