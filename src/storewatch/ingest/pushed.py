"""Read the polls in request bodies into columns, and check the columns of many requests together.

The code that reads and checks files does this too. So a row has the same result and the same reason in a push and in a
file.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from io import BytesIO
from itertools import groupby, islice
from pathlib import Path
from types import NoneType
from typing import Final

import numpy as np
import polars as pl

from storewatch.domain.enums import PushFormat
from storewatch.domain.errors import InvalidInputError, TooManyRowsError
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.ingest.blocks import DETAIL_NAMES, Block, RowNumbers, RowReader, no_rejects
from storewatch.ingest.cells import CheckedRows, check_isolating_errors
from storewatch.ingest.delimited import open_csv
from storewatch.ingest.formats import open_columns, text_bytes
from storewatch.ingest.headers import MAX_IGNORED, ignored_keys, json_keys, mapping_query, recognise_one
from storewatch.ingest.json_rows import CHUNK_ROWS, RepeatedKeyError, json_rows, names_of_first
from storewatch.ingest.lines import JSON_DECODER, MAX_LINE_BYTES, Line, decode_line, line_blocks, row_line
from storewatch.ingest.mappings import ColumnFields, map_keys
from storewatch.ingest.notations import epoch_digits, epoch_units
from storewatch.ingest.rejects import Reject, Rejects
from storewatch.ingest.scopes import reject_outside_scope
from storewatch.ingest.streams import Stream
from storewatch.ingest.tables import OBSERVATIONS_TABLE, check_observations, epoch_sentence
from storewatch.ingest.unpacked_sizes import arrow_stream_bytes, parquet_size

# Rows of JSON are Python objects before they become columns. A million of them take about 500 MB.
MAX_ROWS: Final = 1_000_000
# The largest uncompressed size of Parquet pages and Arrow buffers.
MAX_UNPACKED_BYTES: Final = 256_000_000
SHOWN_REJECTS: Final = 100

_BODY: Final = Path("The body")
_BLANK: Final = Line(number=0, raw=b"")

# Takes store ids and a scope. Returns the ids of stores in the scope.
Visible = Callable[[pl.Series, Scope], pl.Series]


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """The rows of one request, split into columns and not yet checked.

    first_line: the line number that `Block.origins` has for the row with index 0. ignored: columns that polls do not
    have. suggested_mapping: query parameters that may map the missing columns of polls. scope: only stores with this
    label may be written.
    """

    blocks: tuple[Block, ...]
    first_line: int
    ignored: tuple[str, ...] = ()
    suggested_mapping: str = ""
    scope: Scope = ALL_STORES

    @property
    def rows(self) -> int:
        """The number of rows to check. At least 1, so that empty requests also count toward the limits of the queue."""
        return max(1, sum(block.columns.height for block in self.blocks))


@dataclass(frozen=True, kw_only=True)
class PushReject:
    """A rejected row. index: its place in the body, from 0: element of the array, line of text, or row of the table."""

    index: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class CheckedRequest:
    """The result for the rows of one request. rejects: the first SHOWN_REJECTS of the rejected rows.

    ignored, suggested_mapping: as in Pushed. assumed: sentences about how the rows were read.
    """

    accepted: int
    rejected: int
    rejects: tuple[PushReject, ...]
    ignored: tuple[str, ...] = ()
    suggested_mapping: str = ""
    assumed: tuple[str, ...] = ()


def read_pushed(
    body: bytes, form: PushFormat, scope: Scope = ALL_STORES, columns: ColumnFields | None = None
) -> Pushed:
    """Read the body of a request into blocks of columns. columns: mapping of columns or keys with other names.

    Raises InvalidInputError for a body that is empty or not of this format, and TooManyRowsError for a body that has,
    or would unpack to, too much.
    """
    if not body.strip():
        raise InvalidInputError("The body is empty: write at least one observation.")
    return replace(_READERS[form](body, columns or {}), scope=scope)


def check_pushed(
    requests: Sequence[Pushed], now: datetime, visible: Visible, *, isolate_errors: bool = False
) -> tuple[pl.DataFrame, list[CheckedRequest]]:
    """Check the rows of many requests together. Return the good rows in their order, and the result of each request.

    isolate_errors: reject a row on which a library raises an error. Otherwise the error is raised.
    """
    # A check takes 3 ms for one row and 10 ms for 5,000.
    rejects = [Rejects(shown=SHOWN_REJECTS, kept=False) for _ in requests]
    accepted = [0] * len(requests)
    assumed: list[dict[str, None]] = [{} for _ in requests]
    goods: list[pl.DataFrame] = []
    parts = [(number, block) for number, request in enumerate(requests) for block in request.blocks]
    for (_, scope), alike in groupby(parts, key=lambda part: (_shape(part[1].columns), requests[part[0]].scope)):
        run = list(alike)
        columns = pl.concat([block.columns for _, block in run])
        checked = _check(columns, now, scope, visible, isolate_errors=isolate_errors)
        goods.append(checked.good)
        # The units of numbers are found for each request. Most runs have no times that are numbers, and skip this.
        digits = epoch_digits(columns["observed_at"]) if checked.assumed else None
        first = 0
        for number, block in run:
            if digits is not None:
                units = epoch_units(digits.slice(first, block.columns.height))
                assumed[number] |= dict.fromkeys(map(epoch_sentence, units))
            bad = checked.bad.filter(pl.col("row").is_between(first, first + block.columns.height, closed="left"))
            rejects[number].add_block(block, bad.with_columns(pl.col("row") - first))
            accepted[number] += block.columns.height - bad.height
            first += block.columns.height
    return pl.concat(goods, how="diagonal") if goods else pl.DataFrame(), [
        CheckedRequest(
            accepted=taken,
            rejected=refused.count,
            rejects=_indexed(refused.first, request.first_line),
            ignored=request.ignored,
            suggested_mapping=request.suggested_mapping,
            assumed=tuple(sentences),
        )
        for request, taken, refused, sentences in zip(requests, accepted, rejects, assumed, strict=True)
    ]


def _shape(columns: pl.DataFrame) -> tuple[object, ...]:
    """Return the type of observed_at and the names of the columns. Blocks with the same values are checked together."""
    return columns["observed_at"].dtype, *columns.columns


def _check(
    columns: pl.DataFrame, now: datetime, scope: Scope, visible: Visible, *, isolate_errors: bool
) -> CheckedRows:
    check = partial(check_observations, now=now)
    checked = check_isolating_errors(check, columns) if isolate_errors else check(columns)
    if scope.is_limited:
        checked = reject_outside_scope(checked, columns, lambda ids: visible(ids, scope))
    return checked


def _indexed(rejects: tuple[Reject, ...], first_line: int) -> tuple[PushReject, ...]:
    return tuple(PushReject(index=reject.line - first_line, reason=reject.reason) for reject in rejects)


def _read_json(body: bytes, columns: ColumnFields) -> Pushed:
    _refuse_obviously_many(body)
    details = _details_in(body, columns)
    try:
        return _pushed_objects(json_rows(body, member="observations"), details, columns)
    except RepeatedKeyError as error:
        return _pushed_objects([[error.row]], details, columns)


def _refuse_obviously_many(body: bytes) -> None:
    """Raise TooManyRowsError for a body that must have too many rows, before it is decoded."""
    if body.count(b"{") + body.count(b"[") > 4 * MAX_ROWS:
        raise TooManyRowsError(MAX_ROWS)


def _details_in(body: bytes, columns: ColumnFields) -> tuple[str, ...]:
    """Return the names of details that any object of the body may have; looking into each would cost more."""
    return tuple(name for name in DETAIL_NAMES if name.encode() in body or name in columns.values())


def _pushed_objects(chunks: Iterable[list[object]], details: Sequence[str], columns: ColumnFields) -> Pushed:
    """Turn rows into columns chunk by chunk: Python would look through a million objects for garbage many times."""
    names: list[str] = []
    blocks: list[Block] = []
    ignored: dict[str, None] = {}
    count = 0
    for chunk in chunks:
        rows = map_keys(chunk, columns) if columns else chunk
        names = names or names_of_first(rows)
        keys = _keys(names, details)
        blocks += _object_blocks(rows, keys, details, count)
        ignored |= dict.fromkeys(ignored_keys(rows, keys.values()))
        count += len(rows)
        if count > MAX_ROWS:
            raise TooManyRowsError(MAX_ROWS)
    if not count:
        raise InvalidInputError("The body holds no observation: write at least one.")
    return Pushed(
        blocks=tuple(blocks),
        first_line=0,
        ignored=tuple(ignored)[:MAX_IGNORED],
        suggested_mapping=mapping_query(names, OBSERVATIONS_TABLE) if ignored else "",
    )


def _object_blocks(rows: list[object], keys: Mapping[str, str], details: Sequence[str], first: int) -> Iterator[Block]:
    """Yield one block if all values are texts. Otherwise read row by row, as NDJSON files are read."""
    try:
        columns = {column: [row[key] for row in rows] for column, key in keys.items() if column not in details}  # type: ignore[index]
        columns |= {name: [row.get(name) for row in rows] for name in details}  # type: ignore[attr-defined]
        if all(
            set(map(type, values)) <= ({str, NoneType} if column in details else {str})
            for column, values in columns.items()
        ):
            frame = pl.DataFrame(columns, dict.fromkeys(columns, pl.String))
            yield Block(columns=frame, origins=partial(_numbered, first), broken=no_rejects(), done_bytes=0)
            return
    except (
        TypeError,
        KeyError,
        AttributeError,
        UnicodeEncodeError,
    ):  # a row that is not an object, a missing key, a lone surrogate
        pass
    lines = (row_line(number, b"{}", row, keys) for number, row in enumerate(rows, first) if row is not _BLANK)
    yield from line_blocks(lines, tuple(keys), lambda: 0)


def _numbered(first: int, rows: RowNumbers) -> tuple[RowNumbers, list[str]]:
    return rows.astype(np.int64) + first, ["{}"] * len(rows)


def _keys(names: Sequence[str], details: Sequence[str]) -> dict[str, str]:
    """Return the keys of the columns: observed_at, but timestamp_utc or timestamp where the first object says so."""
    preferred = {name: name for name in ("store_id", "observed_at", "status", *details)}
    if preferred.keys() >= set(names):  # most bodies: 10 us of the 100 that one poll takes
        return preferred
    return preferred | json_keys(names, OBSERVATIONS_TABLE)


def _read_ndjson(body: bytes, columns: ColumnFields) -> Pushed:
    body = body.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n")
    if body.count(b"\n") >= MAX_ROWS:
        raise TooManyRowsError(MAX_ROWS)
    _refuse_obviously_many(body)
    return _pushed_objects(_line_rows(body), _details_in(body, columns), columns)


def _line_rows(body: bytes) -> Iterator[list[object]]:
    """Yield the JSON values of lines in chunks. A line that cannot be decoded is a Line, a blank line is _BLANK."""
    lines = enumerate(BytesIO(body))
    while chunk := list(islice(lines, CHUNK_ROWS)):
        yield _plain_rows(chunk) or [decode_line(number, raw) if raw.strip() else _BLANK for number, raw in chunk]


def _plain_rows(chunk: list[tuple[int, bytes]]) -> list[object] | None:
    """Return the JSON values of lines, or None if a line cannot be decoded. Five times as fast as line by line."""
    if max(len(raw) for _, raw in chunk) > MAX_LINE_BYTES:
        return None
    try:
        return [JSON_DECODER.decode(raw.decode()) for _, raw in chunk]
    except (ValueError, RecursionError):  # also of an empty line
        return None


def _read_csv(body: bytes, columns: ColumnFields) -> Pushed:
    if body.count(b"\n") > MAX_ROWS + 1:
        raise TooManyRowsError(MAX_ROWS)
    return _pushed_table(open_csv(Stream(_BODY, body=body)), columns, first_line=2)


def _read_parquet(body: bytes, columns: ColumnFields) -> Pushed:
    """Read only the columns of polls. A constant column of few bytes in the file can be very large in memory."""
    size = parquet_size(body)
    if size.rows > MAX_ROWS:
        raise TooManyRowsError(MAX_ROWS)
    ignored: tuple[str, ...] = ()

    def read(file: BytesIO) -> pl.DataFrame:
        nonlocal ignored
        names = list(pl.read_parquet_schema(file))
        header = recognise_one(str(_BODY), names, [OBSERVATIONS_TABLE], columns)
        ignored = header.ignored
        file.seek(0)
        return pl.read_parquet(file, columns=[names[place] for place in header.positions().values()])

    pushed = _pushed_columns(_frame(body, size.bytes, read, "Parquet file"), len(body), columns)
    return replace(pushed, ignored=ignored)


def _read_arrow(body: bytes, columns: ColumnFields) -> Pushed:
    frame = _frame(body, arrow_stream_bytes(body), pl.read_ipc_stream, "Arrow IPC stream")
    return _pushed_columns(frame, len(body), columns)


def _frame(body: bytes, unpacked_bytes: int, read: Callable[[BytesIO], pl.DataFrame], what: str) -> pl.DataFrame:
    if unpacked_bytes > MAX_UNPACKED_BYTES:
        raise TooManyRowsError(MAX_ROWS)
    try:
        return read(BytesIO(body))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = str(error).split("\n", 1)[0]
        raise InvalidInputError(f"The body is not a valid {what}; it may be damaged ({reason}).") from None


def _pushed_columns(frame: pl.DataFrame, body_bytes: int, columns: ColumnFields) -> Pushed:
    if frame.height > MAX_ROWS or any(text_bytes(column) > MAX_UNPACKED_BYTES for column in frame):
        raise TooManyRowsError(MAX_ROWS)
    return _pushed_table(open_columns(frame.lazy(), str(_BODY), body_bytes), columns, first_line=1)


def _pushed_table(reader: RowReader, columns: ColumnFields, *, first_line: int) -> Pushed:
    header = recognise_one(str(_BODY), reader.names, [OBSERVATIONS_TABLE], columns)
    return Pushed(blocks=tuple(reader.blocks(header.positions())), first_line=first_line, ignored=header.ignored)


_READERS: Final = {
    PushFormat.JSON: _read_json,
    PushFormat.NDJSON: _read_ndjson,
    PushFormat.CSV: _read_csv,
    PushFormat.PARQUET: _read_parquet,
    PushFormat.ARROW: _read_arrow,
}
