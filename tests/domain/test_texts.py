"""One rule for invisible characters in ids and labels, for single texts and for columns."""

import sys
import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storewatch.domain.labels import Label, clean_label
from storewatch.domain.texts import BLANKS, INVISIBLE, INVISIBLE_IN_VALUES, JOINERS, clean_id, clean_value
from storewatch.ingest.cells import clean_ids, clean_values

EVERY_CHARACTER = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]


def test_every_format_character_is_invisible_and_nothing_else() -> None:
    column = pl.Series(EVERY_CHARACTER)
    matched = {*column.filter(column.str.contains(INVISIBLE))}
    # Unicode 15 moved some Egyptian controls into the category after the version of some Pythons.
    known = {letter for letter in EVERY_CHARACTER if unicodedata.category(letter) == "Cf"}
    assert known <= matched == {*column.filter(column.str.contains(r"\p{Cf}"))}
    assert {*column.filter(column.str.contains(INVISIBLE_IN_VALUES))} == matched - {
        *column.filter(column.str.contains(f"[{JOINERS}]"))
    }
    assert {*BLANKS} == {*column.filter(column.str.strip_chars() == "")}


def test_column_is_cleaned_as_each_of_its_texts_is() -> None:
    texts = [form.format(letter) for letter in EVERY_CHARACTER[::31] for form in ("{}", "{}a", "a{}b", " a{} ")]
    column = pl.Series(texts)
    assert clean_ids(column).to_list() == [clean_id(text) for text in texts]
    assert clean_values(column).to_list() == [clean_value(text) for text in texts]


@given(st.lists(st.text(st.sampled_from("ab \t\u00a0\u3000\u200b\u200d\ufeff\u00ad\U000e0067\x1f\u00e9")), max_size=20))
def test_column_of_random_texts_is_cleaned_alike(texts: list[str]) -> None:
    column = pl.Series(texts, dtype=pl.String)
    assert clean_ids(column).to_list() == [clean_id(text) for text in texts]
    assert clean_values(column).to_list() == [clean_value(text) for text in texts]


@pytest.mark.parametrize("around", ["\ufeff", "\u200b", " \u200b ", "\u00ad", "\u202a", "\u00a0", "\u3000", "\u2029"])
def test_id_is_the_same_with_anything_invisible_around_it(around: str) -> None:
    assert {clean_id(f"{around}20 0{around}"), clean_value(f"{around}20 0{around}")} == {"20 0"}


def test_joiners_stay_inside_values_but_not_in_ids() -> None:
    family = "\U0001f468\u200d\U0001f469"
    assert (clean_value(f"\u200d{family}\u200d"), clean_id(f"20{chr(0x200D)}0")) == (family, "200")
    assert clean_label(" Brand\u200b", "\ufeffacme ") == Label("brand", "acme")
