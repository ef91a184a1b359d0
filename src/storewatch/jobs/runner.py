"""Reports run in the background of the serving process; what a dead process left is run again at the next start."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from storewatch.catalog import Catalog
from storewatch.errors import StorewatchError
from storewatch.ingest import follow_lake
from storewatch.lake import Lake
from storewatch.reports.request import ReportRequest
from storewatch.reports.runs import Reports

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class ReportRunner:
    """Runs accepted reports on a few threads; the kernels and the readers release the GIL.

    Every accepted report is a row in the catalog before it is here, so stopping loses nothing.
    """

    def __init__(self, *, catalog: Catalog, lake: Lake, reports: Reports, clock: Clock = utc_now) -> None:
        self._catalog = catalog
        self._lake = lake
        self._reports = reports
        self._clock = clock
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="report")

    def trigger(self, request: ReportRequest) -> str:
        """Accept a report, start it in the background and return its id."""
        report_id = self._reports.request(request, self._clock())
        self._threads.submit(self._run, report_id)
        return report_id

    def resume(self) -> int:
        """Start every report that was accepted and never ended, under its own id; returns how many."""
        unfinished = self._catalog.running_reports()
        for report in unfinished:
            self._threads.submit(self._run, report.report_id)
        return len(unfinished)

    def stop(self) -> None:
        """Finish what runs, leave what waits for the next start."""
        self._stopping.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _run(self, report_id: str) -> None:
        if self._stopping.is_set():
            return
        try:
            snapshot = self._lake.snapshot()
            follow_lake(self._catalog, self._lake, self._clock())
            self._reports.run(report_id, snapshot, self._clock)
        except StorewatchError as error:
            self._fail(report_id, str(error))
        except Exception:
            log.exception("report %s failed", report_id)
            self._fail(report_id, "Computing the report failed for a reason of ours; the service's log says which.")

    def _fail(self, report_id: str, reason: str) -> None:
        try:
            self._catalog.fail_report(report_id, reason, self._clock())
        except Exception:
            log.exception("report %s could not be marked as failed; it is run again at the next start", report_id)
