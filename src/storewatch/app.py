"""The only place that wires things together: settings in, a running installation out."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from storewatch.catalog import Catalog
from storewatch.errors import InvalidInputError
from storewatch.ingest import follow_lake
from storewatch.lake import Lake
from storewatch.reports.figures import Figures, Progress
from storewatch.reports.request import ReportRequest
from storewatch.reports.runs import Reports
from storewatch.settings import Settings

log = logging.getLogger(__name__)


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


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve HTTP until SIGINT or SIGTERM, then finish the requests and reports that run."""
    import uvicorn

    from storewatch.engine.availability import compile_kernels
    from storewatch.jobs.runner import ReportRunner
    from storewatch.web.service import create_service

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with _listen(host, port) as listener, open_app(settings) as app:
        compile_kernels()
        runner = ReportRunner(catalog=app.catalog, lake=app.lake, reports=app.reports)
        service = create_service(app.reports, runner)
        config = uvicorn.Config(service, log_config=None, access_log=False, timeout_graceful_shutdown=5)
        log.info("serving http://%s:%d/ from %s; Ctrl-C stops", host, port, settings.home)
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """Take the address before anything else, so that a port in use is told at once."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InvalidInputError(
            f"{host} port {port} cannot be used ({error.strerror}); choose another with --host or --port."
        ) from None


def compute_report(
    app: App, request: ReportRequest, progress: Progress | None = None, lake_version: int | None = None
) -> Figures:
    """Compute a report on the polls of this moment, or of an earlier lake version; hours and zones are today's."""
    snapshot = app.lake.snapshot(lake_version)
    follow_lake(app.catalog, app.lake, datetime.now(UTC))
    return app.reports.compute(request, snapshot, progress)
