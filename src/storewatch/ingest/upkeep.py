"""Maintain the lake after commits: let the catalog follow it, merge small files, shorten the log."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from storewatch.batcher import Batcher, BatcherFullError, BatchLimits
from storewatch.catalog import Catalog
from storewatch.lake import Lake
from storewatch.stores.following import follow_lake

COMMITS_PER_COMPACTION: Final = 16
COMMITS_PER_TIDYING: Final = 500
# A commit registers its own stores. Following the lake notes how far the catalog has come, and registers what other
# writers committed.
FOLLOW_EVERY_S: Final = 2.0
# A compaction that is cut off has changed nothing.
LONGEST_STOP_S: Final = 3.0

log = logging.getLogger(__name__)


class LakeUpkeep:
    """Maintain the lake on a thread of its own, which starts with the first commit."""

    def __init__(self, *, catalog: Catalog, lake: Lake, clock: Callable[[], datetime]) -> None:
        self._catalog, self._lake, self._clock = catalog, lake, clock
        self._not_compacted = self._not_tidied = 0
        self._commits: Batcher[None, None] = Batcher(
            self._maintain,
            name="lake-upkeep",
            limits=BatchLimits(wait_s=FOLLOW_EVERY_S, full_size=COMMITS_PER_COMPACTION),
        )

    def note_commit(self) -> None:
        """Count a commit to the lake; its upkeep is done soon."""
        try:
            self._commits.submit(None)
        except BatcherFullError:
            log.debug("commit after the stop of the upkeep; the next process does it")

    def stop(self) -> None:
        """Begin no more work and wait LONGEST_STOP_S at most for the work that runs."""
        self._commits.close(finish=False, timeout_s=LONGEST_STOP_S)

    def _maintain(self, commits: list[None]) -> list[None]:
        self._not_compacted += len(commits)
        self._not_tidied += len(commits)
        self._attempt("the catalog did not follow the lake; the next report does it", self._follow)
        if self._not_compacted >= COMMITS_PER_COMPACTION:
            self._not_compacted = 0
            self._attempt("the lake was not compacted; the next commits try again", self._lake.compact)
        if self._not_tidied >= COMMITS_PER_TIDYING:
            self._not_tidied = 0
            self._attempt("the lake was not tidied; later commits try again", self._lake.tidy)
        return commits

    def _follow(self) -> int:
        return follow_lake(self._catalog, self._lake, self._clock())

    def _attempt(self, failure: str, work: Callable[[], int]) -> None:
        try:
            work()
        except BaseException:  # nothing is lost, and the next part must be done all the same
            log.warning(failure, exc_info=True)
