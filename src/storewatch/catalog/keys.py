"""The API keys. Only the SHA-256 of a key's text is stored."""

from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy import func, insert, or_, select, update

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.schema import api_keys
from storewatch.domain.enums import KeyState


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """One key. role: a value of Role. created_by: the key_id of its creator, None for the command line."""

    key_id: str
    name: str
    role: str
    sha256: str = field(repr=False)
    scope_label: str | None = None
    scope_value: str | None = None
    created_at: datetime
    created_by: str | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def state(self, now: datetime) -> KeyState:
        if self.revoked_at is not None:
            return KeyState.REVOKED
        return KeyState.ACTIVE if self.expires_at is None or now < self.expires_at else KeyState.EXPIRED

    def usable(self, now: datetime) -> bool:
        return self.state(now) is KeyState.ACTIVE


class KeyRepository(Repository):
    """Create, find, list and revoke keys. A key is never deleted, because the audit log names it."""

    def create(self, key: ApiKey) -> None:
        with self._database.writing() as connection:
            connection.execute(insert(api_keys).values(asdict(key)))

    def find(self, key_id: str) -> ApiKey | None:
        with self._database.reading() as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.key_id == key_id)).mappings().one_or_none()
        return ApiKey(**row) if row else None

    def list_(self, *, after: tuple[datetime, str] | None = None, limit: int = 1000) -> list[ApiKey]:
        """List keys in the order of (created_at, key_id). after: this pair of the last key of the previous page."""
        query = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.key_id).limit(limit)
        if after is not None:
            at, key_id = after
            later = (api_keys.c.created_at == at) & (api_keys.c.key_id > key_id)
            query = query.where((api_keys.c.created_at > at) | later)
        with self._database.reading() as connection:
            return [ApiKey(**row) for row in connection.execute(query).mappings()]

    def revoke(self, key_id: str, now: datetime) -> bool:
        """Revoke a key. Return False when there is no such key or it was revoked already."""
        alive = (api_keys.c.key_id == key_id) & api_keys.c.revoked_at.is_(None)
        with self._database.writing() as connection:
            return connection.execute(update(api_keys).where(alive).values(revoked_at=now)).rowcount == 1

    def touch(self, key_id: str, now: datetime, *, unless_since: datetime) -> bool:
        """Record that a key was used now. Return False when a use after `unless_since` is recorded already."""
        used = api_keys.c.last_used_at
        stale = (api_keys.c.key_id == key_id) & or_(used.is_(None), used <= unless_since)
        with self._database.writing() as connection:
            return connection.execute(update(api_keys).where(stale).values(last_used_at=now)).rowcount == 1

    def count_usable(self, now: datetime) -> int:
        """Count the keys that are neither revoked nor expired."""
        expires = api_keys.c.expires_at
        query = select(func.count()).where(api_keys.c.revoked_at.is_(None), or_(expires.is_(None), expires > now))
        with self._database.reading() as connection:
            count: int = connection.execute(query).scalar_one()
            return count
