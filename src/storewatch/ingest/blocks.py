"""What every format is turned into: blocks of consecutive rows, with the way back to where each row came from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.domain.columns import REJECTS

# row: its number in the block; column: its canonical name.
UNREADABLE: Final = pl.Schema({"row": pl.Int64, "column": pl.String, "reason": pl.String})

RowNumbers = npt.NDArray[np.int64]

# Columns of polls that need not be in every row; objects of JSON may name them later than in the first one.
DETAIL_NAMES: Final = ("reason", "source")
# The columns in which numbers may have decimals, where a format has numbers.
DECIMAL_NAMES: Final = ("objective", "amount_per_hour", "observed_at")
# Those in which numbers are whole: some writers keep them as floating-point numbers.
WHOLE_NAMES: Final = ("store_id", "day", "weekday", "hour")
# Those that hold local dates, where a format has dates.
DATE_NAMES: Final = ("date", "opened_on", "closed_on")
# Larger whole numbers are rounded by floating-point numbers.
EXACT_TO: Final = 2**53


@dataclass(frozen=True, kw_only=True)
class Block:
    """Consecutive rows of a file.

    columns: the wanted columns by their canonical names; text as it was found, null where it is empty, or a native
        Datetime or Time of a Parquet file.
    origins: the 1-based lines and the texts of the rows with these numbers in `columns`. An empty text marks a
        blank line, which is no row at all.
    broken: the rows that could not be split into columns, as REJECTS.
    unreadable: the cells that are null in `columns` because they could not be read, as UNREADABLE. Only where they are
        asked for; otherwise such a row is broken.
    """

    columns: pl.DataFrame
    origins: Callable[[RowNumbers], tuple[RowNumbers, list[str]]]
    broken: pl.DataFrame
    done_bytes: int
    unreadable: pl.DataFrame = field(default_factory=UNREADABLE.to_frame)


@dataclass(frozen=True, kw_only=True)
class RowReader:
    """An opened file: the names of its columns, and its rows once it is known which columns are wanted.

    read: implements `blocks`.
    """

    names: tuple[str, ...]
    total_bytes: int
    read: Callable[[Mapping[str, int], bool], Iterator[Block]]

    def blocks(self, wanted: Mapping[str, int], *, joined: bool = False) -> Iterator[Block]:
        """Read the rows. wanted: canonical names -> positions in `names`.

        joined: the columns belong to several tables, so a cell that cannot be read does not break its row.
        """
        return self.read(wanted, joined)


def no_rejects() -> pl.DataFrame:
    return REJECTS.to_frame()
