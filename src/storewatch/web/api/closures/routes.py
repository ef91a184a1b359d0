"""Planned closures: create, list, read, delete.

A key with a scope sees the closures of its stores, of the label of its scope and of all stores. It can create and
delete only closures of single stores of the scope.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from storewatch.access import Principal
from storewatch.catalog import Closure
from storewatch.domain.errors import ScopedChangeError, UnknownClosureError
from storewatch.installation import Installation
from storewatch.web.api.closures.models import ClosureBody, ClosureModel
from storewatch.web.api.targeting import NO_STORE, AppliesToStore, changeable, id_number
from storewatch.web.audit import audited
from storewatch.web.dependencies import Installed
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor
from storewatch.web.parameters import field, members
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Viewer

NO_CLOSURE: Final = "There is no closure with this id, or none that applies to stores within the scope of the key."

router = APIRouter(prefix="/v1/closures", tags=["closures"])

ClosurePath = Annotated[str, Path(examples=["7"])]


@router.post(
    "",
    operation_id="createClosure",
    status_code=201,
    responses=problem_responses(
        422, s403="The role is too low, or the key has a scope.", s404="There is no store with this id."
    ),
    dependencies=[audited("closure.create", "closure")],
)
def create_closure(
    body: ClosureBody, caller: Operator, installation: Installed, request: Request, response: Response
) -> ClosureModel:
    """Create a planned closure. It may lie in the past. Later reports count its time as planned.

    A label that no store carries is refused, and the error names similar labels. `allow_unknown` accepts it.
    """
    new_closure = changeable(body.closure(caller, installation.clock()), caller, installation.catalog)
    with field("body", "to"), members("body"):
        closure = installation.catalog.closures.create(new_closure, caller.scope, allow_unknown=body.allow_unknown)
    request.state.audit_object = closure.closure_id
    response.headers["Location"] = f"/v1/closures/{closure.closure_id}"
    return ClosureModel.of(closure, caller)


@router.get("", operation_id="listClosures", responses=problem_responses(422, s404=NO_STORE))
def list_closures(
    caller: Viewer,
    installation: Installed,
    store_id: AppliesToStore = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[ClosureModel]:
    """List planned closures, the newest first."""
    place = decode_cursor(cursor, int)
    if store_id is not None:
        installation.catalog.names.require_stores([store_id], caller.scope)
    found = installation.catalog.closures.list_(
        scope=caller.scope, store_id=store_id, before=place[0] if place else None, limit=limit + 1
    )
    closures = [ClosureModel.of(closure, caller) for closure in found]
    return Page[ClosureModel].of(closures, limit, lambda closure: (int(closure.closure_id),))


@router.get("/{closure_id}", operation_id="getClosure", responses=problem_responses(422, s404=NO_CLOSURE))
def get_closure(closure_id: ClosurePath, caller: Viewer, installation: Installed) -> ClosureModel:
    """Return one closure."""
    return ClosureModel.of(_find(installation, closure_id, caller), caller)


@router.delete(
    "/{closure_id}",
    operation_id="deleteClosure",
    status_code=204,
    responses=problem_responses(422, s403="The role is too low, or the key has a scope.", s404=NO_CLOSURE),
    dependencies=[audited("closure.delete", "closure")],
)
def delete_closure(closure_id: ClosurePath, caller: Operator, installation: Installed) -> None:
    """Delete a closure. Its time is business time again."""
    closure = _find(installation, closure_id, caller)
    if caller.scope.is_limited and closure.store_id is None:
        raise ScopedChangeError
    if not installation.catalog.closures.delete(closure.closure_id):
        raise UnknownClosureError(closure_id)


def _find(installation: Installation, closure_id: str, caller: Principal) -> Closure:
    number = id_number(closure_id)
    closure = None if number is None else installation.catalog.closures.find(number, caller.scope)
    if closure is None:
        raise UnknownClosureError(closure_id)
    return closure
