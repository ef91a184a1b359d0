"""The guard against formulas is the same for single texts and for columns of Polars."""

import polars as pl
import pytest

from storewatch.domain.formulas import FORMULA_START, safe_text

SAFE = ["", "cafe", "1=1", "a+b", "'=1", "é", " cafe", "caf\te", "12.5", "a\n=1", "_=1"]
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    " =1",
    "\u00a0=1",
    "\u200b=1",
    "\ufeff=1",
    "\u3000+1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff20A1",
    "\tcafe",
    "\rcafe",
    "\ncafe",
    "\x1c=1",
    "\x1f-1",
    "\x85=1",
    "\x0b=1",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_formula_gets_an_apostrophe(text: str) -> None:
    assert safe_text(text) == f"'{text}"


@pytest.mark.parametrize("text", SAFE)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert safe_text(text) == text


def test_polars_guards_the_same_texts() -> None:
    texts = [*SAFE, *FORMULAS, *(chr(code) + "=1" for code in range(0x3100)), *(chr(code) for code in range(0x3100))]
    column = pl.Series(texts).str.replace(FORMULA_START, "'${0}")
    assert column.to_list() == [safe_text(text) for text in texts]
