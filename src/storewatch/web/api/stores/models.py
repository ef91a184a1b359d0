"""Stores in requests and answers."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from storewatch.catalog import NAME, StoreRows
from storewatch.domain.clock_words import clock_text
from storewatch.domain.enums import SettingSource, StoreState
from storewatch.domain.instants import DAY_SECONDS, instant_of
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.engine.opening.zones import local_time
from storewatch.ingest.cells import MAX_ID_LENGTH
from storewatch.stores.current import StoreNow
from storewatch.stores.states import LAST_POLL_DAYS
from storewatch.web.api.weekly_hours.models import (
    EXAMPLE_ROW,
    MAX_HOURS_ROWS,
    Assumed,
    HoursRow,
    HoursVersion,
    SentHoursRow,
    ValidFrom,
    hours_rows,
    hours_versions,
)

MAX_LABELS: Final = 100
# The number of dates with special hours that a store shows.
SHOWN_DATES: Final = 100

_STORE: Final[dict[str, Any]] = {
    "store_id": "cafe",
    "name": "Café Central",
    "labels": {"name": "Café Central", "owner": "acme", "region": "north"},
    "timezone": "America/New_York",
    "timezone_source": "given",
    "hours_source": "given",
    "opened_on": None,
    "closed_on": None,
    "last_poll": "2023-01-23T17:30:00Z",
    "state": "closed",
}


def _examples(*examples: dict[str, Any], forbid: bool = False) -> ConfigDict:
    extra: dict[str, Any] = {"examples": list(examples)}
    return ConfigDict(json_schema_extra=extra, extra="forbid") if forbid else ConfigDict(json_schema_extra=extra)


class StoreFieldsRequest(BaseModel):
    """The fields of a store that a request may have."""

    model_config = _examples(forbid=True)

    timezone: Annotated[
        str | None, Field(description=f"An IANA name; null sets the default, {DEFAULT_TIMEZONE}.", max_length=256)
    ] = None
    weekly_hours: Annotated[
        list[SentHoursRow] | None,
        Field(
            description="null sets the default, open 24x7. An empty list is closed all week.", max_length=MAX_HOURS_ROWS
        ),
    ] = None
    opened_on: Annotated[
        str | None, Field(description="The first local date in business; null means always.", max_length=10)
    ] = None
    closed_on: Annotated[
        str | None,
        Field(
            description="The first local date out of business for good; null means still in business.", max_length=10
        ),
    ] = None
    labels: Annotated[
        dict[str, str | None],
        Field(description="Labels to set. A label that is null or empty is removed.", max_length=MAX_LABELS),
    ] = {}

    def sent(self) -> dict[str, Any]:
        """Return the fields that the request has, as `ingest.store_fields.check_fields` takes them."""
        sent: dict[str, Any] = {
            name: getattr(self, name) for name in self.model_fields_set & StoreFieldsRequest.model_fields.keys()
        }
        if sent.get("weekly_hours") is not None:
            sent["weekly_hours"] = [
                {name: str(value) for name, value in row.model_dump().items()} for row in sent["weekly_hours"]
            ]
        return sent


class StoreChangeRequest(StoreFieldsRequest):
    """The fields to change; fields that are left out stay as they are (RFC 7396)."""

    model_config = _examples(
        {"timezone": "America/New_York", "labels": {"owner": "acme", "region": None}},
        {"weekly_hours": None},
        {"weekly_hours": [EXAMPLE_ROW], "valid_from": "2026-12-01"},
        {"closed_on": "2026-12-31"},
        forbid=True,
    )

    valid_from: ValidFrom = None


class NewStore(StoreFieldsRequest):
    """A new store; fields that are left out have their defaults."""

    model_config = _examples(
        {
            "store_id": "cafe",
            "timezone": "America/New_York",
            "weekly_hours": [EXAMPLE_ROW],
            "labels": {"owner": "acme"},
        },
        forbid=True,
    )

    store_id: Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


class StoreItem(BaseModel):
    """A store in a list.

    `timezone` is the zone in use. Its source is `default` if no zone was set, and `rejected` if its rows were
    rejected. `hours_source` has the same values.
    """

    model_config = _examples(_STORE)

    store_id: str
    name: Annotated[str | None, Field(description="The label `name`.")]
    labels: dict[str, str]
    timezone: str
    timezone_source: SettingSource
    hours_source: SettingSource
    opened_on: Annotated[date | None, Field(description="The first local date in business.")]
    closed_on: Annotated[date | None, Field(description="The first local date out of business for good.")]
    last_poll: Annotated[
        datetime | None, Field(description=f"null if there is none in the last {LAST_POLL_DAYS} days of data.")
    ]
    state: Annotated[StoreState, Field(description="The state at as_of by the policy `observed`.")]

    @classmethod
    def of(cls, store: StoreNow) -> "StoreItem":
        """Return a store as a list shows it."""
        return cls(**_store_values(store))


class SpecialDate(BaseModel):
    """The openings of a local date, which replace its weekly hours. Without openings the store is closed."""

    date: Annotated[str, Field(examples=["2026-12-24"])]
    openings: list[Annotated[list[str], Field(min_length=2, max_length=2, description="The start and the end.")]]


class StoreDetail(StoreItem):
    """A store with its weekly hours, everything that changes them, and the moment of its state."""

    model_config = _examples(
        _STORE
        | {
            "weekly_hours": [EXAMPLE_ROW],
            "versions": [{"valid_from": "2026-12-01", "hours_source": "given", "weekly_hours": [EXAMPLE_ROW]}],
            "special_hours": [{"date": "2026-12-24", "openings": [["10:00:00", "14:00:00"]]}],
            "as_of": "2023-01-23T18:00:00Z",
        }
    )

    weekly_hours: Annotated[list[HoursRow], Field(description="The weekly hours before the first of `versions`.")]
    versions: Annotated[list[HoursVersion], Field(description="The weekly hours from a local date on.")]
    special_hours: Annotated[
        list[SpecialDate],
        Field(description=f"The next {SHOWN_DATES} local dates with special hours, from the date of as_of on."),
    ]
    as_of: datetime | None
    assumed: Assumed = None

    @classmethod
    def at(cls, store: StoreNow, rows: StoreRows, as_of_us: int | None, assumed: Sequence[str]) -> "StoreDetail":
        """Return a store with its details. rows: the rows of this store only. assumed: how a change was read."""
        return cls(
            **_store_values(store),
            weekly_hours=hours_rows(store.intervals),
            versions=hours_versions(rows),
            special_hours=_special_dates(rows, store.timezone or DEFAULT_TIMEZONE, as_of_us),
            as_of=optional_instant(as_of_us),
            assumed=list(assumed) or None,
        )


class StorePage(BaseModel):
    """One page of a list of stores."""

    model_config = _examples({"as_of": "2023-01-23T18:00:00Z", "items": [_STORE], "next": None})

    as_of: Annotated[datetime | None, Field(description="The newest observation; every state is at this instant.")]
    items: list[StoreItem]
    next: Annotated[str | None, Field(description="The `cursor` of the next page; null on the last page.")]


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


def end_text(end_s: int) -> str:
    """Return an end in seconds of a day, up to that of the next day, as HH:MM:SS."""
    return clock_text(end_s if end_s <= DAY_SECONDS else end_s - DAY_SECONDS)


def optional_instant(instant_us: int | None) -> datetime | None:
    """Return microseconds since 1970 as a datetime in UTC; None for None."""
    return None if instant_us is None else instant_of(instant_us)


def _special_dates(rows: StoreRows, timezone: str, as_of_us: int | None) -> list[SpecialDate]:
    to_come = rows.changes.special.sort("date", "start_s")
    if as_of_us is not None:
        to_come = to_come.filter(pl.col("date") >= local_time(timezone, instant_of(as_of_us)).date())
    dates: dict[date, list[list[str]]] = {}
    for day, start_s, end_s in to_come.select("date", "start_s", "end_s").iter_rows():
        openings = dates.setdefault(day, [])
        if start_s is not None:
            openings.append([clock_text(start_s), end_text(end_s)])
    return [SpecialDate(date=day.isoformat(), openings=found) for day, found in list(dates.items())[:SHOWN_DATES]]


def _store_values(store: StoreNow) -> dict[str, Any]:
    return {
        "store_id": store.store_id,
        "name": store.labels.get(NAME),
        "labels": store.labels,
        "timezone": store.timezone or DEFAULT_TIMEZONE,
        "timezone_source": store.timezone_source,
        "hours_source": store.hours_source,
        "opened_on": store.opened_on,
        "closed_on": store.closed_on,
        "last_poll": optional_instant(store.last_poll_us),
        "state": store.state,
    }
