"""The catalog: stores, imports, jobs, keys and settings of stores, in SQLite or PostgreSQL.

The modules of this package are imported when they are first used: some need Polars, which takes as long to load as
all that a small command does.
"""

from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Self

from storewatch.catalog.db.database import Database
from storewatch.catalog.db.state import read_version

if TYPE_CHECKING:
    from storewatch.catalog.annotations import Annotation, AnnotationRepository, NewAnnotation
    from storewatch.catalog.audit import AuditEntry, AuditFilter, AuditRepository, AuditRow
    from storewatch.catalog.closures import Closure, ClosureRepository, NewClosure
    from storewatch.catalog.definitions import Definition, DefinitionRepository
    from storewatch.catalog.entries import EntryRepository
    from storewatch.catalog.fallbacks import FallbackRepository
    from storewatch.catalog.imports import (
        FinishedImport,
        ImportNotes,
        ImportRecord,
        ImportRepository,
        NewImport,
        StoredReject,
    )
    from storewatch.catalog.jobs import Job, JobRepository
    from storewatch.catalog.keys import ApiKey, KeyRepository
    from storewatch.catalog.labels import NAME, LabelRepository, labels_frame
    from storewatch.catalog.mappings import ColumnMapping, ColumnMappingRepository
    from storewatch.catalog.names import NameRepository, TargetKey
    from storewatch.catalog.schedules import Schedule, ScheduleRepository
    from storewatch.catalog.store_changes import StoreChanges
    from storewatch.catalog.store_queries import StoreFilter, StoreRows
    from storewatch.catalog.stores import StoreRepository
    from storewatch.catalog.targeting import Target
    from storewatch.catalog.undo import UNDO_KEPT, UndoRepository
    from storewatch.catalog.visibility import shown_creator, shown_number
    from storewatch.catalog.workers import WorkerRecord, WorkerRepository
    from storewatch.domain.enums import ENDED, EntryKind, JobKind, JobState, Reclassification, StoreOrder
    from storewatch.domain.labels import Label

__all__ = [
    "ENDED",
    "NAME",
    "UNDO_KEPT",
    "Annotation",
    "ApiKey",
    "AuditEntry",
    "AuditFilter",
    "AuditRow",
    "Catalog",
    "Closure",
    "ColumnMapping",
    "Database",
    "Definition",
    "EntryKind",
    "FinishedImport",
    "ImportNotes",
    "ImportRecord",
    "ImportRepository",
    "Job",
    "JobKind",
    "JobState",
    "Label",
    "NewAnnotation",
    "NewClosure",
    "NewImport",
    "Reclassification",
    "Schedule",
    "StoreChanges",
    "StoreFilter",
    "StoreOrder",
    "StoreRows",
    "StoredReject",
    "Target",
    "TargetKey",
    "WorkerRecord",
    "labels_frame",
    "shown_creator",
    "shown_number",
]

_MODULES: Final = {
    "storewatch.catalog.annotations": ("Annotation", "NewAnnotation"),
    "storewatch.catalog.audit": ("AuditEntry", "AuditFilter", "AuditRow"),
    "storewatch.catalog.closures": ("Closure", "NewClosure"),
    "storewatch.catalog.definitions": ("Definition",),
    "storewatch.catalog.imports": (
        "FinishedImport",
        "ImportNotes",
        "ImportRecord",
        "ImportRepository",
        "NewImport",
        "StoredReject",
    ),
    "storewatch.catalog.jobs": ("Job",),
    "storewatch.catalog.keys": ("ApiKey",),
    "storewatch.catalog.labels": ("NAME", "labels_frame"),
    "storewatch.catalog.mappings": ("ColumnMapping",),
    "storewatch.catalog.names": ("TargetKey",),
    "storewatch.catalog.schedules": ("Schedule",),
    "storewatch.catalog.store_changes": ("StoreChanges",),
    "storewatch.catalog.store_queries": ("StoreFilter", "StoreRows"),
    "storewatch.catalog.targeting": ("Target",),
    "storewatch.catalog.undo": ("UNDO_KEPT",),
    "storewatch.catalog.visibility": ("shown_creator", "shown_number"),
    "storewatch.catalog.workers": ("WorkerRecord",),
    "storewatch.domain.enums": ("ENDED", "EntryKind", "JobKind", "JobState", "Reclassification", "StoreOrder"),
    "storewatch.domain.labels": ("Label",),
}
_MODULE_OF: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import what this package exports when it is first used."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return found


class Catalog:
    """One database with everything that storewatch knows except polls, and a repository for each subject in it.

    Each method of a repository is one transaction. `find` returns None when the object does not exist.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(cls, url: str, *, read_only: bool = False) -> Self:
        """Open the database at `url` as `Database.open` does, and bring its tables up to date."""
        return cls(Database.open(url, read_only=read_only))

    def close(self) -> None:
        """Close the connections. A connection that a thread still uses is closed when the thread returns it."""
        self.database.close()

    def version(self) -> int:
        """Return the number of commits that changed inputs of reports other than polls."""
        with self.database.reading() as connection:
            return read_version(connection)

    @cached_property
    def stores(self) -> "StoreRepository":
        from storewatch.catalog.stores import StoreRepository

        return StoreRepository(self.database)

    @cached_property
    def labels(self) -> "LabelRepository":
        from storewatch.catalog.labels import LabelRepository

        return LabelRepository(self.database)

    @cached_property
    def names(self) -> "NameRepository":
        from storewatch.catalog.names import NameRepository

        return NameRepository(self.database)

    @cached_property
    def entries(self) -> "EntryRepository":
        from storewatch.catalog.entries import EntryRepository

        return EntryRepository(self.database)

    @cached_property
    def closures(self) -> "ClosureRepository":
        from storewatch.catalog.closures import ClosureRepository

        return ClosureRepository(self.database)

    @cached_property
    def fallbacks(self) -> "FallbackRepository":
        from storewatch.catalog.fallbacks import FallbackRepository

        return FallbackRepository(self.database)

    @cached_property
    def annotations(self) -> "AnnotationRepository":
        from storewatch.catalog.annotations import AnnotationRepository

        return AnnotationRepository(self.database)

    @cached_property
    def imports(self) -> "ImportRepository":
        from storewatch.catalog.imports import ImportRepository

        return ImportRepository(self.database)

    @cached_property
    def undos(self) -> "UndoRepository":
        from storewatch.catalog.undo import UndoRepository

        return UndoRepository(self.database)

    @cached_property
    def jobs(self) -> "JobRepository":
        from storewatch.catalog.jobs import JobRepository

        return JobRepository(self.database)

    @cached_property
    def workers(self) -> "WorkerRepository":
        from storewatch.catalog.workers import WorkerRepository

        return WorkerRepository(self.database)

    @cached_property
    def schedules(self) -> "ScheduleRepository":
        from storewatch.catalog.schedules import ScheduleRepository

        return ScheduleRepository(self.database)

    @cached_property
    def definitions(self) -> "DefinitionRepository":
        from storewatch.catalog.definitions import DefinitionRepository

        return DefinitionRepository(self.database)

    @cached_property
    def mappings(self) -> "ColumnMappingRepository":
        from storewatch.catalog.mappings import ColumnMappingRepository

        return ColumnMappingRepository(self.database)

    @cached_property
    def keys(self) -> "KeyRepository":
        from storewatch.catalog.keys import KeyRepository

        return KeyRepository(self.database)

    @cached_property
    def audit(self) -> "AuditRepository":
        from storewatch.catalog.audit import AuditRepository

        return AuditRepository(self.database)
