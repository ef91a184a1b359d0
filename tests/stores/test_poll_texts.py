"""One spelling of the reasons and sources of polls."""

import polars as pl
import pytest

from storewatch.domain.errors import InvalidInputError
from storewatch.stores.poll_texts import KNOWN_REASONS, common_spelling, requested_sources, with_known_reasons


@pytest.mark.parametrize(
    ("texts", "spelled"),
    [
        (["uber", "UBER", " Uber ", "uber_"], "uber"),
        (["Uber-Eats", "uber__eats", "UBER  EATS", "uber\u00a0eats", "uber _ eats"], "uber eats"),
        (["kitchen fire", "Kitchen_Fire", "KITCHEN-FIRE"], "kitchen fire"),
        (["ZU VIELE ÄRGERNISSE", "zu viele ärgernisse"], "zu viele ärgernisse"),
        (["paused_by_platform", "PAUSED BY platform", "Paused by platform"], "paused by the platform"),
        (["PAUSED_BY_THE_RESTAURANT", "paused by restaurant"], "paused by the restaurant"),
        (["NOT_FOUND", "not-found", "Not found"], "not found"),
        (["", " ", "-", "_ _", None], None),
    ],
)
def test_texts_that_count_as_the_same_have_one_spelling(texts: list[str | None], spelled: str | None) -> None:
    assert common_spelling(pl.Series(texts, dtype=pl.String)).to_list() == [spelled] * len(texts)


def test_other_texts_stay_apart() -> None:
    texts = ["uber", "uber eats", "ubereats", "uber.eats", "paused", *KNOWN_REASONS]
    assert common_spelling(pl.Series(texts)).to_list() == texts
    assert common_spelling(pl.Series([None, None], dtype=pl.String)).to_list() == [None, None]


def test_only_known_reasons_change_when_polls_are_read() -> None:
    sent = pl.Series(["OUT_OF_HOURS", "Kitchen_Fire", None, "-"])
    assert with_known_reasons(sent).to_list() == ["out of hours", "Kitchen_Fire", None, "-"]


def test_requested_sources_are_each_there_once() -> None:
    assert requested_sources(["Uber_Eats", "\u200bUBER EATS", "wolt"]) == ("uber eats", "wolt")
    assert requested_sources([]) == ()
    with pytest.raises(InvalidInputError, match="must not be empty"):
        requested_sources(["wolt", "-"])
