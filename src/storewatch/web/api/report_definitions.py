"""Reports saved under a name."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from storewatch.access import Principal
from storewatch.catalog import Definition
from storewatch.domain.errors import DefinitionExistsError, UnknownDefinitionError
from storewatch.domain.instants import format_instant
from storewatch.installation import Installation
from storewatch.reports.request.request import read_request
from storewatch.web.api.report_models import Name, ReportMembers
from storewatch.web.audit import audited
from storewatch.web.parameters import field, members
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Unscoped


class DefinitionChange(BaseModel):
    """What the report is asked for from now on."""

    model_config = ConfigDict(extra="forbid")

    parameters: ReportMembers


class DefinitionBody(DefinitionChange):
    """The report that is to be saved."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "monday",
                    "parameters": {"windows": ["last_week"], "by": "day", "policy": "observed", "format": "pdf"},
                }
            ]
        }
    )

    name: Name


class DefinitionModel(BaseModel):
    """A saved report."""

    name: str
    parameters: ReportMembers
    created_at: Annotated[str, Field(description="When it was saved last.", examples=["2026-03-01T09:30:00Z"])]
    created_by: str | None

    @classmethod
    def of(cls, definition: Definition) -> "DefinitionModel":
        return cls(
            name=definition.name,
            parameters=ReportMembers.model_validate(definition.parameters),
            created_at=format_instant(definition.created_at),
            created_by=definition.created_by,
        )


class DefinitionList(BaseModel):
    """All saved reports by name."""

    items: list[DefinitionModel]


def definitions_routes(parts: Installation) -> APIRouter:
    """Build /v1/report-definitions; they name stores of anybody, so a key with a scope may not see them."""
    router = APIRouter(prefix="/v1/report-definitions", tags=["reports"])
    catalog = parts.catalog

    def find(name: str) -> Definition:
        definition = None if "\0" in name else catalog.definitions.find(name)
        if definition is None:
            raise UnknownDefinitionError(name)
        return definition

    def checked(name: str, change: DefinitionChange, caller: Principal) -> Definition:
        asked = {member: value for member, value in change.parameters.given().items() if value is not None}
        with field("body", "parameters"), members("body", "parameters"):
            read_request(asked)
        return Definition(name=name, parameters=asked, created_at=parts.clock(), created_by=caller.key_id)

    @router.post(
        "",
        operation_id="create_definition",
        status_code=201,
        response_model_exclude_unset=True,
        responses=problem_responses(422, s409="A report is saved under this name."),
        dependencies=[audited("definition.create", "definition")],
    )
    def create_definition(
        body: DefinitionBody, caller: Operator, _: Unscoped, request: Request, response: Response
    ) -> DefinitionModel:
        """Save a report under a name: for POST /v1/reports and for schedules, which take it as `definition`."""
        request.state.audit_object = body.name
        definition = checked(body.name, body, caller)
        if not catalog.definitions.create(definition):
            raise DefinitionExistsError(body.name)
        response.headers["Location"] = f"/v1/report-definitions/{body.name}"
        return DefinitionModel.of(definition)

    @router.get("", operation_id="list_definitions", response_model_exclude_unset=True, responses=problem_responses())
    def list_definitions(_: Unscoped) -> DefinitionList:
        """List the saved reports."""
        return DefinitionList(items=[DefinitionModel.of(definition) for definition in catalog.definitions.list_()])

    @router.get(
        "/{name}",
        operation_id="get_definition",
        response_model_exclude_unset=True,
        responses=problem_responses(404, 422),
    )
    def get_definition(name: str, _: Unscoped) -> DefinitionModel:
        """Give one saved report."""
        return DefinitionModel.of(find(name))

    @router.put(
        "/{name}",
        operation_id="replace_definition",
        response_model_exclude_unset=True,
        responses=problem_responses(404, 422),
        dependencies=[audited("definition.replace", "definition")],
    )
    def replace_definition(
        name: str, body: DefinitionChange, caller: Operator, _: Unscoped, request: Request
    ) -> DefinitionModel:
        """Replace what a saved report asks for; schedules by its name do so from their next run on."""
        request.state.audit_object = name
        definition = checked(find(name).name, body, caller)
        catalog.definitions.replace(definition)
        return DefinitionModel.of(definition)

    @router.delete(
        "/{name}",
        operation_id="delete_definition",
        status_code=204,
        responses=problem_responses(404, 422),
        dependencies=[audited("definition.delete", "definition")],
    )
    def delete_definition(name: str, _: Operator, __: Unscoped, request: Request) -> None:
        """Delete a saved report. Reports of schedules by its name fail from then on, and say why."""
        request.state.audit_object = name
        if "\0" in name or not catalog.definitions.delete(name):
            raise UnknownDefinitionError(name)

    return router
