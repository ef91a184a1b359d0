"""Run jobs by the handlers of their kinds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from storewatch.domain.enums import JobKind
from storewatch.jobs.handler import JobHandler, JobServices
from storewatch.jobs.kinds import handlers
from storewatch.jobs.running import JobResult, RunningJob


@dataclass(frozen=True, kw_only=True)
class JobRunner:
    """Run the jobs of one installation."""

    services: JobServices
    handlers: Mapping[JobKind, JobHandler] = field(default_factory=handlers)

    def run(self, running: RunningJob) -> JobResult:
        """Do the work of a job. Raises StoppedError where the job has to stop before its end."""
        return self.handlers[running.job.kind].run(running, self.services)

    def clean_up(self, job_id: str) -> None:
        """Remove what a job no longer needs when it has ended, here or in another process."""
        job = self.services.catalog.jobs.find(job_id)
        if job is not None and not job.has_ended:
            return
        for handler in self.handlers.values():
            if job is None or job.kind is handler.kind:
                handler.clean_up(job_id, job, self.services)

    def run_maintenance(self, now: datetime) -> None:
        """Run the maintenance of every kind."""
        for handler in self.handlers.values():
            handler.maintain(self.services, now)
