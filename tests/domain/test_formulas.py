"""The guard against formulas is the same for single texts and for columns of Polars."""

import polars as pl
import pytest

from storewatch.domain.formulas import safe_text, unguarded
from storewatch.reports.exports.columns import safe_texts

SAFE = ["", "cafe", "1=1", "a+b", "é", " cafe", "caf\te", "12.5", "a\n=1", "_=1", "o'clock"]
NUMBERS = ["-1", "+1", "+4930123456", "-1.5e3", "-.5", "+7.", "-1E-9"]
FORMULAS = [
    "=1+1",
    "-1+2",
    "+1 2",
    "-",
    "-e3",
    "-1\n",
    "+\u0661",
    " -1",
    "@SUM(A1)",
    "'=1",
    "'cafe",
    "''",
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


@pytest.mark.parametrize("text", SAFE + NUMBERS)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert safe_text(text) == text


def test_polars_guards_the_same_texts() -> None:
    texts = [
        *SAFE,
        *NUMBERS,
        *FORMULAS,
        *(chr(code) + "=1" for code in range(0x3100)),
        *(chr(code) for code in range(0x3100)),
    ]
    table = pl.DataFrame({"text": texts}).select(safe_texts(pl.col("text")))
    assert table["text"].to_list() == [safe_text(text) for text in texts]


def test_guard_keeps_texts_apart_and_can_be_undone() -> None:
    texts = [quotes + text for quotes in ("", "'", "''") for text in (*SAFE, *NUMBERS, *FORMULAS)]
    guarded = [safe_text(text) for text in texts]
    assert len(set(guarded)) == len(set(texts))
    assert [unguarded(text) for text in guarded] == texts
