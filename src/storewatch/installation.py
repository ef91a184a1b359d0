"""Build an installation from its settings. Only this module connects the parts of storewatch."""

import logging
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING, Final

from storewatch import __version__
from storewatch.catalog import Catalog
from storewatch.domain.errors import InvalidInputError, StorageFullError
from storewatch.private_files import create_private_files, exposed_files
from storewatch.settings import Settings

if TYPE_CHECKING:
    from storewatch.access import AccessRules
    from storewatch.ingest.ingestion import Ingestion
    from storewatch.jobs.queue import JobQueue
    from storewatch.jobs.worker import Timing, Worker
    from storewatch.lake import Lake
    from storewatch.reports.archive.runs import Reports
    from storewatch.reports.compute.content import Content
    from storewatch.reports.compute.shards import Progress
    from storewatch.reports.request.request import ReportRequest
    from storewatch.stores.current import CurrentStores

STOP_SECONDS: Final = 8  # from the signal on; the interpreter takes a while too

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


def _default_rules() -> "AccessRules":
    from storewatch.access import AccessRules

    return AccessRules()


@dataclass(frozen=True, kw_only=True)
class SharedParts:
    """The parts that have one instance in a process. Each is imported when it is first used, for small commands."""

    settings: Settings
    catalog: Catalog
    read_only: bool

    @cached_property
    def lake(self) -> "Lake":
        from storewatch.lake import Lake

        return Lake(self.settings.lake_url, read_only=self.read_only)

    @cached_property
    def reports(self) -> "Reports":
        from storewatch.reports.archive.runs import Reports

        return Reports(catalog=self.catalog, lake=self.lake, folder=self.settings.reports_dir)


@dataclass(frozen=True, kw_only=True)
class Installation:
    """One open installation: its data, and the services that read and change them.

    worker: runs jobs in this process, None where other processes run them. access: which callers are let in. stopping:
    set when the process is about to end, so that endless responses end.
    """

    settings: Settings
    shared: SharedParts
    clock: Callable[[], datetime] = utc_now
    worker: "Worker | None" = None
    access: "AccessRules" = field(default_factory=_default_rules)
    stopping: Event = field(default_factory=Event)

    @property
    def catalog(self) -> Catalog:
        return self.shared.catalog

    @property
    def lake(self) -> "Lake":
        return self.shared.lake

    @property
    def reports(self) -> "Reports":
        return self.shared.reports

    @cached_property
    def stores(self) -> "CurrentStores":
        """The current state of stores."""
        from storewatch.stores.current import CurrentStores

        return CurrentStores(catalog=self.catalog, lake=self.lake, clock=self.clock)

    @cached_property
    def jobs(self) -> "JobQueue":
        """The queue that accepts background jobs. A worker of this process begins them at once."""
        from storewatch.jobs.queue import JobQueue

        wake = {"wake": self.worker.wake} if self.worker else {}
        limit = self.settings.max_queued_jobs_per_key
        return JobQueue(catalog=self.catalog, clock=self.clock, max_queued_per_key=limit, **wake)

    @cached_property
    def ingestion(self) -> "Ingestion":
        """The group commit that accepts polls."""
        from storewatch.ingest.ingestion import Ingestion

        return Ingestion(catalog=self.catalog, lake=self.lake, clock=self.clock)

    def free_mb(self) -> int:
        """Return the free space, in megabytes, on the disk of the local folders that has least."""
        return (
            min(shutil.disk_usage(folder).free for folder in self.settings.local_folders if folder.exists())
            // 1_000_000
        )

    def require_free_space(self) -> None:
        """Check that a large file can be stored. Raises StorageFullError below the setting `min_free_mb`."""
        if self.free_mb() < self.settings.min_free_mb:
            raise StorageFullError

    def start(self) -> None:
        """Start the worker of this process, if there is one."""
        if self.worker is not None:
            self.worker.start()

    def stop(self) -> None:
        """Commit the polls that were accepted, and finish or hand back the jobs that run."""
        self.stopping.set()
        self.stop_ingestion()
        if self.worker is not None:
            self.worker.stop()

    def stop_ingestion(self) -> None:
        """Commit the polls that were accepted, if there were any."""
        if "ingestion" in vars(self):
            self.ingestion.stop()


