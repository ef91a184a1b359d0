"""The schedules: when jobs are created again and again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, select, update

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.rows import INSERTS
from storewatch.catalog.db.schema import schedules
from storewatch.catalog.jobs import insert_job
from storewatch.domain.enums import JobKind


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a job of `kind` with these parameters is due: `cron` on the wall clock of `timezone`."""

    name: str
    kind: JobKind
    cron: str
    timezone: str
    parameters: dict[str, Any]
    enabled: bool
    created_at: datetime
    created_by: str | None = None
    last_run_at: datetime | None = None


class ScheduleRepository(Repository):
    """The schedules of jobs."""

    def create(self, schedule: Schedule) -> bool:
        """Add a schedule. Return False when there is a schedule with this name."""
        with self._database.writing() as connection:
            row = {**vars(schedule)}
            adding = INSERTS[connection.dialect.name](schedules).values(row).on_conflict_do_nothing()
            return connection.execute(adding, execution_options={"preserve_rowcount": True}).rowcount == 1

    def list_(self) -> list[Schedule]:
        """List all schedules by name."""
        return self._select_schedules(select(schedules).order_by(schedules.c.name))

    def find(self, name: str) -> Schedule | None:
        return next(iter(self._select_schedules(select(schedules).where(schedules.c.name == name))), None)

    def delete(self, name: str) -> bool:
        with self._database.writing() as connection:
            return connection.execute(delete(schedules).where(schedules.c.name == name)).rowcount == 1

    def run(self, schedule: Schedule, due_at: datetime, job_id: str, now: datetime) -> bool:
        """Accept the job that is due at `due_at`. Return False when another process did, or the schedule is gone."""
        same = (
            (schedules.c.name == schedule.name)
            & (schedules.c.created_at == schedule.created_at)
            & schedules.c.last_run_at.is_not_distinct_from(schedule.last_run_at)
        )
        with self._database.writing() as connection:
            if connection.execute(update(schedules).where(same).values(last_run_at=due_at)).rowcount == 0:
                return False
            insert_job(connection, job_id, schedule.kind, schedule.parameters, now, created_by=schedule.created_by)
            return True

    def _select_schedules(self, query: Select[Any]) -> list[Schedule]:
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [Schedule(**{**row, "kind": JobKind(row["kind"])}) for row in rows]
