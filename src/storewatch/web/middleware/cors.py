"""CORS: which other web sites may call the service from a browser."""

from typing import Final

from fastapi.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from storewatch.web.dependencies import installation_of

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_REQUEST_HEADERS: Final = ("Authorization", "X-API-Key", "Content-Type", "If-None-Match", "X-Request-ID")
_ANSWER_HEADERS: Final = (
    "ETag",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
    "X-Report-Status",
)


class CorsMiddleware:
    """Allow the origins that the installation lists. Without any, requests pass unchanged."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._for_origins: dict[tuple[str, ...], CORSMiddleware] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origins = tuple(installation_of(scope).access.cors_origins) if scope["type"] == "http" else ()
        app = self._allowing(origins) if origins else self.app
        await app(scope, receive, send)

    def _allowing(self, origins: tuple[str, ...]) -> CORSMiddleware:
        if origins not in self._for_origins:
            self._for_origins[origins] = CORSMiddleware(
                self.app,
                allow_origins=origins,
                allow_methods=_METHODS,
                allow_headers=_REQUEST_HEADERS,
                expose_headers=_ANSWER_HEADERS,
            )
        return self._for_origins[origins]
