"""Read instants, times of day and opening hours in the notations that files may have, column by column.

A text with two possible meanings is not read, and its row is rejected.
"""

from typing import Final

import polars as pl

from storewatch.domain.instant_notations import DAYS, EPOCH, ISO_INSTANT, MAIL_INSTANT, MONTHS
from storewatch.domain.instants import DAY_SECONDS
from storewatch.ingest.cells import clean_ids, quoted

# Digits are written [0-9], because \d also matches the digits of other scripts, which casts and dates cannot read.
_COMMON_INSTANT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-5][0-9]\.[0-9]{6} UTC$"
_COMMON_FORMAT: Final = "%Y-%m-%d %H:%M:%S.%6f UTC"
_EPOCH_UNITS: Final = {10: "seconds", 13: "milliseconds", 16: "microseconds", 19: "nanoseconds"}
_NO_INSTANT: Final = pl.lit(None, pl.Datetime("us", "UTC"))

# pandas writes a duration as `0 days 09:00:00`. Spreadsheets and databases write a time without a date as
# `1900-01-01 09:00:00`.
_DATELESS: Final = r"^(?:(?:1900-01-01|1899-12-30|1970-01-01)[T ]|0 days )"
_CLOCK: Final = r"^([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9])(?:\.0{1,9})?)?$"
_TWELVE_HOURS: Final = r"(?i)^(1[0-2]|0?[1-9])(?::([0-5][0-9])(?::([0-5][0-9]))?)? ?([ap])(?:m|\.m\.)$"
_RANGE: Final = r"^(.+?) ?[-\x{2013}\x{2014}] ?(.+)$"
# Parts of reasons.
_TIME_WORDS: Final = "HH:MM:SS, HH:MM or 9:00 AM"
_OR_CLOSED: Final = "or both times empty, or Closed"
# A time such as 0900. A number without a 0 in front, up to 1800, may also count minutes since midnight.
_DIGITS: Final = r"^([0-9]{1,2})([0-5][0-9])$"
_NO_MINUTES: Final = r"^0[0-9]{3}$|[^0-9]"
_MINUTES_UP_TO: Final = 30 * 60
# People write a dash in an empty cell.
_DASHES: Final = r"^[-\x{2013}\x{2014}]+$"
_ALL_DAY: Final = r"(?i)^(?:open )?24 ?(?:hours|hrs|h)$"
_CLOSED: Final = r"(?i)^closed$"


def read_instants(texts: pl.Series) -> tuple[pl.Series, list[str]]:
    """Return the instants in texts, as Datetime("us", "UTC"), and the units of numbers since 1970.

    An instant is null where the text is not an instant. The notations are, in this order: `2023-01-22
    12:09:39.388884 UTC`, which is fastest; ISO 8601 with `T` or a space, optional seconds and decimals, and Z, UTC, an
    offset or nothing (UTC); RFC 5322; numbers since 1970, whose number of digits decides the unit. Digits after the
    microsecond are cut off.
    """
    found = _common(texts)
    units: list[str] = []
    for read in (_iso, _mail, _epoch):
        others = (found.is_null() & texts.is_not_null()).arg_true()
        if others.is_empty():
            break
        rest = clean_ids(texts[others])
        found = found.scatter(others, read(rest))
        if read is _epoch:
            units = epoch_units(epoch_digits(rest))
    return found, units


def epoch_digits(texts: pl.Series) -> pl.Series:
    """Return how many digits each number since 1970 has before its decimals; null for other texts of instants."""
    return clean_ids(texts).str.extract(EPOCH).str.len_bytes()


def epoch_units(digits: pl.Series) -> list[str]:
    """Return the units of numbers since 1970, each once, the longest unit first. digits: from `epoch_digits`."""
    return [_EPOCH_UNITS[length] for length in digits.drop_nulls().unique().sort()]


def _common(texts: pl.Series) -> pl.Series:
    # The pattern is checked first, because strptime also accepts single digits, signs, any white space and second 60.
    frame = texts.to_frame("text")
    common = pl.when(pl.col("text").str.contains(_COMMON_INSTANT)).then(pl.col("text"))
    return frame.select(
        common.str.to_datetime(_COMMON_FORMAT, time_unit="us", strict=False).dt.replace_time_zone("UTC")
    ).to_series()


