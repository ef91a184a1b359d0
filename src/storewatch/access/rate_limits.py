"""Limit how many requests a key or an address may make: moving windows, in memory or in a shared Redis."""

import logging
import math
import re
import time
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from limits import RateLimitItem, parse_many
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from storewatch.domain.errors import InvalidInputError

REDIS_TIMEOUT_SECONDS: Final = 0.5
REDIS_REST_SECONDS: Final = 5.0  # how long Redis is not used after a failure
MAX_WINDOWS: Final = 50_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RateLimits:
    """The limits, such as `5000 per 10 second`. url: of the Redis that several processes share; None is memory."""

    per_key: str
    per_address: str
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Quota:
    """The state of one window after a request. reset_s: seconds until its oldest request leaves the window."""

    name: str
    limit: int
    window_s: int
    remaining: int
    reset_s: int
    exhausted: bool


class RateLimiter:
    """Count requests. While Redis cannot be reached, each process counts alone, so that no caller is refused for it."""

    def __init__(self, limits: RateLimits) -> None:
        self._items = {"key": _parse(limits.per_key), "address": _parse(limits.per_address)}
        self._memory = MemoryStorage()
        self._local = MovingWindowRateLimiter(self._memory)
        self._shared = _open_redis(limits.url) if limits.url else None
        self._rest_until = 0.0

    @property
    def waits(self) -> bool:
        """Whether `take` does I/O."""
        return self._shared is not None

    def take(self, name: str, who: str) -> Quota:
        """Count one request of `who`. name: `key` or `address`, which decides the limit."""
        item = self._items[name]
        if self._shared is not None and time.monotonic() >= self._rest_until:
            try:
                return _take(self._shared, item, name, who)
            except StorageError:
                self._rest_until = time.monotonic() + REDIS_REST_SECONDS
                log.warning("the Redis of the rate limits cannot be reached; counting in this process", exc_info=True)
        if len(self._memory.events) > MAX_WINDOWS:  # the library keeps windows of addresses for ever
            self._memory.reset()
        return _take(self._local, item, name, who)


def check_rates(limits: RateLimits) -> None:
    """Raise InvalidInputError for a limit that is not written as one."""
    _parse(limits.per_key)
    _parse(limits.per_address)


def address_group(address: str) -> str:
    """Return the addresses that are counted together: of IPv6 the /64, as one household or server has a whole /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return address


def _take(limiter: MovingWindowRateLimiter, item: RateLimitItem, name: str, who: str) -> Quota:
    taken = limiter.hit(item, name, who)
    window = limiter.get_window_stats(item, name, who)
    return Quota(
        name=name,
        limit=item.amount,
        window_s=item.get_expiry(),
        remaining=max(0, window.remaining),
        reset_s=max(0, math.ceil(window.reset_time - time.time())),
        exhausted=not taken,
    )


def _parse(text: str) -> RateLimitItem:
    has_zero = 0 in map(int, re.findall("[0-9]+", text))  # the library reads `5 per 0 minutes` as 5 per minute
    try:
        (item,) = [] if has_zero else parse_many(text)
    except ValueError:
        raise InvalidInputError(
            f"{text!r} is not a rate limit; write it as 5000 per 10 second, or 100 per minute."
        ) from None
    return item


def _open_redis(url: str) -> MovingWindowRateLimiter:
    options: dict[str, Any] = {
        "socket_timeout": REDIS_TIMEOUT_SECONDS,
        "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
        "wrap_exceptions": True,
    }
    try:
        storage: Any = storage_from_string(url, **options)
        reachable = storage.check()
    except (ConfigurationError, StorageError, ValueError):  # their text may hold the password
        reachable = False
    if not reachable:
        raise InvalidInputError(
            "The Redis of the rate limits cannot be reached. Check that it runs, and that STOREWATCH_RATE_LIMIT_URL is "
            "redis://:PASSWORD@HOST:PORT/DATABASE; without it each process counts in memory."
        )
    return MovingWindowRateLimiter(storage)
