"""Collect rejected rows: count all of them, show and keep the first ones."""

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
# How many rows are turned into text at a time, because rows may be long.
_ROWS_AT_ONCE: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Reject:
    """A rejected row of a file. line: its 1-based line, or its row number in Parquet; row: its text."""

    line: int
    row: str
    reason: str
    file: str = ""


class Rejects:
    """The rejected rows of a table or request. Iteration yields the kept rows, in file order, as FILE_REJECTS frames.

    count: the number of all rejected rows. first: the first `shown` of them. kept: False keeps no rows. At most
    KEPT_ROWS rows and KEPT_BYTES of text are kept, so that a file of bad rows cannot fill the disk. on_rejects: called
    with each frame of rejected rows.
    """

    def __init__(
        self, *, shown: int = SHOWN, kept: bool = True, on_rejects: Callable[[pl.DataFrame], None] | None = None
    ) -> None:
        self.count = 0
        self.first: tuple[Reject, ...] = ()
        self._shown, self._on_rejects = shown, on_rejects
        self._rows_left, self._bytes_left = (KEPT_ROWS, KEPT_BYTES) if kept else (0, 0)
        self._kept: list[pl.DataFrame] = []

    @property
    def kept(self) -> int:
        """The number of kept rows."""
        return sum(rejects.height for rejects in self._kept)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        yield from self._kept

    def add_block(self, block: Block, bad: pl.DataFrame, file: str = "") -> None:
        """Add the broken rows of a block, and the bad rows of its check. Blank lines are not counted.

        bad: row (number in the block) and reason. file: the name of the file.
        """
        broken = block.broken
        for some in bad.iter_slices(_ROWS_AT_ONCE):
            lines, texts = block.origins(some["row"].to_numpy())
            found = pl.DataFrame({"line": lines, "row": texts, "reason": some["reason"]}, REJECTS)
            # A row with several weekdays was checked once for each weekday. It is rejected once.
            found = found.filter(pl.col("row") != "").unique(["line", "reason"], keep="first", maintain_order=True)
            last_line = lines.max(initial=0)
            self._add(pl.concat([broken.filter(pl.col("line") < last_line), found]).sort("line"), file)
            broken = broken.filter(pl.col("line") >= last_line)
        self._add(broken, file)

    def _add(self, rejects: pl.DataFrame, file: str) -> None:
        if rejects.is_empty():
            return
        clean = rejects.with_columns(_shortened("row"), _without_controls("reason"), file=pl.lit(file))
        self.count += clean.height
        if len(self.first) < self._shown:
            more = clean.head(self._shown - len(self.first))
            self.first += tuple(Reject(**row) for row in more.iter_rows(named=True))
        if self._on_rejects is not None:
            self._on_rejects(clean)
        if self._rows_left > 0 and self._bytes_left > 0:
            kept = clean.head(self._rows_left)
            self._kept.append(kept)
            self._rows_left -= kept.height
            self._bytes_left -= int(kept["row"].str.len_bytes().sum())


def _shortened(column: str) -> pl.Expr:
    length = pl.col(column).str.len_chars()
    head = pl.format("{}… (shortened, {} characters in all)", pl.col(column).str.slice(0, MAX_ROW_LENGTH), length)
    return _without_controls(pl.when(length > MAX_ROW_LENGTH).then(head).otherwise(pl.col(column)))


def _without_controls(text: str | pl.Expr) -> pl.Expr:
    # PostgreSQL cannot store NUL. Escape sequences could change a terminal.
    column = pl.col(text) if isinstance(text, str) else text
    return column.str.replace_all("\n", r"\n", literal=True).str.replace_all(r"\p{Cc}", "�")