def _iso(texts: pl.Series) -> pl.Series:
    parts = texts.str.extract_groups(ISO_INSTANT).struct.unnest()
    date, minute, second, decimals, *offset, sign, hours, minutes = (pl.col(name) for name in parts.columns)
    offsets = [pl.coalesce(pair) for pair in zip(offset, (sign, hours, minutes), strict=True)]
    return _at_offset(parts, date, (minute, second, decimals), offsets)


def _mail(texts: pl.Series) -> pl.Series:
    parts = texts.str.extract_groups(MAIL_INSTANT).struct.unnest()
    weekday, day, month, year, minute, second, *offsets = (pl.col(name) for name in parts.columns)
    months = month.str.to_lowercase().replace_strict(MONTHS, range(1, 13), default=None, return_dtype=pl.Int8)
    date = pl.concat_str(year, months.cast(pl.String).str.zfill(2), day.str.zfill(2), separator="-")
    names = weekday.str.to_lowercase().replace_strict(DAYS, range(1, 8), default=None, return_dtype=pl.Int8)
    # If the weekday does not fit the date, one of the two is wrong.
    agrees = names.is_null() | (date.str.to_date("%Y-%m-%d", strict=False).dt.weekday() == names)
    return _at_offset(parts, pl.when(agrees).then(date), (minute, second, pl.lit(None, pl.String)), offsets)


def _at_offset(
    parts: pl.DataFrame, date: pl.Expr, clock: tuple[pl.Expr, pl.Expr, pl.Expr], offset: list[pl.Expr]
) -> pl.Series:
    """Return the instants of dates and times at offsets from UTC.

    clock: hours with minutes, seconds, decimals. offset: sign, hours, minutes; nulls are UTC.
    """
    minute, second, decimals = clock
    sign, hours, minutes = offset
    micros = decimals.fill_null("").str.slice(0, 6).str.pad_end(6, "0")
    common = pl.concat_str(
        date, pl.lit(" "), minute.str.zfill(5), pl.lit(":"), second.fill_null("00"), pl.lit("."), micros, pl.lit(" UTC")
    )
    offset_min = hours.fill_null("0").cast(pl.Int64) * 60 + minutes.fill_null("0").cast(pl.Int64)
    ahead = pl.duration(minutes=pl.when(sign == "-").then(-offset_min).otherwise(offset_min))
    return parts.select(_common(parts.select(common).to_series()).alias("local") - ahead).to_series()


def _epoch(texts: pl.Series) -> pl.Series:
    parts = texts.str.extract_groups(EPOCH).struct.unnest()
    whole, decimals = (pl.col(name) for name in parts.columns)
    # The first 16 digits are microseconds, in each of the units.
    digits = (whole + decimals.fill_null("")).str.pad_end(16, "0").str.slice(0, 16)
    return parts.select(digits.cast(pl.Int64).cast(pl.Datetime("us", "UTC"))).to_series()


def seconds_of_day(texts: pl.Series) -> pl.Series:
    """Return times of day as seconds since midnight (Int32), up to 48:00; null where the text is not a time of day."""
    text = texts.str.replace(_DATELESS, "")
    clocks = text.str.extract_groups(_CLOCK).struct.unnest()
    halves = text.str.extract_groups(_TWELVE_HOURS).struct.unnest()
    found = pl.concat([clocks.rename("c{}".format), halves.rename("h{}".format)], how="horizontal")
    hours, minutes, seconds, hour, minute, second = (
        pl.col(name).fill_null("0").cast(pl.Int32) for name in ("c1", "c2", "c3", "h1", "h2", "h3")
    )
    total = hours * 3600 + minutes * 60 + seconds
    afternoon = pl.when(pl.col("h4").str.to_lowercase() == "p").then(12 * 3600).otherwise(0)
    return found.select(
        pl.when(pl.col("c1").is_not_null() & (total <= 2 * DAY_SECONDS))
        .then(total)
        .when(pl.col("h1").is_not_null())
        .then(hour % 12 * 3600 + minute * 60 + second + afternoon)
        .cast(pl.Int32)
    ).to_series()


