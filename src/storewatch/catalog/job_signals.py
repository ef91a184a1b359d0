"""Wait until a job may have been queued, without querying the queue again and again.

PostgreSQL notifies every listening connection at the commit that queued a job. SQLite counts commits of other
connections and processes; reading the count takes 3 microseconds, querying the queue 500.
"""

import logging
import selectors
import socket
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

CHANNEL: Final = "storewatch_jobs"
LOOK_SECONDS: Final = 0.05
RECONNECT_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


def notify_job_queued(connection: Connection) -> None:
    """Wake the workers of all processes when this transaction commits; on SQLite they see the commit itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"NOTIFY {CHANNEL}"))


def open_job_signals(engine: Engine) -> "JobSignals":
    """Return the signals of the queue in this database, for one waiting thread; it connects at the first `wait`."""
    return _PostgresSignals(engine) if engine.dialect.name == "postgresql" else _SqliteSignals(engine)


class JobSignals(ABC):
    """The signals that a worker waits for. One thread calls `wait` and `close`; any thread calls `wake`."""

    @abstractmethod
    def wait(self, timeout_s: float) -> None:
        """Wait until a job may have been queued since the last call, until `wake`, or for timeout_s.

        This may return early without a reason. While the database does not answer, it returns after RECONNECT_SECONDS,
        so that the caller queries the queue itself.
        """

    @abstractmethod
    def wake(self) -> None:
        """End the current `wait`, or the next one when none is running."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""


class _SqliteSignals(JobSignals):
    def __init__(self, engine: Engine) -> None:
        self._database = str(engine.url.database)
        self._woken = threading.Event()
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None

    def wait(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        try:
            while not self._has_changed():
                left = deadline - time.monotonic()
                if left <= 0 or self._woken.wait(min(LOOK_SECONDS, left)):
                    break
        except sqlite3.Error as error:
            log.warning("commits of other processes are not seen, the queue is queried instead: %s", error)
            self.close()
            self._woken.wait(min(RECONNECT_SECONDS, timeout_s))
        self._woken.clear()

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._version = None

    def _has_changed(self) -> bool:
        if self._connection is None:
            # Not from the pool: the count belongs to one connection, which must not hold a transaction open.
            self._connection = sqlite3.connect(f"file:{quote(self._database)}?mode=rw", uri=True, isolation_level=None)
        before = self._version
        self._version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return self._version != before


class _PostgresSignals(JobSignals):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Any = None  # of psycopg, which is imported only where it is used
        self._is_lost = False
        self._waking, self._woken = socket.socketpair()
        for end in (self._waking, self._woken):
            end.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._woken, selectors.EVENT_READ)

    def wait(self, timeout_s: float) -> None:
        errors = (self._engine.dialect.loaded_dbapi.Error, DBAPIError, OSError)
        try:
            if self._connection is None:
                self._listen()  # a job queued before this was notified to nobody, so the caller queries now
            else:
                self._select(timeout_s)
        except errors as error:
            if not self._is_lost:
                log.warning("no notifications from the database, the queue is queried instead: %s", error)
            self._is_lost = True
            self._disconnect()
            self._select(min(RECONNECT_SECONDS, timeout_s))

    def wake(self) -> None:
        with suppress(OSError):  # full: the thread wakes anyway; closed: no thread waits
            self._waking.send(b"\0")

    def close(self) -> None:
        self._disconnect()
        self._selector.close()
        self._waking.close()
        self._woken.close()

    def _listen(self) -> None:
        pooled = self._engine.raw_connection()
        pooled.detach()  # a connection that listens must not go back into the pool
        self._connection = pooled.dbapi_connection
        self._connection.autocommit = True
        self._connection.execute(f"LISTEN {CHANNEL}")
        self._selector.register(self._connection.pgconn.socket, selectors.EVENT_READ)
        if self._is_lost:
            log.info("notifications from the database come again")
        self._is_lost = False

    def _select(self, timeout_s: float) -> None:
        ready = {key.fileobj for key, _ in self._selector.select(timeout_s)}
        if self._woken in ready:
            with suppress(BlockingIOError):
                while self._woken.recv(4_096):
                    pass
        if ready - {self._woken}:
            connection = self._connection.pgconn
            connection.consume_input()  # raises where the server closed the connection
            while connection.notifies() is not None:
                pass

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        for key in list(self._selector.get_map().values()):
            if key.fileobj is not self._woken:
                self._selector.unregister(key.fileobj)
        with suppress(Exception):
            connection.close()
