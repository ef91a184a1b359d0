"""Targets in answers."""

from typing import Annotated, Any

from pydantic import Field

from storewatch.web.api.entries.models import TargetModel, target_members


class TargetEntry(TargetModel):
    """The availability that a store should reach."""

    objective: Annotated[float, Field(description="Percent of the known business time.", examples=[99.5])]

    @classmethod
    def of(cls, row: dict[str, Any]) -> "TargetEntry":
        """Return a row of the catalog as the API shows it."""
        # Rounded, because 100 * 0.999 need not be the number nearest to 99.9.
        return cls(**target_members(row), objective=round(100 * row["objective"], 10))
