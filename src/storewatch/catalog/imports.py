"""The imports: which file brought what, and the rows it could not bring."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import insert, select, tuple_

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.rows import read_rows, write_rows
from storewatch.catalog.db.schema import imports, rejects
from storewatch.catalog.store_changes import StoreChanges, change_stores
from storewatch.domain.columns import REJECTS


@dataclass(frozen=True, kw_only=True)
class ImportRecord:
    """What became of one file; the counts are of data rows.

    table_name: a value of ingest's TableName. job_id: of the job that imported it, None where none
    did.
    """

    file: str
    table_name: str
    rows: int
    accepted: int
    rejected: int
    job_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class FinishedImport(ImportRecord):
    """An import as the catalog keeps it. `lake_version` is that of its polls, if it had any."""

    import_id: int
    imported_at: datetime
    lake_version: int | None


@dataclass(frozen=True, kw_only=True)
class StoredReject:
    """A row that an import rejected: its 1-based line, its text, and why."""

    reject_id: int
    line: int
    row: str
    reason: str


class ImportRepository(Repository):
    """The use cases around imported files."""

    def create(
        self,
        record: ImportRecord,
        rejected_rows: Iterable[pl.DataFrame] = (),
        *,
        changes: StoreChanges | None = None,
        now: datetime,
    ) -> int:
        """Commit an import and everything that its file changes, all or nothing. Return the import's id.

        rejected_rows: frames of REJECTS. changes.lake_version, the one that holds the file's polls, is kept with the
        import.
        """
        changes = changes or StoreChanges()
        with self._database.writing() as connection:
            row = asdict(record) | {"imported_at": now, "lake_version": changes.lake_version}
            import_id: int = connection.execute(insert(imports).values(row)).inserted_primary_key[0]  # type: ignore[index]
            for batch in rejected_rows:
                write_rows(connection, rejects, batch.select(REJECTS.names()), import_id=import_id)
            change_stores(connection, changes, now)
            return import_id

    def list_(self, limit: int = 100) -> list[FinishedImport]:
        """The latest imports, the newest first."""
        query = select(imports).order_by(imports.c.import_id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [FinishedImport(**row) for row in connection.execute(query).mappings()]

    def find_by_job(self, job_id: str) -> FinishedImport | None:
        """What the job imported; None when it has not (yet)."""
        with self._database.reading() as connection:
            row = connection.execute(select(imports).where(imports.c.job_id == job_id)).mappings().first()
            return FinishedImport(**row) if row else None

    def read_rejects(self, import_id: int, limit: int = 1000) -> pl.DataFrame:
        """The first rows (REJECTS) that the import rejected, in the order of their lines."""
        query = (
            select(rejects.c.line, rejects.c.row, rejects.c.reason)
            .where(rejects.c.import_id == import_id)
            .order_by(rejects.c.line, rejects.c.reject_id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return read_rows(connection, query, REJECTS)

    def list_rejects(
        self, import_id: int, *, after: tuple[int, int] | None = None, limit: int = 100
    ) -> list[StoredReject]:
        """A page of what the import rejected, in the order of lines; after: (line, reject_id) of the last one seen."""
        query = (
            select(rejects.c.reject_id, rejects.c.line, rejects.c.row, rejects.c.reason)
            .where(rejects.c.import_id == import_id)
            .order_by(rejects.c.line, rejects.c.reject_id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(tuple_(rejects.c.line, rejects.c.reject_id) > tuple_(*after))
        with self._database.reading() as connection:
            return [StoredReject(**row) for row in connection.execute(query).mappings()]
