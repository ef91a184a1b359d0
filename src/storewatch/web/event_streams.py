"""Bound the open streams of events: each holds a connection and reads the catalog four times a second."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from storewatch.domain.errors import TooManyStreamsError

MAX_STREAMS: Final = 200
MAX_STREAMS_PER_CALLER: Final = 20


class EventStreams:
    """Counts the open streams: in all, and of each key, or address where no key is sent. For one thread."""

    def __init__(self, *, total: int = MAX_STREAMS, per_caller: int = MAX_STREAMS_PER_CALLER) -> None:
        self._total, self._per_caller = total, per_caller
        self._open: Counter[str] = Counter()

    @contextmanager
    def opened(self, caller: str) -> Iterator[None]:
        """Count a stream while the block runs. Raises TooManyStreamsError if it would be one too many."""
        if self._open[caller] >= self._per_caller or self._open.total() >= self._total:
            raise TooManyStreamsError
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]
