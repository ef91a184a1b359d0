"""Write bodies of many rows: the good rows replace rows of the catalog, the others are returned with their reasons."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from storewatch.catalog import Catalog, StoreChanges
from storewatch.domain.columns import LABELS, REJECTS, WEEKLY_HOURS
from storewatch.domain.enums import EntryKind, ImportTable, Setting, WeekdayCounting
from storewatch.domain.errors import InvalidInputError, ScopedLabelsError
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.domain.texts import is_storable
from storewatch.engine.opening.weekly import weekly_intervals
from storewatch.ingest.blocks import Block
from storewatch.ingest.cells import CheckedRows, check_isolating_errors
from storewatch.ingest.delimited import open_csv
from storewatch.ingest.headers import MAX_IGNORED, ignored_keys, json_keys, mapping_query, nearest_table, recognise_one
from storewatch.ingest.json_rows import NO_ARRAY, json_rows, names_of_first
from storewatch.ingest.lines import Line, RepeatedKey, json_ids, line_blocks, row_line
from storewatch.ingest.mappings import ColumnFields, apply_mapping, map_keys
from storewatch.ingest.rejected_stores import merge_rejected, rejected_stores, unnamed_rows
from storewatch.ingest.rejects import Rejects
from storewatch.ingest.scopes import reject_outside_scope, reject_unknown_targets
from storewatch.ingest.streams import Stream
from storewatch.ingest.table_imports import differing_labels
from storewatch.ingest.tables import TABLES, TableSchema, check_hours, check_labels
from storewatch.ingest.weekdays import WEEKDAY_COLUMNS, WEEKDAY_TABLES, find_weekday_notation

MAX_ROWS: Final = 1_000_000
SHOWN_REJECTS: Final = 100

_BODY: Final = Path("The body")
_TABLE: Final = {table.name: table for table in TABLES}


class BulkFormat(StrEnum):
    """The media types of a body of many rows."""

    JSON = "application/json"
    CSV = "text/csv"


@dataclass(frozen=True, kw_only=True)
class BulkReject:
    """A rejected row. index: its place in the body, from 0: element of the array, or line after the header."""

    index: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class BulkChange:
    """How many rows were accepted and rejected.

    rejects: the first SHOWN_REJECTS rejected rows. ignored: columns or keys that the table does not have.
    suggested_mapping: as in Pushed. assumed: sentences about how the rows were read.
    """

    accepted: int
    rejected: int
    rejects: tuple[BulkReject, ...]
    ignored: tuple[str, ...] = ()
    suggested_mapping: str = ""
    assumed: tuple[str, ...] = ()


def replace_hours(
    body: bytes,
    form: BulkFormat,
    *,
    catalog: Catalog,
    scope: Scope = ALL_STORES,
    valid_from: date | None = None,
    weekdays: WeekdayCounting | None = None,
    columns: ColumnFields | None = None,
    now: datetime,
) -> BulkChange:
    """Replace the weekly hours of the stores in the rows of a body.

    valid_from: the local date from which the new hours hold; earlier hours are kept. Without it they replace all hours.
    scope: rows of stores outside it are rejected. weekdays: how numbers count weekdays; None: the numbers decide.
    columns: mapping of columns or keys with other names. Stores whose rows were all rejected are noted in the catalog.
    Raises InvalidInputError when the body as a whole cannot be read.
    """
    table = _TABLE[ImportTable.WEEKLY_HOURS]
    _, rows = _read(body, form, [table], columns or {})
    rows = _with_weekdays(rows, weekdays)
    rejected: list[pl.DataFrame] = []
    allowed = partial(catalog.stores.filter_ids, scope=scope) if scope.is_limited else None

    unnamed = 0

    def note(block: Block, bad: pl.DataFrame) -> None:
        nonlocal unnamed
        stores, without_id = rejected_stores(block, bad, allowed)
        rejected.append(stores)
        unnamed += without_id

    good, change = _check(rows, partial(check_hours, now=now), catalog, scope, note)
    # Rejected rows are noted even if no row is good: their stores fall back to older or default hours.
    hours = weekly_intervals(good.select(WEEKLY_HOURS.names()).unique()) if change.accepted else None
    noted = {Setting.WEEKLY_HOURS: merge_rejected(rejected)}
    catalog.stores.replace(StoreChanges(hours=hours, hours_from=valid_from, rejected=noted), now=now)
    return replace(change, assumed=(*change.assumed, *unnamed_rows(unnamed, table.title)))


def replace_entries(
    kind: EntryKind,
    body: bytes,
    form: BulkFormat,
    *,
    catalog: Catalog,
    scope: Scope = ALL_STORES,
    allow_unknown: bool = False,
    weekdays: WeekdayCounting | None = None,
    columns: ColumnFields | None = None,
    now: datetime,
) -> BulkChange:
    """Replace special hours, targets or sales of the stores, or of the labels, in the rows of a body.

    Rows of stores that do not exist are rejected, and so are rows of labels that no store carries unless allow_unknown.
    The rows have the columns of the same table in files. In a limited scope, rows of labels are refused. The other
    arguments and errors are those of `replace_hours`.
    """
    tables = [
        table for table in TABLES if table.name == kind.value and (not scope.is_limited or "label" not in table.columns)
    ]
    table, rows = _read(body, form, tables, columns or {})
    if table.name in WEEKDAY_TABLES:
        rows = _with_weekdays(rows, weekdays)

    def check(rows: pl.DataFrame) -> CheckedRows:
        checked = table.check(rows, now)
        if scope.is_limited:  # other stores are rejected below
            return checked
        return reject_unknown_targets(
            checked, rows, partial(catalog.names.unknown_targets, allow_unknown=allow_unknown)
        )

    good, change = _check(rows, check, catalog, scope)
    if change.accepted:
        catalog.entries.replace(kind, good, now)
    return change


def replace_labels(
    body: bytes,
    form: BulkFormat,
    *,
    catalog: Catalog,
    scope: Scope = ALL_STORES,
    columns: ColumnFields | None = None,
    now: datetime,
) -> BulkChange:
    """Replace the labels of the stores in the rows of a body. Raises ScopedLabelsError in a limited scope.

    Rows of JSON have the key `labels`; CSV has the columns of the table of stores. The other arguments and errors are
    those of `replace_hours`.
    """
    if scope.is_limited:
        raise ScopedLabelsError
    if form is BulkFormat.CSV:
        table = _TABLE[ImportTable.STORES]
        _, rows = _csv_blocks(body, [table], columns or {})
        good, change = _check(rows, lambda found: table.check(found, now), catalog, scope)
    else:
        good, change = _check(_label_blocks(body, columns or {}), check_labels, catalog, scope)
    if not change.accepted:
        return change
    labels = good.select(LABELS.names())
    catalog.stores.replace(StoreChanges(labels=labels), now=now)
    return replace(change, assumed=(*change.assumed, *differing_labels(labels)))


@dataclass(frozen=True, kw_only=True)
class _BodyRows:
    """The rows of a body in blocks. first_line: the line number that `Block.origins` has for the row with index 0."""

    blocks: Iterable[Block]
    first_line: int
    ignored: tuple[str, ...] = ()
    suggested_mapping: str = ""
    assumed: tuple[str, ...] = ()


def _with_weekdays(rows: _BodyRows, counting: WeekdayCounting | None) -> _BodyRows:
    """Return the rows with weekdays as 0 (Monday) to 6 (Sunday). counting: of numbers; None: the numbers decide."""
    blocks = list(rows.blocks)
    names = [name for name in WEEKDAY_COLUMNS if blocks and name in blocks[0].columns.columns]
    notation = find_weekday_notation((block.columns[name] for block in blocks for name in names), counting)
    return replace(rows, blocks=[notation.apply(block) for block in blocks], assumed=notation.assumed)


def _check(
    rows: _BodyRows,
    check: Callable[[pl.DataFrame], CheckedRows],
    catalog: Catalog,
    scope: Scope,
    note_bad: Callable[[Block, pl.DataFrame], None] = lambda _block, _bad: None,
) -> tuple[pl.DataFrame, BulkChange]:
    """Check all rows; return the good ones, and what became of each. note_bad: called with a block and its bad rows."""
    good: list[pl.DataFrame] = []
    assumed: list[str] = []
    rejects = Rejects(shown=SHOWN_REJECTS, kept=False)
    for block in rows.blocks:
        checked = check_isolating_errors(check, block.columns)
        if scope.is_limited:
            checked = reject_outside_scope(checked, block.columns, partial(catalog.stores.filter_ids, scope=scope))
        rejects.add_block(block, checked.bad)
        note_bad(block, checked.bad)
        good.append(checked.good)
        assumed += checked.assumed
    accepted = sum(frame.height for frame in good)
    if not accepted and not rejects.count:
        raise InvalidInputError("The body holds no row: write at least one.")
    return pl.concat(good) if good else pl.DataFrame(), BulkChange(
        accepted=accepted,
        rejected=rejects.count,
        rejects=tuple(BulkReject(index=one.line - rows.first_line, reason=one.reason) for one in rejects.first),
        ignored=rows.ignored,
        suggested_mapping=rows.suggested_mapping,
        assumed=tuple(dict.fromkeys((*rows.assumed, *assumed))),
    )


def _read(
    body: bytes, form: BulkFormat, tables: Sequence[TableSchema], columns: ColumnFields
) -> tuple[TableSchema, _BodyRows]:
    return (_csv_blocks if form is BulkFormat.CSV else _json_blocks)(body, tables, columns)


def _csv_blocks(body: bytes, tables: Sequence[TableSchema], columns: ColumnFields) -> tuple[TableSchema, _BodyRows]:
    if body.count(b"\n") > MAX_ROWS + 1:
        raise InvalidInputError(f"The body has more than {MAX_ROWS:,} rows; send it in parts.")
    reader = open_csv(Stream(_BODY, body=body))
    header = recognise_one(str(_BODY), reader.names, tables, columns)
    (found,) = header.tables
    return found.table, _BodyRows(blocks=reader.blocks(found.positions), first_line=2, ignored=header.ignored)


def _json_blocks(body: bytes, tables: Sequence[TableSchema], columns: ColumnFields) -> tuple[TableSchema, _BodyRows]:
    chunks = (map_keys(rows, columns) if columns else rows for rows in _json_chunks(body))
    first_chunk = next(chunks)
    names = names_of_first(first_chunk)
    table = nearest_table(apply_mapping(names, {}), tables)
    keys = {column: aliases[0] for column, aliases in {**table.columns, **table.optional}.items()}
    keys |= json_keys(names, table)

    def read(rows: list[object], first: int) -> Iterable[Block]:
        lines = (_line_of_store(number, row, keys) for number, row in enumerate(rows, first))
        return line_blocks(lines, tuple(keys), lambda: 0, ids_in=json_ids("store_id"))

    rows = _read_chunks(chain([first_chunk], chunks), read, keys.values())
    return table, replace(rows, suggested_mapping=mapping_query(names, table))


def _line_of_store(number: int, row: object, keys: Mapping[str, str]) -> Line:
    """Return the values of a row. The text of a row that cannot be read has the id of its store alone."""
    line = row_line(number, b"{}", row, keys)
    if line.unreadable:
        store_id = dict(zip(keys, line.values, strict=True)).get("store_id")
        return line._replace(raw=json.dumps({"store_id": store_id}).encode())
    return line


def _label_blocks(body: bytes, columns: ColumnFields) -> _BodyRows:
    """Read JSON rows of a store and its labels. Of the labels, only `name` can be mapped."""
    names = {column: field for column, field in columns.items() if field == "name"}

    def read(rows: list[object], first: int) -> list[Block]:
        return _label_block(map_keys(rows, columns), names, first)

    return _read_chunks(_json_chunks(body), read, ("store_id", "labels", *columns))


def _json_chunks(body: bytes) -> Iterator[list[object]]:
    chunks = json_rows(body)
    first = next(chunks, None)
    if first is None:
        raise InvalidInputError(NO_ARRAY)
    yield first
    yield from chunks


def _read_chunks(
    chunks: Iterable[list[object]], read: Callable[[list[object], int], Iterable[Block]], used: Collection[str]
) -> _BodyRows:
    """Turn rows into columns, chunk by chunk. read: takes a chunk and the index of its first row, returns blocks."""
    blocks: list[Block] = []
    ignored: dict[str, None] = {}
    count = 0
    for rows in chunks:
        blocks += read(rows, count)
        ignored |= dict.fromkeys(ignored_keys(rows, used))
        count += len(rows)
        if count > MAX_ROWS:
            raise InvalidInputError(f"The body has more than {MAX_ROWS:,} rows; send it in parts.")
    return _BodyRows(blocks=blocks, first_line=0, ignored=tuple(ignored)[:MAX_IGNORED])


def _label_block(rows: list[object], names: ColumnFields, first: int) -> list[Block]:
    numbers: list[int] = []
    good: list[tuple[str, dict[str, str | None]]] = []
    broken: list[tuple[int, str, str]] = []
    for number, row in enumerate(rows, first):
        try:
            good.append(_label_row(row, names))
            numbers.append(number)
        except InvalidInputError as error:
            broken.append((number, "{}", str(error)))
    places = np.array(numbers, np.int64)
    block = Block(
        columns=_label_columns(good),
        origins=lambda rows: (places[rows], ["{}"] * len(rows)),
        broken=pl.DataFrame(broken, REJECTS, orient="row"),
        done_bytes=0,
    )
    return [block]


def _label_columns(rows: list[tuple[str, dict[str, str | None]]]) -> pl.DataFrame:
    """Return store ids and labels as LABELS, built from columns: lists of objects take Polars eight times as long."""
    pairs = pl.DataFrame(
        {
            "row": np.repeat(np.arange(len(rows)), [len(labels) for _, labels in rows]),
            "label": [label for _, labels in rows for label in labels],
            "value": [value for _, labels in rows for value in labels.values()],
        },
        {"row": pl.Int64, "label": pl.String, "value": pl.String},
    )
    lists = pairs.group_by("row", maintain_order=True).agg(labels=pl.struct("label", "value"))
    return (
        pl.DataFrame({"store_id": [store_id for store_id, _ in rows]}, {"store_id": pl.String})
        .with_columns(row=pl.int_range(len(rows), dtype=pl.Int64))
        .join(lists, on="row", how="left", maintain_order="left")
        .select("store_id", pl.col("labels").fill_null(pl.lit([], LABELS["labels"])))
    )


def _label_row(row: object, names: ColumnFields) -> tuple[str, dict[str, str | None]]:
    if isinstance(row, RepeatedKey):
        raise InvalidInputError(row.problem)
    if not isinstance(row, dict):
        raise InvalidInputError("it is not a JSON object with store_id and labels")
    store_id, (labels,) = row.get("store_id"), map_keys([row.get("labels")], names)
    if isinstance(labels, RepeatedKey):
        raise InvalidInputError(labels.problem)
    if not isinstance(store_id, str) or not isinstance(labels, dict):
        raise InvalidInputError("it must have a store_id, which is text, and labels, which are an object")
    for value in labels.values():
        if not isinstance(value, str | None):
            raise InvalidInputError("the value of a label must be text or null")
    if not is_storable("".join([store_id, *labels, *filter(None, labels.values())])):
        raise InvalidInputError("it is not valid UTF-8 text")
    return store_id, labels
