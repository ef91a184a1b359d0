"""The only place that wires things together: settings in, a running installation out."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from storewatch import __version__
from storewatch.catalog import Catalog
from storewatch.domain.errors import InvalidInputError
from storewatch.ingest import followed_snapshot
from storewatch.lake import Lake
from storewatch.reports.archive.runs import Reports
from storewatch.reports.compute.content import Content
from storewatch.reports.compute.figures import Progress
from storewatch.reports.request.request import ReportRequest
from storewatch.settings import Settings

if TYPE_CHECKING:
    from storewatch.access import AccessRules
    from storewatch.jobs.worker import Timing, Worker
    from storewatch.web.parts import Parts


STOP_SECONDS: Final = 8  # from the signal on; the interpreter takes a while too

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class App:
    """One installation, open."""

    settings: Settings
    catalog: Catalog
    lake: Lake
    reports: Reports


@contextmanager
def open_app(settings: Settings) -> Iterator[App]:
    """Open the stores of an installation, creating and migrating them where needed."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(
            f"The home folder {settings.home} cannot be used ({error.strerror}); name another one with --home."
        ) from None
    catalog = Catalog.open(settings.database_url)
    try:
        lake = Lake(settings.lake_url)
        reports = Reports(catalog=catalog, lake=lake, folder=settings.reports_dir)
        yield App(settings=settings, catalog=catalog, lake=lake, reports=reports)
    finally:
        catalog.close()


def service_parts(
    app: App,
    *,
    clock: Callable[[], datetime] = utc_now,
    with_worker: bool = True,
    timing: "Timing | None" = None,
    access: "AccessRules | None" = None,
) -> "Parts":
    """Put together what the service is made of, with a worker of its own unless told otherwise."""
    from storewatch.access import AccessRules
    from storewatch.ingest.ingestion import Ingestion
    from storewatch.jobs.queue import JobQueue
    from storewatch.reports.current import CurrentStores
    from storewatch.web.parts import Parts

    worker = create_worker(app, clock=clock, timing=timing) if with_worker else None
    wake = {"wake": worker.wake} if worker else {}
    return Parts(
        settings=app.settings,
        catalog=app.catalog,
        lake=app.lake,
        reports=app.reports,
        stores=CurrentStores(catalog=app.catalog, lake=app.lake),
        jobs=JobQueue(catalog=app.catalog, clock=clock, **wake),
        ingestion=Ingestion(catalog=app.catalog, lake=app.lake, clock=clock),
        worker=worker,
        clock=clock,
        access=access or AccessRules(),
    )


def create_worker(app: App, *, clock: Callable[[], datetime] = utc_now, timing: "Timing | None" = None) -> "Worker":
    from storewatch.jobs.work import Work
    from storewatch.jobs.worker import Worker

    work = Work(catalog=app.catalog, lake=app.lake, reports=app.reports, uploads=app.settings.uploads_dir, clock=clock)
    return Worker(catalog=app.catalog, work=work, clock=clock, timing=timing)


def serve(settings: Settings, host: str, port: int, *, insecure: bool = False, with_worker: bool = True) -> None:
    """Serve HTTP until SIGINT or SIGTERM, then finish the requests that run, and finish or hand back the jobs."""
    from storewatch.access.rules import choose_rules
    from storewatch.engine.availability import compile_kernels
    from storewatch.telemetry import configure_logging
    from storewatch.web.server import run_server
    from storewatch.web.service import create_service

    configure_logging(settings.log_level)
    with _listen(host, port) as listener, open_app(settings) as app:
        rules = choose_rules(settings.access, host=host, insecure=insecure, catalog=app.catalog, now=utc_now())
        compile_kernels()
        parts = service_parts(app, with_worker=with_worker, access=rules)

        def stop() -> None:
            end_in_time()
            parts.stopping.set()
            if parts.worker is not None:
                parts.worker.stop()

        log_start(settings, "service", host=host, port=port, worker=with_worker, keys=rules.keys)
        run_server(
            create_service(parts),
            listener,
            forwarded_allow_ips=list(settings.access.trusted_proxies),
            on_stop=stop,
        )


def work(settings: Settings, metrics_address: tuple[str, int] | None = None) -> None:
    """Run jobs until SIGINT or SIGTERM, then finish or hand back those that run.

    metrics_address: where to serve the metrics of this process meanwhile, to whoever asks.
    """
    import signal

    from storewatch.engine.availability import compile_kernels
    from storewatch.telemetry import configure_logging, serve_metrics

    configure_logging(settings.log_level)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with open_app(settings) as app:
        compile_kernels()
        worker = create_worker(app)
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
    places = {"home": str(settings.home), "database": settings.database_url, "lake": settings.lake_url}
    log.info("%s %s starts", what, __version__, extra=places | fields)


def end_in_time() -> None:
    """End this process by force when it has not ended STOP_SECONDS from now; what it accepted is durable already."""

    def end() -> None:
        hanging = [thread.name for thread in threading.enumerate() if not thread.daemon]
        log.critical("not stopped within %d s, ended by force", STOP_SECONDS, extra={"threads": hanging})
        os._exit(1)

    timer = threading.Timer(STOP_SECONDS, end)
    timer.daemon = True
    timer.start()


def _listen(host: str, port: int) -> socket.socket:
    """Take the address before anything else, so that a port in use is told at once."""
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InvalidInputError(
            f"{host} port {port} cannot be used ({error.strerror}); choose another with --host or --port."
        ) from None
    # asyncio sets it on sockets of its own only; without it an answer in two writes waits 40 ms for the client.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@contextmanager
def compute_report(
    app: App, request: ReportRequest, progress: Progress | None = None, lake_version: int | None = None
) -> Iterator[Content]:
    """Compute a report on the polls of this moment, or of an earlier lake version; hours and zones are today's.

    The content can be written as long as the context lasts.
    """
    snapshot = followed_snapshot(app.catalog, app.lake, utc_now(), lake_version)
    with app.reports.compute(request, snapshot, progress=progress) as content:
        yield content
