"""Check the fields of one store by the rules for rows of files. The reasons are the same."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from storewatch.domain.columns import LABELS, LIVES, PATTERNS, TIMEZONES
from storewatch.domain.enums import WeekdayCounting
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import parse_local_date
from storewatch.domain.texts import clean_value, is_storable
from storewatch.engine.opening.weekly import weekly_intervals
from storewatch.ingest.blocks import Block, RowNumbers, no_rejects
from storewatch.ingest.tables import check_hours, check_labels, check_zones
from storewatch.ingest.weekdays import find_weekday_notation
from storewatch.stores.changes import StoreFields

HOURS: Final = pl.Schema({"store_id": pl.String(), "intervals": PATTERNS["intervals"]})
_ANY_TIME: Final = datetime.min.replace(tzinfo=UTC)  # only observations are checked against the clock

_NO_TEXT: Final = "it is not valid UTF-8 text"

# (path of a field, reason why its value is not valid)
Problem = tuple[tuple[str | int, ...], str]


@dataclass(frozen=True, kw_only=True)
class CheckedFields:
    """The fields of a store and their problems. If there are any problems, no field may be stored.

    assumed: sentences about how weekdays were read.
    """

    fields: StoreFields
    problems: Sequence[Problem]
    assumed: tuple[str, ...] = ()


def check_fields(store_id: str, sent: Mapping[str, Any], weekdays: WeekdayCounting | None = None) -> CheckedFields:
    """Check fields of one store: any of timezone, weekly_hours, opened_on, closed_on and labels.

    sent: name of a field -> value in the request. timezone, weekly_hours: None stands for the default (SEMANTICS 2 and
    3). weekly_hours: rows with the columns of that table; no row means closed all week. weekdays: how they are
    counted; None: decided by the rows, as in files.
    """
    problems = list(_lone_surrogates((), sent))
    hours = zones = labels = None
    assumed: tuple[str, ...] = ()
    if problems:
        return CheckedFields(fields=StoreFields(), problems=problems)
    if "timezone" in sent:
        zones = _zone(store_id, sent["timezone"], problems)
    if "weekly_hours" in sent:
        hours, assumed = _hours(store_id, sent["weekly_hours"], weekdays, problems)
    if "labels" in sent:
        labels = _labels(sent["labels"], problems)
    lives = {name: _date(store_id, name, sent[name], problems) for name in LIVES.names()[1:] if name in sent}
    fields = StoreFields(hours=hours, zones=zones, labels=labels, lives=lives)
    return CheckedFields(fields=fields, problems=problems, assumed=assumed)


def check_id(store_id: str) -> tuple[str, list[Problem]]:
    """Return the id of a new store, cleaned as in files, and its problems."""
    if not is_storable(store_id):
        return store_id, [(("store_id",), _NO_TEXT)]
    checked = check_labels(pl.DataFrame([(store_id, [])], LABELS, orient="row"))
    good = checked.good["store_id"].to_list() or [store_id]
    return good[0], [(("store_id",), reason) for reason in checked.bad["reason"]]


def _lone_surrogates(path: tuple[str | int, ...], value: object) -> Iterator[Problem]:
    """Yield a problem for each text in fields, or name of a label, that has a lone surrogate."""
    if isinstance(value, str):
        if not is_storable(value):
            yield path, _NO_TEXT
    elif isinstance(value, Mapping):
        for name, member in value.items():
            if is_storable(name):
                yield from _lone_surrogates((*path, name), member)
            else:
                yield path, _NO_TEXT
    elif isinstance(value, Sequence):
        for number, member in enumerate(value):
            yield from _lone_surrogates((*path, number), member)


def _zone(store_id: str, timezone: str | None, problems: list[Problem]) -> pl.DataFrame:
    zones = pl.DataFrame([(store_id, timezone)], TIMEZONES, orient="row")
    if timezone is None:
        return zones
    checked = check_zones(zones, _ANY_TIME)
    problems += [(("timezone",), reason) for reason in checked.bad["reason"]]
    return checked.good


def _date(store_id: str, name: str, text: str | None, problems: list[Problem]) -> pl.DataFrame:
    day = None
    try:
        day = None if text is None else parse_local_date(text)
    except InvalidInputError as error:
        problems.append(((name,), str(error)))
    return pl.DataFrame([(store_id, day)], {"store_id": pl.String, name: pl.Date}, orient="row")


def _hours(
    store_id: str,
    rows: Sequence[Mapping[str, str]] | None,
    weekdays: WeekdayCounting | None,
    problems: list[Problem],
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the hours of rows as `weekly_intervals` does, and how their weekdays were read."""
    if not rows:
        return pl.DataFrame([(store_id, rows)], HOURS, orient="row"), ()
    columns = ("day", "start_time_local", "end_time_local")
    found = [(store_id, *(row[column] for column in columns)) for row in rows]
    frame = pl.DataFrame(found, dict.fromkeys(("store_id", *columns), pl.String), orient="row")
    notation = find_weekday_notation([frame["day"]], weekdays)
    # A row of several days becomes several rows; `origins` returns the number of the row that was sent.
    block = notation.apply(Block(columns=frame, origins=_numbered, broken=no_rejects(), done_bytes=0))
    checked = check_hours(block.columns, _ANY_TIME)
    numbers, _ = block.origins(checked.bad["row"].to_numpy())
    reasons = dict.fromkeys(zip(numbers.tolist(), checked.bad["reason"], strict=True))
    problems += [(("weekly_hours", number), reason) for number, reason in reasons]
    return weekly_intervals(checked.good), notation.assumed


def _numbered(rows: RowNumbers) -> tuple[RowNumbers, list[str]]:
    return rows, [""] * len(rows)


def _labels(sent: Mapping[str, str | None], problems: list[Problem]) -> dict[str, str | None]:
    # An empty value removes a label. A placeholder is checked instead, so that the name is checked too.
    named = [{"label": label, "value": clean_value(value or "") or "-"} for label, value in sent.items()]
    checked = check_labels(pl.DataFrame([("-", named)], LABELS, orient="row"))
    problems += [(("labels",), reason) for reason in checked.bad["reason"]]
    if checked.bad.height or not named:
        return {}
    names = [pair["label"] for pair in checked.good["labels"][0]]
    return {name: clean_value(value or "") or None for name, value in zip(names, sent.values(), strict=True)}
