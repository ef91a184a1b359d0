"""Stores beside their targets, the period before, their peers and their group: columns for S stores x W windows."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.domain.clock_words import WEEKDAYS_SHORT, clock_words
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import Status
from storewatch.engine.measures import RollUp, measure, roll_up
from storewatch.engine.opening.weekly import weekly_rows
from storewatch.reports.compute.content import (
    BEFORE,
    GROUPS,
    PEERS,
    SPREAD,
    TARGET_FIGURES,
    ContentTable,
    figures_frame,
)


def spread_of(summed: RollUp) -> dict[str, float | int | None]:
    """Return how stores spread as the columns of SPREAD."""
    values = summed.median, summed.p5, summed.p95, summed.without_downtime, summed.without_known_time
    return {name: None if np.isnan(value) else value for name, value in zip(SPREAD, values, strict=True)}


def target_columns(totals_us: Int64s, objectives: npt.NDArray[np.float64]) -> pl.DataFrame:
    """Compare totals int64[S,W,4] with objectives, float64[S] in 0 ... 1, NaN for none: the columns of TARGET_FIGURES.

    target: in percent, as people write it. The error budget is the down time that the objective leaves of what is known
    (up + down), in whole microseconds.
    """
    down_us = totals_us[..., Status.DOWN]
    known_us = down_us + totals_us[..., Status.UP]
    objective = np.repeat(objectives[:, None], totals_us.shape[1], 1)
    has_target = ~np.isnan(objective)
    # Up to 285 years of one store are exact in a float; the objective is a decimal, read to 12 places.
    share = np.round(1 - np.where(has_target, objective, 0), 12)
    budget_us = np.floor(known_us * share).astype(np.int64)
    judged = pl.Series((has_target & (known_us > 0)).ravel())
    columns = pl.DataFrame(
        {
            "target": np.round(objective * 100, 10).ravel(),
            "target_met": (down_us <= budget_us).ravel(),
            "error_budget_us": budget_us.ravel(),
            "error_budget_left_us": (budget_us - down_us).ravel(),
        },
        schema=TARGET_FIGURES,
        nan_to_null=True,
    )
    rest = pl.col("target_met", "error_budget_us", "error_budget_left_us")
    return columns.with_columns(pl.when(judged).then(rest))


def before_columns(totals_us: Int64s, before_us: Int64s) -> pl.DataFrame:
    """Compare totals int64[..., 4] with those of the period before: the columns of BEFORE."""
    before, now = measure(before_us).availability, measure(totals_us).availability
    return pl.DataFrame(
        {"before_availability": before.ravel(), "availability_change": (now - before).ravel()},
        schema=BEFORE,
        nan_to_null=True,
    )


def peer_columns(totals_us: Int64s, values: pl.Series) -> pl.DataFrame:
    """Compare totals int64[S,W,4] with those of the stores with the same value (null: no peers): columns of PEERS.

    peer_availability: the ratio of the group's sums, the store itself included. peer_rank: 1 is the highest
    availability; equal ones share it.
    """
    windows = totals_us.shape[1]
    stores = pl.DataFrame(
        {
            "peer_group": pl.Series(values).cast(pl.String).gather(np.repeat(np.arange(len(values)), windows)),
            "window": np.tile(np.arange(windows), len(values)),
            "up": totals_us[..., Status.UP].ravel(),
            "down": totals_us[..., Status.DOWN].ravel(),
        }
    )
    ratio = pl.when(pl.col("up") + pl.col("down") > 0).then(pl.col("up") / (pl.col("up") + pl.col("down")))
    group = ["peer_group", "window"]
    up, down = pl.col("up").sum().over(group), pl.col("down").sum().over(group)
    return (
        stores.with_columns(availability=ratio)
        .select(
            "peer_group",
            *(
                pl.when(pl.col("peer_group").is_not_null()).then(value).alias(name)
                for name, value in {
                    "peer_availability": pl.when(up + down > 0).then(up / (up + down)),
                    "peer_difference": pl.when(up + down > 0).then(pl.col("availability") - up / (up + down)),
                    "peer_rank": pl.col("availability").rank("min", descending=True).over(group).cast(pl.Int64),
                    "peer_stores": pl.len().over(group).cast(pl.Int64),
                }.items()
            ),
        )
        .cast(PEERS)
    )


def group_table(
    totals_us: Int64s,
    groups: pl.Series,
    windows: tuple[str, ...],
    more_columns: Sequence[Callable[[Int64s], pl.DataFrame]] = (),
) -> ContentTable:
    """Return totals int64[S,W,4] by group. Stores without a group (null) come last, as a group without a name.

    more_columns: functions of the places of a group's stores that return columns, one row a window.
    """
    none = np.empty(0, np.int64)
    table = ContentTable(
        schema=pl.Schema(GROUPS | {k: v for make in more_columns for k, v in make(none).schema.items()})
    )
    members = pl.DataFrame({"group": groups}).with_row_index("store").group_by("group").agg("store")
    for group, of_group in members.sort("group", nulls_last=True).iter_rows():
        own_us = totals_us[np.array(of_group)]
        rolled = [roll_up(own_us[:, number]) for number in range(len(windows))]
        figures = figures_frame(np.array([each.totals_us for each in rolled]))
        rows = pl.DataFrame(
            [{"group": group, "window": name, "stores": len(of_group)} for name in windows],
            schema={"group": pl.String, "window": pl.String, "stores": pl.Int64},
        )
        spread = pl.DataFrame([spread_of(each) for each in rolled], schema=SPREAD)
        more = [make(np.array(of_group)) for make in more_columns]
        table.append(pl.concat([rows, figures, spread, *more], how="horizontal"))
    return table


def hours_names(weekly_hours_ids: pl.Series, patterns: pl.DataFrame) -> pl.Series:
    """Return a name for the weekly hours of each store, such as `Mon-Fri 09:00-17:00`."""
    known = {key: _hours_name([tuple(span.values()) for span in spans]) for key, spans in patterns.iter_rows()}
    names = [known[key] if key is not None else "24x7 (no hours given)" for key in weekly_hours_ids]
    return pl.Series("group", names, dtype=pl.String)


def _hours_name(intervals: list[tuple[int, ...]]) -> str:
    by_day: dict[int, list[str]] = {}
    for day, start_s, end_s in weekly_rows([(start, end) for start, end in intervals]):
        by_day.setdefault(day, []).append(f"{clock_words(start_s)}-{clock_words(end_s)}")
    if all(by_day.get(day) == ["00:00-24:00"] for day in range(7)):
        return "24x7"
    parts: list[tuple[int, int, str]] = []
    for day, hours in sorted(by_day.items()):
        text = "+".join(hours)
        if parts and parts[-1][1] == day - 1 and parts[-1][2] == text:
            parts[-1] = parts[-1][0], day, text
        else:
            parts.append((day, day, text))
    return ", ".join(f"{WEEKDAYS_SHORT[a]}{f'-{WEEKDAYS_SHORT[b]}' if b > a else ''} {text}" for a, b, text in parts)
