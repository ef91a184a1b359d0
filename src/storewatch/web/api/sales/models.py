"""Sales in answers."""

from typing import Annotated, Any

from pydantic import Field

from storewatch.web.api.entries.models import TargetModel, target_members


class SalesEntry(TargetModel):
    """The sales of a business hour; weekday 0 is Monday, null means every weekday."""

    weekday: int | None
    hour: Annotated[int | None, Field(description="The hour in local time; null means every hour.")]
    sales_per_hour: float

    @classmethod
    def of(cls, row: dict[str, Any]) -> "SalesEntry":
        """Return a row of the catalog as the API shows it."""
        sales = row["amount_per_hour"]
        return cls(**target_members(row), weekday=row["weekday"], hour=row["hour"], sales_per_hour=sales)
