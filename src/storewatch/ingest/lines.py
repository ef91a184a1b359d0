"""Read rows one by one: the lines of NDJSON, and the parts of a CSV file that Polars cannot read exactly."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from storewatch.domain.columns import REJECTS
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.texts import is_storable
from storewatch.ingest.blocks import (
    DECIMAL_NAMES,
    DETAIL_NAMES,
    EXACT_TO,
    UNREADABLE,
    WHOLE_NAMES,
    Block,
    RowNumbers,
    RowReader,
)
from storewatch.ingest.streams import BLOCK_BYTES, HEAD_BYTES, Stream

LINES_PER_BLOCK: Final = 100_000
# No other thread runs while a line is decoded: 30 ms for a line of this size.
MAX_LINE_BYTES: Final = 1_000_000
# Different keys of all objects of a file, each of which may be a column.
MAX_KEYS: Final = 1_000
TOO_LONG: Final = f"it is longer than {MAX_LINE_BYTES:,} bytes"

_NOT_TEXT = "it is not valid UTF-8 text"


class RepeatedKey(NamedTuple):
    """A JSON object that has the same key twice. It cannot be read, because either value may be right (RFC 8259, 4).

    key: that key. other: a second key, if a mapping of columns puts both keys into one field.
    """

    key: str
    other: str | None = None

    @property
    def problem(self) -> str:
        """The reason why the row is rejected."""
        key = json.dumps(self.key)[:60]
        if self.other is None:
            return f"it has the key {key} twice"
        return f"its keys {key} and {json.dumps(self.other)[:60]} are mapped to one field"


def object_of(pairs: list[tuple[str, object]]) -> dict[str, object] | RepeatedKey:
    """Return the object with these keys and values, or a RepeatedKey if it has the same key twice."""
    row = dict(pairs)
    if len(row) == len(pairs):
        return row
    times = Counter(name for name, _ in pairs)
    return RepeatedKey(next(name for name, _ in pairs if times[name] > 1))


# Made once, because json.loads makes a decoder for each call with a hook.
JSON_DECODER: Final = json.JSONDecoder(object_pairs_hook=object_of)


class Line(NamedTuple):
    """One row of a file.

    number: its 1-based line, or its index in a body; raw: its bytes; values: the cells of the wanted columns. problem:
    why the row is rejected; then there are no values. unreadable: column -> why its value cannot be read.
    """

    # A frozen dataclass takes twice as long to make, and each row needs one.
    number: int
    raw: bytes
    values: Sequence[str | None] = ()
    problem: str | None = None
    unreadable: Mapping[str, str] | None = None


def line_blocks(
    lines: Iterator[Line],
    wanted: Sequence[str],
    done_bytes: Callable[[], int],
    *,
    joined: bool = False,
    ids_in: Callable[[str], list[str]] = lambda _: [],
) -> Iterator[Block]:
    """Gather lines into blocks of at most LINES_PER_BLOCK rows.

    wanted: canonical names of the columns. done_bytes: returns how much of the file was read. joined: as in
    `RowReader.blocks`. ids_in: as in Block.
    """
    while True:
        # Lists by column, because with one live object per row the garbage collector takes half of the time.
        numbers: list[int] = []
        raws: list[bytes] = []
        columns: dict[str, list[str | None]] = {column: [] for column in wanted}
        broken: list[tuple[int, str, str]] = []
        unreadable: list[tuple[int, str, str]] = []
        for line in _some(lines):
            values, cells = line.values, line.unreadable
            if not _is_text(values):
                cells = {name: _NOT_TEXT for name, value in zip(wanted, values, strict=True) if not _is_text([value])}
                values = [None if name in cells else value for name, value in zip(wanted, values, strict=True)]
                cells |= line.unreadable or {}
            problem = line.problem or (next(iter(cells.values())) if cells and not joined else None)
            if problem:
                broken.append((line.number, line.raw.decode(errors="replace"), problem))
                continue
            unreadable += [(len(numbers), name, reason) for name, reason in (cells or {}).items()]
            numbers.append(line.number)
            raws.append(line.raw)
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
        if not numbers and not broken:
            return
        yield Block(
            columns=pl.DataFrame(columns, dict.fromkeys(wanted, pl.String)),
            origins=_origins(numbers, raws),
            broken=pl.DataFrame(broken, REJECTS, orient="row"),
            done_bytes=done_bytes(),
            unreadable=pl.DataFrame(unreadable, UNREADABLE, orient="row"),
            ids_in=ids_in,
        )


def _some(lines: Iterator[Line]) -> Iterator[Line]:
    """Yield the next lines, as many as one block holds."""
    block_bytes = 0
    for line in islice(lines, LINES_PER_BLOCK):
        yield line
        block_bytes += len(line.raw)
        if block_bytes >= BLOCK_BYTES:
            return


def open_ndjson(stream: Stream, names: Sequence[str] = ()) -> RowReader:
    """Open NDJSON. names: the column names; without any they are the keys of the objects in the head of the stream.

    Raises InvalidInputError when the first line is not a JSON object.
    """
    blank = stream.head[: len(stream.head) - len(stream.head.lstrip())]
    names = tuple(names) or _names_in_head(stream)

    def read(wanted: Mapping[str, int], joined: bool) -> Iterator[Block]:
        keys = {column: names[position] for column, position in wanted.items()}
        if {"observed_at", "status"} <= set(keys):
            keys |= {name: name for name in DETAIL_NAMES if name not in keys}
        yield from line_blocks(
            _objects(stream, blank, keys),
            tuple(keys),
            lambda: stream.done_bytes,
            joined=joined,
            ids_in=json_ids(keys.get("store_id", "store_id")),
        )

    def all_names() -> tuple[str, ...]:
        found = dict.fromkeys(names)
        for name in _later_names(stream, names):
            found[name] = None
            if len(found) > MAX_KEYS:
                raise InvalidInputError(f"{stream.name} has more than {MAX_KEYS:,} different keys; is this a table?")
        return tuple(found)

    return RowReader(names=names, total_bytes=stream.total_bytes, read=read, all_names=all_names)


def _names_in_head(stream: Stream) -> tuple[str, ...]:
    first, *others = stream.head.lstrip().split(b"\n")
    try:
        keys_of_first = tuple(json.loads(first))
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"{stream.name}: its first line is not a JSON object ({error}).") from error
    return tuple(dict.fromkeys((*keys_of_first, *(key for line in others for key in _object_keys(line)))))


def _later_names(stream: Stream, names: Sequence[str]) -> Iterator[str]:
    """Yield the keys of all objects, unless the head of the stream is all of it.

    Lines are decoded only where a block has more keys than the known ones: of 400,000 polls counting the keys takes
    0.2 s, and decoding them 2 s.
    """
    if len(stream.head) < HEAD_BYTES:
        return
    known = {json.dumps(name, ensure_ascii=False).encode(errors="replace") + b":" for name in names}
    for _, data in stream.blocks(0, 1, _cut_at_newline):
        if data.count(b'":') != sum(map(data.count, known)) or b" :" in data or b"\t:" in data:
            for line in data.split(b"\n"):
                if len(line) <= MAX_LINE_BYTES:
                    yield from _object_keys(line)


def json_ids(key: str) -> Callable[[str], list[str]]:
    """Return a function that reads the id in the text of a JSON object, which may be damaged. key: that of the id."""
    member = re.compile(re.escape(json.dumps(key, ensure_ascii=False)) + r'\s*:\s*("(?:[^"\\]|\\.)*"|[0-9]+)\s*[,}]')

    def ids_in(text: str) -> list[str]:
        values = member.findall(text)
        try:
            return [str(json.loads(values[0]))] if len(values) == 1 else []
        except ValueError:
            return []

    return ids_in


def _object_keys(line: bytes) -> Iterable[str]:
    """Return the keys of an object. Return nothing for a line that is not an object or is cut off."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return ()
    return row if isinstance(row, dict) else ()


