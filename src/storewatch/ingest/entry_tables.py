"""Check the rows of the tables of entries, of stores or of labels: special hours, targets and sales."""

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
    split_rows,
    stripped,
    stripped_value,
)
from storewatch.ingest.notations import are_opening_times, opening_problems, opening_times


def check_special_hours(columns: pl.DataFrame, now: datetime) -> CheckedRows:  # noqa: ARG001 - any date is valid
    """Check rows of special hours. columns: texts of store_id, or label and value, and of date and two local times.

    Return the good rows as SPECIAL_ROWS. A date with both times empty is closed.
    """
    times = columns.select(stripped("start_time_local"), stripped("end_time_local"))
    target, is_target, problems = _target(columns)
    parsed = columns.select(*target, dates("date")).with_columns(opening_times(*times))
    start_s, end_s = pl.col("start_s"), pl.col("end_s")
    problems += [
        pl.when(pl.col("date").is_null()).then(
            pl.format("date {} is not a date: write a day from 1970 to 8999, e.g. 2026-12-24", quoted("date_found"))
        ),
        *opening_problems(),
    ]
    right = is_target & pl.col("date").is_not_null() & are_opening_times()
    until_s = pl.when(end_s >= END_OF_DAY_FROM_S).then(DAY_SECONDS).otherwise(end_s)
    into_next_day_s = pl.when(until_s <= start_s).then(DAY_SECONDS).otherwise(0)
    output = [pl.col(SPECIAL_ROWS.names()[:-1]), (until_s + into_next_day_s).cast(pl.Int32).alias("end_s")]
    originals = columns.select("start_time_local", "end_time_local", date_found="date")
    return split_rows(parsed, right, problems, originals, output)


def check_targets(columns: pl.DataFrame, now: datetime) -> CheckedRows:  # noqa: ARG001 - targets are not dated
    """Check rows of targets. columns: texts of store_id, or label and value, and of objective.

    Return the good rows as TARGETS. A number over 1, or with a percent sign, is a percentage.
    """
    text = stripped("objective")
    number = numbers(text.str.strip_suffix("%").str.strip_chars_end())
    is_percent = text.str.ends_with("%") | (number > 1)
    target, is_target, problems = _target(columns)
    parsed = columns.select(
        *target,
        # Rounded, because 99.9 / 100 may differ from 0.999.
        objective=pl.when(is_percent).then((number / 100).round(12)).otherwise(number),
    )
    problems.append(
        pl.format("objective {} is not a share above 0 and up to 100 %: write 99.5, 99.5% or 0.995", quoted("found"))
    )
    right = is_target & (pl.col("objective") > 0) & (pl.col("objective") <= 1)
    return split_rows(parsed, right, problems, columns.select(found="objective"), TARGETS.names())


def check_sales(columns: pl.DataFrame, now: datetime) -> CheckedRows:  # noqa: ARG001 - sales are not dated
    """Check rows of sales. columns: texts of store_id, or label and value, of amount_per_hour, and perhaps of weekday
    and hour.

    Return the good rows as SALES. A row without a weekday or an hour is for all weekdays or hours.
    """
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
            pl.format("sales_per_hour {} is not an amount: write a number from 0 up, e.g. 125.50", quoted("found"))
        ),
        pl.when(~weekday & ~pl.col("every_weekday")).then(
            pl.format(
                "weekday {} is not one of 0 (Monday) to 6 (Sunday), or empty for all weekdays", quoted("weekday_found")
            )
        ),
        pl.format("hour {} is not one of 0 to 23, or empty for all hours", quoted("hour_found")),
    ]
    right = is_target & amount & (weekday | pl.col("every_weekday")) & (hour | pl.col("every_hour"))
    originals = found.select(weekday_found="weekday", hour_found="hour", found="amount_per_hour")
    return split_rows(parsed, right, problems, originals, SALES.names())


def _target(columns: pl.DataFrame) -> tuple[list[pl.Expr], pl.Expr, list[pl.Expr]]:
    """Return expressions for the columns of TARGET_KEY, whether these are valid, and the reasons if they are not."""
    nothing = pl.lit(None, pl.String)
    if "store_id" in columns.columns:
        return [stripped("store_id"), nothing.alias("label"), nothing.alias("value")], is_id(), [id_problem()]
    read = [nothing.alias("store_id"), stripped("label").str.to_lowercase(), stripped_value("value")]
    no_value = pl.when(is_empty("value")).then(pl.lit("the value of the label is empty"))
    return read, ~is_empty("value") & pair_problem().is_null(), [pair_problem(), no_value]


def _small_number(column: str, pattern: str) -> pl.Expr:
    text = stripped(column)
    return text.str.extract(pattern).cast(pl.Int8).alias(column)
