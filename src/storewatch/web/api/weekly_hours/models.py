"""Weekly hours in requests and answers."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from storewatch.catalog import StoreRows
from storewatch.domain.clock_words import clock_text
from storewatch.domain.enums import SettingSource
from storewatch.domain.instants import WEEK_SECONDS
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.engine.opening.weekly import weekly_rows
from storewatch.stores.current import StoreNow

MAX_HOURS_ROWS: Final = 1000
MAX_DAY_LENGTH: Final = 100
Assumed = Annotated[
    list[str] | None,
    Field(
        description="How a change was read that has more than one reading; only in the answer to such a change.",
        exclude_if=lambda value: value is None,
    ),
]
EXAMPLE_ROW: Final[dict[str, Any]] = {"day": 0, "start_time_local": "09:00:00", "end_time_local": "12:00:00"}

ValidFrom = Annotated[
    str | None,
    Field(
        max_length=10,
        description=(
            "The local date from which the weekly hours apply; earlier hours are kept. Without it, they replace all "
            "hours and versions."
        ),
        examples=["2026-12-01"],
    ),
]


class HoursRow(BaseModel):
    """An opening in local time. An end before the start is on the next day; 00:00:00 twice is all day.

    If both times are empty, the store is closed that day.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ROW]}, extra="forbid")

    day: Annotated[
        int,
        Field(strict=True, description="0 Monday ... 6 Sunday", json_schema_extra={"minimum": 0, "maximum": 6}),
    ]
    start_time_local: Annotated[str, Field(description="HH:MM:SS or HH:MM", max_length=100)]
    end_time_local: Annotated[str, Field(description="HH:MM:SS or HH:MM, up to 24:00:00", max_length=100)]


class SentHoursRow(HoursRow):
    """An opening as requests may write it."""

    day: Annotated[  # type: ignore[assignment]
        int | str,
        Field(
            description="0 (Monday) to 6, or as files have it: the name of a day, or 1 to 7 if there is a 7 and no 0.",
            union_mode="left_to_right",
        ),
    ]

    @field_validator("day", mode="before")
    @classmethod
    def _no_other_type(cls, day: object) -> object:
        if isinstance(day, bool) or not isinstance(day, int | str) or len(str(day)) > MAX_DAY_LENGTH:
            raise ValueError("write a number or the name of a day, at most 100 characters")
        return day


class HoursRequest(BaseModel):
    """The weekly hours of a store, for all time or from a date on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"weekly_hours": [EXAMPLE_ROW]}]}, extra="forbid")

    weekly_hours: Annotated[
        list[SentHoursRow],
        Field(
            max_length=MAX_HOURS_ROWS,
            description="An empty list is closed all week. For open 24x7, PATCH the store with null.",
        ),
    ]
    valid_from: ValidFrom = None


class HoursVersion(BaseModel):
    """The weekly hours from a local date on."""

    valid_from: str
    hours_source: SettingSource
    weekly_hours: list[HoursRow]


class StoreHours(BaseModel):
    """The weekly hours of a store, and their versions. Each row is one opening; overlaps are merged."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "store_id": "cafe",
                    "timezone": "America/New_York",
                    "hours_source": "given",
                    "weekly_hours": [EXAMPLE_ROW],
                    "versions": [],
                }
            ]
        }
    )

    store_id: str
    timezone: str
    hours_source: SettingSource
    weekly_hours: Annotated[list[HoursRow], Field(description="The weekly hours before the first of `versions`.")]
    versions: Annotated[list[HoursVersion], Field(description="The weekly hours from a local date on.")]
    assumed: Assumed = None

    @classmethod
    def of(cls, store: StoreNow, rows: StoreRows, assumed: Sequence[str] = ()) -> "StoreHours":
        """Return the hours of a store. rows: the rows of this store only. assumed: how a change was read."""
        return cls(
            store_id=store.store_id,
            timezone=store.timezone or DEFAULT_TIMEZONE,
            hours_source=store.hours_source,
            weekly_hours=hours_rows(store.intervals),
            versions=hours_versions(rows),
            assumed=list(assumed) or None,
        )


def hours_rows(intervals: Iterable[tuple[int, int]] | None) -> list[HoursRow]:
    """Return open spans of the local week as rows; None is open 24x7."""
    spans = ((0, WEEK_SECONDS),) if intervals is None else intervals
    return [
        HoursRow(day=day, start_time_local=clock_text(start_s), end_time_local=clock_text(end_s))
        for day, start_s, end_s in weekly_rows(spans)
    ]


def hours_versions(rows: StoreRows) -> list[HoursVersion]:
    """Return the dated versions of the hours of the one store of `rows`, in the order of their dates."""
    spans = {
        key: [(span["start_s"], span["end_s"]) for span in intervals] for key, intervals in rows.patterns.iter_rows()
    }
    return [
        HoursVersion(
            valid_from=valid_from.isoformat(),
            hours_source=SettingSource.DEFAULT if hours_id is None else SettingSource.GIVEN,
            weekly_hours=hours_rows(None if hours_id is None else spans[hours_id]),
        )
        for _, valid_from, hours_id in rows.changes.versions.sort("valid_from").iter_rows()
    ]
