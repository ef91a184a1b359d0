"""Planned closures in requests and answers."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from storewatch.access import Principal
from storewatch.catalog import Closure, NewClosure, shown_creator
from storewatch.domain.labels import clean_label
from storewatch.ingest.cells import MAX_LABEL_LENGTH
from storewatch.reports.request.parameters import StoreId, Text
from storewatch.web.api.targeting import CREATED_BY, AllowUnknown
from storewatch.web.parameters import invalid, required_instant

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
    all_stores: Annotated[
        bool, Field(strict=True, description="Must be true if neither store_id nor label is sent.")
    ] = False
    allow_unknown: AllowUnknown = False
    from_: Annotated[str, Field(alias="from", max_length=64, description="RFC 3339. May lie in the past.")]
    to: Annotated[str, Field(max_length=64, description="RFC 3339, not included.")]
    reason: Annotated[Text, Field(min_length=1, max_length=1000)]

    def closure(self, caller: Principal, now: datetime) -> NewClosure:
        """Return the closure to create. Raises a 422 for a target or an instant that cannot be used."""
        if (self.label is None) != (self.value is None):
            raise invalid("a label needs its value, and a value its label", "body", "value")
        if sum((self.store_id is not None, self.label is not None, self.all_stores)) != 1:
            raise invalid("name a store_id, or a label and its value, or send all_stores", "body", "store_id")
        label, value = (None, None) if self.label is None else clean_label(self.label, self.value or "")
        return NewClosure(
            store_id=self.store_id,
            label=label,
            value=value,
            start_at=required_instant(self.from_, "body", "from"),
            end_at=required_instant(self.to, "body", "to"),
            reason=self.reason,
            created_by=caller.key_id,
            created_at=now,
        )


class ClosureModel(BaseModel):
    """A planned closure. Without store_id and label it applies to all stores."""

    model_config = ConfigDict(validate_by_name=True)

    closure_id: Annotated[str, Field(examples=["7"])]
    store_id: str | None
    label: str | None
    value: str | None
    all_stores: bool
    from_: Annotated[datetime, Field(alias="from", examples=[_MEMBERS["from"]])]
    to: Annotated[datetime, Field(examples=[_MEMBERS["to"]])]
    reason: Annotated[str, Field(examples=[_MEMBERS["reason"]])]
    created_at: Annotated[datetime, Field(examples=["2026-11-02T09:30:00Z"])]
    created_by: Annotated[str | None, Field(description=CREATED_BY)]

    @classmethod
    def of(cls, closure: Closure, caller: Principal) -> "ClosureModel":
        """Return a closure as the API shows it."""
        created_by = shown_creator(closure.created_by, caller.scope, caller.key_id)
        members = vars(closure) | {"closure_id": str(closure.closure_id), "created_by": created_by}
        all_stores = closure.store_id is None and closure.label is None
        return cls(**members, all_stores=all_stores, from_=closure.start_at, to=closure.end_at)
