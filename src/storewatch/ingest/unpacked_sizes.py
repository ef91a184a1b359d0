"""Compute the uncompressed size of a Parquet file or Arrow stream from its headers, before anything is decompressed.

A kilobyte of ZSTD can hold a gigabyte of zeros. The readers of both formats allocate the sizes in these headers, page
by page and buffer by buffer, so the sum of the sizes limits the memory. Only the headers are read here.
"""

from collections.abc import Callable, Iterator
from mmap import mmap
from struct import Struct, error
from typing import Any, Final, NamedTuple, TypeVar, cast

import numpy as np

from storewatch.domain.errors import InvalidInputError

# The largest number of message headers in a body. Each takes some microseconds; real bodies have far fewer.
MAX_HEADERS: Final = 20_000

_Size = TypeVar("_Size")

_U16, _U32, _I32, _I64 = Struct("<H"), Struct("<I"), Struct("<i"), Struct("<q")
_CONTINUED: Final = 0xFFFFFFFF
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
# In this encoding a text may repeat the beginning of the text before it, so a megabyte can hold a terabyte of texts.
_DELTA_BYTE_ARRAY: Final = 7


class ParquetSize(NamedTuple):
    """The uncompressed sizes of a Parquet file.

    bytes: of all pages. rows: the largest number of rows of the file or a column. group_bytes, group_cells: of the
    largest row group, which is read as a whole. A cell takes some bytes in memory, but none in the file if it repeats
    the cell before.
    """

    bytes: int
    rows: int
    group_bytes: int
    group_cells: int


class ParquetLimits(NamedTuple):
    """The largest footer, and the largest number of pages, that are read. A page header takes some microseconds."""

    footer_bytes: int
    pages: int


# Real bodies have far fewer.
BODY_LIMITS: Final = ParquetLimits(footer_bytes=1 << 20, pages=20_000)


def parquet_size(data: bytes | mmap, name: str = "The body", limits: ParquetLimits = BODY_LIMITS) -> ParquetSize:
    """Return the sizes in the headers of a Parquet file (parquet-format, PageHeader). name: its name in messages.

    Raises InvalidInputError when the headers cannot be read, exceed `limits`, or do not have the size.
    """
    # A mapped file can be read like bytes.
    return _measured(lambda: _read_parquet_size(cast(bytes, data), name, limits), name, "Parquet file")


def arrow_stream_bytes(body: bytes) -> int:
    """Return the sum of the uncompressed buffer sizes of an Arrow stream (Arrow columnar format, Buffer compression).

    Raises InvalidInputError when the headers cannot be read or there are more than MAX_HEADERS.
    """
    return _measured(lambda: _arrow_bytes(body), "The body", "Arrow IPC stream")


def _measured(measure: Callable[[], _Size], name: str, what: str) -> _Size:
    try:
        return measure()
    except (error, IndexError, KeyError, TypeError, ValueError, RecursionError):
        raise InvalidInputError(f"{name} is not a valid {what}; it may be damaged.") from None


def _read_parquet_size(data: bytes, name: str, limits: ParquetLimits) -> ParquetSize:
    footer_bytes = _U32.unpack_from(data, len(data) - 8)[0]
    if data[:4] != b"PAR1" or data[-4:] != b"PAR1" or footer_bytes > len(data) - 12:
        raise ValueError
    if footer_bytes > limits.footer_bytes:
        raise InvalidInputError(
            f"{name} has a Parquet footer of {footer_bytes:,} bytes; at most {limits.footer_bytes:,} are read. Write "
            "it with larger row groups."
        )
    footer, _ = _thrift_struct(data, len(data) - 8 - footer_bytes)
    pages = _Pages(data, name, limits.pages)
    rows = [footer[3]]
    groups = [ParquetSize(0, 0, 0, 0)]
    for group in footer[4]:
        columns = [pages.size_of(column[3]) for column in group[1]]
        rows += (size.rows for size in columns)
        groups.append(ParquetSize(*map(sum, zip((0, 0, 0, 0), *columns, strict=True))))
    return ParquetSize(
        sum(group.bytes for group in groups),
        max(rows),
        max(group.group_bytes for group in groups),
        max(group.group_cells for group in groups),
    )


