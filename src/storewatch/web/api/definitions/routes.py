"""Report definitions: reports saved under a name.

A definition may name any store, so a key with a scope cannot see definitions.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from storewatch.access import Principal
from storewatch.catalog import Catalog, Definition
from storewatch.domain.errors import DefinitionExistsError, UnknownDefinitionError
from storewatch.installation import Installation
from storewatch.reports.request.names import check_names, check_polls
from storewatch.reports.request.request import read_request
from storewatch.web.api.definitions.models import (
    DefinitionBody,
    DefinitionChange,
    DefinitionList,
    DefinitionModel,
)
from storewatch.web.audit import audited
from storewatch.web.dependencies import Installed
from storewatch.web.parameters import field, members
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Unscoped

router = APIRouter(prefix="/v1/report-definitions", tags=["reports"])

DefinitionPath = Annotated[str, Path(examples=["monday"])]


@router.post(
    "",
    operation_id="createReportDefinition",
    status_code=201,
    response_model_exclude_unset=True,
    responses=problem_responses(
        422, s404="One of store_ids does not exist.", s409="A report is saved under this name already."
    ),
    dependencies=[audited("definition.create", "definition")],
)
def create_definition(
    body: DefinitionBody, caller: Operator, _: Unscoped, request: Request, response: Response, installation: Installed
) -> DefinitionModel:
    """Save a report under a name. Reports and schedules name it as `definition`.

    Stores, labels and values must exist, unless the parameters have `allow_unknown`.
    """
    request.state.audit_object = body.name
    definition = _read(installation, body.name, body, caller)
    if not installation.catalog.definitions.create(definition):
        raise DefinitionExistsError(body.name)
    response.headers["Location"] = f"/v1/report-definitions/{body.name}"
    return DefinitionModel.of(definition)


@router.get("", operation_id="listReportDefinitions", response_model_exclude_unset=True, responses=problem_responses())
def list_definitions(_: Unscoped, installation: Installed) -> DefinitionList:
    """List the report definitions by name."""
    return DefinitionList(items=[DefinitionModel.of(each) for each in installation.catalog.definitions.list_()])


@router.get(
    "/{name}",
    operation_id="getReportDefinition",
    response_model_exclude_unset=True,
    responses=problem_responses(404, 422),
)
def get_definition(name: DefinitionPath, _: Unscoped, installation: Installed) -> DefinitionModel:
    """Return one report definition."""
    return DefinitionModel.of(_find(installation.catalog, name))


@router.put(
    "/{name}",
    operation_id="replaceReportDefinition",
    response_model_exclude_unset=True,
    responses=problem_responses(404, 422),
    dependencies=[audited("definition.replace", "definition")],
)
def replace_definition(
    name: DefinitionPath,
    body: DefinitionChange,
    caller: Operator,
    _: Unscoped,
    request: Request,
    installation: Installed,
) -> DefinitionModel:
    """Replace the parameters of a report definition. Schedules use the new ones from their next run on."""
    request.state.audit_object = name
    definition = _read(installation, _find(installation.catalog, name).name, body, caller)
    installation.catalog.definitions.replace(definition)
    return DefinitionModel.of(definition)


@router.delete(
    "/{name}",
    operation_id="deleteReportDefinition",
    status_code=204,
    responses=problem_responses(404, 422),
    dependencies=[audited("definition.delete", "definition")],
)
def delete_definition(
    name: DefinitionPath, _: Operator, __: Unscoped, request: Request, installation: Installed
) -> None:
    """Delete a report definition. Schedules that use it fail from then on, with the reason."""
    request.state.audit_object = name
    if not installation.catalog.definitions.delete(name):
        raise UnknownDefinitionError(name)


def _find(catalog: Catalog, name: str) -> Definition:
    definition = catalog.definitions.find(name)
    if definition is None:
        raise UnknownDefinitionError(name)
    return definition


def _read(installation: Installation, name: str, change: DefinitionChange, caller: Principal) -> Definition:
    """Read a report definition. It has only the parameters that were sent and are not null."""
    parameters = {member: value for member, value in change.parameters.sent().items() if value is not None}
    with field("body", "parameters"), members("body", "parameters"):
        wanted = read_request(parameters)
        check_names(wanted, installation.catalog)
        check_polls(wanted, installation.lake.snapshot(), installation.catalog)
    return Definition(name=name, parameters=parameters, created_at=installation.clock(), created_by=caller.key_id)
