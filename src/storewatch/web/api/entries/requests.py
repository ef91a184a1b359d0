"""Shared parts of the routes of special hours, targets and sales: lists, deletions and bodies of rows.

A key with a scope sees the entries of its stores, of the label of its scope and of all stores. It can change only the
entries of its stores themselves.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final, TypeVar

import polars as pl
from fastapi import Depends, Request

from storewatch.access import Principal
from storewatch.catalog import Catalog, Target
from storewatch.domain.enums import EntryKind
from storewatch.domain.labels import Scope, clean_label
from storewatch.domain.media_types import CSV, JSON
from storewatch.installation import Installation
from storewatch.web.api.entries.models import Deleted, TargetModel
from storewatch.web.api.targeting import AppliesToStore, OptionalText, changeable, one_target
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor
from storewatch.web.parameters import field, invalid
from storewatch.web.problems import problem_responses

# Rows that are read at a time to fill a page with rows that pass a filter.
_ROWS_AT_ONCE: Final = 10_000

DELETE_RESPONSES: Final = problem_responses(
    422,
    s403="The role is too low, or the key has a scope and the rows are of a label.",
    s404="There is no such store within the scope of the key.",
)

Model = TypeVar("Model", bound=TargetModel)


@dataclass(frozen=True, kw_only=True)
class EntryQuery:
    """The filter and page of a list of entries. label, value: only entries whose target is this label."""

    store_id: str | None
    label: str | None
    value: str | None
    limit: int
    cursor: str | None

    def conditions(self) -> list[pl.Expr]:
        """Return the conditions on a row, apart from its store."""
        if (self.label is None) != (self.value is None):
            raise invalid("a label needs its value, and a value its label", "query", "label")
        if self.label is None or self.value is None:
            return []
        name, value = clean_label(self.label, self.value)
        return [pl.col("label") == name, pl.col("value") == value]


async def _entry_query(
    store_id: AppliesToStore = None,
    label: OptionalText = None,
    value: OptionalText = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> EntryQuery:
    return EntryQuery(store_id=store_id, label=label, value=value, limit=limit, cursor=cursor)


async def _target(store_id: OptionalText = None, label: OptionalText = None, value: OptionalText = None) -> Target:
    return one_target(store_id, label, value)


EntryQueryParameters = Annotated[EntryQuery, Depends(_entry_query)]
TargetParameters = Annotated[Target, Depends(_target)]


def list_entries(
    installation: Installation,
    caller: Principal,
    kind: EntryKind,
    query: EntryQuery,
    item: Callable[[dict[str, Any]], Model],
    *conditions: pl.Expr,
) -> Page[Model]:
    """Return a page of entries in the order in which they were created. conditions: further conditions on a row."""
    keep = [*query.conditions(), *conditions]
    place = decode_cursor(query.cursor, int)
    after = max(0, place[0]) if place else 0
    if query.store_id is not None:
        installation.catalog.names.require_stores([query.store_id], caller.scope)
    rows = _rows(installation.catalog, kind, caller.scope, query, keep, after)
    if rows.is_empty():
        _check_label(installation.catalog, caller.scope, query)
    page = Page[dict[str, Any]].of(rows.to_dicts(), query.limit, lambda row: (row["place"],))
    return Page[Any](items=[item(row) for row in page.items], next=page.next)


def delete_entries(
    installation: Installation,
    caller: Principal,
    request: Request,
    kind: EntryKind,
    target: Target,
    day: date | None = None,
) -> Deleted:
    """Delete the entries of a target. With a day, only those of this local date."""
    target = changeable(target, caller, installation.catalog)
    request.state.audit_object = target.store_id or f"{target.label}={target.value}"
    if day is None:
        return Deleted(deleted=installation.catalog.entries.delete(kind, target))
    request.state.audit_detail = {"date": day.isoformat()}
    return Deleted(deleted=installation.catalog.entries.delete(kind, target, first=day, last=day))


def entries_body(
    properties: dict[str, Any], example: dict[str, Any], csv: str, *, optional: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return the OpenAPI description of a body of rows of stores or of labels.

    properties: the columns of a row without its target. example: a row without its target.
    """
    text = {"type": "string"}
    rows = [
        {
            "type": "object",
            "required": [*target, *(name for name in properties if name not in optional)],
            "properties": dict.fromkeys(target, text) | properties,
        }
        for target in (("store_id",), ("label", "value"))
    ]
    lists = [{"type": "array", "minItems": 1, "items": row} for row in rows]
    return {
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": {"anyOf": lists},
                    "examples": {
                        "of stores": {"value": [{"store_id": "cafe"} | example]},
                        "of a label": {"value": [{"label": "brand", "value": "acme"} | example]},
                    },
                },
                CSV: {"schema": text, "example": csv},
            },
        }
    }


def _check_label(catalog: Catalog, scope: Scope, query: EntryQuery) -> None:
    """Raise a 422 with similar names for a label that does not exist."""
    if query.label is not None and query.value is not None:
        with field("query", "label"):
            catalog.names.check_label(clean_label(query.label, query.value), scope)


def _rows(
    catalog: Catalog, kind: EntryKind, scope: Scope, query: EntryQuery, keep: list[pl.Expr], after: int
) -> pl.DataFrame:
    """Read the first limit + 1 rows after an id that meet the conditions."""
    limit = query.limit + 1

    def batches() -> Iterator[pl.DataFrame]:
        place, found, size = after, 0, _ROWS_AT_ONCE if keep else limit
        while True:
            rows = catalog.entries.list_(kind, scope=scope, store_id=query.store_id, after=place, limit=size)
            kept = rows.filter(*keep) if keep else rows
            yield kept
            found += kept.height
            if rows.height < size or found >= limit:
                return
            place = int(rows[-1, "place"])

    return pl.concat(batches()).head(limit)
