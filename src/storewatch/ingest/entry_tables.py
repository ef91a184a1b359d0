"""The tables of entries as they come in, of stores or of labels: special hours, targets and sales."""

from datetime import datetime

import polars as pl

from storewatch.domain.columns import SALES, SPECIAL_ROWS, TARGETS
from storewatch.domain.instants import DAY_SECONDS, END_OF_DAY_FROM_S
from storewatch.ingest.cells import (
    CheckedRows,
    dates,
    id_problem,
    is_empty,
    is_id,
    numbers,
    pair_problem,
    quoted,
    split,
    stripped,
    stripped_value,
)
from storewatch.ingest.notations import are_opening_times, opening_problems, opening_times


def check_special_hours(columns: pl.DataFrame, now: datetime) -> CheckedRows:  # noqa: ARG001 - they may be of any date
    """Text of a target, date and two local times -> SPECIAL_ROWS; both times empty: closed that date."""
    times = columns.select(stripped("start_time_local"), stripped("end_time_local"))
    target, is_target, problems = _target(columns)
    parsed = columns.select(*target, dates("date")).with_columns(opening_times(*times))
    start_s, end_s = pl.col("start_s"), pl.col("end_s")
    problems += [
        pl.when(pl.col("date").is_null()).then(
            pl.format("date {} is no date: want a day from 1970 to 8999, e.g. 2026-12-24", quoted("date_found"))
        ),
        *opening_problems(),
    ]
    right = is_target & pl.col("date").is_not_null() & are_opening_times()
    until_s = pl.when(end_s >= END_OF_DAY_FROM_S).then(DAY_SECONDS).otherwise(end_s)
    into_next_day_s = pl.when(until_s <= start_s).then(DAY_SECONDS).otherwise(0)
    output = [pl.col(SPECIAL_ROWS.names()[:-1]), (until_s + into_next_day_s).cast(pl.Int32).alias("end_s")]
    originals = columns.select("start_time_local", "end_time_local", date_found="date")
    return split(parsed, right, problems, originals, output)


def check_targets(columns: pl.DataFrame, now: datetime) -> CheckedRows:  # noqa: ARG001 - targets are not dated
    """Text of a target and an objective -> TARGETS; a number over 1, or with a percent sign, is percent."""
    text = stripped("objective")
    number = numbers(text.str.strip_suffix("%").str.strip_chars_end())
    is_percent = text.str.ends_with("%") | (number > 1)
    target, is_target, problems = _target(columns)
    parsed = columns.select(
        *target,
        # Rounded, because 99.9 / 100 need not be the number nearest to 0.999.
        objective=pl.when(is_percent).then((number / 100).round(12)).otherwise(number),
    )
    problems.append(
        pl.format("objective {} is no share over 0 and up to 100 %: want 99.5, 99.5% or 0.995", quoted("found"))
    )
    right = is_target & (pl.col("objective") > 0) & (pl.col("objective") <= 1)
    return split(parsed, right, problems, columns.select(found="objective"), TARGETS.names())


def check_sales(columns: pl.DataFrame, now: datetime) -> CheckedRows:  # noqa: ARG001 - sales are not dated
    """Text of a target, amount_per_hour and, if they are there, weekday and hour -> SALES."""
    absent = [name for name in ("weekday", "hour") if name not in columns.columns]
    found = columns.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)
    target, is_target, problems = _target(columns)
    parsed = found.select(
        *target,
        _small_number("weekday", "^([0-6])$"),
        _small_number("hour", r"^(0?[0-9]|1[0-9]|2[0-3])(?:\.0+)?$"),
        numbers(stripped("amount_per_hour")).alias("amount_per_hour"),
        every_weekday=is_empty("weekday"),
        every_hour=is_empty("hour"),
    )
    amount, weekday, hour = (pl.col(name).is_not_null() for name in ("amount_per_hour", "weekday", "hour"))
    problems += [
        pl.when(~amount).then(
            pl.format("sales_per_hour {} is no amount: want a number from 0 up, e.g. 125.50", quoted("found"))
        ),
        pl.when(~weekday & ~pl.col("every_weekday")).then(
            pl.format("weekday {} is not one of 0 (Monday) to 6 (Sunday), nor empty for all", quoted("weekday_found"))
        ),
        pl.format("hour {} is not one of 0 to 23, nor empty for all", quoted("hour_found")),
    ]
    right = is_target & amount & (weekday | pl.col("every_weekday")) & (hour | pl.col("every_hour"))
    originals = found.select(weekday_found="weekday", hour_found="hour", found="amount_per_hour")
    return split(parsed, right, problems, originals, SALES.names())


def _target(columns: pl.DataFrame) -> tuple[list[pl.Expr], pl.Expr, list[pl.Expr]]:
    """How the columns of TARGET_KEY are read, whether they are right, and what may be wrong with them."""
    nothing = pl.lit(None, pl.String)
    if "store_id" in columns.columns:
        return [stripped("store_id"), nothing.alias("label"), nothing.alias("value")], is_id(), [id_problem()]
    read = [nothing.alias("store_id"), stripped("label").str.to_lowercase(), stripped_value("value")]
    no_value = pl.when(is_empty("value")).then(pl.lit("the value of the label is empty"))
    return read, ~is_empty("value") & pair_problem().is_null(), [pair_problem(), no_value]


def _small_number(column: str, pattern: str) -> pl.Expr:
    text = stripped(column)
    return text.str.extract(pattern).cast(pl.Int8).alias(column)
