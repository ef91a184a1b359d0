"""What the routes are made of; `app` puts the parts together."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from storewatch.catalog import Catalog
from storewatch.jobs.runner import ReportRunner
from storewatch.lake import Lake
from storewatch.reports.runs import Reports
from storewatch.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Parts:
    """One open installation, as the web sees it."""

    settings: Settings
    catalog: Catalog
    lake: Lake
    reports: Reports
    runner: ReportRunner
    clock: Callable[[], datetime]