def _objects(stream: Stream, blank: bytes, keys: Mapping[str, str]) -> Iterator[Line]:
    start = blank.rfind(b"\n") + 1
    for first_line, data in stream.blocks(start, blank.count(b"\n") + 1, _cut_at_newline):
        for number, raw in enumerate(data.removesuffix(b"\n").split(b"\n"), first_line):
            if raw.strip():
                yield parse_line(number, raw, keys)


def _cut_at_newline(data: bytes, stop: int) -> int:
    return data.rfind(b"\n", 0, stop) + 1


def parse_line(number: int, raw: bytes, keys: Mapping[str, str]) -> Line:
    """Read the wanted columns of one line of NDJSON. keys: canonical column name -> key in the object."""
    return row_line(number, raw, decode_line(number, raw), keys)


def decode_line(number: int, raw: bytes) -> object:
    """Return the JSON value of one line of NDJSON, or a Line with the problem if it cannot be decoded."""
    if len(raw) > MAX_LINE_BYTES:
        return Line(number=number, raw=raw, problem=TOO_LONG)
    try:
        return JSON_DECODER.decode(raw.decode())
    except UnicodeDecodeError:
        return Line(number=number, raw=raw, problem=_NOT_TEXT)
    except (ValueError, RecursionError) as error:
        return Line(number=number, raw=raw, problem=f"it is not JSON ({error})")


def row_line(number: int, raw: bytes, row: object, keys: Mapping[str, str]) -> Line:
    """Return the wanted columns of a row that JSON_DECODER or `decode_line` has decoded.

    keys: canonical column name -> key in the object.
    """
    if isinstance(row, Line):
        return row
    if isinstance(row, RepeatedKey):
        return Line(number=number, raw=raw, problem=row.problem)
    if not isinstance(row, dict):
        return Line(number=number, raw=raw, problem="it is not a JSON object")
    values: list[str | None] = []
    unreadable: dict[str, str] | None = None
    for column, key in keys.items():
        value = row.get(key)
        if type(value) is int or (type(value) is float and column in DECIMAL_NAMES):  # True is an int by isinstance
            value = str(value)
        elif type(value) is float and column in WHOLE_NAMES and value.is_integer() and abs(value) <= EXACT_TO:
            value = str(int(value))
        elif value is not None and not isinstance(value, str):
            unreadable = unreadable or {}
            unreadable[column] = f"{column} must be text or a whole number, not {_as_json(value)}"
            value = None
        values.append(value)
    return Line(number=number, raw=raw, values=values, unreadable=unreadable)


def _as_json(value: object) -> str:
    try:
        return json.dumps(value)[:60]
    except RecursionError:  # decoding needs less of the stack than encoding
        return "a deeply nested value"


def _is_text(values: Sequence[str | None]) -> bool:
    """Return whether no value has lone surrogates, which stand for invalid UTF-8 or half of a JSON escape."""
    return all(value is None or is_storable(value) for value in values)


def _origins(numbers: list[int], raws: list[bytes]) -> Callable[[RowNumbers], tuple[RowNumbers, list[str]]]:
    def origins(rows: RowNumbers) -> tuple[RowNumbers, list[str]]:
        return np.array(numbers, np.int64)[rows], [raws[row].decode(errors="replace") for row in rows.tolist()]

    return origins
