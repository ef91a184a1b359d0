"""Recognise the tables in the header of a file: where their columns are, and which columns belong to no table."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from storewatch.domain.enums import ImportTable
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.texts import clean_id
from storewatch.ingest.cells import LABEL_NAME
from storewatch.ingest.mappings import ColumnFields, apply_mapping, suggest_mappings
from storewatch.ingest.tables import DAY_NAMES, TABLES, TableSchema

# How many ignored keys of JSON objects are named.
MAX_IGNORED: Final = 20

# Names of the columns in which pandas writes row numbers.
_ROW_NUMBERS: Final = re.compile(r"unnamed: [0-9]+|__index_level_[0-9]+__")
# Tables with many rows for a store. Beside them, another column may describe the row and not the store.
_MANY_ROWS: Final = frozenset(
    {ImportTable.OBSERVATIONS, ImportTable.WEEKLY_HOURS, ImportTable.SPECIAL_HOURS, ImportTable.SALES}
)


@dataclass(frozen=True, kw_only=True)
class FoundTable:
    """A table whose columns are all in a header.

    positions: canonical name of each column -> its position in the header. is_joined: the file has other tables too,
    so a row whose cells of this table are all empty is not a row of this table. keeps_labels: the import keeps labels
    that the header does not name. True for a table of stores beside a table with many rows for a store.
    """

    table: TableSchema
    positions: dict[str, int]
    is_joined: bool = False
    keeps_labels: bool = False

    def own_columns(self) -> list[str]:
        """Return the columns other than store_id, label and value, which name the target of the row."""
        wanted = self.positions if self.table.name is ImportTable.STORES else self.table.columns
        return [column for column in wanted if column not in ("store_id", "label", "value")]


@dataclass(frozen=True, kw_only=True)
class Header:
    """The tables in a header.

    ignored: names of the columns that belong to no table. assumed: sentences about tables of which columns are missing.
    """

    tables: tuple[FoundTable, ...]
    ignored: tuple[str, ...]
    assumed: tuple[str, ...] = ()

    def positions(self) -> dict[str, int]:
        """Return the positions of the columns of all its tables."""
        return {column: place for found in self.tables for column, place in found.positions.items()}


def recognise(file: str, header: Sequence[str], columns: ColumnFields | None = None) -> Header:
    """Find every table that has all its columns in a header, in any order and case.

    In a table of stores the other columns are labels; beside polls only `name` is a label. file: its name in messages.
    columns: column mapping, name of a column -> field. Raises InvalidInputError when no table fits, a wanted column
    occurs twice, or a column may belong to two tables.
    """
    names = apply_mapping(header, columns or {})
    complete = [table for table in TABLES if set(table.columns) <= set(table.positions(names))]
    if not complete:
        likely = _likely_table(names)
        hint = "".join(f" --map {guess}" for guess in suggest_mappings(names, likely))
        raise InvalidInputError(
            _unknown_header(file, header, names, likely, "is not that of any table") + mapping_hint(hint)
        )
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
        assumed=tuple(_incomplete_tables(names, complete, unused)),
    )


def recognise_one(
    file: str, header: Sequence[str], tables: Sequence[TableSchema], columns: ColumnFields | None = None
) -> Header:
    """Find the one of some tables that fits a header best. Columns of other tables are ignored.

    columns: as in `recognise`; None: the caller has no option for a mapping, so errors suggest none.
    Raises InvalidInputError as `recognise` does.
    """
    names = apply_mapping(header, columns or {})
    table = nearest_table(names, tables)
    if not set(table.columns) <= set(table.positions(names)):
        hint = "" if columns is None else mapping_hint(mapping_query(names, table))
        raise InvalidInputError(_unknown_header(file, header, names, table, f"is not that of {table.title}") + hint)
    _refuse_ambiguous(file, names, [table])
    found = FoundTable(table=table, positions=table.positions(names))
    if table.name is ImportTable.STORES:
        found = _table_of_stores(file, names, [])
    _refuse_repeated(file, header, names, found)
    return Header(tables=(found,), ignored=tuple(ignored_columns(header, {*found.positions.values()})))


def json_keys(names: Sequence[str], table: TableSchema) -> dict[str, str]:
    """Return canonical name of a column -> its key in JSON objects. Upper and lower case of keys do not matter.

    names: the keys of the objects. Raises InvalidInputError when two keys are names of the same column.
    """
    plain = apply_mapping(names, {})
    found = {column: names[place] for column, place in table.positions(plain).items()}
    for column, aliases in {**table.columns, **table.optional}.items():
        several = [key for key, name in zip(names, plain, strict=True) if name in aliases]
        if len(several) > 1:
            raise InvalidInputError(
                f"The body: its objects have {column} twice, as {' and '.join(map(printable, several))}."
            )
    return found


def mapping_query(names: Sequence[str], table: TableSchema) -> str:
    """Return the query parameters that map columns which may be the missing columns of a table; empty if none may."""
    pairs = [("map", guess) for guess in suggest_mappings(apply_mapping(names, {}), table)]
    return f" ?{urlencode(pairs, safe='=')}" if pairs else ""


def mapping_hint(hint: str) -> str:
    """Return the sentence of an error that suggests options for a mapping; empty without options."""
    return f" If columns of other names hold these, add:{hint}" if hint else ""


def nearest_table(names: Sequence[str], tables: Sequence[TableSchema]) -> TableSchema:
    """Return the table that fits a header, or else the table with most columns in it. names: in lower case."""

    def nearness(table: TableSchema) -> tuple[bool, int]:
        positions = table.positions(names)
        return set(table.columns) <= set(positions), len(positions)

    return max(tables, key=nearness)


def _likely_table(names: Sequence[str]) -> TableSchema:
    """Return the table that fits a header if its columns have other names, or else the nearest_table table."""

    def is_guessed(table: TableSchema) -> bool:
        missing = table.columns.keys() - table.positions(names).keys()
        return len(list(suggest_mappings(names, table))) == len(missing)

    complete = [table for table in TABLES if is_guessed(table)]
    return max(complete, key=lambda table: len(table.columns), default=None) or nearest_table(names, TABLES)


def ignored_columns(header: Sequence[str], used: Collection[int]) -> list[str]:
    """Return the printable names of the columns that no table uses, each once. used: positions of used columns."""
    unused = [
        printable(name) or f"column {place + 1} (no name)" for place, name in enumerate(header) if place not in used
    ]
    return list(dict.fromkeys(unused))


def ignored_keys(rows: Sequence[object], used: Collection[str]) -> tuple[str, ...]:
    """Return the keys of JSON objects that are not in `used`, in order of appearance, at most MAX_IGNORED."""
    first = rows[0] if rows else {}
    # Takes 0.2 ms for 5,000 rows with the same keys. A look at every key takes 2 ms.
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
    """Return the first 40 characters of a column name. Control characters are replaced."""
    return "".join(c if c.isprintable() else "�" for c in clean_id(name))[:40]


def _refuse_ambiguous(file: str, names: Sequence[str], complete: Sequence[TableSchema]) -> None:
    """Raise InvalidInputError for a header that can be read in two ways."""
    tables = {table.name for table in complete}
    entries = [table for table in complete if table.is_of_entries]
    if entries and {"store_id", "label"} <= set(names):
        raise InvalidInputError(
            f"{file}: the header of {entries[0].title} has both store_id and label. Put the rows of stores and the "
            "rows of labels into two files."
        )
    dated = tables & {ImportTable.WEEKLY_HOURS, ImportTable.SPECIAL_HOURS}
    if dated and "date" in names and not set(names).isdisjoint(DAY_NAMES):
        raise InvalidInputError(
            f"{file}: the header has both a day and a date, so it may be weekly or special hours. Leave one out."
        )
    if {ImportTable.SPECIAL_HOURS, ImportTable.SALES} <= tables:
        raise InvalidInputError(
            f"{file}: the header has sales beside special hours, but sales are of weekdays and hours, not of dates. "
            "Put them into two files."
        )


def _refuse_repeated(file: str, header: Sequence[str], names: Sequence[str], found: FoundTable) -> None:
    """Raise InvalidInputError if a column of a table is in the header twice."""
    columns = {**{column: (column,) for column in found.positions}, **found.table.columns, **found.table.optional}
    for column, aliases in columns.items():
        if len([name for name in names if name in aliases]) > 1:
            raise InvalidInputError(f"{file}: the header has the column {column} twice. Found: {_listed(header)}.")


def _table_of_stores(file: str, names: Sequence[str], others: Sequence[FoundTable]) -> FoundTable:
    """Return the table of stores, with its labels, in a header. others: the other tables in this header.

    Raises InvalidInputError when a column can be neither a label nor ignored.
    """
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
            "columns of that table, put them into a separate file, or use another name for the label."
        )
    elif bad:
        raise InvalidInputError(
            f"{file}: {_listed(bad)} cannot be a label. Name columns with 1 to 64 of a-z, 0-9, _ . and -."
        )
    positions = {"store_id": names.index("store_id"), **labels}
    return FoundTable(table=table, positions=positions, is_joined=bool(others), keeps_labels=keeps_labels)


def _foreign_names() -> set[str]:
    """Return the names of columns of polls, weekly hours, time zones and dates. They cannot be names of labels."""
    tables = (table for table in TABLES if not table.is_of_entries and table.name is not ImportTable.STORES)
    return {alias for table in tables for aliases in table.columns.values() for alias in aliases}


def _incomplete_tables(names: Sequence[str], complete: Sequence[TableSchema], unused: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each table of which more than half of the columns are in the header but not all."""
    complete_names = {table.name for table in complete}
    unused = set(unused)
    for table in TABLES:
        own = [column for column in table.columns if column not in ("store_id", "label", "value")]
        there = [column for column in own if unused.intersection(table.columns[column])]
        if table.name not in complete_names and "label" not in table.columns and 2 * len(there) > len(own):
            missing = [column for column in table.columns if column not in table.positions(names)]
            yield f"{', '.join(there)} are not read as {table.title}, because there is no {table.wanted(missing)}"


def _unknown_header(file: str, header: Sequence[str], names: Sequence[str], table: TableSchema, what: str) -> str:
    positions = table.positions(names)
    missing = [column for column in table.columns if column not in positions]
    return (
        f"{file}: the header {what}. Found: {_listed(header)}. Nearest is the table of {table.title}, which needs "
        f"{table.wanted(table.columns)}; missing: {table.wanted(missing)}."
    )


def _listed(header: Sequence[str]) -> str:
    names = [printable(name) for name in header[:20]]
    return ", ".join(names) + (", …" if len(header) > 20 else "") or "nothing"
