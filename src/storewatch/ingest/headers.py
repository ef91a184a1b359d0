"""Which tables the header of a file carries, where their columns are, and which columns belong to none of them."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from storewatch.domain.enums import ImportTable
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.texts import clean_id
from storewatch.ingest.cells import LABEL_NAME
from storewatch.ingest.mappings import Columns, apply_mapping, suggest_mappings
from storewatch.ingest.tables import DAY_NAMES, TABLES, TableSchema

# Of the keys of many objects.
MAX_IGNORED: Final = 20

# Columns that pandas writes for its row numbers.
_ROW_NUMBERS: Final = re.compile(r"unnamed: [0-9]+|__index_level_[0-9]+__")
# A store has many rows in these, so a further column need not be about the store.
_MANY_ROWS: Final = frozenset(
    {ImportTable.OBSERVATIONS, ImportTable.WEEKLY_HOURS, ImportTable.SPECIAL_HOURS, ImportTable.SALES}
)


@dataclass(frozen=True, kw_only=True)
class FoundTable:
    """A table that a header carries.

    positions: canonical name of each column -> where it is in the header. is_joined: other tables share the rows, so
    a row whose cells of this table are all empty holds nothing of it. keeps_labels: of a table of stores that is joined
    with one of many rows a store: labels that the header does not name are kept.
    """

    table: TableSchema
    positions: dict[str, int]
    is_joined: bool = False
    keeps_labels: bool = False

    def own_columns(self) -> list[str]:
        """Return the columns that hold more than the store or label that the row is about."""
        wanted = self.positions if self.table.name is ImportTable.STORES else self.table.columns
        return [column for column in wanted if column not in ("store_id", "label", "value")]


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a header carries. ignored: the columns that belong to no table. assumed: sentences about the reading."""

    tables: tuple[FoundTable, ...]
    ignored: tuple[str, ...]
    assumed: tuple[str, ...] = ()

    def positions(self) -> dict[str, int]:
        """Return the positions of the columns of all its tables."""
        return {column: place for found in self.tables for column, place in found.positions.items()}


def recognise(file: str, header: Sequence[str], columns: Columns | None = None) -> Header:
    """Find every table that has all its columns in a header, in any order and case.

    Beside a table of stores the other columns are labels; beside polls only `name` is one. Raises InvalidInputError
    when no table fits, a wanted column is there twice, or a column may belong to two tables. columns: the fields that
    columns of other names hold.
    """
    names = apply_mapping(header, columns or {})
    complete = [table for table in TABLES if set(table.columns) <= set(table.positions(names))]
    if not complete:
        meant = _meant(names)
        hint = "".join(f" --map {guess}" for guess in suggest_mappings(names, meant))
        raise InvalidInputError(_none_fits(file, header, names, meant, "none of the nine tables") + mapping_hint(hint))
    _refuse_ambiguous(file, names, complete)
    others = [table for table in complete if table.name is not ImportTable.STORES]
    found = [FoundTable(table=table, positions=table.positions(names), is_joined=len(complete) > 1) for table in others]
    if len(others) < len(complete):
        found.append(_table_of_stores(file, names, found))
    for each in found:
        _refuse_repeated(file, header, names, each)
    used = {place for each in found for place in each.positions.values()}
    unused = {name for place, name in enumerate(names) if place not in used}
    return Header(
        tables=tuple(found),
        ignored=tuple(ignored_columns(header, used)),
        assumed=tuple(_nearly_found(names, complete, unused)),
    )


def recognise_one(
    file: str, header: Sequence[str], tables: Sequence[TableSchema], columns: Columns | None = None
) -> Header:
    """Find the one of these tables that a header is; its columns of other tables are ignored.

    columns, errors: as in `recognise`. None: the caller cannot name any.
    """
    names = apply_mapping(header, columns or {})
    table = nearest(names, tables)
    if not set(table.columns) <= set(table.positions(names)):
        hint = "" if columns is None else mapping_hint(mapping_query(names, table))
        raise InvalidInputError(_none_fits(file, header, names, table, f"not that of {table.title}") + hint)
    _refuse_ambiguous(file, names, [table])
    found = FoundTable(table=table, positions=table.positions(names))
    if table.name is ImportTable.STORES:
        found = _table_of_stores(file, names, [])
    _refuse_repeated(file, header, names, found)
    return Header(tables=(found,), ignored=tuple(ignored_columns(header, {*found.positions.values()})))


