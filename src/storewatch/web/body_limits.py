"""Limits on the size of request bodies, declared at the routes."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from storewatch.settings import Settings

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])
_ATTRIBUTE: Final = "body_limit"
SMALL_BODY_BYTES: Final = 1_000_000
# Commas and opening brackets of one resource. 10,000 objects with two members, which is the largest list, have 30,000.
SMALL_BODY_VALUES: Final = 50_000
_MB: Final = 1_000_000


class BodyLimit(StrEnum):
    """The largest size of a body, both as sent and decompressed."""

    SMALL = "small"  # one resource: SMALL_BODY_BYTES
    DATA = "data"  # many rows: the setting max_body_mb
    UPLOAD = "upload"  # files: the setting max_upload_mb


def body_limit(limit: BodyLimit) -> Callable[[_Endpoint], _Endpoint]:
    """Allow larger bodies at a route: `@router.put(...)`, and below it `@body_limit(BodyLimit.DATA)`.

    Routes without this decorator have BodyLimit.SMALL.
    """

    def declare(endpoint: _Endpoint) -> _Endpoint:
        setattr(endpoint, _ATTRIBUTE, limit)
        return endpoint

    return declare


def bytes_allowed(settings: Settings) -> dict[BodyLimit, int]:
    """Return the number of bytes that each limit allows."""
    return {
        BodyLimit.SMALL: SMALL_BODY_BYTES,
        BodyLimit.DATA: settings.max_body_mb * _MB,
        BodyLimit.UPLOAD: settings.max_upload_mb * _MB,
    }


def declared_limit(routes: Sequence[BaseRoute], scope: Scope) -> BodyLimit:
    """Return the limit that the route of a request declares."""
    for route in routes:
        if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
            limit: BodyLimit = getattr(route.endpoint, _ATTRIBUTE, BodyLimit.SMALL)
            return limit
    return BodyLimit.SMALL
