"""Authenticate callers by API key, refuse foreign hosts, and count requests."""

from typing import Final
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storewatch.access import ANYONE, AccessRules, KeyRule, Principal
from storewatch.access.keys import public_id
from storewatch.access.rules import is_loopback
from storewatch.domain.enums import Role
from storewatch.domain.error_families import StorewatchError
from storewatch.domain.errors import ForeignHostError, ForeignOriginError, InvalidKeyError, MissingKeyError
from storewatch.web.dependencies import installation_of, state_of
from storewatch.web.problems import problem_of
from storewatch.web.rate_limits import too_many_requests, with_quota

# Paths that need no key. They describe the service and its health, and never show data.
PUBLIC_PATHS: Final = frozenset(
    {"/", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/health", "/healthz", "/readyz"}
)
PUBLIC_FOLDER: Final = "/static-offline-docs/"
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Paths where POST only reads, so viewers may use it.
READ_BY_POST: Final = frozenset({"/get_report"})
# Paths where GET changes something. A page of another web site can make a browser send it: as a link, a form, an image.
CHANGE_BY_GET: Final = frozenset({"/trigger_report"})
# The values of Sec-Fetch-Site for a request that a page of another origin caused.
_OTHER_SITES: Final = frozenset({"cross-site", "same-site"})
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class AccessMiddleware:
    """Authenticate the caller before anything else is done for a request, and count the request.

    Sets `request.state.principal`. If the installation requires a key, only public paths pass without one: even a
    route that declares no role needs a key.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        rates = state_of(scope).rates
        state = scope.setdefault("state", {})
        refusal: StorewatchError | None = None
        try:
            principal = await _authenticate(scope)
        except StorewatchError as error:
            refusal, principal = error, None
        address = scope["client"][0] if scope.get("client") else "unknown"
        quota = await rates.take(scope["path"], principal, address)
        send = with_quota(quota, send)
        if quota is not None and quota.exhausted:
            await too_many_requests(quota)(scope, receive, send)
        elif refusal is not None:
            await problem_of(refusal)(scope, receive, send)
        else:
            if principal is not None:
                state["principal"] = principal
                is_reading = scope["method"] in READING or scope["path"] in READ_BY_POST
                if not is_reading and not principal.role.includes(Role.OPERATOR):
                    scope, receive = _without_body(scope)
            await self.app(scope, receive, send)


async def _authenticate(scope: Scope) -> Principal | None:
    """Return the caller; None for a public path."""
    installation = installation_of(scope)
    rules = installation.access
    headers = Headers(scope=scope)
    _check_origin(scope, headers, rules)
    if scope["path"] in PUBLIC_PATHS or scope["path"].startswith(PUBLIC_FOLDER):
        return None
    if scope["path"] == "/metrics" and installation.settings.metrics_open:
        return ANYONE
    sent = _sent_key(headers)
    if sent is not None:
        return await _identify(scope, sent)
    if rules.keys is KeyRule.REQUIRED:
        raise MissingKeyError
    if rules.keys is KeyRule.LOOPBACK and any(name in headers for name in _FORWARDED):
        raise MissingKeyError(through_proxy=True)
    return ANYONE


def _check_origin(scope: Scope, headers: Headers, rules: AccessRules) -> None:
    """Refuse requests from other web sites if users of this machine need no key.

    A web page may let its own host name point to 127.0.0.1 (DNS rebinding), or send a POST to http://127.0.0.1. A
    request that changes something is refused from every other site, even as a navigation. Browsers send Sec-Fetch-Site
    (`none` for an address that a person typed); other clients send neither it nor Origin.
    """
    if rules.keys is not KeyRule.LOOPBACK:
        return
    host = headers.get("host", "")
    if not _is_this_host(_host_name(f"//{host}"), rules):
        raise ForeignHostError(host)
    origin = headers.get("origin")
    if origin is not None and {origin, "*"} & {*rules.cors_origins}:
        return
    if origin is not None and not _is_this_host(_host_name(origin), rules):
        raise ForeignOriginError(origin)
    site = headers.get("sec-fetch-site", "").lower()
    if _changes(scope) and site in _OTHER_SITES:
        raise ForeignOriginError(origin or "another web site")
    if origin is None and site == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
        raise ForeignOriginError("another web site")


def _changes(scope: Scope) -> bool:
    return scope["method"] not in READING or scope["path"] in CHANGE_BY_GET


def _is_this_host(name: str, rules: AccessRules) -> bool:
    return is_loopback(name) or name in rules.allowed_hosts


def _without_body(scope: Scope) -> tuple[Scope, Receive]:
    """Hide the body of a request that will be refused: FastAPI reads an upload before it checks the role."""
    headers = [(name, value) for name, value in scope["headers"] if name not in {b"content-type", b"content-length"}]

    async def receive_nothing() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    return {**scope, "headers": headers}, receive_nothing


def _host_name(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _sent_key(headers: Headers) -> str | None:
    """Return the key that the request sent. Raises InvalidKeyError if it sent two different keys."""
    sent = {value.strip() for value in headers.getlist("x-api-key")}
    for value in headers.getlist("authorization"):
        scheme, _, text = value.strip().partition(" ")
        if scheme.lower() == "bearer":
            sent.add(text.strip())
    if len(sent) > 1:
        raise InvalidKeyError
    return sent.pop() if sent else None


async def _identify(scope: Scope, sent: str) -> Principal:
    """Return the caller of a key. If the key is refused, the log line of the request has its id."""
    authenticator = state_of(scope).authenticator
    if (known := authenticator.remembered(sent)) is not None:
        return known
    try:
        return await run_in_threadpool(authenticator.identify, sent)
    except InvalidKeyError:
        if (key_id := public_id(sent)) is not None:
            scope["state"]["refused_key_id"] = key_id
        raise
