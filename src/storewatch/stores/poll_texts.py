"""Compare the texts `reason` and `source` of observations by one common spelling; name the known reasons."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from storewatch.domain.errors import InvalidInputError
from storewatch.domain.texts import BLANKS, clean_id

MAX_SOURCES: Final = 20  # in one request
KNOWN_REASONS: Final = (
    "paused by the platform",
    "paused by the restaurant",
    "out of hours",
    "not found",
    "error",
)
_SEPARATORS: Final = f"[{BLANKS}_-]+"
# Programs often leave the article out, as in PAUSED_BY_PLATFORM.
_SHORT: Final = {reason.replace(" the ", " "): reason for reason in KNOWN_REASONS}


def common_spelling(texts: pl.Series) -> pl.Series:
    """Return one spelling for all texts that count as the same (docs/semantics.md, polls).

    It depends on the text alone, so it is the same in every shard, report and answer. Null where nothing is left.
    """
    distinct = texts.unique().drop_nulls()
    if distinct.is_empty():
        return texts
    spelled = distinct.str.to_lowercase().str.replace_all(_SEPARATORS, " ").str.strip_chars(" ")
    spelled = spelled.replace(_SHORT).set(spelled == "", None)
    return texts.replace_strict(distinct, spelled, default=None, return_dtype=pl.String)


def with_known_reasons(texts: pl.Series) -> pl.Series:
    """Return the texts with the spelling of KNOWN_REASONS where they are one of these; others as they are."""
    spelled = common_spelling(texts)
    return spelled.zip_with(spelled.is_in(KNOWN_REASONS).fill_null(value=False), texts)


def requested_sources(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the sources of a request in their common spelling. Raises InvalidInputError for an empty one."""
    spelled = common_spelling(pl.Series([clean_id(text) for text in texts], dtype=pl.String))
    if spelled.has_nulls():
        raise InvalidInputError("A source must not be empty.")
    return tuple(dict.fromkeys(spelled))
