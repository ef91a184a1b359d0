"""Report definitions in requests and answers."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from storewatch.catalog import Definition
from storewatch.domain.instants import format_instant
from storewatch.web.api.report_models import Name, ReportMembers


class DefinitionChange(BaseModel):
    """The new parameters of a report definition."""

    model_config = ConfigDict(extra="forbid")

    parameters: ReportMembers


class DefinitionBody(DefinitionChange):
    """The report definition to create."""

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
    """A report saved under a name."""

    name: Annotated[str, Field(examples=["monday"])]
    parameters: ReportMembers
    created_at: Annotated[
        str, Field(description="When the definition was last saved.", examples=["2026-03-01T09:30:00Z"])
    ]
    created_by: str | None

    @classmethod
    def of(cls, definition: Definition) -> Self:
        """Return a report definition as the API shows it."""
        return cls(
            name=definition.name,
            parameters=ReportMembers.model_validate(definition.parameters),
            created_at=format_instant(definition.created_at),
            created_by=definition.created_by,
        )


class DefinitionList(BaseModel):
    """All report definitions by name."""

    items: list[DefinitionModel]
