"""Schedules in requests and answers."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from storewatch.catalog import Schedule
from storewatch.domain.enums import JobKind
from storewatch.domain.instants import format_instant, format_optional_instant
from storewatch.jobs.kinds import schedulable
from storewatch.jobs.schedules import next_run
from storewatch.reports.request.parameters import Text


class ScheduleBody(BaseModel):
    """The schedule to create."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "monday-report",
                    "kind": "report",
                    "cron": "0 6 * * 1",
                    "timezone": "America/Chicago",
                    "parameters": {"policy": "observed", "format": "json"},
                }
            ]
        },
    )

    name: Annotated[Text, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")]
    kind: JobKind
    cron: Annotated[Text, Field(max_length=200, description="Five fields: minute, hour, day, month, weekday.")]
    timezone: Annotated[Text, Field(max_length=100, description="The IANA time zone of the cron expression.")] = "UTC"
    parameters: Annotated[
        dict[str, Any],
        Field(description=" ".join(f"For {handler.kind}: {handler.parameters_help}." for handler in schedulable())),
    ] = {}


class ScheduleModel(BaseModel):
    """A schedule and the time of its next run."""

    name: Annotated[str, Field(examples=["monday-report"])]
    kind: JobKind
    cron: Annotated[str, Field(examples=["0 6 * * 1"])]
    timezone: Annotated[str, Field(examples=["America/Chicago"])]
    parameters: Annotated[dict[str, Any], Field(examples=[{"policy": "observed", "format": "json"}])]
    created_at: Annotated[str, Field(examples=["2026-03-01T09:30:00Z"])]
    created_by: str | None
    last_run_at: Annotated[str | None, Field(description="When the last run was due.")]
    next_run_at: Annotated[str, Field(examples=["2026-03-02T12:00:00Z"])]

    @classmethod
    def of(cls, schedule: Schedule, now: datetime) -> Self:
        """Return a schedule as the API shows it."""
        return cls(
            name=schedule.name,
            kind=schedule.kind,
            cron=schedule.cron,
            timezone=schedule.timezone,
            parameters=schedule.parameters,
            created_at=format_instant(schedule.created_at),
            created_by=schedule.created_by,
            last_run_at=format_optional_instant(schedule.last_run_at),
            next_run_at=format_instant(next_run(schedule.cron, schedule.timezone, now)),
        )


class ScheduleList(BaseModel):
    """All schedules by name."""

    items: list[ScheduleModel]
