"""The rules of the status between polls (SEMANTICS 9) as they would be written without this engine.
Both rivals get what is hard for them ready-made: polls in their own memory, stores as small integers, and the

Both rivals get what is hard for them ready-made: polls in their own memory, stores as small integers, and the sessions
in UTC. Both return what the engine's `totals` does where nothing is planned: int64[S,W,4] microseconds by Status.
"""

from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import pandas as pd
import polars as pl

from storewatch.domain.columns import Int64s
from storewatch.domain.enums import Status


@dataclass(frozen=True, kw_only=True)
class Question:
    """The windows int64[W,2], the data's "now", and how far a poll counts for the time around it."""

    windows_us: Int64s
    as_of_us: int
    max_gap_us: int


def pandas_totals(polls: pd.DataFrame, sessions: pd.DataFrame, stores: pd.DataFrame, question: Question) -> Int64s:
    """Group by store, and compute one store after the other.

    polls: store, observed_us, active, loaded_us; sessions: calendar, open_us, close_us; stores: store (its place),
    calendar.
    """
    latest = polls.sort_values("loaded_us").drop_duplicates(["store", "observed_us"], keep="last")
    seen = latest[latest["observed_us"] <= question.as_of_us].sort_values(["store", "observed_us"])
    polls_of = dict(tuple(seen.groupby("store")))
    sessions_of = dict(tuple(sessions.groupby("calendar")))
    out = np.zeros((len(stores), len(question.windows_us), len(Status)), np.int64)
    for store, calendar in stores.itertuples(index=False):
        if calendar in sessions_of:
            out[store] = _one_store(polls_of.get(store, seen.iloc[:0]), sessions_of[calendar], question)
    return out


def _one_store(polls: pd.DataFrame, sessions: pd.DataFrame, question: Question) -> Int64s:
    """Cut the time where the status can change, and apply the rules, word for word, at the start of each piece."""
    gap_us, opens, closes = question.max_gap_us, sessions["open_us"].to_numpy(), sessions["close_us"].to_numpy()
    session = opens.searchsorted(polls["observed_us"], side="right") - 1
    inside = (session >= 0) & (polls["observed_us"] < closes[session])
    session, times, active = (
        session[inside],
        polls["observed_us"][inside].to_numpy(),
        polls["active"][inside].to_numpy(),
    )
    cuts = np.unique(
        np.concatenate([opens, closes, times, times - gap_us, times + gap_us, question.windows_us.ravel()])
    )
    starts, lengths = cuts[:-1], np.diff(cuts)
    of_piece = opens.searchsorted(starts, side="right") - 1
    is_open = (of_piece >= 0) & (starts < closes[of_piece])
    starts, lengths, of_piece = starts[is_open], lengths[is_open], of_piece[is_open]
    if len(times):
        after = times.searchsorted(starts, side="right")
        before, after_or_last = np.maximum(after - 1, 0), np.minimum(after, len(times) - 1)
        left = (after > 0) & (starts - times[before] < gap_us)
        right = (after < len(times)) & (times[after_or_last] - starts <= gap_us)
        own_left, own_right = left & (session[before] == of_piece), right & (session[after_or_last] == of_piece)
        answers = [active[before], active[after_or_last], active[before], active[after_or_last]]
        status = np.select([own_left, own_right, left, right], answers, int(Status.UNKNOWN))
    else:
        status = np.full(len(starts), int(Status.UNKNOWN))
    pieces = pd.DataFrame({"start_us": starts, "length_us": lengths, "status": status})
    totals = [
        pieces[(pieces["start_us"] >= from_us) & (pieces["start_us"] < to_us)].groupby("status")["length_us"].sum()
        for from_us, to_us in question.windows_us
    ]
    return np.array([each.reindex(list(Status), fill_value=0) for each in totals], np.int64)


