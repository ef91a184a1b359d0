"""Write counts and lists of ids in words."""

from collections.abc import Sequence
from typing import Final

SHOWN: Final = 5


def counted(number: int, noun: str) -> str:
    """Return a number and a noun whose plural ends in s, such as `1 store` or `2,000 stores`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def first_ids(ids: Sequence[str], count: int | None = None) -> str:
    """Return the first SHOWN ids and how many more there are. count: of all ids; None: `ids` are all."""
    count = len(ids) if count is None else count
    return ", ".join(ids[:SHOWN]) + (f" and {count - SHOWN:,} more" if count > SHOWN else "")
