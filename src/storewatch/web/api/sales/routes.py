"""Sales: list, replace, delete."""

from functools import partial
from typing import Final

from fastapi import APIRouter, Request

from storewatch.domain.enums import EntryKind
from storewatch.ingest.bulk import replace_entries
from storewatch.web.api.bulk import BULK_RESPONSES, BulkAnswer, Weekdays, replace_rows
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
from storewatch.web.api.sales.models import SalesEntry
from storewatch.web.api.targeting import NO_STORE, AllowUnknownLabel
from storewatch.web.audit import audited
from storewatch.web.body_limits import BodyLimit, body_limit
from storewatch.web.dependencies import Installed
from storewatch.web.paging import Page
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Viewer

router = APIRouter(prefix="/v1/sales", tags=["sales"])

_WHOLE_NUMBER: Final = {"type": ["integer", "string", "null"]}
_BODY: Final = entries_body(
    {"sales_per_hour": {"type": ["number", "string"]}, "weekday": _WHOLE_NUMBER, "hour": _WHOLE_NUMBER},
    {"sales_per_hour": 120.5, "weekday": 5, "hour": 20},
    "store_id,sales_per_hour\ncafe,120.50\n",
    optional=frozenset({"weekday", "hour"}),
)


@router.get("", operation_id="listSales", responses=problem_responses(422, s404=NO_STORE))
def list_sales(caller: Viewer, installation: Installed, query: EntryQueryParameters) -> Page[SalesEntry]:
    """List sales in the order of creation. With label and value, only rows whose target is this label."""
    return list_entries(installation, caller, EntryKind.SALES, query, SalesEntry.of)


@router.put(
    "",
    operation_id="replaceSales",
    dependencies=[audited("sales.replace", "sales")],
    openapi_extra=_BODY,
    response_model_exclude_none=True,
    responses=BULK_RESPONSES,
)
@body_limit(BodyLimit.DATA)
async def replace_sales(
    request: Request,
    caller: Operator,
    installation: Installed,
    columns: MappedColumns,
    allow_unknown: AllowUnknownLabel = False,
    weekdays: Weekdays = None,
) -> BulkAnswer:
    """Replace the sales of every store or label that a row names. Others stay unchanged.

    The rows of a body apply either to stores (store_id) or to labels (label, value). Good rows are stored; the others
    are returned with their position and reason. Stores must exist. A store must carry the label, unless
    `allow_unknown` is true. A key with a scope can write only rows of its own stores.
    """
    replace = partial(replace_entries, EntryKind.SALES, allow_unknown=allow_unknown, weekdays=weekdays)
    return await replace_rows(request, caller, installation, partial(replace, columns=columns))


@router.delete(
    "",
    operation_id="deleteSales",
    dependencies=[audited("sales.delete", "sales")],
    responses=DELETE_RESPONSES,
)
def delete_sales(request: Request, caller: Operator, installation: Installed, target: TargetParameters) -> Deleted:
    """Delete the sales of a store or label."""
    return delete_entries(installation, caller, request, EntryKind.SALES, target)
