"""Write the audit log. Entries that arrive together share a commit; equal actions of a minute can share a row."""

import getpass
import logging
import os
import socket
import threading
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from storewatch.batcher import Batcher, BatcherFullError, BatchLimits
from storewatch.catalog import AuditEntry, Catalog

SUM_SECONDS: Final = 60.0
BATCH: Final = 500
MAX_WAITING: Final = 20_000

log = logging.getLogger(__name__)


class AuditWriter:
    """Write audit entries from any thread. `close` writes the entries that still wait."""

    def __init__(self, catalog: Catalog, *, sum_seconds: float = SUM_SECONDS) -> None:
        """sum_seconds: how long similar entries are summed before their row is written."""
        self._catalog = catalog
        self._entries: Batcher[AuditEntry, None] = Batcher(
            self._append, name="audit", limits=BatchLimits(batch_size=BATCH, waiting_size=MAX_WAITING)
        )
        # The items are only reminders: one reminder waits here while there are sums to write.
        self._reminders: Batcher[None, None] = Batcher(
            self._append_sums, name="audit-sums", limits=BatchLimits(wait_s=sum_seconds, full_size=2)
        )
        self._sums: dict[tuple[Any, ...], AuditEntry] = {}
        self._sums_lock = threading.Lock()

    def write(self, entry: AuditEntry) -> "Future[None]":
        """Write an entry; the future ends when the entry is committed, or with the error that prevented it."""
        try:
            return self._entries.submit(entry)
        except BatcherFullError:
            refused: Future[None] = Future()
            refused.set_exception(RuntimeError("The audit log is closed, or too many entries wait to be written."))
            return refused

    def add(self, entry: AuditEntry) -> None:
        """Add an entry to the sum of this minute's entries that differ only in time, request and counts.

        They become one row with the time of the first entry. Its detail holds `requests`, `last_at` and the sum of
        every number.
        """
        subject = (entry.actor_id, entry.actor_name, entry.address, entry.action, entry.object_type, entry.object_id)
        with self._sums_lock:
            if not self._sums:
                try:
                    self._reminders.submit(None)
                except BatcherFullError:
                    log.error("audit log closed, an entry is lost from it: %s", entry)  # noqa: TRY400 - no bug to trace
                    return
            self._sums[*subject, entry.outcome] = _sum(self._sums.get((*subject, entry.outcome)), entry)

    def close(self) -> None:
        """Write the entries that still wait and accept no more."""
        self._reminders.close()
        self._entries.close()

    def _append_sums(self, reminders: list[None]) -> list[None]:
        with self._sums_lock:
            sums, self._sums = list(self._sums.values()), {}
        self._append(sums)
        return reminders

    def _append(self, entries: list[AuditEntry]) -> list[None]:
        try:
            self._catalog.audit.append(entries)
        except Exception:
            log.exception("audit log not written, these entries are lost from it: %s", entries)
            raise
        return [None] * len(entries)


def from_command_line(action: str, object_type: str, object_id: str | None, now: datetime) -> AuditEntry:
    """Return the audit entry for an action that the user of this machine did with a command."""
    return AuditEntry(
        at=now,
        actor_id=None,
        actor_name=command_line_author(),
        address=socket.gethostname(),
        action=action,
        object_type=object_type,
        object_id=object_id,
        outcome="done",
    )


def command_line_author() -> str:
    """Return the name of this machine's user in the audit log."""
    return f"{_user()} on the command line"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the user of a container need not have a name
        return f"user {os.getuid()}"


def _sum(kept: AuditEntry | None, entry: AuditEntry) -> AuditEntry:
    detail = entry.detail or {}
    before = (kept.detail or {}) if kept else {}
    summed = {name: value + before.get(name, 0) for name, value in detail.items() if isinstance(value, int)}
    counts = {"requests": before.get("requests", 0) + 1, "last_at": entry.at.isoformat()}
    return replace(kept or entry, detail=before | detail | summed | counts)
