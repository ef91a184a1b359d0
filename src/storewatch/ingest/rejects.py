"""The rows that were rejected: all are counted, the first ones shown and kept."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from storewatch.domain.columns import REJECTS
from storewatch.ingest.blocks import Block

MAX_ROW_LENGTH: Final = 2_000
SHOWN: Final = 3
KEPT_ROWS: Final = 100_000
KEPT_BYTES: Final = 32_000_000
# Rows may be long; this many at a time are held as text.
_ROWS_AT_ONCE: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Reject:
    """A row of a file that cannot be right: its 1-based line (row number in Parquet), its text, and why."""

    line: int
    row: str
    reason: str
    file: str = ""


class Rejects:
    """Gathers rejects; iterating returns those kept, in file order, as FILE_REJECTS frames.

    shown: how many are in `first`; kept: False counts and shows only. At most KEPT_ROWS rows and KEPT_BYTES of text
    are kept: a file whose rows are all bad must not fill the disk. every: called with each frame of rejected rows.
    """

    def __init__(
        self, *, shown: int = SHOWN, kept: bool = True, every: Callable[[pl.DataFrame], None] | None = None
    ) -> None:
        self.count = 0
        self.first: tuple[Reject, ...] = ()
        self._shown, self._every = shown, every
        self._rows_left, self._bytes_left = (KEPT_ROWS, KEPT_BYTES) if kept else (0, 0)
        self._kept: list[pl.DataFrame] = []

    @property
    def kept(self) -> int:
        """How many are kept."""
        return sum(rejects.height for rejects in self._kept)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        yield from self._kept

    def add_block(self, block: Block, bad: pl.DataFrame, file: str = "") -> None:
        """Add the broken rows of a block and the `bad` ones of its check, but for blank lines, which are no rows."""
        broken = block.broken
        for some in bad.iter_slices(_ROWS_AT_ONCE):
            lines, texts = block.origins(some["row"].to_numpy())
            found = pl.DataFrame({"line": lines, "row": texts, "reason": some["reason"]}, REJECTS)
            # A row of several weekdays is one row for each of them.
            found = found.filter(pl.col("row") != "").unique(["line", "reason"], keep="first", maintain_order=True)
            last_line = lines.max(initial=0)
            self._add(pl.concat([broken.filter(pl.col("line") < last_line), found]).sort("line"), file)
            broken = broken.filter(pl.col("line") >= last_line)
        self._add(broken, file)

    def _add(self, rejects: pl.DataFrame, file: str) -> None:
        if rejects.is_empty():
            return
        clean = rejects.with_columns(_shortened("row"), _printable("reason"), file=pl.lit(file))
        self.count += clean.height
        if len(self.first) < self._shown:
            more = clean.head(self._shown - len(self.first))
            self.first += tuple(Reject(**row) for row in more.iter_rows(named=True))
        if self._every is not None:
            self._every(clean)
        if self._rows_left > 0 and self._bytes_left > 0:
            kept = clean.head(self._rows_left)
            self._kept.append(kept)
            self._rows_left -= kept.height
            self._bytes_left -= int(kept["row"].str.len_bytes().sum())


def _shortened(column: str) -> pl.Expr:
    length = pl.col(column).str.len_chars()
    head = pl.format("{}… (shortened, {} characters in all)", pl.col(column).str.slice(0, MAX_ROW_LENGTH), length)
    return _printable(pl.when(length > MAX_ROW_LENGTH).then(head).otherwise(pl.col(column)))


def _printable(text: str | pl.Expr) -> pl.Expr:
    # PostgreSQL cannot store NUL, and an escape sequence must not reach a terminal.
    column = pl.col(text) if isinstance(text, str) else text
    return column.str.replace_all("\n", r"\n", literal=True).str.replace_all(r"\p{Cc}", "�")
