"""Pages of long lists: `items`, and `next`, an opaque cursor to the place after the last item.

A route has the parameters `limit: Limit = DEFAULT_LIMIT` and `cursor: Cursor = None`, reads limit + 1 rows after
`decode_cursor(cursor, str)`, and returns `Page.of(rows, limit, lambda row: (row.store_id,))`.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from storewatch.domain.instants import parse_instant
from storewatch.domain.texts import is_storable
from storewatch.web.parameters import field, invalid

T = TypeVar("T")

Place = tuple[str | int | None, ...]

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
MAX_CURSOR_LENGTH: Final = 4096
_INT64: Final = range(-(1 << 63), 1 << 63)

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The largest number of items on a page.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=MAX_CURSOR_LENGTH, description="The `next` of the previous page. Leave it out for the first page."
    ),
]


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(description="The `cursor` of the next page; null on the last page.")

    @classmethod
    def of(cls, rows: Sequence[T], limit: int, place: Callable[[T], Place]) -> "Page[T]":
        """Return a page of up to `limit` rows. rows: up to limit + 1. place: the sort key of a row, for the cursor."""
        items = list(rows[:limit])
        return cls(items=items, next=encode_cursor(*place(items[-1])) if len(rows) > limit else None)


def encode_cursor(*place: str | int | None) -> str:
    """Return the cursor for a place in a list, such as the sort key and the id of its last item."""
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: type | UnionType) -> Any:
    """Return the place in a cursor: a tuple of values of these kinds (str, int, None). None without a cursor.

    Raises a 422 for the query parameter `cursor` on anything that `encode_cursor` cannot have written: text is
    storable (no NUL, no lone surrogate), integers fit into 64 bits.
    """
    if cursor is None:
        return None
    try:
        place = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _bad_cursor() from None
    if not isinstance(place, list) or len(place) != len(kinds) or not all(map(_fits, place, kinds)):
        raise _bad_cursor()
    return tuple(place)


def decode_time_cursor(cursor: str | None) -> tuple[datetime, str] | None:
    """Return the instant and the id in the cursor of a list that is sorted by time."""
    place = decode_cursor(cursor, str, str)
    if place is None:
        return None
    with field("query", "cursor"):
        return parse_instant(place[0]), place[1]


def _fits(value: object, kind: type | UnionType) -> bool:
    if isinstance(value, bool) or not isinstance(value, kind):
        return False
    if isinstance(value, int):
        return value in _INT64
    if isinstance(value, str):
        return "\0" not in value and is_storable(value)
    return value is None


def _bad_cursor() -> Exception:
    return invalid("this is not a cursor of this list; leave it out for the first page", "query", "cursor")
