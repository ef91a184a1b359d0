"""Renaming and merging of stores. They change all data of a store, so a key with a scope cannot do it."""

from fastapi import APIRouter, Request

from storewatch.domain.errors import ScopedChangeError
from storewatch.ingest.store_fields import check_id
from storewatch.stores.changes import merge_stores, rename_store
from storewatch.web.api.store_moves.models import MergeBody, Moved, RenameBody
from storewatch.web.api.targeting import NO_STORE
from storewatch.web.audit import audited
from storewatch.web.dependencies import Installed
from storewatch.web.parameters import invalid_fields, members
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator

router = APIRouter(tags=["stores"])


@router.post(
    "/v1/store-renames",
    operation_id="renameStore",
    dependencies=[audited("store.rename", "store")],
    responses=problem_responses(
        422, s403="The role is too low, or the key has a scope.", s404=NO_STORE, s409="A store has the new id already."
    ),
)
def rename(body: RenameBody, caller: Operator, installation: Installed, request: Request) -> Moved:
    """Change the id of a store. Its polls, hours, labels and all its other data move to the new id."""
    request.state.audit_object = body.store_id
    request.state.audit_detail = {"new_id": body.new_id}
    if caller.scope.is_limited:
        raise ScopedChangeError
    new_id, problems = check_id(body.new_id)
    if problems:
        raise invalid_fields((("body", "new_id"), reason) for _, reason in problems)
    catalog, lake = installation.catalog, installation.lake
    (store_id,) = catalog.stores.known_ids([body.store_id])
    moved = rename_store(store_id, new_id, catalog=catalog, lake=lake, now=installation.clock())
    return Moved(store_id=new_id, polls_moved=moved)


@router.post(
    "/v1/store-merges",
    operation_id="mergeStores",
    dependencies=[audited("store.merge", "store")],
    responses=problem_responses(
        422,
        s403="The role is too low, or the key has a scope.",
        s404=NO_STORE,
        s409="The stores differ in hours, zone, labels or other entries.",
    ),
)
def merge(body: MergeBody, caller: Operator, installation: Installed, request: Request) -> Moved:
    """Merge a store into another one. Its polls, hours, labels and all its other data move to the other store.

    Two stores with different hours, zones, labels or entries are refused. If both have a poll at the same instant, the
    one loaded later counts.
    """
    request.state.audit_object = body.store_id
    request.state.audit_detail = {"into": body.into}
    if caller.scope.is_limited:
        raise ScopedChangeError
    catalog, lake = installation.catalog, installation.lake
    store_id, into = catalog.stores.known_ids([body.store_id, body.into])
    with members("body"):
        moved = merge_stores(store_id, into, catalog=catalog, lake=lake, now=installation.clock())
    return Moved(store_id=into, polls_moved=moved)
