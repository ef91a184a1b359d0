"""What the routes are made of; `app` puts the parts together."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

from storewatch.access import AccessRules
from storewatch.catalog import Catalog
from storewatch.ingest.ingestion import Ingestion
from storewatch.jobs.queue import JobQueue
from storewatch.jobs.worker import Worker
from storewatch.lake import Lake
from storewatch.reports.archive.runs import Reports
from storewatch.reports.current import CurrentStores
from storewatch.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Parts:
    """One open installation, as the web sees it.

    worker: of this process, started and stopped with the service. stopping: set when the process is about to end, for
    answers that would go on for ever.
    """

    settings: Settings
    catalog: Catalog
    lake: Lake
    reports: Reports
    stores: CurrentStores
    jobs: JobQueue
    ingestion: Ingestion
    clock: Callable[[], datetime]
    worker: Worker | None = None
    stopping: Event = field(default_factory=Event)
    access: AccessRules = field(default_factory=AccessRules)
