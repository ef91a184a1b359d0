"""Five weeks of eight stores with all that can change their hours, as imported files and as the naive twin's stores.

Germany and Portugal change their clocks on 2023-03-26, the day before the report's now; the USA on 2023-03-12.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from reference import naive, naive_outages
from reference.naive import Observation, Row, Span, Special, Store, Version

from storewatch.catalog import NewAnnotation, NewClosure
from storewatch.domain.enums import Reclassification
from storewatch.domain.instants import DAY_US, instant_us
from storewatch.installation import Installation
from support.importing import import_file

AS_OF = datetime(2023, 3, 27, 9, 30, tzinfo=UTC)
AS_OF_US = instant_us(AS_OF)
MAX_GAP_US = {"fill": 7 * DAY_US, "observed": DAY_US // 8}
NOW = datetime(2023, 4, 1, tzinfo=UTC)

_HOUR = 3_600
DAILY = tuple(Row(day=day, start_s=9 * _HOUR, end_s=17 * _HOUR) for day in range(7))
LONGER = tuple(Row(day=day, start_s=8 * _HOUR, end_s=20 * _HOUR) for day in range(7))
NIGHTS = tuple(Row(day=day, start_s=18 * _HOUR, end_s=2 * _HOUR) for day in range(6))


@dataclass(frozen=True, kw_only=True)
class Given:
    """A store as the imported files describe it. zone: None is the default; no rows: open 24x7."""

    zone: str | None
    rows: tuple[Row, ...]
    labels: Mapping[str, str]
    polled: bool = True
    versions: tuple[Version, ...] = ()
    special: tuple[Special, ...] = ()


GIVEN = {
    "berlin-1": Given(zone="Europe/Berlin", rows=NIGHTS, labels={"brand": "a", "name": "Nachtcafé"}),
    "berlin-2": Given(zone="Europe/Berlin", rows=DAILY, labels={"brand": "a"}),
    "chicago-1": Given(
        zone=None,
        rows=DAILY,
        labels={"brand": "b"},
        versions=(Version(valid_from=date(2023, 3, 13), rows=LONGER),),
    ),
    "chicago-2": Given(
        zone="America/Chicago",
        rows=NIGHTS,
        labels={"brand": "b"},
        special=(Special(day=date(2023, 3, 19)), Special(day=date(2023, 3, 24), start_s=12 * _HOUR, end_s=1 * _HOUR)),
    ),
    "ghost": Given(zone="Asia/Tokyo", rows=DAILY, labels={}, polled=False),
    "howe": Given(zone="Australia/Lord_Howe", rows=DAILY, labels={"brand": "b"}),
    "lisbon": Given(zone="Europe/Lisbon", rows=(), labels={"brand": "a", "name": "Café da Graça"}),
    "tokyo": Given(zone="Asia/Tokyo", rows=LONGER, labels={"brand": "b"}),
}
CLOSURES = (
    (("brand", "a"), datetime(2023, 3, 21, 8, tzinfo=UTC), datetime(2023, 3, 21, 21, 15, tzinfo=UTC)),
    ("chicago-1", datetime(2023, 3, 25, 15, tzinfo=UTC), datetime(2023, 3, 26, 15, tzinfo=UTC)),
)
ANNOTATIONS = (
    ("lisbon", datetime(2023, 3, 20, tzinfo=UTC), datetime(2023, 3, 22, tzinfo=UTC), Reclassification.UNKNOWN),
    ("lisbon", datetime(2023, 3, 21, tzinfo=UTC), datetime(2023, 3, 21, 23, tzinfo=UTC), Reclassification.PLANNED),
    ("howe", datetime(2023, 3, 1, tzinfo=UTC), datetime(2023, 3, 24, tzinfo=UTC), Reclassification.NOT_AN_OUTAGE),
)
_COUNTS_AS = {
    Reclassification.UNKNOWN: "unknown",
    Reclassification.PLANNED: "planned",
    Reclassification.NOT_AN_OUTAGE: "up",
}


def zone_of(store_id: str) -> str:
    return GIVEN[store_id].zone or "America/Chicago"


@cache
def polls_of(store_id: str) -> tuple[Observation, ...]:
    """Return polls every few hours over 40 days, every fourth inactive; Lisbon's store has one at the report's now."""
    chance = random.Random(store_id)
    found, at_us = [], AS_OF_US - 40 * DAY_US
    while GIVEN[store_id].polled and at_us < AS_OF_US:
        found.append(Observation(observed_us=at_us, active=chance.random() > 0.25, loaded_us=0))
        at_us += chance.randrange(20 * 60_000_000, 9 * 3_600_000_000)
    if store_id == "lisbon":
        found.append(Observation(observed_us=AS_OF_US, active=True, loaded_us=0))
    return tuple(found)


@cache
def store(store_id: str) -> Store:
    given = GIVEN[store_id]
    return Store(
        rows=given.rows,
        timezone=zone_of(store_id),
        observations=polls_of(store_id),
        versions=given.versions,
        special=given.special,
        closures=tuple(
            (instant_us(start), instant_us(end))
            for target, start, end in CLOSURES
            if target == store_id or target in given.labels.items()
        ),
    )


@cache
def spans(store_id: str, policy: str, closures: str, annotations: str) -> tuple[Span, ...]:
    """Return the twin's spans of a store from 70 days before the report's now on, by the names of the modes."""
    between = AS_OF_US - 70 * DAY_US, AS_OF_US + DAY_US
    limits = {"as_of_us": AS_OF_US, "max_gap_us": MAX_GAP_US[policy]}
    if annotations == "ignore":
        return tuple(naive.spans(store(store_id), *between, **limits, closures=closures))
    assert closures == "honour"
    changes = [
        naive_outages.Change(start_us=instant_us(start), end_us=instant_us(end), status=_COUNTS_AS[counts_as])
        for of, start, end, counts_as in ANNOTATIONS
        if of == store_id
    ]
    return tuple(naive_outages.spans(store(store_id), changes, *between, **limits))


def import_world(app: Installation, folder: Path) -> None:
    """Import the world from files."""
    folder.mkdir()
    for name, lines in _files():
        (folder / name).write_text("\n".join([*lines, ""]), encoding="utf-8")
        valid_from = date.fromisoformat(name.split("_")[0]) if name.startswith("2") else None
        done = import_file(folder / name, catalog=app.catalog, lake=app.lake, now=NOW, valid_from=valid_from)
        assert done.rejected == 0
    for target, start, end in CLOSURES:
        named = {"store_id": target} if isinstance(target, str) else dict(zip(("label", "value"), target, strict=True))
        app.catalog.closures.create(NewClosure(**named, start_at=start, end_at=end, reason="planned", created_at=NOW))
    for number, (store_id, start, end, counts_as) in enumerate(ANNOTATIONS):
        app.catalog.annotations.create(
            NewAnnotation(
                store_id=store_id,
                start_at=start,
                end_at=end,
                cause="known",
                reclassify_as=counts_as,
                created_at=NOW + timedelta(seconds=number),
            )
        )


def _files() -> Iterator[tuple[str, list[str]]]:
    hours, polls = "store_id,dayOfWeek,start_time_local,end_time_local", "store_id,status,timestamp_utc"
    yield "polls.csv", [polls, *(_poll(store_id, seen) for store_id in GIVEN for seen in polls_of(store_id))]
    yield "hours.csv", [hours, *(_hours(store_id, row) for store_id, given in GIVEN.items() for row in given.rows)]
    yield "zones.csv", ["store_id,timezone_str", *(f"{name},{each.zone}" for name, each in GIVEN.items() if each.zone)]
    labels = [(name, each.labels.get("name", ""), each.labels.get("brand", "")) for name, each in GIVEN.items()]
    yield "stores.csv", ["store_id,name,brand", *map(",".join, labels)]
    for store_id, given in GIVEN.items():
        for version in given.versions:
            yield f"{version.valid_from}_hours.csv", [hours, *(_hours(store_id, row) for row in version.rows)]
    special = [(store_id, each) for store_id, given in GIVEN.items() for each in given.special]
    header = "store_id,date,start_time_local,end_time_local"
    yield (
        "special_hours.csv",
        [header, *(f"{name},{each.day},{_times(each.start_s, each.end_s)}" for name, each in special)],
    )
    yield "targets.csv", ["store_id,objective", "berlin-1,70%", "tokyo,99.9"]
    yield "sales.csv", ["label,value,sales_per_hour", "brand,b,40"]


def _poll(store_id: str, seen: Observation) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=seen.observed_us)
    return f"{store_id},{'active' if seen.active else 'inactive'},{at:%Y-%m-%d %H:%M:%S.%f} UTC"


def _hours(store_id: str, row: Row) -> str:
    return f"{store_id},{row.day},{_times(row.start_s, row.end_s)}"


def _times(start_s: int | None, end_s: int | None) -> str:
    return ",".join("" if second is None else f"{second // _HOUR:02}:00:00" for second in (start_s, end_s))
