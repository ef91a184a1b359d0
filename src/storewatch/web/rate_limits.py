"""Rate limits over HTTP: RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers) and 429."""

from http import HTTPStatus
from typing import Final

from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

from storewatch.access import Principal
from storewatch.access.rate_limits import Quota, RateLimiter, address_group
from storewatch.web.problems import problem

# Monitors send these requests from one address, and must always get an answer.
UNCOUNTED: Final = frozenset({"/health", "/healthz", "/readyz"})


class Rates:
    """Count requests: with a key by its id, all others by address. Without a limiter nothing is counted."""

    def __init__(self, limiter: RateLimiter | None) -> None:
        self._limiter = limiter

    async def take(self, path: str, principal: Principal | None, address: str) -> Quota | None:
        """Count a request and return what is left; None where nothing is counted."""
        if self._limiter is None or path in UNCOUNTED:
            return None
        key_id = principal.key_id if principal else None
        name, caller = ("key", key_id) if key_id else ("address", address_group(address))
        if self._limiter.waits:
            return await run_in_threadpool(self._limiter.take, name, caller)
        return self._limiter.take(name, caller)


def with_quota(quota: Quota | None, send: Send) -> Send:
    """Wrap `send` so that headers of the answer state the limit and how much of it is left."""
    if quota is None:
        return send

    async def send_with_quota(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["RateLimit-Policy"] = f'"{quota.name}";q={quota.limit};w={quota.window_s}'
            headers["RateLimit"] = f'"{quota.name}";r={quota.remaining};t={quota.reset_s}'
        await send(message)

    return send_with_quota


def too_many_requests(quota: Quota) -> JSONResponse:
    """Return the answer to a request over the limit."""
    detail = (
        f"This {quota.name} has made {quota.limit} requests in {quota.window_s} seconds, which is its limit. "
        f"Try again in {max(1, quota.reset_s)} seconds."
    )
    response = problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", detail)
    response.headers["Retry-After"] = str(max(1, quota.reset_s))
    return response