def keys_of(names: Sequence[str], table: TableSchema) -> dict[str, str]:
    """Return the key of each column that JSON objects with these keys have, in any case.

    Raises InvalidInputError when two of the keys are names of one column.
    """
    plain = apply_mapping(names, {})
    found = {column: names[place] for column, place in table.positions(plain).items()}
    for column, aliases in {**table.columns, **table.optional}.items():
        several = [key for key, name in zip(names, plain, strict=True) if name in aliases]
        if len(several) > 1:
            raise InvalidInputError(
                f"The body: its objects name {column} twice, as {' and '.join(map(printable, several))}."
            )
    return found


def mapping_query(names: Sequence[str], table: TableSchema) -> str:
    """Return the query of a request that maps the columns that may be what a table lacks; empty without one."""
    pairs = [("map", guess) for guess in suggest_mappings(apply_mapping(names, {}), table)]
    return f" ?{urlencode(pairs, safe='=')}" if pairs else ""


def mapping_hint(hint: str) -> str:
    """Return the sentence of an error that names options which map columns; empty without any."""
    return f" If other names hold these:{hint}" if hint else ""


def nearest(names: Sequence[str], tables: Sequence[TableSchema]) -> TableSchema:
    """Return the table that a header of these names, in lower case, is or comes nearest to."""

    def nearness(table: TableSchema) -> tuple[bool, int]:
        positions = table.positions(names)
        return set(table.columns) <= set(positions), len(positions)

    return max(tables, key=nearness)


def _meant(names: Sequence[str]) -> TableSchema:
    """Return the table that a header is under other names of its columns, else the one that it comes nearest to."""

    def is_guessed(table: TableSchema) -> bool:
        missing = table.columns.keys() - table.positions(names).keys()
        return len(list(suggest_mappings(names, table))) == len(missing)

    complete = [table for table in TABLES if is_guessed(table)]
    return max(complete, key=lambda table: len(table.columns), default=None) or nearest(names, TABLES)


def ignored_columns(header: Sequence[str], used: Collection[int]) -> list[str]:
    """Return the names of the columns at no used position, each once, as they can be shown."""
    unused = [
        printable(name) or f"column {place + 1} (no name)" for place, name in enumerate(header) if place not in used
    ]
    return list(dict.fromkeys(unused))


def ignored_keys(rows: Sequence[object], used: Collection[str]) -> tuple[str, ...]:
    """Return the keys of JSON objects that are none of `used`, in their order and at most MAX_IGNORED."""
    first = rows[0] if rows else {}
    # Of 5,000 plain rows 0.2 ms, where looking at every key takes 2 ms.
    if isinstance(first, dict) and first.keys() <= set(used):
        rows = [row for row in rows if isinstance(row, dict) and len(row) != len(first)]
    seen = set(used)
    shown: dict[str, None] = {}
    for name in (key for row in rows if isinstance(row, dict) for key in row):
        if name not in seen:
            seen.add(name)
            shown[printable(name)] = None
            if len(shown) == MAX_IGNORED:
                break
    return tuple(shown)


def printable(name: str) -> str:
    """Return the beginning of a column's name without control characters."""
    return "".join(c if c.isprintable() else "�" for c in clean_id(name))[:40]


