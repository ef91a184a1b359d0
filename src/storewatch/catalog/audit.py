"""The audit log: who did what, when, from where, on which object, and what became of it. Triggers refuse changes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.schema import audit


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One thing that was done or tried. actor_id is a key_id, None where no key was asked for; outcome is one of
    done, refused and failed."""

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
    """An entry as the log holds it."""

    audit_id: int


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which entries are wanted: None takes all; [from_, to)."""

    actor: str | None = None  # key_id or name
    action: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    outcome: str | None = None
    from_: datetime | None = None
    to: datetime | None = None


class AuditRepository(Repository):
    """The audit log's two use cases."""

    def append(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries, all in one transaction."""
        with self._database.recording() as connection:
            connection.execute(insert(audit), [asdict(entry) for entry in entries])

    def list_(self, wanted: AuditFilter, *, before: int | None = None, limit: int) -> list[AuditRow]:
        """The newest entries that are wanted, the newest first; `before` an audit_id only older ones."""
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
