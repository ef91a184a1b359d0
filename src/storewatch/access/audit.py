"""Writes the audit log: entries that arrive together share a commit, like entries of a minute may share a row."""

import getpass
import logging
import os
import socket
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from storewatch.catalog import AuditEntry, Catalog

SUM_SECONDS: Final = 60.0
BATCH: Final = 500
MAX_WAITING: Final = 20_000

log = logging.getLogger(__name__)


class AuditWriter:
    """One thread that commits entries as they come. `close` writes what is left."""

    def __init__(self, catalog: Catalog, *, sum_seconds: float = SUM_SECONDS) -> None:
        self._catalog = catalog
        self._sum_seconds = sum_seconds
        self._changed = threading.Condition()
        self._waiting: list[tuple[AuditEntry, Future[None]]] = []
        self._sums: dict[tuple[Any, ...], AuditEntry] = {}
        self._sums_due = 0.0
        self._closing = False
        self._thread: threading.Thread | None = None  # started by the first entry

    def write(self, entry: AuditEntry) -> Future[None]:
        """Write an entry; the future ends when it is committed, or with the error that prevented it."""
        written: Future[None] = Future()
        with self._changed:
            if self._closing or len(self._waiting) >= MAX_WAITING:
                written.set_exception(RuntimeError("the audit log does not keep up"))
                return written
            self._waiting.append((entry, written))
            self._wake()
        return written

    def add(self, entry: AuditEntry) -> None:
        """Write an entry together with those of this minute that differ only in time, request and counts.

        The row holds the time of the first; its detail holds `requests`, `last_at` and the sum of every number.
        """
        alike = (entry.actor_id, entry.actor_name, entry.address, entry.action, entry.object_type, entry.object_id)
        with self._changed:
            kept = self._sums.get((*alike, entry.outcome))
            self._sums[*alike, entry.outcome] = _sum(kept, entry)
            if len(self._sums) == 1 and kept is None:
                self._sums_due = time.monotonic() + self._sum_seconds
                self._wake()

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
            self._thread.start()
        self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work, timeout=self._patience())
                closing = self._closing
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                sums: list[AuditEntry] = []
                if self._sums and (closing or time.monotonic() >= self._sums_due):
                    sums, self._sums = list(self._sums.values()), {}
                finished = closing and not self._waiting
            self._commit(batch, sums)
            if finished:
                return

    def _has_work(self) -> bool:
        return bool(self._waiting) or self._closing or (bool(self._sums) and time.monotonic() >= self._sums_due)

    def _patience(self) -> float | None:
        return max(0.0, self._sums_due - time.monotonic()) if self._sums else None

    def _commit(self, batch: list[tuple[AuditEntry, "Future[None]"]], sums: list[AuditEntry]) -> None:
        entries = [entry for entry, _ in batch] + sums
        if not entries:
            return
        try:
            self._catalog.append_audit(entries)
        except Exception as error:
            log.exception("the audit log could not be written; lost from it: %s", entries)
            for _, written in batch:
                written.set_exception(error)
        else:
            for _, written in batch:
                written.set_result(None)


def from_command_line(action: str, object_type: str, object_id: str, now: datetime) -> AuditEntry:
    """An entry for what this machine's user has done with a command."""
    return AuditEntry(
        at=now,
        actor_id=None,
        actor_name=f"{_user()} on the command line",
        address=socket.gethostname(),
        action=action,
        object_type=object_type,
        object_id=object_id,
        outcome="done",
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"user {os.getuid()}"


def _sum(kept: AuditEntry | None, entry: AuditEntry) -> AuditEntry:
    detail = entry.detail or {}
    before = (kept.detail or {}) if kept else {}
    summed = {name: value + before.get(name, 0) for name, value in detail.items() if isinstance(value, int)}
    counts = {"requests": before.get("requests", 0) + 1, "last_at": entry.at.isoformat()}
    return replace(kept or entry, detail=before | detail | summed | counts)
