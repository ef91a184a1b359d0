"""Compressed files and Parquet files that unpack to far more than their size, each with why it is refused."""

import bz2
import gzip
import io
import lzma
import struct
from collections.abc import Callable
from functools import cache
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile

import polars as pl
from backports import zstd

from support.hostile_workbooks import SHEET, before, workbook_of

MB: Final = 1 << 20

_PACKED: Final = (
    " unpacks to more than 67,108,864 bytes, which are all that is allowed for the {size} bytes that it has. "
    "Unpack it, or save it in another format, and import that."
)
_BINARY: Final = " is binary (or UTF-16); use CSV or NDJSON, plain or .gz, Parquet or .xlsx."


@cache
def csv_gzip(megabytes: int) -> bytes:
    """Return a gzip file of polls that unpacks to some megabytes of rows that are rejected."""
    return gzip.compress(b"store_id,status,timestamp_utc\n" + (b"x" * 1_023 + b"\n") * (megabytes << 10), mtime=0)


def zip_of(**members: bytes) -> bytes:
    content = io.BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return content.getvalue()


def parquet_of(frame: pl.DataFrame, **options: int) -> bytes:
    content = io.BytesIO()
    frame.write_parquet(content, **options)
    return content.getvalue()


def zones(ids: list[str], dtype: type[pl.DataType] = pl.String) -> bytes:
    return parquet_of(pl.DataFrame({"store_id": pl.Series(ids, dtype=dtype), "timezone": "UTC"}))


def constant_zones(rows: int) -> bytes:
    return parquet_of(pl.select(store_id=pl.repeat("a", rows), timezone=pl.repeat("UTC", rows)))


def _workbook(megabytes: int) -> bytes:
    return workbook_of(changes={SHEET: before(b"</sheetData>", b"<row/>" * (megabytes * MB // 6))})


def _large_footer() -> bytes:
    footer = bytes(5 * MB)
    return b"PAR1" + footer + struct.pack("<I", len(footer)) + b"PAR1"


def _replaced(content: bytes, old: str, new: str) -> bytes:
    assert content.count(bytes.fromhex(old)) == 1
    return content.replace(bytes.fromhex(old), bytes.fromhex(new))


def _delta_byte_array() -> bytes:
    """Return a file whose data page of 77 texts claims another encoding than RLE_DICTIONARY."""
    return _replaced(parquet_of(pl.DataFrame({"store_id": ["a", "b"] * 38 + ["a"]})), "159a011510", "159a01150e")


def _footer_of_more_rows() -> bytes:
    """Return a file of 77 rows whose footer claims 2,097,152 times as many."""
    content = parquet_of(pl.DataFrame({"store_id": ["a", "b"] * 38 + ["a"], "timezone": "UTC"}))
    rows, more_rows = bytes.fromhex("169a01191c"), bytes.fromhex("169a8180808002191c")
    start, end = content[:-8].rsplit(rows, 1)
    footer_bytes = struct.unpack("<I", content[-8:-4])[0] + len(more_rows) - len(rows)
    return start + more_rows + end + struct.pack("<I", footer_bytes) + b"PAR1"


# name -> (file, the text after its name); {size} is the size of the file.
HOSTILE_FILES: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "a.csv.gz": (lambda: csv_gzip(80), _PACKED),
    "files.zip": (lambda: zip_of(a__csv__gz=csv_gzip(40), b__csv__gz=csv_gzip(40)), _PACKED),
    "twice.zip": (
        lambda: zip_of(a__csv__gz=gzip.compress(csv_gzip(80))),
        "/a.csv.gz is compressed twice; compress it once.",
    ),
    "books.zip": (lambda: zip_of(a__xlsx=_workbook(40), b__xlsx=_workbook(40)), _PACKED),
    "tables.zip": (lambda: zip_of(a__parquet=zones(["x" * 40 * MB]), b__parquet=zones(["x" * 40 * MB])), _PACKED),
    "a.csv.zst": (lambda: zstd.compress(b"\n" * 80 * MB), _BINARY),
    "a.csv.bz2": (lambda: bz2.compress(b"\n" * 80 * MB), _BINARY),
    "a.csv.xz": (lambda: lzma.compress(b"\n" * 80 * MB), _BINARY),
    "cell.parquet": (lambda: zones(["x" * 100 * MB]), _PACKED),
    "rows.parquet": (lambda: constant_zones(5_000_000), _PACKED),
    "dictionary.parquet": (
        lambda: zones(["x" * 60 * MB] * 5),
        ": the texts of 5 rows of the column store_id take more than 268,435,456 bytes; check that this is a table.",
    ),
    "categories.parquet": (
        lambda: zones(["x" * MB] * 300, pl.Categorical),
        ": the texts of 300 rows of the column store_id take more than 268,435,456 bytes; check that this is a table.",
    ),
    "groups.parquet": (
        _large_footer,
        " has a Parquet footer of 5,242,880 bytes; at most 4,194,304 are read. Write it with larger row groups.",
    ),
    "encoding.parquet": (
        _delta_byte_array,
        (
            " has texts in the encoding DELTA_BYTE_ARRAY, whose size shows only when they are read. Write it with the "
            "encoding PLAIN or RLE_DICTIONARY."
        ),
    ),
    "footer.parquet": (_footer_of_more_rows, _PACKED),
}
