"""Saved column mappings in answers."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from storewatch.catalog import ColumnMapping
from storewatch.domain.instants import format_instant


class MappingModel(BaseModel):
    """A column mapping saved under a name."""

    name: Annotated[str, Field(examples=["till"])]
    columns: Annotated[
        dict[str, str],
        Field(description="The field that each column holds.", examples=[{"shop_id": "store_id", "dow": "day"}]),
    ]
    created_at: Annotated[str, Field(description="When the mapping was last saved.", examples=["2026-03-01T09:30:00Z"])]
    created_by: str | None

    @classmethod
    def of(cls, mapping: ColumnMapping) -> Self:
        """Return a column mapping as the API shows it."""
        return cls(
            name=mapping.name,
            columns=mapping.columns,
            created_at=format_instant(mapping.created_at),
            created_by=mapping.created_by,
        )


class MappingList(BaseModel):
    """All saved column mappings by name."""

    items: list[MappingModel]
