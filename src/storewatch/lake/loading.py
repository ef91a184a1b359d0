"""The order in which observations are loaded, also when the machine's clock is set back."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class LoadingOrder:
    """Instants for `loaded_at`. Each is later than all instants before it and than all noted instants."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest_us: int | None = None

    @property
    def is_known(self) -> bool:
        """Whether any version of the lake has been noted."""
        return self._newest_us is not None

    def note(self, files: pl.DataFrame) -> None:
        """Remember the newest loading time of a listing of the lake."""
        newest = files["loaded_to_us"].max()
        with self._lock:
            self._newest_us = max(self._newest_us or 0, newest if isinstance(newest, int) else 0)

    def next(self, now: datetime) -> datetime:
        """Return `now`, or the microsecond after the latest instant if `now` is not later than that."""
        with self._lock:
            self._newest_us = max((now - _EPOCH) // _MICROSECOND, (self._newest_us or 0) + 1)
            return _EPOCH + self._newest_us * _MICROSECOND
