"""Annotations: create, list, read, change, delete. A key with a scope sees and changes those of its own stores."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response

from storewatch.access import Principal
from storewatch.catalog import Annotation
from storewatch.domain.errors import UnknownAnnotationError
from storewatch.web.api.annotations.models import AnnotationBody, AnnotationChange, AnnotationModel
from storewatch.web.api.targeting import NO_STORE, OptionalText, id_number
from storewatch.web.audit import audited
from storewatch.web.dependencies import Installed
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor
from storewatch.web.parameters import field, instant
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Viewer

RangeStart = Annotated[str | None, Query(alias="from", max_length=64, description="RFC 3339.", examples=[])]
RangeEnd = Annotated[str | None, Query(max_length=64, description="RFC 3339, not included.")]
NO_ANNOTATION: Final = "There is no annotation with this id, or none of a store within the scope of the key."

router = APIRouter(prefix="/v1/annotations", tags=["annotations"])

AnnotationPath = Annotated[str, Path(examples=["7"])]


@router.post(
    "",
    operation_id="createAnnotation",
    status_code=201,
    responses=problem_responses(422, s404=NO_STORE),
    dependencies=[audited("annotation.create", "annotation")],
)
def create_annotation(
    body: AnnotationBody, caller: Operator, installation: Installed, request: Request, response: Response
) -> AnnotationModel:
    """Create an annotation of a store: its range, its cause, and what down time in it counts as.

    The polls of the store do not change.
    """
    new_annotation = body.annotation(caller, installation.clock())
    with field("body", "to"):
        annotation = installation.catalog.annotations.create(new_annotation, caller.scope)
    request.state.audit_object = annotation.annotation_id
    request.state.audit_detail = {"store_id": annotation.store_id}
    response.headers["Location"] = f"/v1/annotations/{annotation.annotation_id}"
    return AnnotationModel.of(annotation, caller)


@router.get("", operation_id="listAnnotations", responses=problem_responses(422, s404=NO_STORE))
def list_annotations(
    caller: Viewer,
    installation: Installed,
    store_id: OptionalText = None,
    begin: RangeStart = None,
    to: RangeEnd = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[AnnotationModel]:
    """List annotations, the newest first. With `from` or `to`, only those that overlap the range."""
    place = decode_cursor(cursor, int)
    if store_id is not None:
        installation.catalog.names.require_stores([store_id], caller.scope)
    found = installation.catalog.annotations.list_(
        scope=caller.scope,
        store_id=store_id,
        from_=instant(begin, "query", "from"),
        to=instant(to, "query", "to"),
        before=place[0] if place else None,
        limit=limit + 1,
    )
    annotations = [AnnotationModel.of(annotation, caller) for annotation in found]
    return Page[AnnotationModel].of(annotations, limit, lambda annotation: (int(annotation.annotation_id),))


@router.get("/{annotation_id}", operation_id="getAnnotation", responses=problem_responses(422, s404=NO_ANNOTATION))
def get_annotation(annotation_id: AnnotationPath, caller: Viewer, installation: Installed) -> AnnotationModel:
    """Return one annotation."""
    number = id_number(annotation_id)
    found = None if number is None else installation.catalog.annotations.find(number, caller.scope)
    return _model(found, annotation_id, caller)


@router.patch(
    "/{annotation_id}",
    operation_id="changeAnnotation",
    responses=problem_responses(422, s404=NO_ANNOTATION),
    dependencies=[audited("annotation.change", "annotation")],
)
def change_annotation(
    annotation_id: AnnotationPath, body: AnnotationChange, caller: Operator, installation: Installed, request: Request
) -> AnnotationModel:
    """Change an annotation. Fields that are not sent stay unchanged."""
    changes = body.changes()
    request.state.audit_detail = body.model_dump(exclude_unset=True, by_alias=True)
    number = id_number(annotation_id)
    with field("body", "to"):
        changed = None if number is None else installation.catalog.annotations.update(number, changes, caller.scope)
    return _model(changed, annotation_id, caller)


@router.delete(
    "/{annotation_id}",
    operation_id="deleteAnnotation",
    status_code=204,
    responses=problem_responses(422, s404=NO_ANNOTATION),
    dependencies=[audited("annotation.delete", "annotation")],
)
def delete_annotation(annotation_id: AnnotationPath, caller: Operator, installation: Installed) -> None:
    """Delete an annotation. Reports are then computed without it."""
    number = id_number(annotation_id)
    if number is None or not installation.catalog.annotations.delete(number, caller.scope):
        raise UnknownAnnotationError(annotation_id)


def _model(annotation: Annotation | None, annotation_id: str, caller: Principal) -> AnnotationModel:
    if annotation is None:
        raise UnknownAnnotationError(annotation_id)
    return AnnotationModel.of(annotation, caller)
