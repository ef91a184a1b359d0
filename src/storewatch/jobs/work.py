"""What each kind of job does."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from storewatch.catalog import Catalog
from storewatch.domain.enums import ENDED, JobKind
from storewatch.domain.errors import InvalidInputError, UnknownDefinitionError
from storewatch.ingest import import_file
from storewatch.jobs.retention import Limits, apply_retention
from storewatch.jobs.run import Outcome, Run
from storewatch.jobs.schedules import read_definition
from storewatch.lake import Lake
from storewatch.reports.archive.runs import Reports
from storewatch.stores.following import followed_snapshot
from storewatch.telemetry import REPORT_SECONDS

# An upload that no job names yet may still be under way.
LONGEST_UPLOAD: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Work:
    """The work of one installation. uploads: folder of the files that wait for their import, named by their job."""

    catalog: Catalog
    lake: Lake
    reports: Reports
    uploads: Path
    clock: Callable[[], datetime]

    def do(self, run: Run) -> Outcome:
        """Do a job; raises StoppedError where it has to stop before its end."""
        do = {
            JobKind.REPORT: self._report,
            JobKind.IMPORT: self._import,
            JobKind.OPTIMIZE: self._optimize,
            JobKind.RETENTION: self._retention,
        }
        return do[run.job.kind](run)

    def tidy(self, job_id: str) -> None:
        """Remove what no longer serves anybody once a job has ended, here or elsewhere."""
        job = self.catalog.jobs.find(job_id)
        if job is not None and job.state not in ENDED:
            return
        if job is None or job.kind is JobKind.IMPORT:
            (self.uploads / job_id).unlink(missing_ok=True)
        if job is None or job.kind is JobKind.REPORT:
            self.reports.remove_files(job_id, but=job.result["file"] if job and job.result else None)

    def keep_house(self, now: datetime) -> None:
        """Remove the uploads whose import ended where nobody could: cancelled in the queue, or with its worker."""
        if not self.uploads.is_dir():
            return
        for upload in self.uploads.iterdir():
            if self.catalog.jobs.find(upload.name) is not None:
                self.tidy(upload.name)
            elif now.timestamp() - upload.stat().st_mtime > LONGEST_UPLOAD.total_seconds():
                upload.unlink(missing_ok=True)

    def _report(self, run: Run) -> Outcome:
        begun = time.perf_counter()
        self._refuse_unresolved(run.job.parameters)
        snapshot = followed_snapshot(self.catalog, self.lake, self.clock())
        done = self.reports.run(run.job, snapshot, run.progress)
        seconds = time.perf_counter() - begun
        REPORT_SECONDS.observe(seconds)
        return Outcome(result=done.result() | {"seconds": round(seconds, 3)}, fingerprint=done.fingerprint)

    def _refuse_unresolved(self, parameters: Mapping[str, Any]) -> None:
        """Fail the report of a schedule whose definition could not be used when it was due, with the reason."""
        if "definition" in parameters:
            read_definition(parameters, self.catalog)
            raise UnknownDefinitionError(parameters["definition"])  # it is there again, too late for this one

    def _import(self, run: Run) -> Outcome:
        job = run.job
        imported = self.catalog.imports.find_by_job(job.job_id)  # there when an earlier try died after its last commit
        if imported is None:
            self._import_upload(run)
            imported = self.catalog.imports.find_by_job(job.job_id)
        kept = ("import_id", "table_name", "rows", "accepted", "rejected", "lake_version")
        return Outcome(result={name: getattr(imported, name) for name in kept})

    def _import_upload(self, run: Run) -> None:
        job, upload = run.job, self.uploads / run.job.job_id
        name, valid_from = str(job.parameters["file"]), job.parameters.get("valid_from")
        try:
            import_file(
                upload,
                catalog=self.catalog,
                lake=self.lake,
                # Of two files the one accepted later wins, whichever is imported first.
                now=job.created_at,
                strict=job.parameters["strict"],
                progress=run.progress,
                name=name,
                job_id=job.job_id,
                scope=job.scope,
                valid_from=date.fromisoformat(valid_from) if valid_from else None,
            )
        except InvalidInputError as error:
            raise InvalidInputError(str(error).replace(str(upload), name)) from error

    def _optimize(self, run: Run) -> Outcome:
        done = self.lake.optimize(now=self.clock(), progress=run.progress)
        return Outcome(result=asdict(done))

    def _retention(self, run: Run) -> Outcome:
        limits = Limits.from_parameters(run.job.parameters)
        removed = apply_retention(
            limits,
            catalog=self.catalog,
            lake=self.lake,
            reports=self.reports,
            now=self.clock(),
            check=run.check,
        )
        return Outcome(result=removed.result())
