"""The catalog: what we know of stores, imports and reports, in SQLite or PostgreSQL."""

from storewatch.catalog.annotations import Annotation, Annotations, NewAnnotation
from storewatch.catalog.audit import Audit, AuditEntry, AuditFilter, AuditRow
from storewatch.catalog.closures import Closure, NewClosure, PlannedClosures
from storewatch.catalog.definitions import Definition, Definitions
from storewatch.catalog.entries import ENTRIES, SALES, SPECIAL_ROWS, TARGETS, Entries
from storewatch.catalog.imports import REJECTS, FinishedImport, ImportRecord, Imports, StoredReject
from storewatch.catalog.jobs import Job, Jobs
from storewatch.catalog.keys import ApiKey, Keys
from storewatch.catalog.labels import LABELS, NAME, labels_frame
from storewatch.catalog.schedules import Schedule, Schedules
from storewatch.catalog.store_list import StoreFilter, StoreLists, StoreRows
from storewatch.catalog.stores import PATTERNS, STORES, Stores
from storewatch.catalog.targeting import Target
from storewatch.catalog.workers import WorkerRecord, Workers
from storewatch.domain.enums import ENDED, EntryKind, JobKind, JobState, Reclassification, StoreOrder
from storewatch.domain.labels import Label

__all__ = [
    "ENDED",
    "ENTRIES",
    "LABELS",
    "NAME",
    "PATTERNS",
    "REJECTS",
    "SALES",
    "SPECIAL_ROWS",
    "STORES",
    "TARGETS",
    "Annotation",
    "ApiKey",
    "AuditEntry",
    "AuditFilter",
    "AuditRow",
    "Catalog",
    "Closure",
    "Definition",
    "EntryKind",
    "FinishedImport",
    "ImportRecord",
    "Job",
    "JobKind",
    "JobState",
    "Label",
    "NewAnnotation",
    "NewClosure",
    "Reclassification",
    "Schedule",
    "StoreFilter",
    "StoreOrder",
    "StoreRows",
    "StoredReject",
    "Target",
    "WorkerRecord",
    "labels_frame",
]


class Catalog(
    Stores,
    StoreLists,
    Entries,
    PlannedClosures,
    Annotations,
    Imports,
    Jobs,
    Workers,
    Schedules,
    Definitions,
    Keys,
    Audit,
):
    """The one door to the catalog's database; each method is one transaction. A further room adds a base class."""
