"""Stores: list, count, create, read, change, delete."""

from collections.abc import Sequence
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response

from storewatch.access import Principal
from storewatch.catalog import StoreFilter
from storewatch.domain.enums import StoreOrder, StoreState
from storewatch.domain.errors import ScopedChangeError
from storewatch.domain.labels import clean_label
from storewatch.domain.texts import clean_id
from storewatch.domain.timezones import timezone_named
from storewatch.ingest.store_fields import check_fields, check_id
from storewatch.installation import Installation
from storewatch.stores import changes
from storewatch.stores.current import Place, describe
from storewatch.web.api.bulk import Weekdays
from storewatch.web.api.stores.changes import change_fields
from storewatch.web.api.stores.models import (
    NewStore,
    StoreChangeRequest,
    StoreCounts,
    StoreDetail,
    StoreItem,
    StorePage,
    optional_instant,
)
from storewatch.web.api.targeting import NO_STORE, OptionalText, StorePath
from storewatch.web.audit import audited
from storewatch.web.body_limits import BodyLimit, body_limit
from storewatch.web.dependencies import Installed
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, encode_cursor
from storewatch.web.parameters import field, invalid, invalid_fields, members
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Viewer
from storewatch.web.store_paths import STORE

router = APIRouter(tags=["stores"])

ORDERS: Final[dict[str, StoreOrder]] = {order.value: order for order in StoreOrder}

Labels = Annotated[
    list[Annotated[str, Query(pattern=r"^[A-Za-z0-9_.-]{1,64}:[^\x00]+$", max_length=400)]],
    Query(
        max_length=16,
        description="`name:value`, such as `owner:acme`; with several labels a store must carry all.",
        examples=[[]],
    ),
]
Prefix = Annotated[OptionalText, Query(description="The beginning of the store_id. Fast with any number of stores.")]
Search = Annotated[OptionalText, Query(description="A part of the store_id or the name. Case does not matter.")]
Zone = Annotated[OptionalText, Query(description="The time zone in use, an IANA name.")]


async def _store_filter(
    q: Search = None,
    prefix: Prefix = None,
    label: Labels = [],  # noqa: B006 - FastAPI copies it
    zone: Zone = None,
) -> StoreFilter:
    """Return the filter that the query parameters describe."""
    named = None if zone is None else timezone_named(zone)
    if zone is not None and named is None:
        raise invalid("this is not an IANA time zone", "query", "zone")
    return StoreFilter(
        labels=tuple(clean_label(name, value) for name, _, value in (text.partition(":") for text in label)),
        search=None if q is None else clean_id(q),
        prefix=None if prefix is None else clean_id(prefix),
        zone=named,
    )


def _check_labels(installation: Installation, where: StoreFilter, caller: Principal) -> None:
    """Raise a 422 with similar names for a label that no store carries. Call it only if no store was found."""
    with field("query", "label"):
        for label in where.labels:
            installation.catalog.names.check_label(label, caller.scope)


Filter = Annotated[StoreFilter, Depends(_store_filter)]
OutOfBusiness = Annotated[
    bool,
    Query(description="Include stores that, on the UTC date of as_of, have not opened yet or have closed for good."),
]


