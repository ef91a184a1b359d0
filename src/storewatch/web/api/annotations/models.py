"""Annotations in requests and answers."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from storewatch.access import Principal
from storewatch.catalog import Annotation, NewAnnotation, shown_creator
from storewatch.domain.enums import Reclassification
from storewatch.reports.request.parameters import StoreId, Text
from storewatch.web.api.targeting import CREATED_BY
from storewatch.web.parameters import invalid, required_instant

Cause = Annotated[Text, Field(min_length=1, max_length=200, description="Such as `power` or `moved`.")]
Note = Annotated[Text, Field(max_length=4000)]
ReclassifyAs = Annotated[
    Reclassification | None,
    Field(
        description="What down time in the range counts as. Where annotations overlap, the one created last counts: "
        "`down` undoes an earlier one. null means `down`."
    ),
]
Instant = Annotated[str, Field(max_length=64, description="RFC 3339")]


class AnnotationBody(BaseModel):
    """What happened at a store in [from, to)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "store_id": "cafe",
                    "from": "2023-01-23T16:15:00Z",
                    "to": "2023-01-23T17:00:00Z",
                    "cause": "power",
                    "note": "The whole street was dark.",
                    "reclassify_as": "unknown",
                }
            ]
        },
    )

    store_id: StoreId
    from_: Annotated[Instant, Field(alias="from")]
    to: Instant
    cause: Cause
    note: Note | None = None
    reclassify_as: ReclassifyAs = Reclassification.DOWN

    def annotation(self, caller: Principal, now: datetime) -> NewAnnotation:
        """Return the annotation to create. Raises a 422 for an instant that cannot be used."""
        return NewAnnotation(
            store_id=self.store_id,
            start_at=required_instant(self.from_, "body", "from"),
            end_at=required_instant(self.to, "body", "to"),
            cause=self.cause,
            note=self.note,
            reclassify_as=self.reclassify_as or Reclassification.DOWN,
            created_at=now,
            created_by=caller.key_id,
        )


class AnnotationChange(BaseModel):
    """The fields to change; fields that are left out stay as they are (RFC 7396)."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"cause": "flood", "reclassify_as": None}]}
    )

    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None
    cause: Cause | None = None
    note: Note | None = None
    reclassify_as: ReclassifyAs = None

    def changes(self) -> dict[str, Any]:
        """Return the fields that the request has, by their names in the catalog."""
        sent = self.model_dump(exclude_unset=True, by_alias=True)
        for name in ("from", "to", "cause"):
            if name in sent and sent[name] is None:
                raise invalid("an annotation needs this field", "body", name)
        for name, catalog_name in (("from", "start_at"), ("to", "end_at")):
            if name in sent:
                sent[catalog_name] = required_instant(sent.pop(name), "body", name)
        if "reclassify_as" in sent:
            sent["reclassify_as"] = sent["reclassify_as"] or Reclassification.DOWN
        return sent


class AnnotationModel(BaseModel):
    """An annotation."""

    model_config = ConfigDict(validate_by_name=True)

    annotation_id: Annotated[str, Field(examples=["7"])]
    store_id: Annotated[str, Field(examples=["cafe"])]
    from_: Annotated[datetime, Field(alias="from", examples=["2023-01-23T16:15:00Z"])]
    to: Annotated[datetime, Field(examples=["2023-01-23T17:00:00Z"])]
    cause: Annotated[str, Field(examples=["power"])]
    note: str | None
    reclassify_as: Reclassification
    created_at: Annotated[datetime, Field(examples=["2023-01-24T09:30:00Z"])]
    created_by: Annotated[str | None, Field(description=CREATED_BY)]

    @classmethod
    def of(cls, annotation: Annotation, caller: Principal) -> "AnnotationModel":
        """Return an annotation as the API shows it."""
        created_by = shown_creator(annotation.created_by, caller.scope, caller.key_id)
        members = vars(annotation) | {"annotation_id": str(annotation.annotation_id), "created_by": created_by}
        return cls(**members, from_=annotation.start_at, to=annotation.end_at)
