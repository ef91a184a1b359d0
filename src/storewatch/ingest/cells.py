"""Read the cells of a table, and separate its good rows from the bad ones."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from storewatch.domain.errors import InvalidInputError, StorewatchError
from storewatch.domain.instants import DAY_SECONDS

MAX_ID_LENGTH: Final = 255
MAX_LABEL_LENGTH: Final = 256
MAX_BREAKING_ROWS: Final = 100
LABEL_NAME: Final = "^[a-z0-9_.-]{1,64}$"

# Digits are written [0-9]: \d would match those of every script, which neither casts nor dates read.
_COMMON_INSTANT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-5][0-9]\.[0-9]{6} UTC$"
_COMMON_FORMAT: Final = "%Y-%m-%d %H:%M:%S.%6f UTC"
_ANY_INSTANT: Final = (
    r"(?i)^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(?::([0-5][0-9])(?:[.,]([0-9]+))?)?"
    r" ?(?:Z|UTC|GMT|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?)?$"
)
_CLOCK: Final = r"^([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9]))?$"
_NUMBER: Final = r"^[0-9]{1,15}(\.[0-9]{1,15})?$"
_DATE: Final = (
    r"^(19[7-9][0-9]|[2-8][0-9]{3})-[0-9]{2}-[0-9]{2}$"  # from 1970 on, and not so late that instants overflow
)


_BAD: Final = pl.Schema({"row": pl.Int64(), "reason": pl.String()})

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CheckedRows:
    """good: the rows that can be right, in file order; bad: `row` (number in the block) and `reason` of the others."""

    good: pl.DataFrame
    bad: pl.DataFrame


def split(
    parsed: pl.DataFrame,
    right: pl.Expr,
    problems: list[pl.Expr],
    originals: pl.DataFrame,
    output: Sequence[str | pl.Expr],
) -> CheckedRows:
    """problems: expressions over `parsed` and `originals`; the first that is not null is the reason."""
    is_right = parsed.select(right.fill_null(value=False)).to_series()
    if is_right.all():
        return CheckedRows(good=parsed.select(output), bad=_BAD.to_frame())
    wrong = pl.concat([parsed, originals], how="horizontal").with_row_index("row").filter(~is_right)
    return CheckedRows(
        good=parsed.filter(is_right).select(output),
        bad=wrong.select(pl.col("row").cast(pl.Int64), pl.coalesce(problems).alias("reason")),
    )


def check_apart(check: Callable[[pl.DataFrame], CheckedRows], columns: pl.DataFrame) -> CheckedRows:
    """Check rows, and reject by themselves those that make the check raise an error of a library.

    No such row is known: this keeps one that is found later from hurting its neighbours. Raises InvalidInputError when
    more than MAX_BREAKING_ROWS rows do.
    """
    breaking = 0

    def part(first: int, height: int) -> Iterator[CheckedRows]:
        nonlocal breaking
        try:
            checked = check(columns.slice(first, height))
            yield CheckedRows(good=checked.good, bad=checked.bad.with_columns(pl.col("row") + first))
        except StorewatchError:
            raise
        except (Exception, pl.exceptions.PanicException):
            if height > 1:
                yield from part(first, height // 2)
                yield from part(first + height // 2, height - height // 2)
                return
            breaking += 1
            log.exception("a row cannot be checked")
            if breaking > MAX_BREAKING_ROWS:
                raise InvalidInputError(f"More than {MAX_BREAKING_ROWS} rows cannot be read.") from None
            bad = pl.DataFrame([(first, "a value in it cannot be read")], _BAD, orient="row")
            yield CheckedRows(good=check(columns.clear()).good, bad=bad)

    parts = list(part(0, columns.height))
    return (
        parts[0]
        if len(parts) == 1
        else CheckedRows(good=pl.concat([each.good for each in parts]), bad=pl.concat([each.bad for each in parts]))
    )


def instants(texts: pl.Series) -> pl.Series:
    """Instants of text; null where it is none.

    `2023-01-22 12:09:39.388884 UTC` at full speed; then ISO 8601, with `T` or a space, seconds and decimals optional,
    Z, UTC, an offset or nothing (= UTC). Digits beyond the microsecond are cut off.
    """
    texts = texts.str.strip_chars()
    instants = _parsed(texts)
    others = (instants.is_null() & texts.is_not_null()).arg_true()
    if others.is_empty():
        return instants
    parts = texts[others].str.extract_groups(_ANY_INSTANT).struct.unnest()
    date, minute, second, decimals, sign, hours, minutes = (pl.col(name) for name in parts.columns)
    micros = decimals.fill_null("").str.slice(0, 6).str.pad_end(6, "0")
    common = pl.concat_str(
        date, pl.lit(" "), minute, pl.lit(":"), second.fill_null("00"), pl.lit("."), micros, pl.lit(" UTC")
    )
    offset = hours.fill_null("0").cast(pl.Int64) * 60 + minutes.fill_null("0").cast(pl.Int64)
    ahead = pl.duration(minutes=pl.when(sign == "-").then(-offset).otherwise(offset))
    local = parts.select(common).to_series()
    return instants.scatter(others, parts.select(_parsed(local) - ahead).to_series())


def _parsed(texts: pl.Series) -> pl.Series:
    # The pattern first, because strptime also takes single digits, signs, any white space and second 60.
    frame = texts.to_frame("text")
    common = pl.when(pl.col("text").str.contains(_COMMON_INSTANT)).then(pl.col("text"))
    return frame.select(
        common.str.to_datetime(_COMMON_FORMAT, time_unit="us", strict=False).dt.replace_time_zone("UTC")
    ).to_series()


def seconds_of_day(text: pl.Expr) -> pl.Expr:
    """0 to 86,400; null where the text is no time of day."""
    parts = text.str.extract_groups(_CLOCK).struct
    hours, minutes, seconds = (parts.field(name).fill_null("0").cast(pl.Int32) for name in "123")
    total = hours * 3600 + minutes * 60 + seconds
    return pl.when(text.str.contains(_CLOCK) & (total <= DAY_SECONDS)).then(total)


def stripped(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars()


def is_empty(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().fill_null("") == ""


def is_id() -> pl.Expr:
    store_id = pl.col("store_id")
    # PostgreSQL has no NUL in text, and no reader of a report wants the others.
    return store_id.str.len_chars().is_between(1, MAX_ID_LENGTH) & ~store_id.str.contains(r"\p{Cc}")


def id_problem() -> pl.Expr:
    store_id = pl.col("store_id")
    return (
        pl.when(is_empty("store_id"))
        .then(pl.lit("store_id is empty"))
        .when(store_id.str.len_chars() > MAX_ID_LENGTH)
        .then(pl.format(f"store_id has {{}} characters: at most {MAX_ID_LENGTH} are allowed", store_id.str.len_chars()))
        .when(store_id.str.contains(r"\p{Cc}"))
        .then(pl.lit("store_id has control characters in it"))
    )


def quoted(column: str) -> pl.Expr:
    text = pl.col(column).fill_null("")
    shown = pl.when(text.str.len_chars() > 60).then(text.str.slice(0, 60) + "…").otherwise(text)
    return pl.format("'{}'", shown)


def dates(column: str) -> pl.Expr:
    """Dates of YYYY-MM-DD, of 1970 to 8999; null where the text is none."""
    text = stripped(column)
    return pl.when(text.str.contains(_DATE)).then(text).str.to_date("%Y-%m-%d", strict=False)


def numbers(text: pl.Expr) -> pl.Expr:
    """Decimal numbers without a sign or an exponent; null where the text is none."""
    return pl.when(text.str.contains(_NUMBER)).then(text).cast(pl.Float64)


def pair_problem() -> pl.Expr:
    """What is wrong with the columns label (in lower case) and value of a row; null where nothing is."""
    label, value = pl.col("label").fill_null(""), pl.col("value").fill_null("")
    shown, length = label.str.slice(0, 64), value.str.len_chars()
    too_long = pl.format(f"the label {{}} has {{}} characters: at most {MAX_LABEL_LENGTH} are allowed", shown, length)
    return (
        pl.when(~label.str.contains(LABEL_NAME))
        .then(pl.format("'{}' is no name for a label: want 1 to 64 of a-z, 0-9, _ . and -", shown))
        .when(length > MAX_LABEL_LENGTH)
        .then(too_long)
        .when(value.str.contains(r"\p{Cc}"))
        .then(pl.format("the label {} has control characters in it", shown))
    )
