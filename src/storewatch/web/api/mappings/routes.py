"""Saved column mappings: list, show, delete. An upload saves them (`save_map`).

The names of columns may be those of any store's files, so a key with a scope cannot see or delete mappings.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from storewatch.domain.errors import UnknownMappingError
from storewatch.web.api.mappings.models import MappingList, MappingModel
from storewatch.web.audit import audited
from storewatch.web.dependencies import Installed
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Unscoped

router = APIRouter(prefix="/v1/column-mappings", tags=["imports"])

MappingPath = Annotated[str, Path(examples=["till"])]


@router.get("", operation_id="listColumnMappings", responses=problem_responses())
def list_mappings(_: Unscoped, installation: Installed) -> MappingList:
    """List the saved column mappings by name."""
    return MappingList(items=[MappingModel.of(each) for each in installation.catalog.mappings.list_()])


@router.get("/{name}", operation_id="getColumnMapping", responses=problem_responses(404, 422))
def get_mapping(name: MappingPath, _: Unscoped, installation: Installed) -> MappingModel:
    """Return one saved column mapping."""
    mapping = installation.catalog.mappings.find(name)
    if mapping is None:
        raise UnknownMappingError(name)
    return MappingModel.of(mapping)


@router.delete(
    "/{name}",
    operation_id="deleteColumnMapping",
    status_code=204,
    responses=problem_responses(404, 422),
    dependencies=[audited("mapping.delete", "mapping")],
)
def delete_mapping(name: MappingPath, _: Operator, __: Unscoped, request: Request, installation: Installed) -> None:
    """Delete a saved column mapping. Requests that name it are refused from then on."""
    request.state.audit_object = name
    if not installation.catalog.mappings.delete(name):
        raise UnknownMappingError(name)
