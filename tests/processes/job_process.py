"""A worker as a process of its own, for tests that kill it: `python job_process.py HOME DATABASE_URL MODE`.

MODE die: the process is killed when a job begins; die late: when its work is done but not recorded. slow: a job runs
until it is stopped. run: as in production. Prints a line when a job begins.
"""

import os
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storewatch.engine.compiling import compile_kernels
from storewatch.installation import open_installation
from storewatch.jobs.handler import JobServices
from storewatch.jobs.runner import JobRunner
from storewatch.jobs.running import JobResult, RunningJob
from storewatch.jobs.worker import Timing, Worker
from storewatch.settings import Settings

QUICK = Timing(
    check_workers=timedelta(milliseconds=200),
    beat=timedelta(milliseconds=300),
    dead_after=timedelta(seconds=2),
    check_runs=timedelta(milliseconds=100),
)


class Troubled(JobRunner):
    """End or block this process when it runs a job."""

    mode = "run"

    def run(self, running: RunningJob) -> JobResult:
        print(f"{self.mode} {running.job.job_id} {running.job.attempts}", flush=True)
        if self.mode == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        while self.mode == "slow":
            running.progress(1, 2)
            threading.Event().wait(0.01)
        result = super().run(running)
        if self.mode == "die late":
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def main(home: str, database_url: str, mode: str) -> None:
    settings = Settings.from_environment(Path(home), {"STOREWATCH_DATABASE_URL": database_url})
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    with open_installation(settings) as app:
        compile_kernels()
        services = JobServices(
            catalog=app.catalog,
            lake=app.lake,
            reports=app.reports,
            uploads=settings.uploads_dir,
            clock=lambda: datetime.now(UTC),
        )
        Troubled.mode = mode
        runner = Troubled(services=services)
        worker = Worker(catalog=app.catalog, runner=runner, clock=services.clock, timing=QUICK)
        worker.start()
        print("ready", flush=True)
        stopping.wait()
        worker.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
