"""Column mappings: other names of columns, set by the user, saved under a name, or suggested in an error message."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Final

from storewatch.catalog import Catalog, ColumnMapping
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.texts import clean_id
from storewatch.ingest.lines import RepeatedKey
from storewatch.ingest.tables import TABLES, TableSchema

# Name of a column in lower case -> the field that it holds.
ColumnFields = Mapping[str, str]

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
# Names of these columns in other systems.
_SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    "store_id": ("id", "store", "storeid", "shop", "shop_id", "restaurant_id", "location_id", "outlet_id", "site_id"),
    "timestamp_utc": ("time", "ts", "datetime", "date_time", "polled_at", "checked_at", "created_at", "time_utc"),
    "status": ("state", "is_active", "active", "availability"),
    "day": ("weekday", "wday", "dow", "day_name", "week_day", "dayofweek", "day_of_week"),
    "start_time_local": ("open", "opens", "opens_at", "open_time", "opening_time", "start", "start_time", "from"),
    "end_time_local": ("close", "closes", "closes_at", "close_time", "closing_time", "end", "end_time", "to", "until"),
    "timezone_str": ("tz", "time_zone", "zone", "timezone_name", "tz_name", "tzid"),
    "date": ("on", "holiday", "special_date", "local_date"),
    "objective": ("target", "goal", "slo"),
    "sales_per_hour": ("sales", "revenue", "amount", "hourly_sales"),
}


def read_mapping(texts: Sequence[str], saved: ColumnFields | None = None) -> dict[str, str]:
    """Return column -> field for the mapping options of an import. texts: each `column=field`; saved: a saved mapping.

    Raises InvalidInputError for a text that is not `column=field`, a field that no table has, or a column with two
    fields.
    """
    fields = _fields(TABLES)
    columns = dict(saved or {})
    for text in texts:
        column, equals, field = text.rpartition("=")
        if not equals:
            raise InvalidInputError(
                f"{text[:100]!r} is not column=field; to use a saved mapping, pass its name as mapping."
            )
        name, wanted = clean_id(column).lower(), clean_id(field).lower()
        if not name or wanted not in fields:
            near = get_close_matches(wanted, fields, n=1)
            hint = f"; did you mean {near[0]}?" if near else f". The fields are {', '.join(fields)}."
            raise InvalidInputError(f"{text[:100]!r} does not name a field of a table{hint}")
        if columns.setdefault(name, wanted) != wanted:
            raise InvalidInputError(f"The column {name[:100]!r} is mapped to both {columns[name]} and {wanted}.")
    return columns


def saved_columns(name: str, catalog: Catalog | None) -> dict[str, str]:
    """Return column -> field of a saved mapping. Raises InvalidInputError if there is no mapping with this name.

    catalog: None for a caller that must not see saved mappings.
    """
    saved = None if catalog is None else catalog.mappings.find(name)
    if saved is None:
        names = [each.name for each in catalog.mappings.list_()] if catalog else []
        near = get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else f" (saved: {', '.join(names) or 'none'})."
        raise InvalidInputError(f"There is no column mapping {name[:100]!r}{hint}")
    return dict(saved.columns)


def new_mapping(name: str, columns: ColumnFields, *, created_by: str | None, now: datetime) -> ColumnMapping:
    """Return a mapping to save. Raises InvalidInputError if the name is not valid or there are no columns."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name[:100]!r} cannot be the name of a mapping; write 1 to 100 letters, digits, . _ or -."
        )
    if not columns:
        raise InvalidInputError(f"There is no mapping to save as {name}; add its columns with --map column=field.")
    return ColumnMapping(name=name, columns=dict(columns), created_by=created_by, created_at=now)


def apply_mapping(header: Sequence[str], mapping: ColumnFields) -> list[str]:
    """Return the names of a header in lower case. The names of mapped columns are replaced by their fields."""
    names = [clean_id(name).lower() for name in header]
    return [mapping.get(name, name) for name in names] if mapping else names


def map_keys(rows: Iterable[object], mapping: ColumnFields) -> list[object]:
    """Replace mapped keys of JSON objects by their fields. An object with two keys of one field becomes RepeatedKey."""
    return [_mapped(row, mapping) if mapping and isinstance(row, dict) else row for row in rows]


def _mapped(row: Mapping[str, object], mapping: ColumnFields) -> dict[str, object] | RepeatedKey:
    keys: dict[str, str] = {}
    for key in row:
        first = keys.setdefault(mapping.get(clean_id(key).lower(), key), key)
        if first != key:
            return RepeatedKey(first, key)
    return {field: row[key] for field, key in keys.items()}


def suggest_mappings(names: Sequence[str], table: TableSchema) -> Iterator[str]:
    """Yield `column=field` for columns of a header that may be the missing columns of a table.

    names: the header in lower case.
    """
    positions = table.positions(names)
    free = [name for place, name in enumerate(names) if name and place not in positions.values()]
    for column, aliases in table.columns.items():
        if column in positions:
            continue
        wanted = aliases[0]
        synonyms = {name for alias in aliases for name in _SYNONYMS.get(alias, ())}
        near = next((name for name in free if name in synonyms), None)
        near = near or next(iter(get_close_matches(wanted, free, n=1, cutoff=0.7)), None)
        if near is not None:
            free.remove(near)
            yield f"{near}={wanted}"


def _fields(tables: Sequence[TableSchema]) -> list[str]:
    """List all names of the columns of some tables, each once."""
    named = (aliases for table in tables for aliases in {**table.columns, **table.optional}.values())
    return list(dict.fromkeys(alias for aliases in named for alias in aliases))
