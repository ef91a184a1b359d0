"""Annotations over HTTP: what somebody knows of a stretch of a store."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from storewatch.catalog import Annotation, NewAnnotation
from storewatch.domain.enums import Reclassification
from storewatch.domain.errors import UnknownAnnotationError
from storewatch.installation import Installation
from storewatch.reports.request.parameters import StoreId, Text
from storewatch.web.api.targeting import OptionalText, id_number
from storewatch.web.api.timelines import From, To
from storewatch.web.audit import audited
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor
from storewatch.web.parameters import field, instant, invalid, needed_instant
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Viewer

NO_ANNOTATION: Final = "There is no annotation with this id, or none of a store within the scope of the key."
Cause = Annotated[Text, Field(min_length=1, max_length=200, description="Such as `power` or `moved`.")]
Note = Annotated[Text, Field(max_length=4000)]
ReclassifyAs = Annotated[
    Reclassification | None, Field(description="What down time in it counts as; null leaves the figures as they are.")
]
Instant = Annotated[str, Field(max_length=64, description="RFC 3339")]


class AnnotationBody(BaseModel):
    """What is known of a store in [from, to)."""

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
    reclassify_as: ReclassifyAs = None


class AnnotationChange(BaseModel):
    """What is to change of an annotation; what is left out stays (RFC 7396)."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"cause": "flood", "reclassify_as": None}]}
    )

    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None
    cause: Cause | None = None
    note: Note | None = None
    reclassify_as: ReclassifyAs = None

    def changes(self) -> dict[str, Any]:
        """Give what is named, in the words of the catalog."""
        said = self.model_dump(exclude_unset=True, by_alias=True)
        for name in ("from", "to", "cause"):
            if name in said and said[name] is None:
                raise invalid("an annotation cannot be without it", "body", name)
        for name, of_catalog in (("from", "start_at"), ("to", "end_at")):
            if name in said:
                said[of_catalog] = needed_instant(said.pop(name), "body", name)
        if said.get("reclassify_as") is not None:
            said["reclassify_as"] = Reclassification(said["reclassify_as"])
        return said


class AnnotationModel(BaseModel):
    """An annotation."""

    model_config = ConfigDict(validate_by_name=True)

    annotation_id: Annotated[str, Field(examples=["7"])]
    store_id: str
    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    cause: str
    note: str | None
    reclassify_as: Reclassification | None
    created_at: datetime
    created_by: Annotated[str | None, Field(description="The key that made it; null where none was asked for.")]

    @classmethod
    def of(cls, annotation: Annotation) -> "AnnotationModel":
        kept = vars(annotation) | {"annotation_id": str(annotation.annotation_id)}
        return cls(**kept, from_=annotation.start_at, to=annotation.end_at)


def annotations_routes(parts: Installation) -> APIRouter:
    """Build /v1/annotations. Under a key with a scope only those of its stores exist."""
    router = APIRouter(prefix="/v1/annotations", tags=["annotations"])
    catalog = parts.catalog

    @router.post(
        "",
        operation_id="createAnnotation",
        status_code=201,
        responses=problem_responses(422, s404="There is no store with this id, or none within the scope of the key."),
        dependencies=[audited("annotation.create", "annotation")],
    )
    def create_annotation(
        body: AnnotationBody, caller: Operator, request: Request, response: Response
    ) -> AnnotationModel:
        """Say what is known of a stretch of a store, and what its down time counts as. Polls stay as they are."""
        said = body.reclassify_as
        wanted = NewAnnotation(
            store_id=body.store_id,
            start_at=needed_instant(body.from_, "body", "from"),
            end_at=needed_instant(body.to, "body", "to"),
            cause=body.cause,
            note=body.note,
            reclassify_as=None if said is None else Reclassification(said),
            created_at=parts.clock(),
            created_by=caller.key_id,
        )
        with field("body", "to"):
            annotation = catalog.annotations.create(wanted, caller.scope)
        request.state.audit_object = annotation.annotation_id
        request.state.audit_detail = {"store_id": annotation.store_id}
        response.headers["Location"] = f"/v1/annotations/{annotation.annotation_id}"
        return AnnotationModel.of(annotation)

    @router.get("", operation_id="listAnnotations", responses=problem_responses(422))
    def list_annotations(
        caller: Viewer,
        store_id: OptionalText = None,
        begin: From = None,
        to: To = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[AnnotationModel]:
        """List the annotations, the newest first; with a range, those that touch it."""
        place = decode_cursor(cursor, int)
        found = catalog.annotations.list_(
            scope=caller.scope,
            store_id=store_id,
            from_=instant(begin, "query", "from"),
            to=instant(to, "query", "to"),
            before=place[0] if place else None,
            limit=limit + 1,
        )
        page = Page[Annotation].of(found, limit, lambda annotation: (annotation.annotation_id,))
        return Page[AnnotationModel](items=[AnnotationModel.of(each) for each in page.items], next=page.next)

    _add_one(router, parts)
    return router


def _add_one(router: APIRouter, parts: Installation) -> None:
    catalog = parts.catalog

    def known(annotation: Annotation | None, annotation_id: str) -> AnnotationModel:
        if annotation is None:
            raise UnknownAnnotationError(annotation_id)
        return AnnotationModel.of(annotation)

    @router.get("/{annotation_id}", operation_id="getAnnotation", responses=problem_responses(422, s404=NO_ANNOTATION))
    def get_annotation(annotation_id: str, caller: Viewer) -> AnnotationModel:
        """Give one annotation."""
        number = id_number(annotation_id)
        return known(None if number is None else catalog.annotations.find(number, caller.scope), annotation_id)

    @router.patch(
        "/{annotation_id}",
        operation_id="changeAnnotation",
        responses=problem_responses(422, s404=NO_ANNOTATION),
        dependencies=[audited("annotation.change", "annotation")],
    )
    def change_annotation(
        annotation_id: str, body: AnnotationChange, caller: Operator, request: Request
    ) -> AnnotationModel:
        """Change an annotation: what the body leaves out stays."""
        changes = body.changes()
        request.state.audit_detail = body.model_dump(exclude_unset=True, by_alias=True)
        number = id_number(annotation_id)
        with field("body", "to"):
            changed = None if number is None else catalog.annotations.update(number, changes, caller.scope)
        return known(changed, annotation_id)

    @router.delete(
        "/{annotation_id}",
        operation_id="deleteAnnotation",
        status_code=204,
        responses=problem_responses(422, s404=NO_ANNOTATION),
        dependencies=[audited("annotation.delete", "annotation")],
    )
    def delete_annotation(annotation_id: str, caller: Operator) -> None:
        """Delete an annotation: the figures are as without it again."""
        number = id_number(annotation_id)
        if number is None or not catalog.annotations.delete(number, caller.scope):
            raise UnknownAnnotationError(annotation_id)
