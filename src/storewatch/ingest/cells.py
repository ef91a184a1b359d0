"""Read the cells of a table, and separate its good rows from the bad ones."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from storewatch.domain.error_families import StorewatchError
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.texts import BLANKS, BLANKS_OF_VALUES, INVISIBLE, INVISIBLE_IN_VALUES

MAX_ID_LENGTH: Final = 255
MAX_LABEL_LENGTH: Final = 256
MAX_BREAKING_ROWS: Final = 100
LABEL_NAME: Final = "^[a-z0-9_.-]{1,64}$"

# Digits are written [0-9], because \d also matches the digits of other scripts, which casts and dates cannot read.
# Scientific notation as spreadsheets and programs write it: one digit before the e, or a decimal point or a sign. Ids
# of hexadecimal digits (12345e678) have none of these.
_SCIENTIFIC: Final = (
    r"^(?:[+-][0-9]+[eE][+-]?|[0-9]+[eE][+-]|[+-]?[0-9]+[.,][0-9]+[eE][+-]?)[0-9]+(?:e\+0)?$|^[0-9][eE][0-9]{1,3}$"
)
# One search for both. PostgreSQL cannot store NUL, and other control characters would spoil reports.
_NO_ID: Final = rf"\p{{Cc}}|{_SCIENTIFIC}"
_NUMBER: Final = r"^[0-9]{1,15}(\.[0-9]{1,15})?$"
_MIDNIGHT: Final = r"[ T]00:00:00(?:\.0+)?$"
_DATE: Final = (
    r"^(19[7-9][0-9]|[2-8][0-9]{3})-[0-9]{2}-[0-9]{2}$"  # 1970 to 8999; instants of later dates would overflow
)


_BAD: Final = pl.Schema({"row": pl.Int64(), "reason": pl.String()})

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CheckedRows:
    """The result of a check of rows.

    good: the good rows in file order, in the columns of their table. bad: row (Int64, number in the block, from 0) and
    reason of the other rows. assumed: sentences that name how values with more than one meaning were read.
    """

    good: pl.DataFrame
    bad: pl.DataFrame
    assumed: tuple[str, ...] = ()


def split_rows(
    parsed: pl.DataFrame,
    right: pl.Expr,
    problems: list[pl.Expr],
    originals: pl.DataFrame,
    output: Sequence[str | pl.Expr],
) -> CheckedRows:
    """Split rows into good and bad ones.

    parsed: the read values; right: whether a row is good, over `parsed` (null: it is bad); originals: the texts of
    values that reasons quote. problems: reasons, over `parsed` and `originals`; the first that is not null counts.
    output: the columns of the good rows, over `parsed`.
    """
    is_right = parsed.select(right.fill_null(value=False)).to_series()
    if is_right.all():
        return CheckedRows(good=parsed.select(output), bad=_BAD.to_frame())
    # Polars 2.1 panics in some selects of a frame whose columns have chunks of different lengths.
    frame = pl.concat([parsed, originals], how="horizontal").rechunk()
    return CheckedRows(
        good=frame.filter(is_right).select(output),
        bad=frame.with_row_index("row")
        .filter(~is_right)
        .select(pl.col("row").cast(pl.Int64), pl.coalesce(problems).alias("reason")),
    )


def check_isolating_errors(check: Callable[[pl.DataFrame], CheckedRows], columns: pl.DataFrame) -> CheckedRows:
    """Check rows, and reject each row on which the check raises an error of a library.

    No such row is known today. If one is found later, only this row is rejected, and not the rows beside it.
    Raises InvalidInputError for more than MAX_BREAKING_ROWS such rows.
    """
    breaking = 0

    def part(first: int, height: int) -> Iterator[CheckedRows]:
        nonlocal breaking
        try:
            checked = check(columns.slice(first, height))
            yield replace(checked, bad=checked.bad.with_columns(pl.col("row") + first))
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
    return CheckedRows(
        good=pl.concat([each.good for each in parts]),
        bad=pl.concat([each.bad for each in parts]),
        assumed=tuple(dict.fromkeys(sentence for each in parts for sentence in each.assumed)),
    )


def clean_ids(texts: pl.Series) -> pl.Series:
    """Return the texts, each cleaned as `domain.texts.clean_id` does."""
    trimmed = texts.str.strip_chars()
    if _is_ascii(trimmed):
        return trimmed
    return trimmed.str.replace_all(INVISIBLE, "").str.strip_chars(BLANKS)


def clean_values(texts: pl.Series) -> pl.Series:
    """Return the texts, each cleaned as `domain.texts.clean_value` does."""
    trimmed = texts.str.strip_chars()
    if _is_ascii(trimmed):
        return trimmed
    return trimmed.str.replace_all(INVISIBLE_IN_VALUES, "").str.strip_chars(BLANKS_OF_VALUES)


def _is_ascii(texts: pl.Series) -> bool:
    # Takes a fifth of the time of a regular expression over all rows.
    return bool(texts.str.len_bytes().sum() == texts.str.len_chars().sum())


def stripped(column: str) -> pl.Expr:
    """Return the texts of a column, cleaned as ids are."""
    return pl.col(column).map_batches(clean_ids, return_dtype=pl.String)


def stripped_value(column: str) -> pl.Expr:
    """Return the texts of a column, cleaned as the values of labels are."""
    return pl.col(column).map_batches(clean_values, return_dtype=pl.String)


def is_empty(column: str) -> pl.Expr:
    """Return whether cells are null or hold no visible character."""
    return stripped(column).fill_null("") == ""


def is_id() -> pl.Expr:
    """Return whether the column store_id holds valid ids; null where it is null."""
    store_id = pl.col("store_id")
    return store_id.str.len_chars().is_between(1, MAX_ID_LENGTH) & ~store_id.str.contains(_NO_ID)


def id_problem() -> pl.Expr:
    """Return the reason why the column store_id holds no valid id; null where it does."""
    store_id = pl.col("store_id")
    return (
        pl.when(is_empty("store_id"))
        .then(pl.lit("store_id is empty"))
        .when(store_id.str.len_chars() > MAX_ID_LENGTH)
        .then(pl.format(f"store_id has {{}} characters: at most {MAX_ID_LENGTH} are allowed", store_id.str.len_chars()))
        .when(store_id.str.contains(r"\p{Cc}"))
        .then(pl.lit("store_id has control characters in it"))
        .when(store_id.str.contains(_SCIENTIFIC))
        .then(
            pl.format(
                "store_id {} is a number in scientific notation, which may have lost digits: save ids as text",
                quoted("store_id"),
            )
        )
    )


def quoted(column: str) -> pl.Expr:
    """Return the texts of a column in quotes, for reasons; at most 60 characters of each."""
    text = pl.col(column).fill_null("")
    shown = pl.when(text.str.len_chars() > 60).then(text.str.slice(0, 60) + "…").otherwise(text)
    return pl.format("'{}'", shown)


def dates(column: str) -> pl.Expr:
    """Return the dates of a column of texts (YYYY-MM-DD, 1970 to 8999); null where a text is not such a date.

    A midnight after the date is accepted, because spreadsheets write it.
    """
    text = stripped(column).str.replace(_MIDNIGHT, "")
    return pl.when(text.str.contains(_DATE)).then(text).str.to_date("%Y-%m-%d", strict=False)


def numbers(text: pl.Expr) -> pl.Expr:
    """Return texts as decimal numbers; null where a text is not a number, or has a sign or an exponent."""
    return pl.when(text.str.contains(_NUMBER)).then(text).cast(pl.Float64)


def pair_problem() -> pl.Expr:
    """Return the reason why the columns label (in lower case) and value are not valid; null where they are."""
    label, value = pl.col("label").fill_null(""), pl.col("value").fill_null("")
    shown, length = label.str.slice(0, 64), value.str.len_chars()
    too_long = pl.format(f"the label {{}} has {{}} characters: at most {MAX_LABEL_LENGTH} are allowed", shown, length)
    return (
        pl.when(~label.str.contains(LABEL_NAME))
        .then(pl.format("'{}' cannot be the name of a label: write 1 to 64 of a-z, 0-9, _ . and -", shown))
        .when(length > MAX_LABEL_LENGTH)
        .then(too_long)
        .when(value.str.contains(r"\p{Cc}"))
        .then(pl.format("the label {} has control characters in it", shown))
    )
