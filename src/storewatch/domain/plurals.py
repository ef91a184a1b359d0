"""Write a number with its noun in the singular or the plural."""


def counted(number: int, noun: str) -> str:
    """Return a number and a noun whose plural ends in s, such as `1 store` or `2,000 stores`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
