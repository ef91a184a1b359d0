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
    """List targets in the order in which they were created. label and value: those of a label itself."""
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
    request: Request, caller: Operator, installation: Installed, allow_unknown: AllowUnknownLabel = False
) -> BulkAnswer:
    """Replace the targets of every store or label that a row names. The others stay.

    The rows of one body are of stores (store_id) or of labels (label, value), not of both. Good rows are stored, the
    others are returned with their place and reason. Stores must exist, and labels must be carried by a store unless
    `allow_unknown` is true. With a scope only rows of its own stores are accepted.
    """
    replace = partial(replace_entries, EntryKind.TARGETS, allow_unknown=allow_unknown)
    return await replace_rows(request, caller, installation, replace)


@router.delete(
    "",
    operation_id="deleteTargets",
    dependencies=[audited("targets.delete", "targets")],
    responses=DELETE_RESPONSES,
)
def delete_targets(request: Request, caller: Operator, installation: Installed, target: TargetParameters) -> Deleted:
    """Delete the targets of a store or of a label."""
    return delete_entries(installation, caller, request, EntryKind.TARGETS, target)
