"""The rows that were refused: counted, the first ones shown, all of them kept on disk until recorded."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import polars as pl

from storewatch.domain.columns import REJECTS
from storewatch.ingest.blocks import Block

MAX_ROW_LENGTH: Final = 2_000
SHOWN: Final = 3
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
    """Gathers rejects in bounded memory; iterating returns them in file order, as FILE_REJECTS frames.

    shown: how many are in `first`; kept: False counts and shows only.
    """

    def __init__(self, *, shown: int = SHOWN, kept: bool = True) -> None:
        self.count = 0
        self._shown, self._kept = shown, kept
        self.first: tuple[Reject, ...] = ()
        self._opened = ExitStack()
        self._files: list[Path] = []
        self._waiting: list[pl.DataFrame] = []
        self._waiting_rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for file in self._files:
            yield pl.read_ipc(file)
        if self._waiting:
            yield pl.concat(self._waiting)

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
        if not self._kept:
            return
        self._waiting.append(clean)
        self._waiting_rows += clean.height
        if self._waiting_rows >= _ROWS_AT_ONCE:
            self._spill()

    def _spill(self) -> None:
        if not self._files:
            self._folder = Path(self._opened.enter_context(tempfile.TemporaryDirectory(prefix="storewatch-rejects-")))
        file = self._folder / f"{len(self._files)}.arrow"
        pl.concat(self._waiting).write_ipc(file, compression="zstd")
        self._files.append(file)
        self._waiting, self._waiting_rows = [], 0


def _shortened(column: str) -> pl.Expr:
    length = pl.col(column).str.len_chars()
    head = pl.format("{}… (shortened, {} characters in all)", pl.col(column).str.slice(0, MAX_ROW_LENGTH), length)
    return _printable(pl.when(length > MAX_ROW_LENGTH).then(head).otherwise(pl.col(column)))


def _printable(text: str | pl.Expr) -> pl.Expr:
    # PostgreSQL cannot store NUL, and an escape sequence must not reach a terminal.
    column = pl.col(text) if isinstance(text, str) else text
    return column.str.replace_all("\n", r"\n", literal=True).str.replace_all(r"\p{Cc}", "�")
