"""Schedules, for admins. Their jobs work on all stores."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from storewatch.domain.errors import ScheduleExistsError, UnknownScheduleError
from storewatch.jobs.handler import StoredData
from storewatch.jobs.schedules import new_schedule
from storewatch.web.api.schedules.models import ScheduleBody, ScheduleList, ScheduleModel
from storewatch.web.audit import audited
from storewatch.web.dependencies import Installed
from storewatch.web.parameters import field, members
from storewatch.web.problems import problem_responses
from storewatch.web.security import Admin

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])

SchedulePath = Annotated[str, Path(examples=["monday-report"])]


@router.post(
    "",
    operation_id="createSchedule",
    status_code=201,
    responses=problem_responses(
        422, s404="No report definition has this name.", s409="A schedule has this name already."
    ),
    dependencies=[audited("schedule.create", "schedule")],
)
def create_schedule(
    body: ScheduleBody, caller: Admin, request: Request, response: Response, installation: Installed
) -> ScheduleModel:
    """Create a schedule, which queues a job repeatedly. Runs missed while no process ran are made up for once."""
    with field("body"), members("body", "parameters"):
        schedule = new_schedule(
            name=body.name,
            kind=body.kind,
            cron=body.cron,
            timezone=body.timezone,
            parameters=body.parameters,
            created_by=caller.key_id,
            now=installation.clock(),
            stored=StoredData(catalog=installation.catalog, lake=installation.lake),
        )
    request.state.audit_object = schedule.name
    if not installation.catalog.schedules.create(schedule):
        raise ScheduleExistsError(schedule.name)
    response.headers["Location"] = f"/v1/schedules/{schedule.name}"
    return ScheduleModel.of(schedule, installation.clock())


@router.get("", operation_id="listSchedules", responses=problem_responses())
def list_schedules(_: Admin, installation: Installed) -> ScheduleList:
    """List the schedules by name."""
    now = installation.clock()
    return ScheduleList(items=[ScheduleModel.of(schedule, now) for schedule in installation.catalog.schedules.list_()])


@router.get("/{name}", operation_id="getSchedule", responses=problem_responses(404, 422))
def get_schedule(name: SchedulePath, _: Admin, installation: Installed) -> ScheduleModel:
    """Return one schedule."""
    schedule = installation.catalog.schedules.find(name)
    if schedule is None:
        raise UnknownScheduleError(name)
    return ScheduleModel.of(schedule, installation.clock())


@router.delete(
    "/{name}",
    operation_id="deleteSchedule",
    status_code=204,
    responses=problem_responses(404, 422),
    dependencies=[audited("schedule.delete", "schedule")],
)
def delete_schedule(name: SchedulePath, _: Admin, request: Request, installation: Installed) -> None:
    """Delete a schedule. Jobs already queued still run."""
    request.state.audit_object = name
    if not installation.catalog.schedules.delete(name):
        raise UnknownScheduleError(name)
