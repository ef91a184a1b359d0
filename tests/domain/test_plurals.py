import pytest

from storewatch.domain.plurals import counted


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 stores"), (1, "1 store"), (2, "2 stores"), (1_000_001, "1,000,001 stores")]
)
def test_only_one_is_singular(number: int, words: str) -> None:
    assert counted(number, "store") == words
