"""What the routes of stores take and give."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Final

import polars as pl
from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from storewatch.catalog import NAME, StoreRows
from storewatch.domain.clock_words import clock_text
from storewatch.domain.enums import Source, StoreState
from storewatch.domain.instants import DAY_SECONDS, WEEK_SECONDS, instant_of
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.engine.opening.weekly import weekly_rows
from storewatch.engine.opening.zones import local_time
from storewatch.ingest.bulk import SHOWN_REJECTS, BulkChange
from storewatch.ingest.cells import MAX_ID_LENGTH, MAX_LABEL_LENGTH
from storewatch.stores.current import StoreNow
from storewatch.stores.states import LAST_POLL_DAYS

MAX_LABELS: Final = 100
MAX_HOURS_ROWS: Final = 1000
# Of the dates with special hours.
SHOWN_DATES: Final = 100

StoreId = Annotated[str, Path(min_length=1, max_length=4 * MAX_ID_LENGTH, examples=["cafe"])]
# PostgreSQL's text has no NUL.
SearchText = Annotated[str | None, Query(min_length=1, max_length=MAX_LABEL_LENGTH, pattern=r"^[^\x00]*$")]

_ROW: Final = {"day": 0, "start_time_local": "09:00:00", "end_time_local": "12:00:00"}
_STORE: Final[dict[str, Any]] = {
    "store_id": "cafe",
    "name": "Café Central",
    "labels": {"name": "Café Central", "owner": "acme", "region": "north"},
    "timezone": "America/New_York",
    "timezone_source": "given",
    "hours_source": "given",
    "last_poll": "2023-01-23T17:30:00Z",
    "state": "closed",
}


def _examples(*examples: dict[str, Any], forbid: bool = False) -> ConfigDict:
    extra: dict[str, Any] = {"examples": list(examples)}
    return ConfigDict(json_schema_extra=extra, extra="forbid") if forbid else ConfigDict(json_schema_extra=extra)


class HoursRow(BaseModel):
    """An opening on the local wall clock. An end before the start is on the next day; 00:00:00 twice is all day."""

    model_config = _examples(_ROW, forbid=True)

    day: Annotated[
        int,
        Field(strict=True, description="0 Monday ... 6 Sunday", json_schema_extra={"minimum": 0, "maximum": 6}),
    ]
    start_time_local: Annotated[str, Field(description="HH:MM:SS or HH:MM", max_length=100)]
    end_time_local: Annotated[str, Field(description="HH:MM:SS or HH:MM, up to 24:00:00", max_length=100)]


ValidFrom = Annotated[
    str | None,
    Field(
        max_length=10,
        description=(
            "The local date from which the weekly hours hold, where earlier ones are kept; without it they replace "
            "all, versions too."
        ),
        examples=["2026-12-01"],
    ),
]


class HoursRequest(BaseModel):
    """The weekly hours that a store has, for ever or from a date on."""

    model_config = _examples({"weekly_hours": [_ROW]}, forbid=True)

    weekly_hours: Annotated[
        list[HoursRow],
        Field(
            min_length=1,
            max_length=MAX_HOURS_ROWS,
            description="At least one row: a store without any is open all the time, which PATCH says with null.",
        ),
    ]
    valid_from: ValidFrom = None


class StoreWords(BaseModel):
    """What can be said of a store."""

    model_config = _examples(forbid=True)

    timezone: Annotated[
        str | None, Field(description=f"An IANA name; null is the default again, {DEFAULT_TIMEZONE}.", max_length=256)
    ] = None
    weekly_hours: Annotated[
        list[HoursRow] | None,
        Field(description="null is the default again: open 24x7.", min_length=1, max_length=MAX_HOURS_ROWS),
    ] = None
    labels: Annotated[
        dict[str, str | None],
        Field(description="Labels to set, or to remove where null or empty.", max_length=MAX_LABELS),
    ] = {}

    def said(self) -> dict[str, Any]:
        """Give what the request names, in the words of `ingest.store_fields.check_fields`."""
        said: dict[str, Any] = {
            name: getattr(self, name) for name in self.model_fields_set & StoreWords.model_fields.keys()
        }
        if said.get("weekly_hours") is not None:
            said["weekly_hours"] = [
                {name: str(value) for name, value in row.model_dump().items()} for row in said["weekly_hours"]
            ]
        return said


class StoreChangeRequest(StoreWords):
    """What is to change of a store; what is left out stays (RFC 7396)."""

    model_config = _examples(
        {"timezone": "America/New_York", "labels": {"owner": "acme", "region": None}},
        {"weekly_hours": None},
        {"weekly_hours": [_ROW], "valid_from": "2026-12-01"},
        forbid=True,
    )

    valid_from: ValidFrom = None


class NewStore(StoreWords):
    """A new store; what is left out has its default."""

    model_config = _examples(
        {"store_id": "cafe", "timezone": "America/New_York", "weekly_hours": [_ROW], "labels": {"owner": "acme"}},
        forbid=True,
    )

    store_id: Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


class StoreItem(BaseModel):
    """A store in a list. `timezone` is the one in force; its source says whether somebody gave it."""

    model_config = _examples(_STORE)

    store_id: str
    name: Annotated[str | None, Field(description="The label `name`.")]
    labels: dict[str, str]
    timezone: str
    timezone_source: Source
    hours_source: Source
    last_poll: Annotated[datetime | None, Field(description=f"null: none in the last {LAST_POLL_DAYS} days of data.")]
    state: Annotated[StoreState, Field(description="At as_of, by the policy `observed`.")]

    @classmethod
    def of(cls, store: StoreNow) -> "StoreItem":
        return cls(**_members(store))


class HoursVersion(BaseModel):
    """The weekly hours from a local date on."""

    valid_from: str
    hours_source: Source
    weekly_hours: list[HoursRow]


class SpecialDate(BaseModel):
    """The openings of a local date in the place of its weekly hours; none: closed."""

    date: str
    openings: list[tuple[str, str]]


class StoreDetail(StoreItem):
    """A store with its weekly hours, all that changes them, and the moment of its state."""

    model_config = _examples(
        _STORE
        | {
            "weekly_hours": [_ROW],
            "versions": [{"valid_from": "2026-12-01", "hours_source": "given", "weekly_hours": [_ROW]}],
            "special_hours": [{"date": "2026-12-24", "openings": [["10:00:00", "14:00:00"]]}],
            "as_of": "2023-01-23T18:00:00Z",
        }
    )

    weekly_hours: Annotated[list[HoursRow], Field(description="Before the first of `versions`.")]
    versions: Annotated[list[HoursVersion], Field(description="What the weekly hours are from a local date on.")]
    special_hours: Annotated[
        list[SpecialDate],
        Field(description=f"Of the next {SHOWN_DATES} local dates that have any, from that of as_of on."),
    ]
    as_of: datetime | None

    @classmethod
    def at(cls, store: StoreNow, rows: StoreRows, as_of_us: int | None) -> "StoreDetail":
        """rows: of this store alone."""
        return cls(
            **_members(store),
            weekly_hours=hours_rows(store.intervals),
            versions=_versions(rows),
            special_hours=_special_dates(rows, store.timezone or DEFAULT_TIMEZONE, as_of_us),
            as_of=optional_instant(as_of_us),
        )


class StoreHours(BaseModel):
    """The weekly hours and their versions, one row a day and opening, overlaps merged."""

    model_config = _examples(
        {
            "store_id": "cafe",
            "timezone": "America/New_York",
            "hours_source": "given",
            "weekly_hours": [_ROW],
            "versions": [],
        }
    )

    store_id: str
    timezone: str
    hours_source: Source
    weekly_hours: Annotated[list[HoursRow], Field(description="Before the first of `versions`.")]
    versions: Annotated[list[HoursVersion], Field(description="What the weekly hours are from a local date on.")]

    @classmethod
    def of(cls, store: StoreNow, rows: StoreRows) -> "StoreHours":
        """rows: of this store alone."""
        members = _members(store)
        return cls(
            **{name: members[name] for name in ("store_id", "timezone", "hours_source")},
            weekly_hours=hours_rows(store.intervals),
            versions=_versions(rows),
        )


class StorePage(BaseModel):
    """One page of a list of stores."""

    model_config = _examples({"as_of": "2023-01-23T18:00:00Z", "items": [_STORE], "next": None})

    as_of: Annotated[datetime | None, Field(description="The newest observation: the moment of every state here.")]
    items: list[StoreItem]
    next: Annotated[str | None, Field(description="The `cursor` of the next page; null on the last one.")]


class StoreCounts(BaseModel):
    """How many stores there are, by their state at as_of."""

    model_config = _examples(
        {
            "as_of": "2023-01-23T18:00:00Z",
            "stores": 3,
            "by_state": {"down": 0, "unknown": 0, "up": 1, "closed": 2},
        }
    )

    as_of: datetime | None
    stores: int
    by_state: dict[StoreState, int]


class RejectedRow(BaseModel):
    """A row that was not taken."""

    index: Annotated[int, Field(description="Its place from 0: element of the array, line of the CSV.")]
    reason: str


class BulkAnswer(BaseModel):
    """What became of the rows."""

    model_config = _examples(
        {
            "accepted": 12,
            "rejected": 1,
            "rejects": [{"index": 4, "reason": "store_id is empty"}],
            "rejects_not_shown": 0,
        }
    )

    accepted: int
    rejected: int
    rejects: Annotated[list[RejectedRow], Field(description=f"The first {SHOWN_REJECTS} of those rejected.")]
    rejects_not_shown: int

    @classmethod
    def of(cls, change: BulkChange) -> "BulkAnswer":
        return cls(
            accepted=change.accepted,
            rejected=change.rejected,
            rejects=[RejectedRow(index=reject.index, reason=reject.reason) for reject in change.rejects],
            rejects_not_shown=change.rejected - len(change.rejects),
        )


def hours_rows(intervals: Iterable[tuple[int, int]] | None) -> list[HoursRow]:
    """Write open spans of the local week as rows; None is open 24x7."""
    spans = ((0, WEEK_SECONDS),) if intervals is None else intervals
    return [
        HoursRow(day=day, start_time_local=clock_text(start_s), end_time_local=clock_text(end_s))
        for day, start_s, end_s in weekly_rows(spans)
    ]


def _versions(rows: StoreRows) -> list[HoursVersion]:
    spans = {
        key: [(span["start_s"], span["end_s"]) for span in intervals] for key, intervals in rows.patterns.iter_rows()
    }
    return [
        HoursVersion(
            valid_from=valid_from.isoformat(),
            hours_source=Source.DEFAULT if hours_id is None else Source.GIVEN,
            weekly_hours=hours_rows(None if hours_id is None else spans[hours_id]),
        )
        for _, valid_from, hours_id in rows.changes.versions.sort("valid_from").iter_rows()
    ]


def _special_dates(rows: StoreRows, timezone: str, as_of_us: int | None) -> list[SpecialDate]:
    to_come = rows.changes.special.sort("date", "start_s")
    if as_of_us is not None:
        to_come = to_come.filter(pl.col("date") >= local_time(timezone, instant_of(as_of_us)).date())
    dates: dict[date, list[tuple[str, str]]] = {}
    for day, start_s, end_s in to_come.select("date", "start_s", "end_s").iter_rows():
        openings = dates.setdefault(day, [])
        if start_s is not None:
            openings.append((clock_text(start_s), end_text(end_s)))
    return [SpecialDate(date=day.isoformat(), openings=found) for day, found in list(dates.items())[:SHOWN_DATES]]


def end_text(end_s: int) -> str:
    """Write an end in seconds of a day, up to that of the next day, as HH:MM:SS."""
    return clock_text(end_s if end_s <= DAY_SECONDS else end_s - DAY_SECONDS)


def optional_instant(instant_us: int | None) -> datetime | None:
    return None if instant_us is None else instant_of(instant_us)


def _members(store: StoreNow) -> dict[str, Any]:
    return {
        "store_id": store.store_id,
        "name": store.labels.get(NAME),
        "labels": store.labels,
        "timezone": store.timezone or DEFAULT_TIMEZONE,
        "timezone_source": "given" if store.timezone else "default",
        "hours_source": "default" if store.intervals is None else "given",
        "last_poll": optional_instant(store.last_poll_us),
        "state": store.state,
    }