def _refuse_ambiguous(file: str, names: Sequence[str], complete: Sequence[TableSchema]) -> None:
    """Refuse a header that can be read in two ways."""
    tables = {table.name for table in complete}
    entries = [table for table in complete if table.is_of_entries]
    if entries and {"store_id", "label"} <= set(names):
        raise InvalidInputError(
            f"{file}: the header of {entries[0].title} names both store_id and label. Put what is of stores and what "
            "is of labels into two files."
        )
    dated = tables & {ImportTable.WEEKLY_HOURS, ImportTable.SPECIAL_HOURS}
    if dated and "date" in names and not set(names).isdisjoint(DAY_NAMES):
        raise InvalidInputError(
            f"{file}: the header names both a day and a date, so it may be weekly or special hours. Leave one out."
        )
    if {ImportTable.SPECIAL_HOURS, ImportTable.SALES} <= tables:
        raise InvalidInputError(
            f"{file}: the header has sales beside special hours, but sales are of weekdays and hours, not of dates. "
            "Put them into two files."
        )


def _refuse_repeated(file: str, header: Sequence[str], names: Sequence[str], found: FoundTable) -> None:
    columns = {**{column: (column,) for column in found.positions}, **found.table.columns, **found.table.optional}
    for column, aliases in columns.items():
        if len([name for name in names if name in aliases]) > 1:
            raise InvalidInputError(f"{file}: the header names the column {column} twice. Found: {_listed(header)}.")


def _table_of_stores(file: str, names: Sequence[str], others: Sequence[FoundTable]) -> FoundTable:
    """Find the labels in the header of a table of stores; `others` are the tables that share its rows."""
    table = next(table for table in TABLES if table.name is ImportTable.STORES)
    tables = {found.table.name for found in others}
    used = {place for found in others for place in found.positions.values()}
    labels = {
        name: place
        for place, name in reversed(list(enumerate(names)))
        if name and place not in used and name != "store_id" and not _ROW_NUMBERS.fullmatch(name)
    }
    if ImportTable.OBSERVATIONS in tables:
        labels = {"name": labels["name"]}
    foreign = [name for name in labels if name in _foreign_names()]
    bad = [name for name in labels if not re.fullmatch(LABEL_NAME.strip("^$"), name)]
    keeps_labels = not tables.isdisjoint(_MANY_ROWS)
    if keeps_labels:
        labels = {name: place for name, place in labels.items() if name not in (*foreign, *bad)}
    elif foreign:
        raise InvalidInputError(
            f"{file}: the header mixes the table of stores with another table's {', '.join(foreign)}. Add the other "
            "columns of that table, put them into a file of their own, or name the label otherwise."
        )
    elif bad:
        raise InvalidInputError(
            f"{file}: {_listed(bad)} cannot be a label. Name columns with 1 to 64 of a-z, 0-9, _ . and -."
        )
    positions = {"store_id": names.index("store_id"), **labels}
    return FoundTable(table=table, positions=positions, is_joined=bool(others), keeps_labels=keeps_labels)


def _foreign_names() -> set[str]:
    """Return the columns of polls, hours and zones, which cannot be labels."""
    tables = (table for table in TABLES if not table.is_of_entries and table.name is not ImportTable.STORES)
    return {alias for table in tables for aliases in table.columns.values() for alias in aliases}


def _nearly_found(names: Sequence[str], complete: Sequence[TableSchema], unused: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each table of which the unused columns are more than half."""
    complete_names = {table.name for table in complete}
    unused = set(unused)
    for table in TABLES:
        own = [column for column in table.columns if column not in ("store_id", "label", "value")]
        there = [column for column in own if unused.intersection(table.columns[column])]
        if table.name not in complete_names and "label" not in table.columns and 2 * len(there) > len(own):
            missing = [column for column in table.columns if column not in table.positions(names)]
            yield f"{', '.join(there)} are not read as {table.title}, because there is no {table.wanted(missing)}"


def _none_fits(file: str, header: Sequence[str], names: Sequence[str], table: TableSchema, what: str) -> str:
    positions = table.positions(names)
    missing = [column for column in table.columns if column not in positions]
    return (
        f"{file}: the header is {what}. Found: {_listed(header)}. Nearest is the table of {table.title}, which wants "
        f"{table.wanted(table.columns)}; missing: {table.wanted(missing)}."
    )


def _listed(header: Sequence[str]) -> str:
    names = [printable(name) for name in header[:20]]
    return ", ".join(names) + (", …" if len(header) > 20 else "") or "nothing"
