"""The imports: their files, the number of rows of each, and the rejected rows."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Final, Self

import polars as pl
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, delete, false, func, insert, select

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.rows import read_rows, write_rows
from storewatch.catalog.db.schema import imports, rejects
from storewatch.catalog.store_changes import StoreChanges
from storewatch.catalog.undo import change_undoably
from storewatch.domain.columns import FILE_REJECTS


@dataclass(frozen=True, kw_only=True)
class ImportNotes:
    """Notes about an import for users.

    assumed: sentences about how the files were read. ignored: the columns that belong to no table. new_stores: how many
    stores were new; new_store_ids: the first of them.
    """

    assumed: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    new_stores: int = 0
    new_store_ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, stored: dict[str, Any] | None) -> Self:
        """Return the notes from their stored form. Members of later versions are left out."""
        known = {each.name for each in fields(cls)}
        found: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in (stored or {}).items()
            if name in known
        }
        return cls(**found)


@dataclass(frozen=True, kw_only=True)
class ImportRecord:
    """The counts of one imported table: data rows in all, accepted and rejected.

    file: the names of the files. table_name: a value of ImportTable. job_id: of the job that imported the table, None
    where no job did.
    """

    file: str
    table_name: str
    rows: int
    accepted: int
    rejected: int
    job_id: str | None = None
    import_key: int | None = None
    notes: ImportNotes = ImportNotes()


@dataclass(frozen=True, kw_only=True)
class NewImport:
    """An import to commit, with everything that it changes.

    rejected_rows: frames of FILE_REJECTS. changes.lake_version: the version that holds the polls; the import stores it.
    """

    record: ImportRecord
    rejected_rows: Iterable[pl.DataFrame] = ()
    changes: StoreChanges = field(default_factory=StoreChanges)


@dataclass(frozen=True, kw_only=True)
class FinishedImport(ImportRecord):
    """An import as it is stored. lake_version: the version that holds its polls, None without polls."""

    import_id: int
    imported_at: datetime
    lake_version: int | None
    undone_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class StoredReject:
    """A row that an import rejected: its 1-based line, its text, the reason, and its file."""

    reject_id: int
    line: int
    row: str
    reason: str
    file: str


# Rejects of earlier versions do not name the file, because their imports had one file.
_FILE: Final[ColumnElement[str]] = func.coalesce(rejects.c.file, imports.c.file).label("file")


class ImportRepository(Repository):
    """Store imports, and list them and their rejected rows."""

    def create(
        self,
        record: ImportRecord,
        rejected_rows: Iterable[pl.DataFrame] = (),
        *,
        changes: StoreChanges | None = None,
        now: datetime,
    ) -> int:
        """Commit an import and everything that it changes, all or nothing. Return its id."""
        new = NewImport(record=record, rejected_rows=rejected_rows, changes=changes or StoreChanges())
        return self.create_all([new], now=now)[0]

    def create_all(self, new: Sequence[NewImport], *, now: datetime) -> list[int]:
        """Commit imports and everything that they change, all or nothing. Return their ids."""
        with self._database.writing() as connection:
            return [_create(connection, each, now) for each in new]

    def list_(self, limit: int = 100) -> list[FinishedImport]:
        """List the latest imports, the newest first."""
        query = select(imports).order_by(imports.c.import_id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_finished(row) for row in connection.execute(query).mappings()]

    def find(self, import_id: int) -> FinishedImport | None:
        """Return the import with this id, or None."""
        with self._database.reading() as connection:
            row = connection.execute(select(imports).where(imports.c.import_id == import_id)).mappings().first()
            return _finished(row) if row else None

    def list_by_job(self, job_id: str) -> list[FinishedImport]:
        """List the imports of a job in their order; none before the job has committed them."""
        query = select(imports).where(imports.c.job_id == job_id).order_by(imports.c.import_id)
        with self._database.reading() as connection:
            return [_finished(row) for row in connection.execute(query).mappings()]

    def read_rejects(self, import_id: int, limit: int = 1000) -> pl.DataFrame:
        """Read the first rejected rows (FILE_REJECTS) of an import, in the order of files and lines."""
        query = _rejects([import_id], limit, rejects.c.line, rejects.c.row, rejects.c.reason, _FILE)
        with self._database.reading() as connection:
            return read_rows(connection, query, FILE_REJECTS)

    def list_rejects(
        self, import_ids: Sequence[int], *, after: int | None = None, skip: int = 0, limit: int = 100
    ) -> list[StoredReject]:
        """Return a page of what the imports rejected, by file and line.

        after: reject_id of the last row of the page before; skip: how many rows come before the page.
        """
        query = _rejects(import_ids, limit, rejects.c.reject_id, rejects.c.line, rejects.c.row, rejects.c.reason, _FILE)
        query = query.offset(skip)
        if after is not None:
            query = query.where(rejects.c.reject_id > after)
        with self._database.reading() as connection:
            return [StoredReject(**row) for row in connection.execute(query).mappings()]

    def count_rejects_before(self, before: datetime | None) -> int:
        """Return how many rows are kept that imports before an instant rejected; None: 0."""
        with self._database.reading() as connection:
            query = select(func.count()).select_from(rejects).where(rejects.c.import_id.in_(_imported_before(before)))
            return int(connection.execute(query).scalar_one())

    def delete_rejects_before(self, before: datetime | None) -> int:
        """Delete the rows that imports before an instant rejected, and return how many; their number stays known."""
        if before is None:
            return 0
        with self._database.writing() as connection:
            return connection.execute(delete(rejects).where(rejects.c.import_id.in_(_imported_before(before)))).rowcount


def _imported_before(before: datetime | None) -> Select[tuple[int]]:
    found = select(imports.c.import_id)
    return found.where(false()) if before is None else found.where(imports.c.imported_at < before)


def _create(connection: Connection, new: NewImport, now: datetime) -> int:
    row = asdict(new.record) | {"imported_at": now, "lake_version": new.changes.lake_version}
    import_id: int = connection.execute(insert(imports).values(row)).inserted_primary_key[0]  # type: ignore[index]
    for batch in new.rejected_rows:
        write_rows(connection, rejects, batch.select(FILE_REJECTS.names()), import_id=import_id)
    change_undoably(connection, import_id, new.changes, now)
    return import_id


def _finished(row: RowMapping) -> FinishedImport:
    return FinishedImport(**{**row, "notes": ImportNotes.of(row["notes"])})


def _rejects(import_ids: Sequence[int], limit: int, *columns: ColumnElement[Any]) -> Select[Any]:
    """Select rejects in the order in which they were written: by file, and in a file by line."""
    return (
        select(*columns)
        .join(imports, imports.c.import_id == rejects.c.import_id)
        .where(rejects.c.import_id.in_(import_ids))
        .order_by(rejects.c.reject_id)
        .limit(limit)
    )
