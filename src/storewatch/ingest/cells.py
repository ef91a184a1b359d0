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

# Digits are written [0-9]: \d would match those of every script, which neither casts nor dates read.
# Long numbers as spreadsheets and programs write them: one digit, or a decimal point or a sign anywhere. Ids of
# hexadecimal digits (12345e678) have none of these.
_SCIENTIFIC: Final = (
    r"^(?:[+-][0-9]+[eE][+-]?|[0-9]+[eE][+-]|[+-]?[0-9]+[.,][0-9]+[eE][+-]?)[0-9]+(?:e\+0)?$|^[0-9][eE][0-9]{1,3}$"
)
# Both in one search over all ids. PostgreSQL has no NUL in text, and no reader of a report wants the others.
_NO_ID: Final = rf"\p{{Cc}}|{_SCIENTIFIC}"
_NUMBER: Final = r"^[0-9]{1,15}(\.[0-9]{1,15})?$"
_MIDNIGHT: Final = r"[ T]00:00:00(?:\.0+)?$"
_DATE: Final = (
    r"^(19[7-9][0-9]|[2-8][0-9]{3})-[0-9]{2}-[0-9]{2}$"  # from 1970 on, and not so late that instants overflow
)


_BAD: Final = pl.Schema({"row": pl.Int64(), "reason": pl.String()})

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CheckedRows:
    """good: the rows that can be right, in file order; bad: `row` (number in the block) and `reason` of the others.

    assumed: sentences about how values were read that could have meant something else.
    """

    good: pl.DataFrame
    bad: pl.DataFrame
    assumed: tuple[str, ...] = ()


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
    # Polars 2.1 panics in some selects of a frame whose columns are divided into chunks at different rows.
    frame = pl.concat([parsed, originals], how="horizontal").rechunk()
    return CheckedRows(
        good=frame.filter(is_right).select(output),
        bad=frame.with_row_index("row")
        .filter(~is_right)
        .select(pl.col("row").cast(pl.Int64), pl.coalesce(problems).alias("reason")),
    )


def check_isolating_errors(check: Callable[[pl.DataFrame], CheckedRows], columns: pl.DataFrame) -> CheckedRows:
    """Check rows, and reject by themselves those that make the check raise an error of a library.

    No such row is known: this keeps one that is found later from hurting its neighbours. Raises InvalidInputError when
    more than MAX_BREAKING_ROWS rows do.
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
    """Clean every text as `domain.texts.clean_id` does."""
    trimmed = texts.str.strip_chars()
    if _is_ascii(trimmed):
        return trimmed
    return trimmed.str.replace_all(INVISIBLE, "").str.strip_chars(BLANKS)


def clean_values(texts: pl.Series) -> pl.Series:
    """Clean every text as `domain.texts.clean_value` does."""
    trimmed = texts.str.strip_chars()
    if _is_ascii(trimmed):
        return trimmed
    return trimmed.str.replace_all(INVISIBLE_IN_VALUES, "").str.strip_chars(BLANKS_OF_VALUES)


def _is_ascii(texts: pl.Series) -> bool:
    # A fifth of what a regular expression takes over all rows.
    return bool(texts.str.len_bytes().sum() == texts.str.len_chars().sum())


def stripped(column: str) -> pl.Expr:
    """The texts of a column, cleaned as ids are."""
    return pl.col(column).map_batches(clean_ids, return_dtype=pl.String)


def stripped_value(column: str) -> pl.Expr:
    """The texts of a column, cleaned as the values of labels are."""
    return pl.col(column).map_batches(clean_values, return_dtype=pl.String)


def is_empty(column: str) -> pl.Expr:
    """Whether nothing that can be seen is in a cell."""
    return stripped(column).fill_null("") == ""


def is_id() -> pl.Expr:
    store_id = pl.col("store_id")
    return store_id.str.len_chars().is_between(1, MAX_ID_LENGTH) & ~store_id.str.contains(_NO_ID)


def id_problem() -> pl.Expr:
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
    text = pl.col(column).fill_null("")
    shown = pl.when(text.str.len_chars() > 60).then(text.str.slice(0, 60) + "…").otherwise(text)
    return pl.format("'{}'", shown)


def dates(column: str) -> pl.Expr:
    """Dates of YYYY-MM-DD, of 1970 to 8999; null where the text is none. Spreadsheets write midnight after a date."""
    text = stripped(column).str.replace(_MIDNIGHT, "")
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
