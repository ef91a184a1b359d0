"""Open a file of any supported format. The format is recognised by the bytes of the file, not by its name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import time
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from storewatch.domain.errors import InvalidInputError
from storewatch.ingest.blocks import (
    DATE_NAMES,
    DECIMAL_NAMES,
    EXACT_TO,
    WHOLE_NAMES,
    Block,
    RowNumbers,
    RowReader,
    no_rejects,
)
from storewatch.ingest.delimited import open_csv
from storewatch.ingest.lines import open_ndjson
from storewatch.ingest.streams import BLOCK_BYTES, Stream
from storewatch.ingest.tables import TABLES
from storewatch.ingest.unpack_limits import UnpackLimit
from storewatch.ingest.unpacked_sizes import ParquetLimits, ParquetSize, parquet_size

PARQUET_ROWS: Final = 250_000
# A file of 100 million rows has about 1,000 row groups and 20,000 pages.
FILE_LIMITS: Final = ParquetLimits(footer_bytes=4 << 20, pages=200_000)
# A row group is read as a whole. Each of its cells then takes this many bytes.
CELL_BYTES: Final = 16
MAX_GROUP_BYTES: Final = 1 << 30
MAX_GROUP_CELLS: Final = 50_000_000
# Of the texts of a column in PARQUET_ROWS rows. A dictionary stores a long text once for all rows.
MAX_TEXT_BYTES: Final = 256 << 20

_TEXT_COLUMNS: Final = (pl.String, pl.Categorical, pl.Enum, pl.Null)
# All other columns of a file are labels.
_COLUMN_NAMES: Final = {column for table in TABLES for column in (*table.columns, *table.optional)}
_INSTANT_NAMES: Final = ("observed_at",)
_TIME_NAMES: Final = ("start_time_local", "end_time_local")


@contextmanager
def open_reader(
    path: Path, block_bytes: int = BLOCK_BYTES, *, name: str | None = None, columns: Sequence[str] = ()
) -> Iterator[RowReader]:
    """Open a CSV, NDJSON or Parquet file. CSV and NDJSON may be compressed with gzip.

    name: the name of the file in messages; by default its path. columns: the column names of NDJSON, if all are known.
    Raises InvalidInputError when the file as a whole cannot be used, here or while its blocks are read.
    """
    with Stream(path, block_bytes, name=name) as stream:
        if stream.is_parquet:
            _check_parquet(path, stream.name)
            # Polars reads a string with * or [ as a pattern, but not the items of a list.
            scan = pl.scan_parquet([path], glob=False, hive_partitioning=False)
            yield open_columns(scan, stream.name, stream.total_bytes)
        elif stream.head.lstrip().startswith(b"{"):
            yield open_ndjson(stream, columns)
        elif stream.head.lstrip().startswith(b"["):
            raise InvalidInputError(f"{stream.name} is a JSON array; write one object per line (NDJSON) instead.")
        else:
            yield open_csv(stream)


def parquet_file_size(path: Path, name: str) -> ParquetSize:
    """Return the uncompressed sizes of a Parquet file. Raises InvalidInputError as `parquet_size` does."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        return parquet_size(data, name, FILE_LIMITS)


def _check_parquet(path: Path, name: str) -> None:
    """Raise InvalidInputError for a Parquet file that unpacks to too much, in all or in one row group."""
    size = parquet_file_size(path, name)
    UnpackLimit(name, path.stat().st_size).take(size.bytes + CELL_BYTES * size.rows)
    if size.group_bytes > MAX_GROUP_BYTES or size.group_cells > MAX_GROUP_CELLS:
        raise InvalidInputError(
            f"{name} has a row group of {size.group_cells:,} cells and {size.group_bytes:,} bytes; at most "
            f"{MAX_GROUP_CELLS:,} cells and {MAX_GROUP_BYTES:,} bytes are read at once. Write smaller row groups."
        )


def open_columns(scan: pl.LazyFrame, file: str, total_bytes: int) -> RowReader:
    """Open the columns of a Parquet file or of a frame. file: its name in messages; total_bytes: its size.

    All cells are read as text, except instants, which stay Datetimes. Raises InvalidInputError when the file is
    damaged, or when a wanted column has a type that cannot hold its values.
    """
    try:
        schema = scan.collect_schema()
        rows = scan.select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise InvalidInputError(f"{file} is a damaged Parquet file ({_first_line(error)}).") from error

    def read(wanted: Mapping[str, int], joined: bool) -> Iterator[Block]:
        names = list(schema)
        cells = [
            _as_label(name, names[position], schema[names[position]])
            if joined and name not in _COLUMN_NAMES
            else _as_cells(file, name, names[position], schema[names[position]])
            for name, position in wanted.items()
        ]
        needed = list(dict.fromkeys(root for cell in cells for root in cell.meta.root_names()))
        first_row = 0
        try:
            for found in scan.select(needed).collect_batches(chunk_size=PARQUET_ROWS, maintain_order=True):
                _refuse_long_texts(found, file)
                columns = found.select(cells)
                first_row += columns.height
                yield Block(
                    columns=columns,
                    origins=_origins(columns, first_row - columns.height),
                    broken=no_rejects(),
                    done_bytes=total_bytes * first_row // max(rows, first_row, 1),
                )
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise InvalidInputError(f"{file} is a damaged Parquet file ({_first_line(error)}).") from error

    return RowReader(names=tuple(schema), total_bytes=total_bytes, read=read)


