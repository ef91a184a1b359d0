"""The reports: asked for, running, complete or failed. Their files are not in the catalog, only named there."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, insert, select, update

from storewatch.catalog.database import Database
from storewatch.catalog.schema import reports


class ReportState(StrEnum):
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Report:
    """One report. What is None is not known (yet), or in this state never."""

    report_id: str
    parameters: dict[str, Any]
    state: ReportState
    created_at: datetime
    finished_at: datetime | None = None
    fingerprint: str | None = None
    lake_version: int | None = None
    catalog_version: int | None = None
    file: str | None = None
    sha256: str | None = None
    rows: int | None = None
    error: str | None = None


class Reports(Database):
    """The life of reports. A report leaves `running` once; who comes second is told so and changes nothing."""

    def create_report(self, report_id: str, parameters: dict[str, Any], now: datetime) -> None:
        """Accept a report: when this returns, it will be run even if the process dies."""
        row = {"report_id": report_id, "parameters": parameters, "state": ReportState.RUNNING, "created_at": now}
        with self.writing() as connection:
            connection.execute(insert(reports).values(row))

    def find_report(self, report_id: str) -> Report | None:
        return next(iter(self._select(select(reports).where(reports.c.report_id == report_id))), None)

    def running_reports(self) -> list[Report]:
        """The reports that somebody must still finish, the oldest first."""
        query = select(reports).where(reports.c.state == ReportState.RUNNING)
        return self._select(query.order_by(reports.c.created_at, reports.c.report_id))

    def finished_report(self, fingerprint: str) -> Report | None:
        """The newest complete report with this fingerprint."""
        query = select(reports).where(reports.c.fingerprint == fingerprint, reports.c.state == ReportState.COMPLETE)
        newest = query.order_by(reports.c.finished_at.desc(), reports.c.report_id).limit(1)
        return next(iter(self._select(newest)), None)

    def complete_report(
        self,
        report_id: str,
        *,
        fingerprint: str,
        lake_version: int,
        catalog_version: int,
        file: str,
        sha256: str,
        rows: int,
        now: datetime,
    ) -> bool:
        """Name the finished file of a running report; False if it was not running (any more)."""
        return self._finish(
            report_id,
            state=ReportState.COMPLETE,
            finished_at=now,
            fingerprint=fingerprint,
            lake_version=lake_version,
            catalog_version=catalog_version,
            file=file,
            sha256=sha256,
            rows=rows,
        )

    def fail_report(self, report_id: str, error: str, now: datetime) -> bool:
        """Give up a running report for the reason `error`; False if it was not running (any more)."""
        return self._finish(report_id, state=ReportState.FAILED, finished_at=now, error=error)

    def _finish(self, report_id: str, **values: object) -> bool:
        running = (reports.c.report_id == report_id) & (reports.c.state == ReportState.RUNNING)
        with self.writing() as connection:
            return connection.execute(update(reports).where(running).values(values)).rowcount == 1

    def _select(self, query: Select[Any]) -> list[Report]:
        with self.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [Report(**{**row, "state": ReportState(row["state"])}) for row in rows]
