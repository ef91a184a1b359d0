"""Targets: list, replace, delete."""

from functools import partial
from typing import Final

from fastapi import APIRouter, Request

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
from storewatch.web.api.targeting import NO_STORE, AllowUnknownLabel
from storewatch.web.api.targets.models import TargetEntry
from storewatch.web.audit import audited
from storewatch.web.body_limits import BodyLimit, body_limit
from storewatch.web.dependencies import Installed
from storewatch.web.paging import Page
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Viewer

router = APIRouter(prefix="/v1/targets", tags=["targets"])

_BODY: Final = entries_body(
    {"objective": {"type": ["number", "string"]}}, {"objective": 99.5}, "store_id,objective\ncafe,99.5\n"
)


@router.get("", operation_id="listTargets", responses=problem_responses(422, s404=NO_STORE))
def list_targets(caller: Viewer, installation: Installed, query: EntryQueryParameters) -> Page[TargetEntry]:
    """List targets in the order of creation. With label and value, only rows whose target is this label."""
    return list_entries(installation, caller, EntryKind.TARGETS, query, TargetEntry.of)


@router.put(
    "",
    operation_id="replaceTargets",
    dependencies=[audited("targets.replace", "targets")],
    openapi_extra=_BODY,
    response_model_exclude_none=True,
    responses=BULK_RESPONSES,
)
@body_limit(BodyLimit.DATA)
async def replace_targets(
    request: Request,
    caller: Operator,
    installation: Installed,
    columns: MappedColumns,
    allow_unknown: AllowUnknownLabel = False,
) -> BulkAnswer:
    """Replace the targets of every store or label that a row names. Others stay unchanged.

    The rows of a body apply either to stores (store_id) or to labels (label, value). Good rows are stored; the others
    are returned with their position and reason. Stores must exist. A store must carry the label, unless
    `allow_unknown` is true. A key with a scope can write only rows of its own stores.
    """
    replace = partial(replace_entries, EntryKind.TARGETS, allow_unknown=allow_unknown)
    return await replace_rows(request, caller, installation, partial(replace, columns=columns))


@router.delete(
    "",
    operation_id="deleteTargets",
    dependencies=[audited("targets.delete", "targets")],
    responses=DELETE_RESPONSES,
)
def delete_targets(request: Request, caller: Operator, installation: Installed, target: TargetParameters) -> Deleted:
    """Delete the targets of a store or label."""
    return delete_entries(installation, caller, request, EntryKind.TARGETS, target)