class _Pages:
    """Reads the headers of pages, at most `limit` of them."""

    def __init__(self, data: bytes, name: str, limit: int) -> None:
        self._data, self._name, self._limit = data, name, limit
        self._count = 0

    def size_of(self, chunk: dict[int, Any]) -> ParquetSize:
        """Return the size of a column of a row group."""
        at = chunk.get(11, chunk[9])  # a dictionary page comes before the data pages
        end = at + chunk[7]
        unpacked_bytes = rows = cells = 0
        while at < end:
            self._count += 1
            if self._count > self._limit:
                raise InvalidInputError(
                    f"{self._name} has more than {self._limit:,} Parquet pages. Write it with larger pages."
                )
            page, at = _thrift_struct(self._data, at)
            if page[2] < 0 or page[3] < 0:
                raise ValueError
            unpacked_bytes += page[2]
            cells += self._cells(page)
            at += page[3]
        rows = cells if len(chunk[3]) == 1 else 0  # pages of lists count their elements
        return ParquetSize(unpacked_bytes, rows, unpacked_bytes, cells)

    def _cells(self, page: dict[int, Any]) -> int:
        """Return the number of cells of a page; a dictionary has none."""
        number, encoding = (page[8][1], page[8][4]) if 8 in page else (page[5][1], page[5][2]) if 5 in page else (0, 0)
        if number < 0:
            raise ValueError
        if encoding == _DELTA_BYTE_ARRAY:
            raise InvalidInputError(
                f"{self._name} has texts in the encoding DELTA_BYTE_ARRAY, whose size shows only when they are read. "
                "Write it with the encoding PLAIN or RLE_DICTIONARY."
            )
        return int(number)


def _thrift_struct(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    """Read a struct of Thrift's compact protocol. Return its fields by id, and the offset after it."""
    fields: dict[int, Any] = {}
    field = 0
    while head := data[at]:
        at += 1
        if head >> 4:
            field += head >> 4
        else:
            field, at = _zigzag(data, at)
        fields[field], at = _thrift_value(data, at, head & 15)
    return fields, at + 1


def _thrift_value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (1, 2):  # true and false are in the field's head
        return None, at
    if kind in (3, 7):  # a byte and a double, which are not needed
        return None, at + (1 if kind == 3 else 8)
    if kind in (4, 5, 6):
        return _zigzag(data, at)
    if kind == 8:
        length, at = _varint(data, at)
        return None, at + length
    if kind in (9, 10):
        return _thrift_list(data, at)
    if kind == 12:
        return _thrift_struct(data, at)
    raise ValueError(kind)


def _thrift_list(data: bytes, at: int) -> tuple[list[Any], int]:
    head, at = data[at], at + 1
    size, kind = head >> 4, head & 15
    if size == 15:
        size, at = _varint(data, at)
    values = []
    for _ in range(size):
        value, at = (None, at + 1) if kind in (1, 2) else _thrift_value(data, at, kind)
        values.append(value)
        if at > len(data):
            raise ValueError
    return values, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise ValueError


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _arrow_bytes(body: bytes) -> int:
    total = at = 0
    for _ in range(MAX_HEADERS):
        if at + 8 > len(body):
            return total
        length = _U32.unpack_from(body, at)[0]
        at += 4
        if length == _CONTINUED:
            length = _U32.unpack_from(body, at)[0]
            at += 4
        if length == 0:
            return total
        message = at + _U32.unpack_from(body, at)[0]
        at += length
        size_at = _slot(body, message, 3)
        size = _I64.unpack_from(body, size_at)[0] if size_at else 0
        kind = body[_slot(body, message, 1)]
        if size < 0:
            raise ValueError
        if kind in (_DICTIONARY_BATCH, _RECORD_BATCH):
            batch = _follow(body, _slot(body, message, 2))
            if kind == _DICTIONARY_BATCH:
                batch = _follow(body, _slot(body, batch, 1))
            total += _batch_bytes(body, batch, at, size)
        at += size
    raise ValueError


def _batch_bytes(body: bytes, batch: int, start: int, size: int) -> int:
    if not _slot(body, batch, 3):  # no compression
        return size
    vector = _follow(body, _slot(body, batch, 2))
    count = _U32.unpack_from(body, vector)[0]
    buffers = np.frombuffer(body, np.int64, 2 * count, vector + 4).reshape(count, 2)
    # Each buffer begins with its uncompressed size; -1: it is not compressed.
    unpacked: Iterator[int] = (
        _I64.unpack_from(body, start + offset)[0] for offset, length in buffers.tolist() if length >= 8
    )
    return size + sum(max(0, each) for each in unpacked)


def _follow(data: bytes, at: int) -> int:
    if not at:
        raise ValueError
    return int(at + _U32.unpack_from(data, at)[0])


def _slot(data: bytes, table: int, field: int) -> int:
    """Return the offset of a field of a Flatbuffers table; 0 if the table does not have it."""
    vtable: int = table - _I32.unpack_from(data, table)[0]
    place = 4 + 2 * field
    if vtable < 0 or place >= _U16.unpack_from(data, vtable)[0]:
        return 0
    offset = _U16.unpack_from(data, vtable + place)[0]
    return int(table + offset) if offset else 0
