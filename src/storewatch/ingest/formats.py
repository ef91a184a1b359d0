"""Opens a file of any supported format; what it is shows in its bytes, not in its name."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from storewatch.domain.errors import InvalidInputError
from storewatch.ingest.blocks import DECIMAL_NAMES, Block, Rows, Source, no_rejects
from storewatch.ingest.delimited import open_csv
from storewatch.ingest.lines import open_ndjson
from storewatch.ingest.streams import BLOCK_BYTES, Stream
from storewatch.ingest.tables import TABLES

PARQUET_ROWS: Final = 250_000

_TEXT_COLUMNS: Final = (pl.String, pl.Categorical, pl.Enum, pl.Null)
# Further columns of a file are labels.
_COLUMN_NAMES: Final = {column for table in TABLES for column in (*table.columns, *table.optional)}
_INSTANT_NAMES: Final = ("observed_at",)
_TIME_NAMES: Final = ("start_time_local", "end_time_local")
_DATE_NAMES: Final = ("date",)


@contextmanager
def open_source(path: Path, block_bytes: int = BLOCK_BYTES, *, name: str | None = None) -> Iterator[Source]:
    """Open a CSV, NDJSON or Parquet file, the first two also gzipped. name: in messages; by default the path.

    Raises InvalidInputError, here or while its blocks are read, when the file as a whole cannot be used.
    """
    with Stream(path, block_bytes, name=name) as stream:
        if stream.is_parquet:
            # A list, because a string with * or [ in it would be a pattern.
            scan = pl.scan_parquet([path], glob=False, hive_partitioning=False)
            yield open_columns(scan, stream.name, stream.total_bytes)
        elif stream.head.lstrip().startswith(b"{"):
            yield open_ndjson(stream)
        elif stream.head.lstrip().startswith(b"["):
            raise InvalidInputError(f"{stream.name} is a JSON array; write one object a line (NDJSON) instead.")
        else:
            yield open_csv(stream)


def open_columns(scan: pl.LazyFrame, file: str, total_bytes: int) -> Source:
    """Open typed columns: text and numbers as they are, instants, dates and times of day in their own types."""
    try:
        schema = scan.collect_schema()
        rows = scan.select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidInputError(f"{file} is a damaged Parquet file ({_first_line(error)}).") from error

    def read(wanted: Mapping[str, int], apart: bool) -> Iterator[Block]:
        names = list(schema)
        wanted_columns = scan.select(
            _as_label(name, names[position], schema[names[position]])
            if apart and name not in _COLUMN_NAMES
            else _as_found(file, name, names[position], schema[names[position]])
            for name, position in wanted.items()
        )
        first_row = 0
        try:
            for columns in wanted_columns.collect_batches(chunk_size=PARQUET_ROWS, maintain_order=True):
                first_row += columns.height
                yield Block(
                    columns=columns,
                    origins=_origins(columns, first_row - columns.height),
                    broken=no_rejects(),
                    done_bytes=total_bytes * first_row // rows,
                )
        except (pl.exceptions.PolarsError, OSError) as error:
            raise InvalidInputError(f"{file} is a damaged Parquet file ({_first_line(error)}).") from error

    return Source(names=tuple(schema), total_bytes=total_bytes, read=read)


def _as_label(name: str, found: str, dtype: pl.DataType) -> pl.Expr:
    """Return a label beside another table as text, which CSV would hold; null where its type has none."""
    if dtype.is_nested() or dtype == pl.Binary:
        return pl.lit(None, pl.String).alias(name)
    return pl.col(found).cast(pl.String).alias(name)


def _as_found(file: str, name: str, found: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(found)
    if isinstance(dtype, _TEXT_COLUMNS) or dtype.is_integer():
        return column.cast(pl.String).alias(name)
    if isinstance(dtype, pl.Datetime) and name in _INSTANT_NAMES:
        utc = column.dt.replace_time_zone("UTC") if dtype.time_zone is None else column.dt.convert_time_zone("UTC")
        return utc.dt.cast_time_unit("us").alias(name)
    if isinstance(dtype, pl.Time) and name in _TIME_NAMES:
        return column.dt.to_string("%H:%M:%S").alias(name)
    if isinstance(dtype, pl.Date) and name in _DATE_NAMES:
        return column.dt.to_string("%Y-%m-%d").alias(name)
    if dtype.is_float() and name in DECIMAL_NAMES:
        return column.cast(pl.String).alias(name)
    raise InvalidInputError(f"{file}: the column {found} holds {dtype}, which cannot be a {name}; write it as text.")


def _origins(columns: pl.DataFrame, first_row: int) -> Callable[[Rows], tuple[Rows, list[str]]]:
    def origins(rows: Rows) -> tuple[Rows, list[str]]:
        texts = columns[rows].select(pl.concat_str(pl.all().cast(pl.String).fill_null(""), separator=",")).to_series()
        return rows.astype(np.int64) + first_row + 1, texts.to_list()

    return origins


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