@contextmanager
def open_installation(settings: Settings, *, read_only: bool = False, creates: bool = True) -> Iterator[Installation]:
    """Open the catalog and the lake of an installation, and migrate them where needed.

    read_only: refuse every change after that with a ReadOnlyError. Reading still registers the stores of the lake.
    creates: create the installation if there is none.
    Raises InvalidInputError where the home folder, the database or the lake cannot be used, or does not exist.
    """
    # With a database outside the home folder, the database shows whether there is an installation.
    if not creates and settings.has_database_in_home and not settings.home.exists():
        raise InvalidInputError(
            f"There is no installation in {settings.home}: the folder does not exist. Name the folder of the data with "
            "--home or STOREWATCH_HOME; `storewatch import` and `storewatch serve` create it."
        )
    create_private_files()
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(
            f"The home folder {settings.home} cannot be used ({error.strerror}); name another one with --home."
        ) from None
    catalog = Catalog.open(settings.database_url, read_only=read_only)
    try:
        shared = SharedParts(settings=settings, catalog=catalog, read_only=read_only)
        installation = Installation(settings=settings, shared=shared)
        yield installation
        installation.stop_ingestion()
    finally:
        catalog.close()


def prepare_service(
    installation: Installation,
    *,
    clock: Callable[[], datetime] = utc_now,
    with_worker: bool = True,
    timing: "Timing | None" = None,
    access: "AccessRules | None" = None,
) -> Installation:
    """Return the installation as a service uses it: with these access rules, and by default with a worker.

    The service has its own job queue and group commit, which end with it.
    """
    service = replace(
        installation,
        clock=clock,
        worker=create_worker(installation, clock=clock, timing=timing) if with_worker else None,
        access=access or _default_rules(),
        stopping=Event(),
    )
    # Built now: two requests at once would each build their own.
    assert service.reports and service.stores and service.jobs and service.ingestion  # noqa: S101, PT018
    return service


def create_worker(
    installation: Installation, *, clock: Callable[[], datetime] = utc_now, timing: "Timing | None" = None
) -> "Worker":
    """Create a worker that runs the jobs of an installation in this process. It is not started yet."""
    from storewatch.jobs.handler import JobServices
    from storewatch.jobs.runner import JobRunner
    from storewatch.jobs.worker import Worker

    services = JobServices(
        catalog=installation.catalog,
        lake=installation.lake,
        reports=installation.reports,
        uploads=installation.settings.uploads_dir,
        clock=clock,
    )
    return Worker(catalog=installation.catalog, runner=JobRunner(services=services), clock=clock, timing=timing)


def run_worker(
    settings: Settings, metrics_address: tuple[str, int] | None = None, *, prepare_engine: Callable[[], None]
) -> None:
    """Run jobs until SIGINT or SIGTERM, then finish the running jobs or hand them back.

    metrics_address: host and port where this process serves its metrics, to every caller. prepare_engine: loads every
    kernel; called when the installation is open.
    """
    from storewatch.telemetry import configure_logging, serve_metrics

    configure_logging(settings.log_level)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    if metrics_address is not None:
        serve_metrics(*metrics_address)
    with open_installation(settings, creates=False) as installation:
        prepare_engine()
        worker = create_worker(installation)
        log_start(settings, "worker", metrics_address=metrics_address)
        worker.start()
        stopping.wait()
        log.info("stopping")
        end_in_time()
        worker.stop()
        log.info("stopped")


def log_start(settings: Settings, what: str, **fields: object) -> None:
    """Log that a process starts, and where its data are. what: `service` or `worker`."""
    places = {"home": str(settings.home), "database": settings.database_url, "lake": settings.lake_url}
    log.info("%s %s starts", what, __version__, extra=places | fields)
    exposed = next(exposed_files(settings.local_folders), None)
    if exposed is not None:
        folders = " ".join(map(str, settings.local_folders))
        log.warning(
            "other users of this machine may read files of this installation; run: chmod -R go= %s",
            folders,
            extra={"first": str(exposed)},
        )


def end_in_time() -> None:
    """End this process by force when it has not ended STOP_SECONDS from now. What it accepted is durable already."""

    def end() -> None:
        hanging = [thread.name for thread in threading.enumerate() if not thread.daemon]
        log.critical("not stopped within %d s, ended by force", STOP_SECONDS, extra={"threads": hanging})
        os._exit(1)

    timer = threading.Timer(STOP_SECONDS, end)
    timer.daemon = True
    timer.start()


@contextmanager
def compute_report(
    installation: Installation,
    request: "ReportRequest",
    progress: "Progress | None" = None,
    lake_version: int | None = None,
) -> "Iterator[Content]":
    """Compute a report on the polls of this moment, or of an earlier lake version. Hours and zones are today's.

    The content can be written until the context ends.
    """
    from storewatch.stores.following import followed_snapshot

    snapshot = followed_snapshot(installation.catalog, installation.lake, utc_now(), lake_version)
    with installation.reports.compute(request, snapshot, progress=progress) as content:
        yield content
