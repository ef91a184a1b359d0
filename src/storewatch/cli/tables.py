"""What commands print for people: columns that stand under each other, lengths, percentages."""

from collections.abc import Collection, Iterator, Sequence

_UNITS = (("h", 3_600), ("min", 60), ("s", 1))


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> Iterator[str]:
    """Lay out rows below their header; columns of these numbers stand to the right.

    What a terminal would take for a command is shown as a question mark.
    """
    cells = [[_printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        columns = enumerate(zip(row, widths, strict=True))
        yield "  ".join(
            f"{cell:>{width}}" if at in right else f"{cell:<{width}}" for at, (cell, width) in columns
        ).rstrip()


def length(duration_us: int) -> str:
    """Write a duration in its two largest units, cut after them, such as `2 h 35 min`.

    Hours are the largest: nobody reads a day as 24 hours of business time.
    """
    rest = duration_us // 1_000_000
    parts: list[tuple[int, str]] = []
    for unit, seconds in _UNITS:
        count, rest = divmod(rest, seconds)
        if count or parts:
            parts.append((count, unit))
    return " ".join(f"{count:,} {unit}" for count, unit in parts[:2] if count) or "0 s"


def count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def percent(ratio: float | None, decimals: int = 2) -> str:
    return "unknown" if ratio is None else f"{100 * ratio:.{decimals}f} %"


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
