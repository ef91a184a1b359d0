"""The warning that as_of does not fit the polls: few of the stores that are polled were polled on its last day.

The rule is in docs/semantics.md, "When as_of does not fit the polls". ClockWarning has the text and the JSON members
for all outputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from storewatch.domain.columns import Int64s
from storewatch.domain.instants import DAY_US, format_instant, instant_of, instant_us
from storewatch.domain.plurals import counted
from storewatch.lake import Snapshot
from storewatch.stores.evidence import StoresToRead, read_rows

if TYPE_CHECKING:
    from storewatch.engine.evidence import Evidence

WEEK_US: Final = 7 * DAY_US
# A pause is a whole UTC day without a poll. Pauses that ended longer ago than this do not count.
PAUSE_DAYS: Final = 31

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class ClockWarning:
    """as_of does not fit the polls.

    expected: the stores that were polled in the week before as_of, or since the week before the last pause. polled:
    those of them that were polled in the 24 hours before as_of, fewer than half. fitting_us: an as_of that would fit.
    """

    as_of_us: int
    polled: int
    expected: int
    fitting_us: int

    @property
    def text(self) -> str:
        """The warning in one line of ASCII."""
        fitting = format_instant(instant_of(self.fitting_us))
        return (
            f"as_of {format_instant(instant_of(self.as_of_us))} does not fit the polls: of "
            f"{counted(self.expected, 'polled store')} only {self.polled:,} {'was' if self.polled == 1 else 'were'} "
            "polled in the 24 hours before it. Perhaps its newest poll has a "
            f"wrong time. as_of {fitting} would fit."
        )

    def as_json(self) -> dict[str, Any]:
        """Return the warning as answers, manifests and reports in JSON have it."""
        return {
            "text": self.text,
            "as_of": format_instant(instant_of(self.as_of_us)),
            "as_of_that_fits": format_instant(instant_of(self.fitting_us)),
            "stores_polled_in_last_day": self.polled,
            "stores_expected": self.expected,
        }


def judge_clock(last_us: Int64s, as_of_us: int) -> ClockWarning | None:
    """Return the warning for the last polls, at or before as_of, of the expected stores; None where as_of fits."""
    expected, polled = len(last_us), int((last_us > as_of_us - DAY_US).sum())
    if 2 * polled >= expected:
        return None
    # At the newest last poll within a day of the median, at least half of the stores were polled in the day before.
    median_us = int(np.partition(last_us, expected // 2)[expected // 2])
    fitting_us = int(last_us[last_us < median_us + DAY_US].max())
    return ClockWarning(as_of_us=as_of_us, polled=polled, expected=expected, fitting_us=fitting_us)


def check_clock(
    snapshot: Snapshot,
    as_of_us: int,
    store_ids: pl.Series,
    *,
    stores: StoresToRead = None,
    last_us: Int64s | None = None,
    last_from_us: int | None = None,
) -> ClockWarning | None:
    """Return the warning for some stores, None where as_of fits their polls.

    stores: which stores to read from the lake, as in `read_rows`. last_us: int64[S], the last poll of each store from
    last_from_us to as_of, 0 without one; None if it is not known. The lake is read further back only if fewer than
    half of the stores were polled on the last day.
    """
    if last_us is None or last_from_us is None or last_from_us > as_of_us - DAY_US:
        last_from_us = as_of_us - DAY_US + 1
        last_us = _read_last_polls(snapshot, store_ids, (last_from_us, as_of_us), stores)
    if 2 * int((last_us > as_of_us - DAY_US).sum()) >= len(store_ids):
        return None
    from_us = _expected_from(snapshot.days, as_of_us)
    if from_us < last_from_us:
        last_us = _read_last_polls(snapshot, store_ids, (from_us, as_of_us), stores)
    return judge_clock(last_us[last_us >= from_us], as_of_us)


def _read_last_polls(
    snapshot: Snapshot, store_ids: pl.Series, range_us: tuple[int, int], stores: StoresToRead
) -> Int64s:
    """Read the last poll of each store in a range, int64[S]; 0 for a store without one. The engine is not loaded."""
    rows = read_rows(snapshot, store_ids, range_us, stores)
    last_us = np.zeros(len(store_ids), np.int64)
    np.maximum.at(last_us, rows.store_index, rows.observed_us)
    return last_us


def last_polls_of(evidence: "Evidence") -> Int64s:
    """Return the last poll of each store, int64[S]; 0 for a store without one."""
    last_us = np.zeros(len(evidence.offsets) - 1, np.int64)
    has_any = np.diff(evidence.offsets) > 0
    last_us[has_any] = evidence.observed_us[evidence.offsets[1:][has_any] - 1]
    return last_us


def _expected_from(days: Sequence[date], as_of_us: int) -> int:
    """Return the instant from which polled stores are expected: a week before as_of, or before the last pause."""
    as_of_day = instant_of(as_of_us).date()
    known = set(days)
    for back in range(PAUSE_DAYS):
        day = as_of_day - back * _DAY
        if day not in known:
            before = max((each for each in known if each < day), default=None)
            if before is None:
                break
            end_us = instant_us(datetime(before.year, before.month, before.day, tzinfo=UTC)) + DAY_US
            return min(end_us, as_of_us + 1) - WEEK_US
    return as_of_us + 1 - WEEK_US
