"""The columns of a report's tables in files: seconds, RFC 3339, and text that cannot run as a formula.

In tables, durations are whole microseconds (`_us`). In files they are seconds (`_seconds`).
"""

from typing import Final

import polars as pl

from storewatch.domain.formulas import PLAIN_NUMBER, RISKY_START
from storewatch.domain.instants import SECOND_US

_RFC3339: Final = "%Y-%m-%dT%H:%M:%S%.f"


def seconds_name(name: str) -> str:
    return f"{name.removesuffix('_us')}_seconds" if name.endswith("_us") else name


def in_seconds(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table with durations as Float64 seconds."""
    return pl.DataFrame(
        [
            divided(column, SECOND_US).alias(seconds_name(column.name)) if column.name.endswith("_us") else column
            for column in frame.get_columns()
        ]
    )


def divided(numbers: pl.Series, unit: int) -> pl.Series:
    """Return whole numbers divided by a unit, each as the nearest Float64.

    Polars would multiply by the reciprocal, which is off by a last digit here and there, and elsewhere when the same
    rows lie in other pieces.
    """
    return pl.Series(numbers.name, numbers.to_numpy() / unit, pl.Float64, nan_to_null=True)


def in_json(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table with durations as Float64 seconds and times as RFC 3339 text. Local times have no offset."""
    seconds = in_seconds(frame)
    return seconds.with_columns(_time(name, dtype) for name, dtype in seconds.schema.items() if dtype.is_temporal())


def in_csv(frame: pl.DataFrame, *, raw_text: bool = False) -> pl.DataFrame:
    """Return the table with durations as decimal seconds, exact to the microsecond, and every text safe to open.

    A text that a spreadsheet could run as a formula gets an apostrophe in front (`domain.formulas`), with raw_text
    never. Lists are joined by spaces.
    """
    return frame.select(_cell(name, dtype, raw_text).alias(seconds_name(name)) for name, dtype in frame.schema.items())


def safe_texts(text: pl.Expr) -> pl.Expr:
    """Return a column of texts, each as `safe_text` writes it."""
    is_risky = text.str.contains(RISKY_START) & ~text.str.contains(f"^{PLAIN_NUMBER}$")
    return pl.when(is_risky).then(pl.concat_str(pl.lit("'"), text)).otherwise(text).name.keep()


def _time(name: str, dtype: pl.DataType) -> pl.Expr:
    return pl.col(name).dt.strftime(f"{_RFC3339}Z" if getattr(dtype, "time_zone", None) else _RFC3339)


def _cell(name: str, dtype: pl.DataType, raw_text: bool) -> pl.Expr:
    if dtype.is_temporal():
        return _time(name, dtype)
    if name.endswith("_us"):
        seconds = pl.col(name).cast(pl.Decimal(38, 6)) / pl.lit(SECOND_US).cast(pl.Decimal(38, 0))
        # One digit stays after the point, so that every reader takes the column as decimals: 60.0, not 60.
        return seconds.cast(pl.String).str.replace(r"(\.[0-9])([0-9]*?)0+$", "${1}${2}")
    text = pl.col(name).list.join(" ") if dtype == pl.List(pl.String) else pl.col(name)
    is_text = dtype in (pl.String, pl.List(pl.String))
    return safe_texts(text) if is_text and not raw_text else text
