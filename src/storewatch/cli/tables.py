"""Text that commands print for people: aligned columns, counts and percentages."""

from collections.abc import Collection, Iterator, Sequence


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> Iterator[str]:
    """Yield a header and rows as lines of aligned columns. right: the columns to align to the right.

    Control characters are shown as question marks, because a terminal could run them.
    """
    cells = [[_cell_text(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        columns = enumerate(zip(row, widths, strict=True))
        yield "  ".join(
            f"{cell:>{width}}" if at in right else f"{cell:<{width}}" for at, (cell, width) in columns
        ).rstrip()


def percent(ratio: float | None, decimals: int = 2) -> str:
    return "unknown" if ratio is None else f"{100 * ratio:.{decimals}f} %"


def _cell_text(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