def text_bytes(column: pl.Series) -> int:
    """Return an upper bound of the bytes of all texts of a column. A dictionary stores the text of many rows once."""
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        longest = column.unique().cast(pl.String).str.len_bytes().max()
        return column.len() * int(longest or 0)  # type: ignore[arg-type]
    return int(column.str.len_bytes().sum()) if column.dtype == pl.String else 0


def _refuse_long_texts(columns: pl.DataFrame, file: str) -> None:
    """Raise InvalidInputError if the texts of some rows take more memory than is allowed."""
    for column in columns:
        if text_bytes(column) > MAX_TEXT_BYTES:
            raise InvalidInputError(
                f"{file}: the texts of {columns.height:,} rows of the column {column.name} take more than "
                f"{MAX_TEXT_BYTES:,} bytes; check that this is a table."
            )


def _as_label(name: str, column_name: str, dtype: pl.DataType) -> pl.Expr:
    """Return the column of a label as text; all null if its type has no text form."""
    if dtype.is_nested() or dtype == pl.Binary:
        return pl.lit(None, pl.String).alias(name)
    return pl.col(column_name).cast(pl.String).alias(name)


def _as_cells(file: str, name: str, column_name: str, dtype: pl.DataType) -> pl.Expr:
    """Return the column of a table as text, or as Datetime if it holds instants. name: its canonical name."""
    column = pl.col(column_name)
    if isinstance(dtype, _TEXT_COLUMNS) or dtype.is_integer():
        text: pl.Expr | None = column.cast(pl.String)
    elif name in _TIME_NAMES:
        text = _time_of_day(column, dtype)
    elif name in DATE_NAMES:
        text = _date(column, dtype)
    elif name in _INSTANT_NAMES and isinstance(dtype, pl.Datetime):
        utc = column.dt.replace_time_zone("UTC") if dtype.time_zone is None else column.dt.convert_time_zone("UTC")
        text = utc.dt.cast_time_unit("us")
    else:
        text = _number(column, name, dtype)
    if text is None:
        raise InvalidInputError(
            f"{file}: the column {column_name} has the type {dtype}, which cannot be read as {name}; write it as text."
        )
    return text.alias(name)


def _time_of_day(column: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    if isinstance(dtype, pl.Time):
        return column.dt.to_string("%H:%M:%S%.f")
    if isinstance(dtype, pl.Duration):
        return _clock_of(column)
    # Some programs store a time of day as a datetime on a fixed date. The check of the rows knows these dates.
    return column.dt.to_string("%Y-%m-%d %H:%M:%S%.f") if isinstance(dtype, pl.Datetime) else None


def _date(column: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    if isinstance(dtype, pl.Date):
        return column.dt.to_string("%Y-%m-%d")
    if not isinstance(dtype, pl.Datetime):
        return None
    at_midnight = pl.when(column.dt.time() == time()).then(column.dt.to_string("%Y-%m-%d"))
    return at_midnight.otherwise(column.dt.to_string("%Y-%m-%d %H:%M:%S"))


def _number(column: pl.Expr, name: str, dtype: pl.DataType) -> pl.Expr | None:
    """Return numbers as text, whole numbers without decimals; None if the type or the column holds no numbers."""
    if isinstance(dtype, pl.Decimal) and name in (*WHOLE_NAMES, *DECIMAL_NAMES):
        return column.cast(pl.String).str.replace(r"\.0+$", "")
    if not dtype.is_float() or name not in (*WHOLE_NAMES, *DECIMAL_NAMES):
        return None
    number = column.cast(pl.Float64).fill_nan(None)
    is_whole = (number == number.floor()) & (number.abs() <= EXACT_TO)
    text = number.cast(pl.String)
    # The check of the rows rejects ids in scientific notation, so a rounded or broken number is no id.
    other = pl.format("{}e+0", text) if name in WHOLE_NAMES else text
    return pl.when(is_whole).then(number.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(other)


def _clock_of(column: pl.Expr) -> pl.Expr:
    """Return durations since midnight as HH:MM:SS."""
    micros = column.dt.total_microseconds()
    seconds = micros // 1_000_000
    parts = (seconds // 3600, seconds // 60 % 60, seconds % 60)
    text = pl.concat_str(*(part.cast(pl.String).str.zfill(2) for part in parts), separator=":")
    return pl.when(micros % 1_000_000 == 0).then(text).otherwise(micros.cast(pl.String))


def _origins(columns: pl.DataFrame, first_row: int) -> Callable[[RowNumbers], tuple[RowNumbers, list[str]]]:
    def origins(rows: RowNumbers) -> tuple[RowNumbers, list[str]]:
        texts = columns[rows].select(pl.concat_str(pl.all().cast(pl.String).fill_null(""), separator=",")).to_series()
        return rows.astype(np.int64) + first_row + 1, texts.to_list()

    return origins


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
