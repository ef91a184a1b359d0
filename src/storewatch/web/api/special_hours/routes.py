"""Special hours: list, replace, delete."""

from functools import partial
from typing import Annotated, Final

import polars as pl
from fastapi import APIRouter, Query, Request

from storewatch.domain.enums import EntryKind
from storewatch.ingest.bulk import replace_entries
from storewatch.web.api.bulk import BULK_RESPONSES, BulkAnswer, replace_rows
from storewatch.web.api.entries.models import Deleted
from storewatch.web.api.entries.requests import (
    DELETE_RESPONSES,
    EntryQueryParameters,
    TargetParameters,
    delete_entries,
    entries_body,
    list_entries,
)
from storewatch.web.api.mappings.parameters import MappedColumns
from storewatch.web.api.special_hours.models import SpecialHours
from storewatch.web.api.targeting import NO_STORE, AllowUnknownLabel
from storewatch.web.audit import audited
from storewatch.web.body_limits import BodyLimit, body_limit
from storewatch.web.dependencies import Installed
from storewatch.web.paging import Page
from storewatch.web.parameters import local_date
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Viewer

router = APIRouter(prefix="/v1/special-hours", tags=["special-hours"])

Day = Annotated[str | None, Query(max_length=10, description="A local date, such as 2026-12-24.", examples=[None])]
_TIME: Final = {"type": ["string", "null"]}
_BODY: Final = entries_body(
    {"date": {"type": "string"}, "start_time_local": _TIME, "end_time_local": _TIME},
    {"date": "2026-12-24", "start_time_local": "10:00", "end_time_local": "14:00"},
    "store_id,date,start_time_local,end_time_local\ncafe,2026-12-24,10:00,14:00\ncafe,2026-12-25,,\n",
)


@router.get("", operation_id="listSpecialHours", responses=problem_responses(422, s404=NO_STORE))
def list_special_hours(
    caller: Viewer,
    installation: Installed,
    query: EntryQueryParameters,
    begin: Annotated[Day, Query(alias="from")] = None,
    to: Annotated[Day, Query(description="The first local date that is not included.")] = None,
) -> Page[SpecialHours]:
    """List special hours in the order of creation. With label and value, only rows whose target is this label."""
    first, end = local_date(begin, "query", "from"), local_date(to, "query", "to")
    conditions = [] if first is None else [pl.col("date") >= first]
    conditions += [] if end is None else [pl.col("date") < end]
    return list_entries(installation, caller, EntryKind.SPECIAL_HOURS, query, SpecialHours.of, *conditions)


@router.put(
    "",
    operation_id="replaceSpecialHours",
    dependencies=[audited("special_hours.replace", "special_hours")],
    openapi_extra=_BODY,
    response_model_exclude_none=True,
    responses=BULK_RESPONSES,
)
@body_limit(BodyLimit.DATA)
async def replace_special_hours(
    request: Request,
    caller: Operator,
    installation: Installed,
    columns: MappedColumns,
    allow_unknown: AllowUnknownLabel = False,
) -> BulkAnswer:
    """Replace the special hours of every store (or label) and date that a row names. Others stay unchanged.

    The rows of a body apply either to stores (store_id) or to labels (label, value). Good rows are stored; the others
    are returned with their position and reason. Stores must exist. A store must carry the label, unless
    `allow_unknown` is true. A key with a scope can write only rows of its own stores.
    """
    replace = partial(replace_entries, EntryKind.SPECIAL_HOURS, allow_unknown=allow_unknown)
    return await replace_rows(request, caller, installation, partial(replace, columns=columns))


@router.delete(
    "",
    operation_id="deleteSpecialHours",
    dependencies=[audited("special_hours.delete", "special_hours")],
    responses=DELETE_RESPONSES,
)
def delete_special_hours(
    request: Request,
    caller: Operator,
    installation: Installed,
    target: TargetParameters,
    on: Annotated[str, Query(alias="date", max_length=10, description="A local date.", examples=["2026-12-24"])],
) -> Deleted:
    """Delete the special hours of a store or label on a date. Its weekly hours apply again."""
    day = local_date(on, "query", "date")
    return delete_entries(installation, caller, request, EntryKind.SPECIAL_HOURS, target, day)
