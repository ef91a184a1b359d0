"""Authenticate callers by API key."""

import hmac
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

from storewatch.access.keys import digest, public_id
from storewatch.access.principal import Principal
from storewatch.catalog import ApiKey, Catalog
from storewatch.domain.enums import Role
from storewatch.domain.errors import InvalidKeyError
from storewatch.domain.labels import ALL_STORES, Label, Scope

TRUST: Final = timedelta(seconds=5)  # how long a key that another process revoked may still be accepted
USE_NOTED_EVERY: Final = timedelta(seconds=60)
MAX_REMEMBERED: Final = 10_000

log = logging.getLogger(__name__)


class Authenticator:
    """Look up API keys in the catalog and remember valid ones for TRUST. A key revoked in this process ends at once."""

    def __init__(self, *, catalog: Catalog, clock: Callable[[], datetime]) -> None:
        self._catalog = catalog
        self._clock = clock
        self._remembered: dict[str, tuple[ApiKey, datetime]] = {}  # by SHA-256
        self._noted: dict[str, datetime] = {}
        self._notes = ThreadPoolExecutor(max_workers=1, thread_name_prefix="key-use")

    def remembered(self, text: str) -> Principal | None:
        """Return the caller of a key that is still remembered, else None. Never waits for the catalog."""
        now = self._clock()
        key, until = self._remembered.get(digest(text), (None, now))
        return _principal(key) if key is not None and now < until and key.usable(now) else None

    def identify(self, text: str) -> Principal:
        """Look up a key and return its caller. Raises InvalidKeyError if the key is unknown, expired or revoked."""
        now, sha256 = self._clock(), digest(text)
        key_id = public_id(text)
        key = self._catalog.keys.find(key_id) if key_id else None
        if key is None or not hmac.compare_digest(key.sha256, sha256) or not key.usable(now):
            self._remembered.pop(sha256, None)
            raise InvalidKeyError
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[sha256] = (key, now + TRUST)
        self._note_use(key, now)
        return _principal(key)

    def forget(self, key_id: str) -> None:
        """Forget a revoked key, so that its next use is looked up again."""
        for sha256, (key, _) in list(self._remembered.items()):
            if key.key_id == key_id:
                self._remembered.pop(sha256, None)

    def close(self) -> None:
        """Wait until the last uses of keys are recorded."""
        self._notes.shutdown(wait=True)

    def _note_use(self, key: ApiKey, now: datetime) -> None:
        noted = max(filter(None, (key.last_used_at, self._noted.get(key.key_id))), default=None)
        if noted is not None and now - noted < USE_NOTED_EVERY:
            return
        if len(self._noted) >= MAX_REMEMBERED:
            self._noted.clear()
        self._noted[key.key_id] = now
        # On another thread: a request must not wait for the lock that a large import may hold on SQLite.
        self._notes.submit(self._touch, key.key_id, now)

    def _touch(self, key_id: str, now: datetime) -> None:
        try:
            self._catalog.keys.touch(key_id, now, unless_since=now - USE_NOTED_EVERY)
        except Exception:
            log.exception("the use of key %s could not be recorded", key_id)


def _principal(key: ApiKey) -> Principal:
    scope = ALL_STORES if key.scope_label is None else Scope(label=Label(key.scope_label, key.scope_value or ""))
    return Principal(key_id=key.key_id, name=key.name, role=Role(key.role), scope=scope)
