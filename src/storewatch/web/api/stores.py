"""Stores: list, get, create, change, delete; weekly hours and labels, of one store and of many."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from storewatch.access import Principal
from storewatch.catalog import StoreFilter, StoreRows
from storewatch.domain.enums import StoreOrder, StoreState
from storewatch.domain.errors import ScopedChangeError, UnknownStoreError
from storewatch.domain.labels import Label
from storewatch.domain.timezones import is_timezone
from storewatch.ingest.bulk import replace_hours, replace_labels
from storewatch.ingest.store_fields import check_fields, check_id
from storewatch.installation import Installation
from storewatch.stores.changes import change_store, create_store, delete_store
from storewatch.stores.current import Place
from storewatch.web.api.bulk import replace_rows
from storewatch.web.api.outages import outages_routes
from storewatch.web.api.store_models import (
    BulkAnswer,
    HoursRequest,
    NewStore,
    SearchText,
    StoreChangeRequest,
    StoreCounts,
    StoreDetail,
    StoreHours,
    StoreId,
    StoreItem,
    StorePage,
    optional_instant,
)
from storewatch.web.api.timelines import timeline_routes
from storewatch.web.audit import audited
from storewatch.web.body_limits import BodyLimit, body_limit
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, encode_cursor
from storewatch.web.parameters import invalid, invalid_fields, local_date
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Viewer

NO_STORE: Final = "There is no store with this id, or none within the scope of the key."
ORDERS: Final[dict[str, StoreOrder]] = {order.value: order for order in StoreOrder}

Labels = Annotated[
    list[Annotated[str, Query(pattern=r"^[A-Za-z0-9_.-]{1,64}:[^\x00]+$", max_length=400)]],
    Query(
        max_length=16,
        description="`name:value`, such as `owner:acme`; given several times, all must hold.",
        examples=[[]],
    ),
]
Prefix = Annotated[SearchText, Query(description="How the store_id begins; fast at any size.")]
Search = Annotated[SearchText, Query(description="A part of the store_id or the name, upper and lower case alike.")]
Zone = Annotated[SearchText, Query(description="The time zone in force, by its IANA name.")]


def stores_routes(parts: Installation) -> APIRouter:
    router = APIRouter(tags=["stores"])
    # The id may hold slashes, so what comes after it in a path must be tried first.
    router.include_router(timeline_routes(parts))
    router.include_router(outages_routes(parts))
    _add_many(router, parts)
    _add_hours(router, parts)
    _add_one(router, parts)
    return router


def _add_many(router: APIRouter, parts: Installation) -> None:
    @router.get("/v1/stores", operation_id="listStores", responses=problem_responses(422))
    def list_stores(
        caller: Viewer,
        q: Search = None,
        prefix: Prefix = None,
        label: Labels = [],  # noqa: B006 - FastAPI copies it
        zone: Zone = None,
        state: Annotated[StoreState | None, Query(description="The state at as_of.")] = None,
        sort: Annotated[
            str, Query(json_schema_extra={"enum": list(ORDERS)}, description="`-` is the other way.")
        ] = "store_id",
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> StorePage:
        """List stores: searched, filtered, sorted. Those without a name or a poll come last."""
        if sort not in ORDERS:
            raise invalid(f"want one of {', '.join(ORDERS)}", "query", "sort")
        order = ORDERS[sort]
        found = parts.stores.page(
            _filter(q, prefix, label, zone),
            scope=caller.scope,
            state=state,
            order=order,
            after=_place(cursor, order),
            limit=limit,
        )
        return StorePage(
            as_of=optional_instant(found.as_of_us),
            items=[StoreItem.of(store) for store in found.stores[:limit]],
            next=encode_cursor(*found.places[limit - 1]) if len(found.stores) > limit else None,
        )

    @router.get("/v1/store-counts", operation_id="countStores", responses=problem_responses(422))
    def count_stores(
        caller: Viewer,
        q: Search = None,
        prefix: Prefix = None,
        label: Labels = [],  # noqa: B006 - FastAPI copies it
        zone: Zone = None,
    ) -> StoreCounts:
        """Count the stores that a list with these parameters would have, by state."""
        scope = caller.scope
        counts = parts.stores.count(_filter(q, prefix, label, zone), scope=scope)
        as_of_us = parts.stores.moment(scope).as_of_us
        return StoreCounts(as_of=optional_instant(as_of_us), stores=sum(counts.values()), by_state=counts)

    @router.post(
        "/v1/stores",
        operation_id="createStore",
        status_code=201,
        dependencies=[audited("store.create", "store")],
        responses=problem_responses(422, s403="Not with this role, or with a scope.", s409="The store exists already."),
    )
    @body_limit(BodyLimit.DATA)
    def create(body: NewStore, caller: Operator, request: Request, response: Response) -> StoreDetail:
        """Make a store known before anything else names it; polls, hours and zones do so by themselves."""
        request.state.audit_object = body.store_id
        if caller.scope.is_limited:
            raise ScopedChangeError
        store_id, problems = check_id(body.store_id)
        fields, more_problems = check_fields(store_id, body.said())
        if problems or more_problems:
            raise invalid_fields((("body", *path), reason) for path, reason in [*problems, *more_problems])
        create_store(store_id, fields, catalog=parts.catalog, now=parts.clock())
        response.headers["Location"] = f"/v1/stores/{quote(store_id, safe='')}"
        return _detail(parts, store_id, caller)

    _add_bulk_hours(router, parts)
    _add_bulk_labels(router, parts)


def _add_one(router: APIRouter, parts: Installation) -> None:
    @router.get("/v1/stores/{store_id:path}", operation_id="getStore", responses=problem_responses(422, s404=NO_STORE))
    def get(store_id: StoreId, caller: Viewer) -> StoreDetail:
        """Give what is known of a store, and what it is at this moment of the data."""
        return _detail(parts, store_id, caller)

    @router.patch(
        "/v1/stores/{store_id:path}",
        operation_id="changeStore",
        dependencies=[audited("store.change", "store")],
        responses=problem_responses(422, s404=NO_STORE),
    )
    @body_limit(BodyLimit.DATA)
    def change(store_id: StoreId, body: StoreChangeRequest, caller: Operator) -> StoreDetail:
        """Change a store: what the body leaves out stays. Nothing changes unless all of it is good."""
        _change(parts, store_id, caller, body)
        return _detail(parts, store_id, caller)

    @router.delete(
        "/v1/stores/{store_id:path}",
        operation_id="deleteStore",
        status_code=204,
        dependencies=[audited("store.delete", "store")],
        responses=problem_responses(422, s404=NO_STORE, s409="There are polls of the store, so reports name it."),
    )
    def delete(store_id: StoreId, caller: Operator) -> None:
        """Forget a store that was never polled, with its hours, zone and labels."""
        delete_store(store_id, catalog=parts.catalog, lake=parts.lake, scope=caller.scope, now=parts.clock())


def _add_hours(router: APIRouter, parts: Installation) -> None:
    @router.get(
        "/v1/stores/{store_id:path}/weekly-hours",
        operation_id="getStoreWeeklyHours",
        responses=problem_responses(422, s404=NO_STORE),
    )
    def get_hours(store_id: StoreId, caller: Viewer) -> StoreHours:
        """Give the weekly hours, and the versions that take their place from a date on."""
        return _hours(parts, store_id, caller)

    @router.put(
        "/v1/stores/{store_id:path}/weekly-hours",
        operation_id="replaceStoreWeeklyHours",
        dependencies=[audited("store.hours", "store")],
        responses=problem_responses(422, s404=NO_STORE),
    )
    @body_limit(BodyLimit.DATA)
    def put_hours(store_id: StoreId, body: HoursRequest, caller: Operator) -> StoreHours:
        """Replace the weekly hours of a store, or those from a date on. Nothing changes unless every row is good."""
        _change(parts, store_id, caller, StoreChangeRequest(**dict(body)))
        return _hours(parts, store_id, caller)


def _add_bulk_hours(router: APIRouter, parts: Installation) -> None:
    async def replace_many(
        request: Request,
        caller: Operator,
        valid_from: Annotated[
            str | None,
            Query(
                max_length=10, description="The local date from which they hold; earlier ones are kept.", examples=[]
            ),
        ] = None,
    ) -> BulkAnswer:
        hours_from = local_date(valid_from, "query", "valid_from")
        return await replace_rows(request, caller, parts, partial(replace_hours, valid_from=hours_from))

    _add_bulk(router, "weekly_hours", "replaceWeeklyHours", replace_many)


def _add_bulk_labels(router: APIRouter, parts: Installation) -> None:
    async def replace_many(request: Request, caller: Operator) -> BulkAnswer:
        return await replace_rows(request, caller, parts, replace_labels)

    _add_bulk(router, "labels", "replaceLabels", replace_many)


def _add_bulk(router: APIRouter, name: str, operation_id: str, route: Callable[..., Awaitable[BulkAnswer]]) -> None:
    for method, alias in (("PUT", ""), ("POST", "ByPost")):
        router.add_api_route(
            f"/v1/{name.replace('_', '-')}",
            body_limit(BodyLimit.DATA)(route),
            methods=[method],
            operation_id=operation_id + alias,
            deprecated=bool(alias) or None,
            dependencies=[audited(f"{name}.replace", "stores")],
            openapi_extra={"requestBody": _BULK_BODIES[name]},
            summary=f"Replace the {name.replace('_', ' ')} of many stores",
            description=_BULK_WORDS[name],
            responses=problem_responses(
                s415="Neither application/json nor text/csv.",
                s422="Not readable, or no row was good; nothing was stored.",
            ),
        )


def _change(parts: Installation, store_id: str, caller: Principal, body: StoreChangeRequest) -> None:
    scope = caller.scope
    said = body.said()
    valid_from = local_date(body.valid_from, "body", "valid_from")
    if valid_from is not None and "weekly_hours" not in said:
        raise invalid("only weekly hours are valid from a date; send them too", "body", "valid_from")
    _rows(parts, store_id, caller)
    fields, problems = check_fields(store_id, said, scope)
    if problems:
        raise invalid_fields((("body", *path), reason) for path, reason in problems)
    fields = replace(fields, hours_from=valid_from)
    change_store(store_id, fields, catalog=parts.catalog, scope=scope, now=parts.clock())


def _detail(parts: Installation, store_id: str, caller: Principal) -> StoreDetail:
    moment, store = parts.stores.find(store_id, caller.scope)
    return StoreDetail.at(store, _rows(parts, store_id, caller), moment.as_of_us)


def _hours(parts: Installation, store_id: str, caller: Principal) -> StoreHours:
    return StoreHours.of(parts.stores.find(store_id, caller.scope)[1], _rows(parts, store_id, caller))


def _rows(parts: Installation, store_id: str, caller: Principal) -> StoreRows:
    rows = parts.catalog.stores.find(store_id, caller.scope)
    if rows is None:
        raise UnknownStoreError(store_id)
    return rows


def _filter(search: str | None, prefix: str | None, labels: list[str], zone: str | None) -> StoreFilter:
    if zone is not None and not is_timezone(zone):
        raise invalid("this is no IANA time zone", "query", "zone")
    pairs: list[Label] = []
    for label in labels:
        name, _, value = label.partition(":")
        pairs.append(Label(name.lower(), value))
    return StoreFilter(labels=tuple(pairs), search=search, prefix=prefix, zone=zone)


def _place(cursor: str | None, order: StoreOrder) -> Place:
    match order:
        case StoreOrder.ID | StoreOrder.ID_DOWN:
            place = decode_cursor(cursor, str)
        case StoreOrder.NAME | StoreOrder.NAME_DOWN:
            place = decode_cursor(cursor, str | None, str)
        case StoreOrder.LAST_POLL | StoreOrder.LAST_POLL_DOWN:
            place = decode_cursor(cursor, int | None, str)
        case _:
            place = decode_cursor(cursor, str, str)
            if place and place[0] not in list(StoreState):
                raise invalid("this is not a cursor of this list", "query", "cursor")
    return place or ()


_TEXT: Final = {"type": "string"}
_LABEL_ROW: Final = {"store_id": "cafe", "labels": {"name": "Café Central", "owner": "acme"}}
_HOURS_ROW: Final = {"store_id": "cafe", "day": 0, "start_time_local": "09:00:00", "end_time_local": "12:00:00"}


def _bulk_body(properties: dict[str, Any], example: dict[str, Any], csv: str) -> dict[str, Any]:
    row = {"type": "object", "required": list(properties), "properties": properties}
    return {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "array", "minItems": 1, "items": row}, "example": [example]},
            "text/csv": {"schema": _TEXT, "example": csv},
        },
    }


_BULK_BODIES: Final = {
    "weekly_hours": _bulk_body(
        {
            "store_id": _TEXT,
            "day": {"type": "integer", "minimum": 0, "maximum": 6},
            "start_time_local": _TEXT,
            "end_time_local": _TEXT,
        },
        _HOURS_ROW,
        "store_id,day,start_time_local,end_time_local\ncafe,0,09:00:00,12:00:00\n",
    ),
    "labels": _bulk_body(
        {"store_id": _TEXT, "labels": {"type": "object", "additionalProperties": {"type": ["string", "null"]}}},
        _LABEL_ROW,
        "store_id,name,owner\ncafe,Café Central,acme\n",
    ),
}
_BULK_WORDS: Final = {
    "weekly_hours": (
        "Replace the hours of every store that a good row names; other stores keep theirs. Rows are checked as in a "
        "file: good ones go in, the others come back with their place and reason. JSON, or the CSV that `import` takes."
    ),
    "labels": (
        "Replace all labels of every store that a good row names; other stores keep theirs. Good rows go in, the "
        "others come back with their place and reason. JSON, or CSV with store_id, name and one column a label."
    ),
}