class DuckDB:
    """The same rule as one SQL query."""

    def __init__(self, polls: pl.DataFrame, sessions: pl.DataFrame, stores: pl.DataFrame) -> None:
        """Load polls (store, observed_us, active, loaded_us), sessions (calendar, open_us, close_us), stores (store,
        calendar) into tables of its own.
        """
        self._connection = duckdb.connect()
        for name, frame in (("polls", polls), ("sessions", sessions), ("stores", stores)):
            self._connection.register("frame", frame)
            self._connection.execute(f"CREATE TABLE {name} AS SELECT * FROM frame")
            self._connection.unregister("frame")
        self._stores = stores.height

    def totals(self, question: Question) -> Int64s:
        windows = pl.DataFrame(
            {
                "win": range(len(question.windows_us)),
                "from_us": question.windows_us[:, 0],
                "to_us": question.windows_us[:, 1],
            }
        )
        self._connection.register("windows", windows)
        found = self._connection.execute(
            QUERY, {"as_of": question.as_of_us, "max_gap": question.max_gap_us}
        ).fetchnumpy()
        out = np.zeros((self._stores, len(question.windows_us), len(Status)), np.int64)
        out[found["store"], found["win"], found["status"]] = found["spent_us"]
        return out


# A gap lies between two neighbours among the polls of a session and its edges. The poll on its left reaches max_gap
# forward, the one on its right max_gap back, what neither reaches is unknown (2). The left one decides,
# except before the first poll of a session, where that poll decides.
QUERY: Final = """
WITH opened AS (SELECT store, open_us, close_us FROM stores JOIN sessions USING (calendar)),
evidence AS (
    SELECT p.store, o.open_us, o.close_us, p.observed_us, p.active
    FROM (SELECT * FROM polls WHERE observed_us <= $as_of
          QUALIFY row_number() OVER (PARTITION BY store, observed_us ORDER BY loaded_us DESC) = 1) p
    ASOF JOIN opened o ON p.store = o.store AND p.observed_us >= o.open_us
    WHERE p.observed_us < o.close_us),
marks AS (
    SELECT store, open_us, close_us, open_us AS mark_us, NULL AS seen_us, NULL AS active FROM opened
    UNION ALL SELECT store, open_us, close_us, observed_us, observed_us, active FROM evidence),
gaps AS (
    SELECT store, seen_us IS NOT NULL AS left_is_own, mark_us AS begin_us,
        coalesce(lead(mark_us) OVER of_session, close_us) AS end_us,
        lead(mark_us) OVER of_session IS NOT NULL AS right_is_own,
        last_value(seen_us IGNORE NULLS) OVER until_here AS left_us,
        last_value(active IGNORE NULLS) OVER until_here AS left_active,
        first_value(seen_us IGNORE NULLS) OVER from_here AS right_us,
        first_value(active IGNORE NULLS) OVER from_here AS right_active
    FROM marks
    WINDOW of_session AS (PARTITION BY store, open_us ORDER BY mark_us, seen_us NULLS FIRST),
        of_store AS (PARTITION BY store ORDER BY mark_us, seen_us NULLS FIRST),
        until_here AS (PARTITION BY store ORDER BY mark_us, seen_us NULLS FIRST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        from_here AS (PARTITION BY store ORDER BY mark_us, seen_us NULLS FIRST
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)),
reaches AS (
    SELECT *, CASE WHEN left_us IS NULL THEN begin_us
            ELSE least(greatest(left_us + $max_gap, begin_us), end_us) END AS left_end_us,
        CASE WHEN right_us IS NULL THEN end_us
            ELSE least(greatest(right_us - $max_gap, begin_us), end_us) END AS right_start_us
    FROM gaps),
cut AS (
    SELECT *, CASE WHEN right_is_own AND NOT left_is_own THEN least(left_end_us, right_start_us)
        ELSE left_end_us END AS a_us FROM reaches),
parts AS (
    SELECT store, begin_us AS start_us, a_us AS end_us, left_active::TINYINT AS status FROM cut
    UNION ALL SELECT store, a_us, greatest(a_us, right_start_us), 2 FROM cut
    UNION ALL SELECT store, greatest(a_us, right_start_us), end_us, right_active::TINYINT FROM cut)
SELECT store, win, status, sum(least(end_us, to_us) - greatest(start_us, from_us))::BIGINT AS spent_us
FROM parts JOIN windows ON start_us < to_us AND end_us > from_us AND end_us > start_us
GROUP BY ALL
"""
