import pytest

from storewatch.domain.plurals import counted, first_ids


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 stores"), (1, "1 store"), (2, "2 stores"), (1_000_001, "1,000,001 stores")]
)
def test_only_one_is_singular(number: int, words: str) -> None:
    assert counted(number, "store") == words


@pytest.mark.parametrize(
    ("ids", "count", "words"),
    [
        ("", None, ""),
        ("abcde", None, "a, b, c, d, e"),
        ("abcdef", None, "a, b, c, d, e and 1 more"),
        ("abcde", 1_005, "a, b, c, d, e and 1,000 more"),
    ],
)
def test_first_ids_are_listed_and_the_others_counted(ids: str, count: int | None, words: str) -> None:
    assert first_ids(list(ids), count) == words
