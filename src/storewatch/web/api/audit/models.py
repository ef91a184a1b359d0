"""Audit entries in answers."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from storewatch.catalog import AuditRow
from storewatch.domain.enums import AuditOutcome
from storewatch.domain.instants import format_instant


class AuditModel(BaseModel):
    """One action, or an attempt that was refused or failed."""

    audit_id: Annotated[int, Field(examples=[4711])]
    at: Annotated[str, Field(examples=["2026-03-01T09:30:00.123456Z"])]
    actor_id: Annotated[str | None, Field(description="The key_id of the caller; null if no key was required.")]
    actor_name: Annotated[str, Field(examples=["dashboard of acme"])]
    address: Annotated[str, Field(examples=["203.0.113.7"])]
    action: Annotated[str, Field(examples=["key.create"])]
    object_type: Annotated[str, Field(examples=["key"])]
    object_id: Annotated[str | None, Field(examples=["7hV2kQ9xLw"])]
    outcome: Annotated[AuditOutcome, Field(examples=["done"])]
    request_id: str | None
    detail: dict[str, Any] | None

    @classmethod
    def of(cls, row: AuditRow) -> Self:
        """Return an entry as the API shows it."""
        return cls(**{**vars(row), "at": format_instant(row.at)})
