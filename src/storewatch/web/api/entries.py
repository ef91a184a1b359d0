"""Special hours, targets and sales over HTTP: what is said of stores and of labels, put whole, listed, deleted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated, Any, Final

import polars as pl
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from storewatch.access import Principal
from storewatch.catalog import Catalog, Target
from storewatch.domain.clock_words import clock_text
from storewatch.domain.enums import EntryKind
from storewatch.domain.labels import Scope
from storewatch.ingest.bulk import replace_entries
from storewatch.installation import Installation
from storewatch.web.api.bulk import replace_rows
from storewatch.web.api.store_models import BulkAnswer, end_text
from storewatch.web.api.targeting import OfStore, OptionalText, check_may_change, one_target
from storewatch.web.audit import audited
from storewatch.web.body_limits import BodyLimit, body_limit
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor
from storewatch.web.parameters import invalid, local_date
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Viewer

# Rows that are looked at for a page of those that pass a filter.
_ROWS_AT_ONCE: Final = 10_000
_WHO: Final = (
    "The rows are of stores (store_id) or of labels (label, value), not of both in one body. Good rows go in, the "
    "others come back with their place and reason. With a scope only rows of its own stores are taken."
)
_NOT_SCOPED: Final = "Not with this role; of labels not with a scope."

Day = Annotated[str | None, Query(max_length=10, description="A local date, such as 2026-12-24.", examples=[None])]


class Of(BaseModel):
    """Of whom it is said: of a store, or of the stores that carry a label."""

    store_id: str | None
    label: str | None
    value: str | None


class SpecialHours(Of):
    """An opening that replaces the weekly hours of a local date; without times: closed that date."""

    date: Annotated[str, Field(examples=["2026-12-24"])]
    start_time_local: Annotated[str | None, Field(examples=["10:00:00"])]
    end_time_local: Annotated[str | None, Field(description="Before the start: on the next day.")]


class TargetEntry(Of):
    """The availability that is aimed at."""

    objective: Annotated[float, Field(description="Percent of the known business time.", examples=[99.5])]


class SalesEntry(Of):
    """What is sold in a business hour; weekday 0 is Monday, null is all of them."""

    weekday: int | None
    hour: Annotated[int | None, Field(description="Of the local clock; null is all of them.")]
    sales_per_hour: float


class Deleted(BaseModel):
    """How many rows were deleted; 0 when nothing was said of this target."""

    deleted: int


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """path and word: in URLs and operation ids."""

    kind: EntryKind
    path: str
    model: type[Of]
    item: Callable[[dict[str, Any]], Of]
    body: dict[str, Any]
    example: str

    @property
    def word(self) -> str:
        return self.kind.value

    @property
    def title(self) -> str:
        return self.kind.value.title().replace("_", "")


def entries_routes(parts: Installation) -> APIRouter:
    """Build /v1/special-hours, /v1/targets and /v1/sales.

    A key with a scope sees what bears on its stores, of themselves or of labels that they carry, and changes what is
    said of its stores themselves.
    """
    router = APIRouter()
    for kind in _KINDS:
        _add_put(router, parts, kind)
    _add_special_hours(router, parts, _KINDS[0])
    for kind in _KINDS[1:]:
        _add_undated(router, parts, kind)
    return router


def _add_put(router: APIRouter, parts: Installation, kind: _Kind) -> None:
    @body_limit(BodyLimit.DATA)
    async def replace(request: Request, caller: Operator) -> BulkAnswer:
        return await replace_rows(request, caller, parts, partial(replace_entries, kind.kind))

    replaced = "each target and date named" if kind.kind is EntryKind.SPECIAL_HOURS else "each store or label named"
    router.put(
        f"/v1/{kind.path}",
        operation_id=f"replace{kind.title}",
        tags=[kind.path],
        dependencies=[audited(f"{kind.word}.replace", kind.word)],
        openapi_extra={"requestBody": _request_body(kind)},
        summary=f"Replace {kind.word.replace('_', ' ')}",
        description=f"Replace all that is said of {replaced}; the rest stays. {_WHO}",
        responses=problem_responses(
            s415="Neither application/json nor text/csv.", s422="Not readable, or no row was good; nothing was stored."
        ),
    )(replace)


def _add_special_hours(router: APIRouter, parts: Installation, kind: _Kind) -> None:
    @router.get(
        "/v1/special-hours",
        operation_id="listSpecialHours",
        tags=["special-hours"],
        responses=problem_responses(422),
    )
    def list_special_hours(
        caller: Viewer,
        store_id: OfStore = None,
        label: OptionalText = None,
        value: OptionalText = None,
        begin: Annotated[Day, Query(alias="from")] = None,
        to: Annotated[Day, Query(description="The first date not included.")] = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[SpecialHours]:
        """List special hours in the order in which they were entered; label and value: those of a label itself."""
        first, end = local_date(begin, "query", "from"), local_date(to, "query", "to")
        keep = _of_label(label, value)
        keep += [] if first is None else [pl.col("date") >= first]
        keep += [] if end is None else [pl.col("date") < end]
        return _page(parts.catalog, kind, caller, store_id, keep, limit, cursor)

    @router.delete(
        "/v1/special-hours",
        operation_id="deleteSpecialHours",
        tags=["special-hours"],
        dependencies=[audited("special_hours.delete", "special_hours")],
        responses=problem_responses(422, s403=_NOT_SCOPED, s404="There is no such store within the scope of the key."),
    )
    def delete_special_hours(
        request: Request,
        caller: Operator,
        on: Annotated[str, Query(alias="date", max_length=10, description="A local date, such as 2026-12-24.")],
        store_id: OptionalText = None,
        label: OptionalText = None,
        value: OptionalText = None,
    ) -> Deleted:
        """Delete what is said of a store, or of a label, for a date: its weekly hours hold again."""
        target = one_target(store_id, label, value)
        day = local_date(on, "query", "date")
        assert day is not None  # noqa: S101 - `on` is
        check_may_change(target, caller, parts.catalog)
        _audit(request, target, day)
        return Deleted(deleted=parts.catalog.entries.delete(kind.kind, target, first=day, last=day))


def _add_undated(router: APIRouter, parts: Installation, kind: _Kind) -> None:
    catalog = parts.catalog

    def list_(
        caller: Viewer,
        store_id: OfStore = None,
        label: OptionalText = None,
        value: OptionalText = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[Any]:
        return _page(catalog, kind, caller, store_id, _of_label(label, value), limit, cursor)

    def delete(
        request: Request,
        caller: Operator,
        store_id: OptionalText = None,
        label: OptionalText = None,
        value: OptionalText = None,
    ) -> Deleted:
        target = one_target(store_id, label, value)
        check_may_change(target, caller, catalog)
        _audit(request, target, None)
        return Deleted(deleted=catalog.entries.delete(kind.kind, target))

    router.get(
        f"/v1/{kind.path}",
        operation_id=f"list{kind.title}",
        tags=[kind.path],
        summary=f"List {kind.word}",
        description="In the order in which they were entered; label and value: those of a label itself.",
        response_model=Page[kind.model],  # type: ignore[name-defined]
        responses=problem_responses(422),
    )(list_)
    router.delete(
        f"/v1/{kind.path}",
        operation_id=f"delete{kind.title}",
        tags=[kind.path],
        summary=f"Delete the {kind.word} of a store or of a label",
        dependencies=[audited(f"{kind.word}.delete", kind.word)],
        responses=problem_responses(422, s403=_NOT_SCOPED, s404="There is no such store within the scope of the key."),
    )(delete)


def _audit(request: Request, target: Target, day: date | None) -> None:
    request.state.audit_object = target.store_id or f"{target.label}={target.value}"
    if day is not None:
        request.state.audit_detail = {"date": day.isoformat()}


def _of_label(label: str | None, value: str | None) -> list[pl.Expr]:
    if (label is None) != (value is None):
        raise invalid("a label needs its value, and a value its label", "query", "label")
    return [] if label is None else [pl.col("label") == label.lower(), pl.col("value") == value]


def _page(
    catalog: Catalog,
    kind: _Kind,
    caller: Principal,
    store_id: str | None,
    keep: list[pl.Expr],
    limit: int,
    cursor: str | None,
) -> Page[Any]:
    place = decode_cursor(cursor, int)
    rows = _rows(catalog, kind, caller.scope, store_id, keep, place[0] if place else 0, limit + 1)
    row_id = rows.columns[0]
    page = Page[dict[str, Any]].of(rows.to_dicts(), limit, lambda row: (row[row_id],))
    return Page[Any](items=[kind.item(row) for row in page.items], next=page.next)


def _rows(
    catalog: Catalog,
    kind: _Kind,
    scope: Scope,
    store_id: str | None,
    keep: list[pl.Expr],
    after: int,
    limit: int,
) -> pl.DataFrame:
    """Read the first rows after an id that pass the filter."""

    def batches() -> Iterator[pl.DataFrame]:
        place, found, size = after, 0, _ROWS_AT_ONCE if keep else limit
        while True:
            rows = catalog.entries.list_(kind.kind, scope=scope, store_id=store_id, after=place, limit=size)
            kept = rows.filter(*keep) if keep else rows
            yield kept
            found += kept.height
            if rows.height < size or found >= limit:
                return
            place = int(rows[-1, 0])

    return pl.concat(batches()).head(limit)


def _of(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("store_id", "label", "value")}


def _special_hours(row: dict[str, Any]) -> SpecialHours:
    start_s, end_s = row["start_s"], row["end_s"]
    return SpecialHours(
        **_of(row),
        date=row["date"].isoformat(),
        start_time_local=None if start_s is None else clock_text(start_s),
        end_time_local=None if end_s is None else end_text(end_s),
    )


def _target(row: dict[str, Any]) -> TargetEntry:
    # Rounded, because 100 * 0.999 need not be the number nearest to 99.9.
    return TargetEntry(**_of(row), objective=round(100 * row["objective"], 10))


def _sales(row: dict[str, Any]) -> SalesEntry:
    sales = row["amount_per_hour"]
    return SalesEntry(**_of(row), weekday=row["weekday"], hour=row["hour"], sales_per_hour=sales)


_TEXT: Final = {"type": ["string", "null"]}
_SMALL: Final = {"type": ["integer", "string", "null"]}
_NUMBER: Final = {"type": ["number", "string"]}
_KINDS: Final = (
    _Kind(
        kind=EntryKind.SPECIAL_HOURS,
        path="special-hours",
        model=SpecialHours,
        item=_special_hours,
        body={"date": {"type": "string"}, "start_time_local": _TEXT, "end_time_local": _TEXT},
        example="store_id,date,start_time_local,end_time_local\ncafe,2026-12-24,10:00,14:00\ncafe,2026-12-25,,\n",
    ),
    _Kind(
        kind=EntryKind.TARGETS,
        path="targets",
        model=TargetEntry,
        item=_target,
        body={"objective": _NUMBER},
        example="store_id,objective\ncafe,99.5\n",
    ),
    _Kind(
        kind=EntryKind.SALES,
        path="sales",
        model=SalesEntry,
        item=_sales,
        body={"sales_per_hour": _NUMBER, "weekday": _SMALL, "hour": _SMALL},
        example="store_id,sales_per_hour\ncafe,120.50\n",
    ),
)
_EXAMPLES: Final[dict[EntryKind, dict[str, Any]]] = {
    EntryKind.SPECIAL_HOURS: {"date": "2026-12-24", "start_time_local": "10:00", "end_time_local": "14:00"},
    EntryKind.TARGETS: {"objective": 99.5},
    EntryKind.SALES: {"sales_per_hour": 120.5, "weekday": 5, "hour": 20},
}


def _request_body(kind: _Kind) -> dict[str, Any]:
    optional = {"weekday", "hour"}
    text = {"type": "string"}
    rows = [
        {
            "type": "object",
            "required": [*target, *(name for name in kind.body if name not in optional)],
            "properties": dict.fromkeys(target, text) | kind.body,
        }
        for target in (("store_id",), ("label", "value"))
    ]
    said = _EXAMPLES[kind.kind]
    lists = [{"type": "array", "minItems": 1, "items": row} for row in rows]
    return {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"anyOf": lists},
                "examples": {
                    "of stores": {"value": [{"store_id": "cafe"} | said]},
                    "of a label": {"value": [{"label": "brand", "value": "acme"} | said]},
                },
            },
            "text/csv": {"schema": text, "example": kind.example},
        },
    }
