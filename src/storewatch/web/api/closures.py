"""Planned closures over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from storewatch.access import Principal
from storewatch.catalog import Closure, NewClosure
from storewatch.domain.errors import ScopedChangeError, UnknownClosureError
from storewatch.ingest.cells import MAX_LABEL_LENGTH
from storewatch.installation import Installation
from storewatch.reports.request.parameters import StoreId, Text
from storewatch.web.api.targeting import OfStore, check_may_change, id_number
from storewatch.web.audit import audited
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor
from storewatch.web.parameters import field, invalid, needed_instant
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Viewer

NO_CLOSURE: Final = "There is no closure with this id, or none that bears on stores within the scope of the key."
_MEMBERS: Final[dict[str, Any]] = {
    "from": "2026-12-24T14:00:00Z",
    "to": "2026-12-27T09:00:00Z",
    "reason": "Christmas",
}


class ClosureBody(BaseModel):
    """A planned closure [from, to) of a store, of the stores of a label, or of all stores."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"store_id": "cafe"} | _MEMBERS, {"label": "brand", "value": "acme"} | _MEMBERS]
        },
    )

    store_id: StoreId | None = None
    label: Annotated[Text, Field(min_length=1, max_length=MAX_LABEL_LENGTH)] | None = None
    value: Annotated[Text, Field(min_length=1, max_length=MAX_LABEL_LENGTH)] | None = None
    all_stores: Annotated[bool, Field(strict=True, description="Must be said where neither is named.")] = False
    from_: Annotated[str, Field(alias="from", max_length=64, description="RFC 3339; may be long ago.")]
    to: Annotated[str, Field(max_length=64, description="Not included.")]
    reason: Annotated[Text, Field(min_length=1, max_length=1000)]

    def closure(self, caller: Principal, now: datetime) -> NewClosure:
        if (self.label is None) != (self.value is None):
            raise invalid("a label needs its value, and a value its label", "body", "value")
        if sum((self.store_id is not None, self.label is not None, self.all_stores)) != 1:
            raise invalid("name a store_id, or a label and its value, or say all_stores", "body", "store_id")
        start_at = needed_instant(self.from_, "body", "from")
        end_at = needed_instant(self.to, "body", "to")
        return NewClosure(
            store_id=self.store_id,
            label=None if self.label is None else self.label.lower(),
            value=self.value,
            start_at=start_at,
            end_at=end_at,
            reason=self.reason,
            created_by=caller.key_id,
            created_at=now,
        )


class ClosureModel(BaseModel):
    """A planned closure; of whom it is nothing is said, it is of all stores."""

    model_config = ConfigDict(validate_by_name=True)

    closure_id: Annotated[str, Field(examples=["7"])]
    store_id: str | None
    label: str | None
    value: str | None
    all_stores: bool
    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    reason: str
    created_at: datetime
    created_by: Annotated[str | None, Field(description="The key that entered it; null where none was asked for.")]

    @classmethod
    def of(cls, closure: Closure) -> "ClosureModel":
        kept = vars(closure) | {"closure_id": str(closure.closure_id)}
        all_stores = closure.store_id is None and closure.label is None
        return cls(**kept, all_stores=all_stores, from_=closure.start_at, to=closure.end_at)


def closures_routes(parts: Installation) -> APIRouter:
    """Build /v1/closures.

    A key with a scope sees what bears on its stores, whoever it is said of, and changes what is of its stores alone.
    """
    router = APIRouter(prefix="/v1/closures", tags=["closures"])
    catalog = parts.catalog

    def find(closure_id: str, caller: Principal) -> Closure:
        number = id_number(closure_id)
        closure = None if number is None else catalog.closures.find(number, caller.scope)
        if closure is None:
            raise UnknownClosureError(closure_id)
        return closure

    @router.post(
        "",
        operation_id="createClosure",
        status_code=201,
        responses=problem_responses(
            422, s403="Not with this role, or with a scope.", s404="There is no store with this id."
        ),
        dependencies=[audited("closure.create", "closure")],
    )
    def create_closure(body: ClosureBody, caller: Operator, request: Request, response: Response) -> ClosureModel:
        """Enter a planned closure, also one that is over: reports tell its time as planned from now on."""
        wanted = body.closure(caller, parts.clock())
        check_may_change(wanted, caller, catalog)
        with field("body", "to"):
            closure = catalog.closures.create(wanted, caller.scope)
        request.state.audit_object = closure.closure_id
        response.headers["Location"] = f"/v1/closures/{closure.closure_id}"
        return ClosureModel.of(closure)

    @router.get("", operation_id="listClosures", responses=problem_responses(422))
    def list_closures(
        caller: Viewer, store_id: OfStore = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[ClosureModel]:
        """List the closures, the newest first."""
        place = decode_cursor(cursor, int)
        found = catalog.closures.list_(
            scope=caller.scope, store_id=store_id, before=place[0] if place else None, limit=limit + 1
        )
        page = Page[Closure].of(found, limit, lambda closure: (closure.closure_id,))
        return Page[ClosureModel](items=[ClosureModel.of(closure) for closure in page.items], next=page.next)

    @router.get("/{closure_id}", operation_id="getClosure", responses=problem_responses(422, s404=NO_CLOSURE))
    def get_closure(closure_id: str, caller: Viewer) -> ClosureModel:
        """Give one closure."""
        return ClosureModel.of(find(closure_id, caller))

    @router.delete(
        "/{closure_id}",
        operation_id="deleteClosure",
        status_code=204,
        responses=problem_responses(422, s403="Not with this role, or with a scope.", s404=NO_CLOSURE),
        dependencies=[audited("closure.delete", "closure")],
    )
    def delete_closure(closure_id: str, caller: Operator) -> None:
        """Delete a closure: its time is business time again."""
        closure = find(closure_id, caller)
        if caller.scope.is_limited and closure.store_id is None:
            raise ScopedChangeError
        if not catalog.closures.delete(closure.closure_id):
            raise UnknownClosureError(closure_id)

    return router
