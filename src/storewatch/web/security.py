"""Who is asking, and what they may do: the dependencies of routes, and the door that every request comes through."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storewatch.access import ANYONE, AccessRules, KeyRule, Principal
from storewatch.access.audit import AuditWriter
from storewatch.access.gate import Gate
from storewatch.access.rate_limits import RateLimiter
from storewatch.access.rules import is_loopback
from storewatch.domain.enums import Role
from storewatch.domain.errors import (
    ForeignHostError,
    ForeignOriginError,
    InvalidKeyError,
    MissingKeyError,
    RoleTooLowError,
    ScopedKeyError,
    StorewatchError,
)
from storewatch.installation import Installation
from storewatch.web.audit import Auditing
from storewatch.web.problems import problem_of
from storewatch.web.rate_limits import Rates

# All that may be seen without a key: what the service is and whether it lives, never data. Everything else asks.
PUBLIC_PATHS: Final = frozenset(
    {"/", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/healthz", "/readyz"}
)
PUBLIC_FOLDER: Final = "/static-offline-docs/"
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")

_bearer = HTTPBearer(auto_error=False, scheme_name="bearer", description="`Authorization: Bearer sw_...`")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="header", description="`X-API-Key: sw_...`")


def _at_least(role: Role) -> Callable[..., object]:
    async def caller(request: Request, _1: object = Depends(_bearer), _2: object = Depends(_header)) -> Principal:
        principal: Principal = request.state.principal  # set by Door; without one, fail rather than let in
        if not principal.role.includes(role):
            raise RoleTooLowError(principal.role, role)
        return principal

    return caller


viewer = _at_least(Role.VIEWER)
operator = _at_least(Role.OPERATOR)
admin = _at_least(Role.ADMIN)


async def unscoped(principal: Annotated[Principal, Depends(viewer)]) -> Principal:
    """Refuse a key with a scope: for figures of the whole installation, which would tell about others' stores."""
    if principal.scope.is_limited:
        raise ScopedKeyError
    return principal


Viewer = Annotated[Principal, Depends(viewer)]
Operator = Annotated[Principal, Depends(operator)]
Admin = Annotated[Principal, Depends(admin)]
Unscoped = Annotated[Principal, Depends(unscoped)]


@dataclass(frozen=True, kw_only=True)
class Access:
    """What stands behind the door of a running service: `request.app.state.access`."""

    gate: Gate
    writer: AuditWriter

    def close(self) -> None:
        """Write down what is still to be noted. To be called before the catalog is closed."""
        self.writer.close()
        self.gate.close()


def install_access(service: FastAPI, parts: Installation) -> Access:
    """Put the door and the audit log in front of every route; who installs more layers after this, does so outside."""
    rules = parts.access
    access = Access(gate=Gate(catalog=parts.catalog, clock=parts.clock), writer=AuditWriter(parts.catalog))
    service.state.access = access
    service.add_middleware(Auditing, writer=access.writer, clock=parts.clock)
    service.add_middleware(
        Door,
        rules=rules,
        gate=access.gate,
        rates=Rates(RateLimiter(rules.rates) if rules.rates else None),
        public=PUBLIC_PATHS | ({"/metrics"} if parts.settings.metrics_open else set()),
    )
    if rules.cors_origins:
        service.add_middleware(
            CORSMiddleware,
            allow_origins=rules.cors_origins,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "X-API-Key", "Content-Type", "If-None-Match", "X-Request-ID"],
            expose_headers=["ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID", "X-Report-Status"],
        )
    return access


class Door:
    """Finds out who asks before anything else is done for them, and counts their requests.

    Sets `request.state.principal`. Only PUBLIC_PATHS are let through without one, so a route that forgets its
    dependency still asks for a key.
    """

    def __init__(
        self, app: ASGIApp, *, rules: AccessRules, gate: Gate, rates: Rates, public: frozenset[str] = PUBLIC_PATHS
    ) -> None:
        self.app = app
        self._public = public
        self._rules = rules
        self._gate = gate
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        refusal: StorewatchError | None = None
        try:
            principal = await self._principal(scope)
        except StorewatchError as error:
            refusal, principal = error, None
        address = scope["client"][0] if scope.get("client") else "unknown"
        quota = await self._rates.take(scope["path"], principal, address)
        send = self._rates.telling(quota, send)
        if quota is not None and quota.exhausted:
            await self._rates.too_many(quota)(scope, receive, send)
        elif refusal is not None:
            await problem_of(refusal)(scope, receive, send)
        else:
            if principal is not None:
                state["principal"] = principal
                if not principal.role.includes(Role.OPERATOR) and scope["method"] not in READING:
                    scope, receive = _without_body(scope)
            await self.app(scope, receive, send)

    async def _principal(self, scope: Scope) -> Principal | None:
        headers = Headers(scope=scope)
        self._check_where_from(headers)
        if scope["path"] in self._public or scope["path"].startswith(PUBLIC_FOLDER):
            return None
        sent = _sent_key(headers)
        if sent is not None:
            return self._gate.remembered(sent) or await run_in_threadpool(self._gate.identify, sent)
        if self._rules.keys is KeyRule.REQUIRED:
            raise MissingKeyError
        if self._rules.keys is KeyRule.LOOPBACK and any(name in headers for name in _FORWARDED):
            raise MissingKeyError(through_proxy=True)
        return ANYONE

    def _check_where_from(self, headers: Headers) -> None:
        """Keep other web sites away from a service that asks this machine's user for no key.

        A page may make its own name point to 127.0.0.1 (DNS rebinding), or post to http://127.0.0.1 as it is.
        """
        if self._rules.keys is not KeyRule.LOOPBACK:
            return
        host = headers.get("host", "")
        if not self._own(_host_name(f"//{host}")):
            raise ForeignHostError(host)
        origin = headers.get("origin")
        if origin is None:
            if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
                raise ForeignOriginError("another web site")
        elif not {origin, "*"} & {*self._rules.cors_origins} and not self._own(_host_name(origin)):
            raise ForeignOriginError(origin)

    def _own(self, name: str) -> bool:
        return is_loopback(name) or name in self._rules.allowed_hosts


def _without_body(scope: Scope) -> tuple[Scope, Receive]:
    """Let a route refuse a viewer's change without receiving it: FastAPI reads an upload before it asks who sends."""
    headers = [(name, value) for name, value in scope["headers"] if name not in {b"content-type", b"content-length"}]

    async def nothing() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    return {**scope, "headers": headers}, nothing


def _host_name(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _sent_key(headers: Headers) -> str | None:
    """The one key that the request brought; raises InvalidKeyError where it brought different ones."""
    sent = {value.strip() for value in headers.getlist("x-api-key")}
    for value in headers.getlist("authorization"):
        scheme, _, text = value.strip().partition(" ")
        if scheme.lower() == "bearer":
            sent.add(text.strip())
    if len(sent) > 1:
        raise InvalidKeyError
    return sent.pop() if sent else None


class SecurityHeaders:
    """Puts on every answer what tells browsers not to do more with it than is meant."""

    ALWAYS: Final = {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        ),
    }
    # The pages of FastAPI have their start as a script inside, and Redoc a worker.
    DOCS_POLICY: Final = (
        "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'"
    )

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"] in ("/docs", "/docs/oauth2-redirect", "/redoc"):
                    headers.setdefault("Content-Security-Policy", self.DOCS_POLICY)
                for name, value in self.ALWAYS.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
                if state.get("principal", ANYONE).key_id is not None:
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, guarded)
