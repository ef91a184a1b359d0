"""Read rows of JSON through a small window: the rows of the whole body, and errors that name the position."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storewatch.domain.errors import InvalidInputError
from storewatch.ingest.json_rows import NO_ARRAY, RepeatedKeyError, json_rows

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
BLANKS = st.sampled_from(["", " ", "\r\n\t"])


def rows_of(text: str | bytes, window_bytes: int = 200, chunk_rows: int = 3, member: str | None = "rows") -> list[Any]:
    body = text if isinstance(text, bytes) else text.encode()
    chunks = list(json_rows(body, member=member, window_bytes=window_bytes, chunk_rows=chunk_rows))
    assert all(1 <= len(chunk) <= chunk_rows for chunk in chunks)
    return [row for chunk in chunks for row in chunk]


def dumped(value: object, blank: str, *, ascii_only: bool) -> str:
    return json.dumps(value, ensure_ascii=ascii_only, separators=(f"{blank},", f":{blank}"))


def same(found: object, expected: object) -> bool:
    return repr(found) == repr(expected)  # NaN is not equal to itself


@given(rows=st.lists(VALUES, max_size=12), blank=BLANKS, ascii_only=st.booleans(), window=st.integers(2_000, 3_000))
def test_rows_are_those_of_the_whole_body(rows: list[Any], blank: str, ascii_only: bool, window: int) -> None:
    text = f"{blank * 900}{dumped(rows, blank, ascii_only=ascii_only)}{blank * 900}"
    expected = json.loads(text)
    assert same(rows_of(text, 10_000_000), expected)
    assert same(rows_of(text, window, member=None), expected)
    assert same(rows_of(f'{{"a":{blank}[1],"rows":{text},"b":{{}}}}', window), expected)


@pytest.mark.parametrize("window", range(70, 150))
def test_values_may_be_cut_at_any_place(window: int) -> None:
    values = [-12.5e-3, 1e5, 10**20, True, None, 'é😀\\"\u2028', {"key": [1, {"a": "}],"}]}, [], {}, float("inf")]
    text = json.dumps(values * 10) + " " + "\n" * window
    assert rows_of(text, window) == values * 10
    assert rows_of(json.dumps(values * 10, ensure_ascii=False), window) == values * 10


@pytest.mark.parametrize(
    "text", ['{"rows": [1, 2, 3, 4]}', '{"a": 1, "rows": [1, 2, 3, 4], "b": [[]]}', "\ufeff[1, 2,3 ,4]", " [1,2,3,4]\n"]
)
@pytest.mark.parametrize("window", [24, 1_000])
def test_rows_are_in_an_array_or_under_a_key(text: str, window: int) -> None:
    assert rows_of(text, window) == [1, 2, 3, 4]


@pytest.mark.parametrize("window", [60, 1_000])
def test_other_value_is_one_row_with_member_and_is_refused_without(window: int) -> None:
    blanks = " " * 100
    for value in ({"a": 1, "b": {"rows": [2]}}, {}, "text", 5, None):
        assert rows_of(json.dumps(value) + blanks, window) == [value]
        with pytest.raises(InvalidInputError, match=NO_ARRAY):
            rows_of(json.dumps(value) + blanks, window, member=None)
    assert rows_of('{"rows": 5}' + blanks, window) == [5]
    for empty in ("[]", '{"rows": []}'):
        assert rows_of(empty + blanks, window) == []


def test_key_that_is_repeated_makes_the_object_one_bad_row() -> None:
    for text in ('{"rows": [1, 2], "rows": []}', '{"a": 1, "rows": [1, 2], "a": 2}', '{"a": 1, "a": 2}'):
        assert [type(row).__name__ for row in rows_of(text, 1_000)] == ["RepeatedKey"]
        with pytest.raises(RepeatedKeyError) as raised:
            rows_of(text + " " * 100, 20)
        assert raised.value.row == rows_of(text, 1_000)[0]


def test_chunks_have_a_number_of_rows_and_at_most_a_window_of_text() -> None:
    short, long = json.dumps(list(range(1, 10)) * 10), json.dumps(["x" * 90] * 10)
    for text, window, lengths in (
        (short, 10_000, [20, 20, 20, 20, 10]),
        (short, 80, [20, 20, 20, 20, 10]),
        (long, 200, [3, 3, 3, 1]),
    ):
        chunks = json_rows(text.encode(), window_bytes=window, chunk_rows=20)
        assert [len(chunk) for chunk in chunks] == lengths


@pytest.mark.parametrize("length", [0, 30])
@pytest.mark.parametrize("window", [60, 100_000])
@pytest.mark.parametrize(
    ("end", "place", "message"),
    [
        ("5 6]", 2, "Expecting ',' delimiter"),
        ("5,]", 2, "Expecting value"),
        ("tru]", 0, "Expecting value"),
        ("5", 1, "Expecting ',' delimiter"),
        ('"abc', 0, "Unterminated string starting at"),
        ('"a\nb"]', 2, "Invalid control character at"),
        ('"\\x"]', 1, "Invalid \\\\escape"),
        ("{1: 2}]", 1, "Expecting property name enclosed in double quotes"),
        ("5] x", 3, "Extra data"),
        ("5]]", 2, "Extra data"),
    ],
)
def test_error_names_the_character(window: int, length: int, end: str, place: int, message: str) -> None:
    rows = '{"store": "é"}, ' * length
    with pytest.raises(InvalidInputError, match=rf"not JSON \({message}: character {1 + len(rows) + place:,}\)"):
        rows_of(f"[{rows}{end}", window)


def test_error_names_the_position_of_invalid_utf8() -> None:
    good = '["é", "é", "é", '.encode()
    for window in (30, 1_000):
        with pytest.raises(InvalidInputError, match=rf"not UTF-8 text \(byte {len(good) + 1}\)"):
            rows_of(good + b'"\xff"]', window)


@pytest.mark.parametrize(
    "row",
    [
        '"' + "x" * 300 + '"',
        "[" + "[]," * 100 + "[]]",
        "1." + "1" * 300,
        '{"a": {"b": "' + "x" * 300 + '"}}',
        '"' + "\\u00e9" * 60 + '"',
    ],
)
def test_row_larger_than_the_window_is_refused(row: str) -> None:
    for text in (
        f"[1, {row}]",
        f"[{row}, 2]",
        f'{{"rows": [{row}]}}',
        f'{{"a": {row}, "rows": [1]}}',
        f'{{"a": {row}}}',
    ):
        with pytest.raises(InvalidInputError, match=r"a value of more than 0\.0002 MB"):
            rows_of(text + " " * 1_000, 200)


def test_object_larger_than_the_window_is_refused_however_small_its_values_are() -> None:
    text = ",".join(f'"{number}": 1' for number in range(1_000))
    with pytest.raises(InvalidInputError, match=r"a value of more than 0\.0002 MB"):
        rows_of(f"{{{text}}}", 200)


@pytest.mark.parametrize("window", [50_000, 10_000_000])
@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_deep_nesting_is_refused(window: int, opening: str) -> None:
    with pytest.raises(InvalidInputError, match="nested too deeply"):
        rows_of("[" + opening * 100_000, window)


@pytest.mark.parametrize("window", [10_000, 10_000_000])
def test_number_of_too_many_digits_is_refused(window: int) -> None:
    with pytest.raises(InvalidInputError, match=r"not JSON \(Exceeds the limit \(4300 digits\).*: character [04]\)"):
        rows_of(f"[1, {'9' * 5_000}]{' ' * 20_000}", window)
