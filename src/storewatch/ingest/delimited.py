"""Read CSV: with Polars where all quotes are standard, record by record elsewhere.

Both ways split a record into the same fields, so the result for a row does not depend on the rows beside it.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.domain.errors import InvalidInputError
from storewatch.ingest.blocks import Block, RowNumbers, RowReader, no_rejects
from storewatch.ingest.lines import Line, line_blocks
from storewatch.ingest.streams import Stream

DELIMITERS: Final = ",;\t|"
# A quoted field may have several lines. The limit keeps an unclosed quote from hiding the good rows after it.
RECORD_LINES: Final = 100
# A short row takes as much memory as a full one.
MAX_COLUMNS: Final = 1_000
BLOCK_CELLS: Final = 20_000_000
# Reading record by record takes about 5 us a row, thirty times as long as Polars. So only this many bytes around a bad
# row are read in that way.
SLOW_BYTES: Final = 256 << 10

_LONE_RETURN: Final = re.compile(rb"\r(?!\n|\Z)")
_NEWLINE, _RETURN, _QUOTE = ord("\n"), ord("\r"), ord('"')


def open_csv(stream: Stream) -> RowReader:
    """Open CSV. The delimiter is the one of DELIMITERS that splits the header into the most columns.

    Raises InvalidInputError when the header cannot be read or has more than MAX_COLUMNS columns.
    """
    text = stream.head.decode(errors="replace")
    headers = [(delimiter, *header) for delimiter in DELIMITERS if (header := _header(stream.name, text, delimiter))]
    if not headers:
        raise InvalidInputError(f"{stream.name}: its header cannot be read as CSV.")
    delimiter, names, lines = max(headers, key=lambda header: len(header[1]))
    start = 0
    for _ in range(lines):
        start = stream.head.find(b"\n", start) + 1 or len(stream.head)
    if _LONE_RETURN.search(stream.head, 0, start):
        raise InvalidInputError(
            f"{stream.name}: its header ends with CR alone, other lines end with LF; save it with LF or CRLF line ends."
        )
    table = _Csv(stream, delimiter, len(names))
    most_rows = BLOCK_CELLS // len(names)

    def read(wanted: Mapping[str, int], joined: bool) -> Iterator[Block]:
        for first_line, data in stream.blocks(start, lines + 1, cut_at_record, most_rows):
            yield from table.read(data, first_line, wanted, joined=joined)

    return RowReader(names=tuple(names), total_bytes=stream.total_bytes, read=read)


def cut_at_record(data: bytes, stop: int) -> int:
    """Return the end of the last whole record of `data[:stop]`: a newline with an even number of quotes before it.

    If a quote is never closed, there is no such newline. Then return the end of the last line; the block is read record
    by record.
    """
    last = end = data.rfind(b"\n", 0, stop) + 1
    is_open = data.count(b'"', 0, end) % 2
    while is_open:
        line = data.rfind(b"\n", 0, end - 1) + 1
        is_open ^= data.count(b'"', line, end) % 2
        end = line
    return end or last


def _header(file: str, text: str, delimiter: str) -> tuple[list[str], int] | None:
    lines = _narrow_lines(file, text, delimiter)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    try:
        names = next(names for names in reader if any(name.strip() for name in names))
    except (csv.Error, StopIteration):
        return None
    return names, reader.line_num


def _narrow_lines(file: str, text: str, delimiter: str) -> Iterator[str]:
    """Yield the lines of a text. Raises InvalidInputError for a line with more than MAX_COLUMNS columns."""
    for line in io.StringIO(text, newline=""):
        if line.count(delimiter) >= MAX_COLUMNS:
            raise InvalidInputError(f"{file}: its header has more than {MAX_COLUMNS:,} columns.")
        yield line


class _Csv:
    def __init__(self, stream: Stream, delimiter: str, width: int) -> None:
        self._stream, self._delimiter, self._width = stream, delimiter, width
        self._field = _field_pattern(delimiter)
        self._blank = f' \t\r\n"{delimiter}'.encode()

    def read(self, data: bytes, first_line: int, wanted: Mapping[str, int], *, joined: bool) -> Iterator[Block]:
        """Yield blocks. Halve the data around a row that Polars does not accept, and read the rest record by record."""
        block = self._read_whole(data, first_line, wanted)
        middle = 0 if block else cut_at_record(data, len(data) // 2)
        if block:
            yield block
        elif len(data) > SLOW_BYTES and middle:
            yield from self.read(data[:middle], first_line, wanted, joined=joined)
            yield from self.read(data[middle:], first_line + data.count(b"\n", 0, middle), wanted, joined=joined)
        else:
            records = self._records(data, first_line, wanted)
            yield from line_blocks(
                records,
                tuple(wanted),
                lambda: self._stream.done_bytes,
                joined=joined,
                ids_in=partial(self._ids_in, wanted.get("store_id")),
            )

    def _read_whole(self, data: bytes, first_line: int, wanted: Mapping[str, int]) -> Block | None:
        """Return one block that Polars read, or None where Polars would not follow RFC 4180 exactly."""
        quoted = b'"' in data
        if data.count(b"\r") != data.count(b"\r\n"):
            return None
        records = _RecordIndex(data, first_line, self._blank)
        if quoted and not records.have_plain_quotes(ord(self._delimiter)):
            return None
        header = self._delimiter.join(str(position) for position in range(self._width)).encode()
        try:
            # With `columns=` Polars accepts rows that have too many fields.
            whole = pl.read_csv(
                header + b"\n" + data,
                infer_schema=False,
                separator=self._delimiter,
                quote_char='"' if quoted else None,
            )
        except pl.exceptions.PolarsError:
            return None
        columns = whole.select(pl.col(str(position)).alias(name) for name, position in wanted.items())
        if quoted and len(records.starts) != columns.height:
            return None
        return Block(
            columns=columns,
            origins=records.origins,
            broken=no_rejects(),
            done_bytes=self._stream.done_bytes,
            ids_in=partial(self._ids_in, wanted.get("store_id")),
        )

    def _records(self, data: bytes, first_line: int, wanted: Mapping[str, int]) -> Iterator[Line]:
        """Yield the records one by one. A broken record loses only its own first line."""
        lines = data.removesuffix(b"\n").split(b"\n")
        at = 0
        while at < len(lines):
            fields, span = self._split(lines, at)
            raw = b"\n".join(lines[at : at + span])
            if raw.strip(self._blank):
                yield self._line(first_line + at, raw, fields, wanted)
            at += span

    def _split(self, lines: list[bytes], at: int) -> tuple[list[str] | None, int]:
        """Return the fields of the record that begins at a line, and its number of lines; None if it is broken."""
        fields = self._fields(lines[at])
        quotes = lines[at].count(b'"')
        if fields is not None or quotes % 2 == 0:
            return fields, 1
        for end in range(at + 1, min(at + RECORD_LINES, len(lines))):
            quotes += lines[end].count(b'"')
            if quotes % 2 == 0:
                fields = self._fields(b"\n".join(lines[at : end + 1]))
                return fields, end + 1 - at if fields is not None else 1
        return None, 1

    def _fields(self, raw: bytes) -> list[str] | None:
        """Return the fields of a record; None if a quote is not at the beginning or end of a field."""
        text = raw.decode(errors="surrogateescape").removesuffix("\r")
        if '"' not in text and "\r" not in text:
            return self._plain_fields(text)
        fields: list[str] = []
        at = 0
        while match := self._field.match(text, at):
            quoted, plain = match.groups()
            fields.append(plain if quoted is None else quoted.replace('""', '"'))
            at = match.end() + 1
            if at > len(text):
                return fields
        return None

    def _ids_in(self, place: int | None, text: str) -> list[str]:
        """Return the ids that can be read in the text of a rejected record. place: that of the id in the header."""
        if place is None:
            return []
        first = list(self._leading_fields(text))
        # A delimiter that stands for something else may have moved all cells but the first.
        ids = first[place : place + 1] if place == 0 or len(first) <= self._width else []
        rows = (line.split(self._delimiter) for line in text.split("\n")[1:])
        return ids + [row[place].strip(' "') for row in rows if len(row) == self._width]

    def _leading_fields(self, text: str) -> Iterator[str]:
        """Yield the fields of a record up to the first one that is broken."""
        at = 0
        while at <= len(text) and (match := self._field.match(text, at)):
            quoted, plain = match.groups()
            yield plain if quoted is None else quoted.replace('""', '"')
            at = match.end() + 1

    def _plain_fields(self, text: str) -> list[str]:
        """Return the fields of a record without quotes. Drop empty fields beyond the columns of the header."""
        fields = text.split(self._delimiter, self._width)
        if len(fields) <= self._width or not fields[-1].replace(self._delimiter, " ").strip():
            return fields[: self._width]
        return text.split(self._delimiter)

    def _line(self, number: int, raw: bytes, fields: list[str] | None, wanted: Mapping[str, int]) -> Line:
        if fields is None:
            return Line(number=number, raw=raw, problem=_broken_reason(raw))
        if any(field.strip() for field in fields[self._width :]):
            problem = f"it has {len(fields):,} fields where the header has {self._width:,}"
            return Line(number=number, raw=raw, problem=problem)
        values = [fields[position] if position < len(fields) else None for position in wanted.values()]
        return Line(number=number, raw=raw, values=values)


def _broken_reason(raw: bytes) -> str:
    """Return why a record cannot be split into fields."""
    if b"\r" in raw.rstrip(b"\r"):
        return "it contains a carriage return"
    return "a quote in it is not closed, or is not at the beginning or end of a field"


def _field_pattern(delimiter: str) -> re.Pattern[str]:
    """Return the pattern of one field up to the delimiter or the end of the record: in quotes (RFC 4180), or without.

    Around the quotes there may be blanks, and byte order marks, which remain when files are joined. A quote inside a
    field that does not begin with a quote is text.
    """
    blank = " \ufeff" if delimiter == "\t" else " \t\ufeff"
    quoted = rf'[{blank}]*+"([^"]*+(?:""[^"]*+)*+)"[{blank}]*+'
    return re.compile(rf'(?:{quoted}|(?![{blank}]*+")([^{delimiter}\r\n]*+))(?=[{delimiter}]|\Z)')


class _RecordIndex:
    """The places of the records in a block, computed at their first use."""

    def __init__(self, data: bytes, first_line: int, blank: bytes) -> None:
        self._data, self._first_line, self._blank = data, first_line, blank

    @cached_property
    def starts(self) -> RowNumbers:
        return np.append(0, self._ends[:-1] + 1)

    def origins(self, rows: RowNumbers) -> tuple[RowNumbers, list[str]]:
        starts, ends = self.starts[rows], self._ends[rows]
        lines = self._first_line + np.searchsorted(self._newlines, starts)
        raws = (self._data[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True))
        return lines, [raw.decode(errors="replace") if raw.strip(self._blank) else "" for raw in raws]

    def have_plain_quotes(self, delimiter: int) -> bool:
        """Return whether each quote opens or closes a field or is doubled, and no record exceeds RECORD_LINES lines."""
        quotes = np.flatnonzero(self._bytes == _QUOTE)
        if len(quotes) % 2:
            return False
        # mode="clip" repeats the first and last byte beyond the ends of the block, which gives the right result there.
        before, after, then = (
            self._bytes.take(places, mode="clip") for places in (quotes[::2] - 1, quotes[1::2] + 1, quotes[1::2] + 2)
        )
        opens = (before == delimiter) | (before == _NEWLINE) | (before == _QUOTE)
        closes = (after == delimiter) | (after == _NEWLINE) | (after == _QUOTE)
        closes |= (after == _RETURN) & (then == _NEWLINE)
        if not (opens.all() and closes.all()):
            return False
        last_lines = np.searchsorted(self._newlines, self._ends)
        return bool(np.diff(last_lines, prepend=-1).max(initial=0) <= RECORD_LINES)

    @cached_property
    def _bytes(self) -> npt.NDArray[np.uint8]:
        return np.frombuffer(self._data, np.uint8)

    @cached_property
    def _newlines(self) -> RowNumbers:
        return np.flatnonzero(self._bytes == _NEWLINE)

    @cached_property
    def _ends(self) -> RowNumbers:
        quotes = np.flatnonzero(self._bytes == _QUOTE)
        ends: RowNumbers = self._newlines[np.searchsorted(quotes, self._newlines) % 2 == 0]
        return ends
