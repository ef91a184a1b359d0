"""Special hours in answers."""

from typing import Annotated, Any

from pydantic import Field

from storewatch.domain.clock_words import clock_text
from storewatch.web.api.entries.models import TargetModel, target_members
from storewatch.web.api.stores.models import end_text


class SpecialHours(TargetModel):
    """An opening that replaces the weekly hours of a local date. Without times the store is closed that date."""

    date: Annotated[str, Field(examples=["2026-12-24"])]
    start_time_local: Annotated[str | None, Field(examples=["10:00:00"])]
    end_time_local: Annotated[str | None, Field(description="An end before the start is on the next day.")]

    @classmethod
    def of(cls, row: dict[str, Any]) -> "SpecialHours":
        """Return a row of the catalog as the API shows it."""
        start_s, end_s = row["start_s"], row["end_s"]
        return cls(
            **target_members(row),
            date=row["date"].isoformat(),
            start_time_local=None if start_s is None else clock_text(start_s),
            end_time_local=None if end_s is None else end_text(end_s),
        )
