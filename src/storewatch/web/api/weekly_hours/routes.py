"""Weekly hours: of one store, and of many stores at once."""

from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from storewatch.ingest.bulk import replace_hours
from storewatch.stores.current import describe
from storewatch.web.api.bulk import BULK_RESPONSES, BulkAnswer, Weekdays, bulk_body, replace_rows
from storewatch.web.api.mappings.parameters import MappedColumns
from storewatch.web.api.stores.changes import change_fields
from storewatch.web.api.stores.models import StoreChangeRequest
from storewatch.web.api.targeting import NO_STORE, StorePath
from storewatch.web.api.weekly_hours.models import EXAMPLE_ROW, HoursRequest, StoreHours
from storewatch.web.audit import audited
from storewatch.web.body_limits import BodyLimit, body_limit
from storewatch.web.dependencies import Installed
from storewatch.web.parameters import local_date
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Viewer
from storewatch.web.store_paths import PART_OF_STORE

router = APIRouter(tags=["stores"])

_BODY: Final = bulk_body(
    {
        "store_id": {"type": "string"},
        "day": {"type": "integer", "minimum": 0, "maximum": 6},
        "start_time_local": {"type": "string"},
        "end_time_local": {"type": "string"},
    },
    {"store_id": "cafe"} | EXAMPLE_ROW,
    "store_id,day,start_time_local,end_time_local\ncafe,0,09:00:00,12:00:00\n",
)


@router.get(
    f"{PART_OF_STORE}/weekly-hours",
    operation_id="getStoreWeeklyHours",
    responses=problem_responses(422, s404=NO_STORE),
)
def get_hours(store_id: StorePath, caller: Viewer, installation: Installed) -> StoreHours:
    """Return the weekly hours of a store, and the versions that replace them from a date on."""
    rows, moment = installation.stores.read(store_id, caller.scope)
    return StoreHours.of(describe(rows, moment), rows)


@router.put(
    f"{PART_OF_STORE}/weekly-hours",
    operation_id="replaceStoreWeeklyHours",
    dependencies=[audited("store.hours", "store")],
    responses=problem_responses(422, s404=NO_STORE),
)
@body_limit(BodyLimit.DATA)
def replace_store_hours(
    store_id: StorePath, body: HoursRequest, caller: Operator, installation: Installed, weekdays: Weekdays = None
) -> StoreHours:
    """Replace the weekly hours of a store, or those from a date on. If any row is bad, nothing changes."""
    assumed = change_fields(installation, store_id, caller, StoreChangeRequest(**dict(body)), weekdays)
    rows, moment = installation.stores.read(store_id, caller.scope)
    return StoreHours.of(describe(rows, moment), rows, assumed)


@router.put(
    "/v1/weekly-hours",
    operation_id="replaceWeeklyHours",
    dependencies=[audited("weekly_hours.replace", "stores")],
    openapi_extra=_BODY,
    response_model_exclude_none=True,
    responses=BULK_RESPONSES,
)
@router.post(
    "/v1/weekly-hours",
    operation_id="replaceWeeklyHoursByPost",
    deprecated=True,
    dependencies=[audited("weekly_hours.replace", "stores")],
    openapi_extra=_BODY,
    response_model_exclude_none=True,
    responses=BULK_RESPONSES,
)
@body_limit(BodyLimit.DATA)
async def replace_weekly_hours(
    request: Request,
    caller: Operator,
    installation: Installed,
    columns: MappedColumns,
    valid_from: Annotated[
        str | None,
        Query(
            max_length=10,
            description="The local date from which the hours apply; earlier hours are kept.",
            examples=[],
        ),
    ] = None,
    weekdays: Weekdays = None,
) -> BulkAnswer:
    """Replace the weekly hours of many stores.

    The hours of every store that a good row names are replaced; other stores keep their hours. Rows are checked as in a
    file. Good rows are stored; the others are returned with their position and reason. The body is JSON, or the CSV
    that `import` reads.
    """
    hours_from = local_date(valid_from, "query", "valid_from")
    replace = partial(replace_hours, valid_from=hours_from, weekdays=weekdays)
    return await replace_rows(request, caller, installation, partial(replace, columns=columns))
