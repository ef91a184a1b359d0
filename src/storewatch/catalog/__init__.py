"""The catalog: what we know of stores, imports and reports, in SQLite or PostgreSQL."""

from storewatch.catalog.audit import Audit, AuditEntry, AuditFilter, AuditRow
from storewatch.catalog.imports import REJECTS, FinishedImport, ImportRecord, Imports, StoredReject
from storewatch.catalog.jobs import ENDED, Job, JobKind, Jobs, JobState
from storewatch.catalog.keys import ApiKey, Keys
from storewatch.catalog.labels import LABELS, NAME, labels_frame
from storewatch.catalog.schedules import Schedule, Schedules
from storewatch.catalog.store_list import Label, StoreFilter, StoreLists, StoreOrder, StoreRows
from storewatch.catalog.stores import PATTERNS, STORES, Stores
from storewatch.catalog.workers import WorkerRecord, Workers

__all__ = [
    "ENDED",
    "LABELS",
    "NAME",
    "PATTERNS",
    "REJECTS",
    "STORES",
    "ApiKey",
    "AuditEntry",
    "AuditFilter",
    "AuditRow",
    "Catalog",
    "FinishedImport",
    "ImportRecord",
    "Job",
    "JobKind",
    "JobState",
    "Label",
    "Schedule",
    "StoreFilter",
    "StoreOrder",
    "StoreRows",
    "StoredReject",
    "WorkerRecord",
    "labels_frame",
]


class Catalog(Stores, StoreLists, Imports, Jobs, Workers, Schedules, Keys, Audit):
    """The one door to the catalog's database; each method is one transaction. A further room adds a base class."""
