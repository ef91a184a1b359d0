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
from threading import Event
from typing import TYPE_CHECKING, Final

from storewatch import __version__
from storewatch.access import AccessRules
from storewatch.catalog import Catalog
from storewatch.domain.errors import InvalidInputError, StorageFullError
from storewatch.ingest.ingestion import Ingestion
from storewatch.jobs.queue import JobQueue
from storewatch.lake import Lake
from storewatch.private_files import create_private_files, exposed_files
from storewatch.reports.archive.runs import Reports
from storewatch.reports.compute.content import Content
from storewatch.reports.compute.shards import Progress
from storewatch.reports.request.request import ReportRequest
from storewatch.settings import Settings
from storewatch.stores.current import CurrentStores
from storewatch.stores.following import followed_snapshot

if TYPE_CHECKING:
    from storewatch.jobs.worker import Timing, Worker

STOP_SECONDS: Final = 8  # from the signal on; the interpreter takes a while too

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Installation:
    """One open installation: its data, and the services that read and change them.

    stores: the current state of stores. jobs: accepts background jobs. ingestion: accepts polls. worker: runs jobs in
    this process, None where other processes run them. access: which callers are let in. stopping: set when the
    process is about to end, so that endless responses end.
    """

    settings: Settings
    catalog: Catalog
    lake: Lake
    reports: Reports
    stores: CurrentStores
    jobs: JobQueue
    ingestion: Ingestion
    clock: Callable[[], datetime] = utc_now
    worker: "Worker | None" = None
    access: AccessRules = field(default_factory=AccessRules)
    stopping: Event = field(default_factory=Event)

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
        self.ingestion.stop()
        if self.worker is not None:
            self.worker.stop()


@contextmanager
def open_installation(settings: Settings, *, read_only: bool = False) -> Iterator[Installation]:
    """Open the catalog and the lake of an installation, creating and migrating them where needed.

    read_only: refuse every change after that with a ReadOnlyError. Reading still registers the stores of the lake.
    Raises InvalidInputError where the home folder, the database or the lake cannot be used.
    """
    create_private_files()
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(
            f"The home folder {settings.home} cannot be used ({error.strerror}); name another one with --home."
        ) from None
    catalog = Catalog.open(settings.database_url, read_only=read_only)
    try:
        lake = Lake(settings.lake_url, read_only=read_only)
        installation = Installation(
            settings=settings,
            catalog=catalog,
            lake=lake,
            reports=Reports(catalog=catalog, lake=lake, folder=settings.reports_dir),
            stores=CurrentStores(catalog=catalog, lake=lake, clock=utc_now),
            jobs=JobQueue(catalog=catalog, clock=utc_now, max_queued_per_key=settings.max_queued_jobs_per_key),
            ingestion=Ingestion(catalog=catalog, lake=lake, clock=utc_now),
        )
        yield installation
        installation.ingestion.stop()
    finally:
        catalog.close()


def prepare_service(
    installation: Installation,
    *,
    clock: Callable[[], datetime] = utc_now,
    with_worker: bool = True,
    timing: "Timing | None" = None,
    access: AccessRules | None = None,
) -> Installation:
    """Return the installation as a service uses it: with these access rules, and by default with a worker.

    The service has its own job queue and group commit, which end with it.
    """
    worker = create_worker(installation, clock=clock, timing=timing) if with_worker else None
    wake = {"wake": worker.wake} if worker else {}
    catalog, lake = installation.catalog, installation.lake
    return replace(
        installation,
        stores=CurrentStores(catalog=catalog, lake=lake, clock=clock),
        jobs=JobQueue(
            catalog=catalog,
            clock=clock,
            max_queued_per_key=installation.settings.max_queued_jobs_per_key,
            **wake,
        ),
        ingestion=Ingestion(catalog=catalog, lake=lake, clock=clock),
        clock=clock,
        worker=worker,
        access=access or AccessRules(),
        stopping=Event(),
    )


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


def run_worker(settings: Settings, metrics_address: tuple[str, int] | None = None) -> None:
    """Run jobs until SIGINT or SIGTERM, then finish the running jobs or hand them back.

    metrics_address: host and port where this process serves its metrics, to every caller.
    """
    from storewatch.engine.compiling import compile_kernels
    from storewatch.telemetry import configure_logging, serve_metrics

    configure_logging(settings.log_level)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with open_installation(settings) as installation:
        compile_kernels()
        worker = create_worker(installation)
        if metrics_address is not None:
            serve_metrics(*metrics_address)
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
    request: ReportRequest,
    progress: Progress | None = None,
    lake_version: int | None = None,
) -> Iterator[Content]:
    """Compute a report on the polls of this moment, or of an earlier lake version. Hours and zones are today's.

    The content can be written until the context ends.
    """
    snapshot = followed_snapshot(installation.catalog, installation.lake, utc_now(), lake_version)
    with installation.reports.compute(request, snapshot, progress=progress) as content:
        yield content