def opening_times(start: pl.Series, end: pl.Series) -> pl.DataFrame:
    """Read opening hours from cleaned texts: start_s, end_s and is_closed.

    start_s, end_s: Int32, seconds since midnight, null where they cannot be read. An end after 24:00 becomes that time
    of the next day, so it is before the start, like all hours that run past midnight (SEMANTICS 2). A text for both
    times (`18:00-26:00`, `Open 24 hours`, `Closed`) can be in either of the two columns, or in both.
    """
    # Computed step by step. In one expression Polars computes a part once for each use, which doubled six times: one
    # row took 1.2 CPU-seconds, and 100,000 unusual rows took 31.
    start, end = (text.fill_null("").str.replace(_DASHES, "") for text in (start, end))
    texts = pl.DataFrame([start.alias("start"), end.alias("end")])
    first, last = pl.col("start"), pl.col("end")
    same = last.str.to_lowercase() == first.str.to_lowercase()
    both = texts.select(
        pl.when((last == "") | same).then(first).when(first == "").then(last).otherwise(pl.lit("")).alias("both")
    ).to_series()
    is_range = both.str.contains(_RANGE) & ~both.str.contains(_DATELESS)
    ends = texts.with_columns(
        is_range.alias("is_range"), both.str.extract(_RANGE, 1).alias("from"), both.str.extract(_RANGE, 2).alias("to")
    ).select(
        pl.when("is_range").then("from").otherwise("start").alias("start"),
        pl.when("is_range").then("to").otherwise("end").alias("end"),
    )
    ends = _with_colons(ends)
    read = pl.DataFrame(
        [
            seconds_of_day(ends["start"]).alias("start_s"),
            seconds_of_day(ends["end"]).alias("until_s"),
            both.str.contains(_ALL_DAY).alias("is_all_day"),
            (((texts["start"] == "") & (texts["end"] == "")) | both.str.contains(_CLOSED)).alias("is_closed"),
        ]
    )
    until_s, next_day_s = pl.col("until_s"), pl.col("until_s") - DAY_SECONDS
    end_s = pl.when(until_s <= DAY_SECONDS).then(until_s).when(next_day_s < pl.col("start_s")).then(next_day_s)
    return read.select(
        pl.when("is_all_day").then(0).otherwise("start_s").cast(pl.Int32).alias("start_s"),
        pl.when("is_all_day").then(0).otherwise(end_s).cast(pl.Int32).alias("end_s"),
        "is_closed",
    )


def opening_problems() -> list[pl.Expr]:
    """Return the reasons why opening hours are not valid, over start_s, end_s and the two columns of texts."""
    start_s, end_s = pl.col("start_s"), pl.col("end_s")
    are_numbers = pl.all_horizontal(
        pl.col(name).str.contains("^ *[0-9]{3,4} *$") for name in ("start_time_local", "end_time_local")
    )
    return [
        pl.when(are_numbers & start_s.is_null()).then(
            pl.format("{} may be a time or minutes since midnight: write 09:00", quoted("start_time_local"))
        ),
        pl.when((start_s < DAY_SECONDS).fill_null(value=False).not_()).then(
            pl.format(
                f"start_time_local {{}} is not a time of day: write {_TIME_WORDS}, {_OR_CLOSED}",
                quoted("start_time_local"),
            )
        ),
        pl.when(end_s.is_null()).then(
            pl.format(
                f"end_time_local {{}} is not a time of day: write {_TIME_WORDS}, within 24 hours of the start, "
                f"{_OR_CLOSED}",
                quoted("end_time_local"),
            )
        ),
        pl.format(
            "start and end are both {}: write an end after the start, or 00:00:00 twice for the whole day",
            quoted("start_time_local"),
        ),
    ]


def are_opening_times() -> pl.Expr:
    """Return whether opening hours are valid, over the columns start_s, end_s and is_closed."""
    start_s, end_s = pl.col("start_s"), pl.col("end_s")
    times = (start_s < DAY_SECONDS) & end_s.is_not_null() & ((start_s != end_s) | (start_s == 0))
    return pl.col("is_closed") | times


def _with_colons(times: pl.DataFrame) -> pl.DataFrame:
    """Write 0900 as 09:00 in the columns start and end, where one of the two cannot be a number of minutes."""
    shows = (
        text.str.contains(_NO_MINUTES) | (text.str.extract("^([0-9]{3,4})$").cast(pl.Int32) > _MINUTES_UP_TO)
        for text in (pl.col("start"), pl.col("end"))
    )
    return times.with_columns(is_clock=pl.any_horizontal(shows)).select(
        pl.when("is_clock").then(pl.col(name).str.replace(_DIGITS, "${1}:${2}")).otherwise(name).alias(name)
        for name in ("start", "end")
    )
