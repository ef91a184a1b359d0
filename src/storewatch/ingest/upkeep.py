"""Maintain the lake after commits: update the catalog, merge small files and shorten the log."""

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
# Each commit registers its own stores. follow_lake stores the lake version that the catalog has reached, and registers
# the stores of other writers.
FOLLOW_EVERY_S: Final = 2.0
# A compaction that is interrupted changes nothing.
LONGEST_STOP_S: Final = 3.0

log = logging.getLogger(__name__)


class LakeUpkeep:
    """Maintains the lake on a separate thread, which starts with the first commit."""

    def __init__(self, *, catalog: Catalog, lake: Lake, clock: Callable[[], datetime]) -> None:
        self._catalog, self._lake, self._clock = catalog, lake, clock
        self._not_compacted = self._not_tidied = 0
        self._commits: Batcher[None, None] = Batcher(
            self._maintain,
            name="lake-upkeep",
            limits=BatchLimits(wait_s=FOLLOW_EVERY_S, full_size=COMMITS_PER_COMPACTION),
        )

    def note_commit(self) -> None:
        """Count a commit to the lake. The thread maintains the lake soon after."""
        try:
            self._commits.submit(None)
        except BatcherFullError:
            log.debug("commit after the upkeep stopped; the next process maintains the lake")

    def stop(self) -> None:
        """Start no more work. Wait at most LONGEST_STOP_S for running work."""
        self._commits.close(finish=False, timeout_s=LONGEST_STOP_S)

    def _maintain(self, commits: list[None]) -> list[None]:
        self._not_compacted += len(commits)
        self._not_tidied += len(commits)
        self._attempt("the catalog was not updated from the lake; the next report will do it", self._follow)
        if self._not_compacted >= COMMITS_PER_COMPACTION:
            self._not_compacted = 0
            self._attempt("the lake was not compacted; later commits will try again", self._lake.compact)
        if self._not_tidied >= COMMITS_PER_TIDYING:
            self._not_tidied = 0
            self._attempt("old files of the lake were not deleted; later commits will try again", self._lake.tidy)
        return commits

    def _follow(self) -> int:
        return follow_lake(self._catalog, self._lake, self._clock())

    def _attempt(self, failure: str, work: Callable[[], int]) -> None:
        try:
            work()
        except BaseException:  # no data is lost, and the next step must still run
            log.warning(failure, exc_info=True)
