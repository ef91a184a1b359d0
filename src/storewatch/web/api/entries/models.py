"""What special hours, targets and sales have in common in answers."""

from typing import Any

from pydantic import BaseModel


class TargetModel(BaseModel):
    """The store, or the label and its value, that an entry is of."""

    store_id: str | None
    label: str | None
    value: str | None


class Deleted(BaseModel):
    """How many rows were deleted; 0 when there was no row of this target."""

    deleted: int


def target_members(row: dict[str, Any]) -> dict[str, Any]:
    """Return the members of TargetModel of a row of the catalog."""
    return {name: row[name] for name in ("store_id", "label", "value")}
