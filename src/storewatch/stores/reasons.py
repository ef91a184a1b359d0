"""Count the reasons of inactive polls for each outage."""

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.domain.columns import Int64s
from storewatch.domain.plurals import counted
from storewatch.engine.opening.sessions import Sessions
from storewatch.stores.evidence import ObservationRows

# The reasons of an outage. reason: the most frequent one; reasons: all of them in words.
REASON_COLUMNS: Final = pl.Schema(
    {"inactive_polls": pl.Int64, "reason": pl.String, "reason_polls": pl.Int64, "reasons": pl.String}
)
NOT_GIVEN: Final = "no reason given"


def counted_polls(rows: ObservationRows, sessions: Sessions) -> pl.DataFrame:
    """Return the polls that count, of each store and instant one: store, observed_us, active, reason, in_session.

    Ordered by store and time, as evidence is. Every reason is null where rows have no details.
    """
    nothing = pl.Series("reason", [None], dtype=pl.String).new_from_index(0, len(rows.observed_us))
    found = (
        pl.DataFrame(
            {
                "store": rows.store_index.astype(np.int64),
                "observed_us": rows.observed_us,
                "active": rows.active.astype(bool),
                "loaded_us": rows.loaded_us,
                "reason": nothing if rows.details is None else rows.details["reason"],
            }
        )
        .sort("loaded_us", maintain_order=True)
        .unique(["store", "observed_us"], keep="last", maintain_order=True)
        .sort("store", "observed_us")
        .drop("loaded_us")
    )
    inside = _in_session(sessions, found["store"].to_numpy(), found["observed_us"].to_numpy())
    return found.with_columns(in_session=pl.Series(inside))


def inactive_polls(rows: ObservationRows, sessions: Sessions) -> pl.DataFrame:
    """Return the inactive polls in sessions: store, observed_us, reason."""
    polls = counted_polls(rows, sessions).filter(~pl.col("active"), pl.col("in_session"))
    return polls.select("store", "observed_us", "reason")


def with_reasons(outages: pl.DataFrame, polls: pl.DataFrame | None) -> pl.DataFrame:
    """Add REASON_COLUMNS to outages: rows with store, start_at, end_at and opened_at in microseconds.

    polls: those of `inactive_polls`; None adds nulls. Counted are the polls inside the outage, and the one that is the
    reason for its start, which may be before it.
    """
    if polls is None:
        return outages.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in REASON_COLUMNS.items())
    numbered = outages.with_row_index("outage").with_columns(pl.col("store").cast(pl.Int64))
    inside = (
        polls.sort("observed_us")
        .join_asof(
            numbered.select("outage", "store", "start_at", "end_at").sort("start_at"),
            left_on="observed_us",
            right_on="start_at",
            by="store",
            check_sortedness=False,
        )
        .filter(pl.col("observed_us") < pl.col("end_at"))
    )
    opening = numbered.filter(pl.col("opened_at") < pl.col("start_at")).join(
        polls, left_on=["store", "opened_at"], right_on=["store", "observed_us"]
    )
    each = pl.concat([inside.select("outage", "reason"), opening.select("outage", "reason")])
    counts = each.group_by("outage", "reason").len("polls").sort("polls", "reason", descending=[True, False])
    given = counts.filter(pl.col("reason").is_not_null())
    words = pl.format("{} {}", "polls", pl.col("reason").fill_null(NOT_GIVEN))
    summed = counts.group_by("outage").agg(
        inactive_polls=pl.col("polls").sum().cast(pl.Int64), reasons=words.str.join(", ")
    )
    most = given.group_by("outage", maintain_order=True).agg(
        pl.col("reason").first(), reason_polls=pl.col("polls").first().cast(pl.Int64)
    )
    return (
        numbered.join(summed.sort("outage"), on="outage", how="left", maintain_order="left")
        .join(most, on="outage", how="left", maintain_order="left")
        .with_columns(
            pl.col("inactive_polls").fill_null(0),
            reasons=pl.when(pl.col("reason").is_not_null()).then(pl.col("reasons")),
        )
        .drop("outage")
    )


def reason_words(polls: int | None, reason: str | None, of_reason: int | None) -> str:
    """Return the reason of an outage, as `3 of 4 inactive polls: paused by the restaurant`; empty without a reason."""
    if not reason or polls is None:
        return ""
    return f"{of_reason:,} of {counted(polls, 'inactive poll')}: {reason}"


def _in_session(sessions: Sessions, store: Int64s, at_us: Int64s) -> npt.NDArray[np.bool_]:
    inside = np.zeros(len(store), bool)
    calendar_of = sessions.calendar_of[store]
    for calendar in np.unique(calendar_of).tolist():
        of_calendar = np.flatnonzero(calendar_of == calendar)
        part = slice(sessions.offsets[calendar], sessions.offsets[calendar + 1])
        opens, closes = sessions.open_us[part], sessions.close_us[part]
        place = np.searchsorted(opens, at_us[of_calendar], side="right") - 1
        begun = place >= 0
        inside[of_calendar[begun]] = at_us[of_calendar[begun]] < closes[place[begun]]
    return inside
