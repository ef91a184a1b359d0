"""What special hours, targets and sales have in common in answers."""

from typing import Any

from pydantic import BaseModel


class TargetModel(BaseModel):
    """The store that an entry applies to, or the label and its value."""

    store_id: str | None
    label: str | None
    value: str | None


class Deleted(BaseModel):
    """The number of deleted rows; 0 if the target had none."""

    deleted: int


def target_members(row: dict[str, Any]) -> dict[str, Any]:
    """Return the members of TargetModel of a row of the catalog."""
    return {name: row[name] for name in ("store_id", "label", "value")}
