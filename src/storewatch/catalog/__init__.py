"""The catalog: stores, imports, jobs, keys and settings of stores, in SQLite or PostgreSQL."""

from dataclasses import dataclass
from typing import Self

from storewatch.catalog.annotations import Annotation, AnnotationRepository, NewAnnotation
from storewatch.catalog.audit import AuditEntry, AuditFilter, AuditRepository, AuditRow
from storewatch.catalog.closures import Closure, ClosureRepository, NewClosure
from storewatch.catalog.db.database import Database
from storewatch.catalog.db.state import read_version
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


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """One database with everything that storewatch knows except polls, and a repository for each subject in it.

    Each method of a repository is one transaction. `find` returns None when the object does not exist.
    """

    database: Database
    stores: StoreRepository
    labels: LabelRepository
    names: NameRepository
    entries: EntryRepository
    closures: ClosureRepository
    fallbacks: FallbackRepository
    annotations: AnnotationRepository
    imports: ImportRepository
    undos: UndoRepository
    jobs: JobRepository
    workers: WorkerRepository
    schedules: ScheduleRepository
    definitions: DefinitionRepository
    mappings: ColumnMappingRepository
    keys: KeyRepository
    audit: AuditRepository

    @classmethod
    def open(cls, url: str, *, read_only: bool = False) -> Self:
        """Open the database at `url` as `Database.open` does, and bring its tables up to date."""
        return cls.of(Database.open(url, read_only=read_only))

    @classmethod
    def of(cls, database: Database) -> Self:
        """Return the catalog in an open database."""
        return cls(
            database=database,
            stores=StoreRepository(database),
            labels=LabelRepository(database),
            names=NameRepository(database),
            entries=EntryRepository(database),
            closures=ClosureRepository(database),
            fallbacks=FallbackRepository(database),
            annotations=AnnotationRepository(database),
            imports=ImportRepository(database),
            undos=UndoRepository(database),
            jobs=JobRepository(database),
            workers=WorkerRepository(database),
            schedules=ScheduleRepository(database),
            definitions=DefinitionRepository(database),
            mappings=ColumnMappingRepository(database),
            keys=KeyRepository(database),
            audit=AuditRepository(database),
        )

    def close(self) -> None:
        """Close the connections. A connection that a thread still uses is closed when the thread returns it."""
        self.database.close()

    def version(self) -> int:
        """Return the number of commits that changed inputs of reports other than polls."""
        with self.database.reading() as connection:
            return read_version(connection)
