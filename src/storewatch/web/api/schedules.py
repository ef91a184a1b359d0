"""Schedules over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from storewatch.catalog import Schedule
from storewatch.domain.enums import JobKind
from storewatch.domain.errors import ScheduleExistsError, UnknownScheduleError
from storewatch.domain.instants import format_instant
from storewatch.installation import Installation
from storewatch.jobs.schedules import new_schedule, next_run
from storewatch.reports.request.parameters import Text
from storewatch.web.audit import audited
from storewatch.web.parameters import field, members
from storewatch.web.problems import problem_responses
from storewatch.web.security import Admin, Unscoped


class ScheduleBody(BaseModel):
    """The schedule that is wanted."""

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
    cron: Annotated[Text, Field(max_length=200, description="Minute, hour, day, month, weekday.")]
    timezone: Annotated[Text, Field(max_length=100, description="Whose wall clock; an IANA name.")] = "UTC"
    parameters: Annotated[
        dict[str, Any],
        Field(
            description=(
                "Of a report: as for POST /v1/reports without as_of, also with `definition`, which is looked up anew "
                "for every run. Of retention: its days."
            )
        ),
    ] = {}


class ScheduleModel(BaseModel):
    """A schedule, and when it is due next."""

    name: str
    kind: JobKind
    cron: str
    timezone: str
    parameters: dict[str, Any]
    created_at: Annotated[str, Field(examples=["2026-03-01T09:30:00Z"])]
    created_by: str | None
    last_run_at: Annotated[str | None, Field(description="When the last run was due.")]
    next_run_at: str


class ScheduleList(BaseModel):
    """All schedules by name."""

    items: list[ScheduleModel]


def schedules_routes(parts: Installation) -> APIRouter:
    """Build /v1/schedules; they work on all stores, so a key with a scope may not see them."""
    router = APIRouter(prefix="/v1/schedules", tags=["schedules"])

    def model(schedule: Schedule) -> ScheduleModel:
        return ScheduleModel(
            name=schedule.name,
            kind=schedule.kind,
            cron=schedule.cron,
            timezone=schedule.timezone,
            parameters=schedule.parameters,
            created_at=format_instant(schedule.created_at),
            created_by=schedule.created_by,
            last_run_at=format_instant(schedule.last_run_at) if schedule.last_run_at else None,
            next_run_at=format_instant(next_run(schedule.cron, schedule.timezone, parts.clock())),
        )

    @router.post(
        "",
        operation_id="create_schedule",
        status_code=201,
        responses=problem_responses(
            422, s404="There is no report saved under this name.", s409="There is a schedule of this name."
        ),
        dependencies=[audited("schedule.create", "schedule")],
    )
    def create_schedule(body: ScheduleBody, caller: Admin, request: Request, response: Response) -> ScheduleModel:
        """Have a job done again and again. What was missed while nothing ran is done once."""
        with field("body"), members("body", "parameters"):
            schedule = new_schedule(
                name=body.name,
                kind=body.kind,
                cron=body.cron,
                timezone=body.timezone,
                parameters=body.parameters,
                created_by=caller.key_id,
                now=parts.clock(),
                catalog=parts.catalog,
            )
        request.state.audit_object = schedule.name
        if not parts.catalog.schedules.create(schedule):
            raise ScheduleExistsError(schedule.name)
        response.headers["Location"] = f"/v1/schedules/{schedule.name}"
        return model(schedule)

    @router.get("", operation_id="list_schedules", responses=problem_responses())
    def list_schedules(_: Unscoped) -> ScheduleList:
        """List the schedules."""
        return ScheduleList(items=[model(schedule) for schedule in parts.catalog.schedules.list_()])

    @router.get("/{name}", operation_id="get_schedule", responses=problem_responses(404, 422))
    def get_schedule(name: str, _: Unscoped) -> ScheduleModel:
        """Give one schedule."""
        schedule = None if "\0" in name else parts.catalog.schedules.find(name)
        if schedule is None:
            raise UnknownScheduleError(name)
        return model(schedule)

    @router.delete(
        "/{name}",
        operation_id="delete_schedule",
        status_code=204,
        responses=problem_responses(404, 422),
        dependencies=[audited("schedule.delete", "schedule")],
    )
    def delete_schedule(name: str, _: Admin, request: Request) -> None:
        """Delete a schedule; jobs that it asked for already are done."""
        request.state.audit_object = name
        if "\0" in name or not parts.catalog.schedules.delete(name):
            raise UnknownScheduleError(name)

    return router