@router.get("/v1/stores", operation_id="listStores", responses=problem_responses(422))
def list_stores(
    caller: Viewer,
    installation: Installed,
    where: Filter,
    state: Annotated[StoreState | None, Query(description="The state at as_of.")] = None,
    sort: Annotated[
        str, Query(json_schema_extra={"enum": list(ORDERS)}, description="The order; `-` means descending.")
    ] = "store_id",
    out_of_business: OutOfBusiness = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> StorePage:
    """List stores: search, filter, sort. Stores without a name or a poll come last.

    A label that no store carries is refused, and the error names similar labels. Stores out of business are left out.
    """
    if sort not in ORDERS:
        raise invalid(f"must be one of {', '.join(ORDERS)}", "query", "sort")
    order = ORDERS[sort]
    found = installation.stores.page(
        where,
        scope=caller.scope,
        state=state,
        order=order,
        after=_place(cursor, order),
        out_of_business=out_of_business,
        limit=limit,
    )
    if not found.stores:
        _check_labels(installation, where, caller)
    return StorePage(
        as_of=optional_instant(found.as_of_us),
        items=[StoreItem.of(store) for store in found.stores[:limit]],
        next=encode_cursor(*found.places[limit - 1]) if len(found.stores) > limit else None,
    )


@router.get("/v1/store-counts", operation_id="countStores", responses=problem_responses(422))
def count_stores(
    caller: Viewer, installation: Installed, where: Filter, out_of_business: OutOfBusiness = False
) -> StoreCounts:
    """Count stores by state, with the filters of the list of stores."""
    counts = installation.stores.count(where, scope=caller.scope, out_of_business=out_of_business)
    if not any(counts.values()):
        _check_labels(installation, where, caller)
    as_of_us = installation.stores.moment(caller.scope).as_of_us
    return StoreCounts(as_of=optional_instant(as_of_us), stores=sum(counts.values()), by_state=counts)


@router.post(
    "/v1/stores",
    operation_id="createStore",
    status_code=201,
    dependencies=[audited("store.create", "store")],
    responses=problem_responses(
        422, s403="The role is too low, or the key has a scope.", s409="The store exists already."
    ),
)
@body_limit(BodyLimit.DATA)
def create_store(
    body: NewStore,
    caller: Operator,
    installation: Installed,
    request: Request,
    response: Response,
    weekdays: Weekdays = None,
) -> StoreDetail:
    """Create a store. Polls, hours and zones also create the stores that they name."""
    request.state.audit_object = body.store_id
    if caller.scope.is_limited:
        raise ScopedChangeError
    store_id, problems = check_id(body.store_id)
    checked = check_fields(store_id, body.sent(), weekdays)
    if problems or checked.problems:
        raise invalid_fields((("body", *path), reason) for path, reason in [*problems, *checked.problems])
    with members("body"):
        changes.create_store(store_id, checked.fields, catalog=installation.catalog, now=installation.clock())
    response.headers["Location"] = f"/v1/stores/{quote(store_id, safe='')}"
    return _detail(installation, store_id, caller, checked.assumed)


@router.get(STORE, operation_id="getStore", responses=problem_responses(422, s404=NO_STORE))
def get_store(store_id: StorePath, caller: Viewer, installation: Installed) -> StoreDetail:
    """Return a store: its labels, hours and zone, and its state at the newest observation."""
    return _detail(installation, store_id, caller)


@router.patch(
    STORE,
    operation_id="changeStore",
    dependencies=[audited("store.change", "store")],
    responses=problem_responses(422, s404=NO_STORE),
)
@body_limit(BodyLimit.DATA)
def change_store(
    store_id: StorePath,
    body: StoreChangeRequest,
    caller: Operator,
    installation: Installed,
    weekdays: Weekdays = None,
) -> StoreDetail:
    """Change a store. Fields that are not sent stay unchanged. If any field is wrong, nothing changes.

    Before the local date `opened_on`, and from `closed_on` on, the store has no business time. Lists, and reports on
    windows in such times, leave the store out.
    """
    assumed = change_fields(installation, store_id, caller, body, weekdays)
    return _detail(installation, store_id, caller, assumed)


@router.delete(
    STORE,
    operation_id="deleteStore",
    status_code=204,
    dependencies=[audited("store.delete", "store")],
    responses=problem_responses(422, s404=NO_STORE, s409="The store has polls, so reports name it."),
)
def delete_store(store_id: StorePath, caller: Operator, installation: Installed) -> None:
    """Delete a store that was never polled, with its hours, zone and labels."""
    changes.delete_store(
        store_id, catalog=installation.catalog, lake=installation.lake, scope=caller.scope, now=installation.clock()
    )


def _detail(installation: Installation, store_id: str, caller: Principal, assumed: Sequence[str] = ()) -> StoreDetail:
    rows, moment = installation.stores.read(store_id, caller.scope)
    return StoreDetail.at(describe(rows, moment), rows, moment.as_of_us, assumed)


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
