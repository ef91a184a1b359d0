"""The audit log: who did what, when, from where, on which object, with which outcome. Triggers refuse changes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.schema import audit


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """An action that was done or tried.

    actor_id: a key_id, None where no key was required. outcome: a value of AuditOutcome.
    """

    at: datetime
    actor_id: str | None
    actor_name: str
    address: str
    action: str
    object_type: str
    object_id: str | None
    outcome: str
    request_id: str | None = None
    detail: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class AuditRow(AuditEntry):
    """An entry as it is stored, with its id."""

    audit_id: int


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Conditions on entries; None is no condition. Their time is in [from_, to)."""

    actor: str | None = None  # key_id or name
    action: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    outcome: str | None = None
    from_: datetime | None = None
    to: datetime | None = None


class AuditRepository(Repository):
    """Append entries to the audit log and list them."""

    def append(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries, all in one transaction."""
        with self._database.recording() as connection:
            connection.execute(insert(audit), [asdict(entry) for entry in entries])

    def list_(self, wanted: AuditFilter, *, before: int | None = None, limit: int) -> list[AuditRow]:
        """List the entries that satisfy the filter, the newest first. before: an audit_id; lists only older entries."""
        query = select(audit).order_by(audit.c.audit_id.desc()).limit(limit)
        for column in ("action", "object_type", "object_id", "outcome"):
            if (value := getattr(wanted, column)) is not None:
                query = query.where(audit.c[column] == value)
        if wanted.actor is not None:
            query = query.where((audit.c.actor_id == wanted.actor) | (audit.c.actor_name == wanted.actor))
        if wanted.from_ is not None:
            query = query.where(audit.c.at >= wanted.from_)
        if wanted.to is not None:
            query = query.where(audit.c.at < wanted.to)
        if before is not None:
            query = query.where(audit.c.audit_id < before)
        with self._database.reading() as connection:
            return [AuditRow(**row) for row in connection.execute(query).mappings()]
