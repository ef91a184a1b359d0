"""Blocks of consecutive rows, the common form of all file formats. Each row can be traced to its line."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.domain.columns import REJECTS

# Cells that cannot be read. row: number of the row in the block, from 0; column: canonical name of the column.
UNREADABLE: Final = pl.Schema({"row": pl.Int64, "column": pl.String, "reason": pl.String})

# int64[N], numbers of rows in a block, from 0.
RowNumbers = npt.NDArray[np.int64]

# Optional columns of polls. In NDJSON the first object with such a key may come after other rows.
DETAIL_NAMES: Final = ("reason", "source")
# Columns whose numbers may have decimals, in formats that have numbers.
DECIMAL_NAMES: Final = ("objective", "amount_per_hour", "observed_at")
# Columns whose numbers are whole. Some programs write them as floating-point numbers.
WHOLE_NAMES: Final = ("store_id", "day", "weekday", "hour")
# Columns of local dates, in formats that have dates.
DATE_NAMES: Final = ("date", "opened_on", "closed_on")
# Whole numbers above this may be rounded when they are stored as floating-point numbers.
EXACT_TO: Final = 2**53


@dataclass(frozen=True, kw_only=True)
class Block:
    """Consecutive rows of a file.

    columns: the wanted columns by their canonical names. A cell is the text in the file, null if it is empty, or a
        native Datetime of a Parquet file.
    origins: takes numbers of rows in `columns`; returns their 1-based line numbers and their texts. A blank line has
        an empty text, and is not counted as a row.
    broken: rows that could not be split into columns, as REJECTS.
    done_bytes: how many bytes of the file were read when this block was complete.
    unreadable: cells that are null in `columns` because they could not be read, as UNREADABLE. Filled only for joined
        tables (see `RowReader.blocks`); otherwise the row of such a cell is in `broken`.
    ids_in: takes the text of a row, and returns the ids of stores that can be read in it although the row is rejected.
        These are several if a quote has joined lines that look like rows.
    """

    columns: pl.DataFrame
    origins: Callable[[RowNumbers], tuple[RowNumbers, list[str]]]
    broken: pl.DataFrame
    done_bytes: int
    unreadable: pl.DataFrame = field(default_factory=UNREADABLE.to_frame)
    ids_in: Callable[[str], list[str]] = lambda _: []


@dataclass(frozen=True, kw_only=True)
class RowReader:
    """Reads the rows of an open file, sheet or request body.

    names: the column names in the header, as written. total_bytes: the size of the file. read: implements `blocks`.
    all_names: reads the whole file, and returns `names` with those that only later rows have.
    """

    names: tuple[str, ...]
    total_bytes: int
    read: Callable[[Mapping[str, int], bool], Iterator[Block]]
    all_names: Callable[[], tuple[str, ...]] | None = None

    def blocks(self, wanted: Mapping[str, int], *, joined: bool = False) -> Iterator[Block]:
        """Yield the rows in blocks, in file order.

        wanted: canonical name -> position in `names`. joined: the columns belong to several tables. Then a cell that
        cannot be read is listed in `Block.unreadable`, and the rest of its row is kept.
        Raises InvalidInputError when the file as a whole cannot be read.
        """
        return self.read(wanted, joined)


def no_rejects() -> pl.DataFrame:
    """Return an empty REJECTS frame."""
    return REJECTS.to_frame()
