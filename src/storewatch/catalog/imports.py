"""The imports: which file brought what, and the rows it could not bring."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Final

import polars as pl
from sqlalchemy import insert, select, tuple_

from storewatch.catalog.database import Repository
from storewatch.catalog.rows import read_rows, write_rows
from storewatch.catalog.schema import imports, rejects
from storewatch.catalog.store_changes import change_stores
from storewatch.domain.enums import EntryKind

REJECTS: Final = pl.Schema({"line": pl.Int64, "row": pl.String, "reason": pl.String})


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
        hours: pl.DataFrame | None = None,
        hours_from: date | None = None,
        zones: pl.DataFrame | None = None,
        labels: pl.DataFrame | None = None,
        entries: Mapping[EntryKind, pl.DataFrame] | None = None,
        store_ids: pl.Series | None = None,
        lake_version: int | None = None,
        expected: int | None = None,
        now: datetime,
    ) -> int:
        """Commit everything that a file brought to the catalog, all of it or nothing, and return the import's id.

        rejected_rows: frames of REJECTS. lake_version: the one that holds the file's polls, kept with the import. The
        other arguments are those of `change_stores`.
        """
        with self._database.writing() as connection:
            row = asdict(record) | {"imported_at": now, "lake_version": lake_version}
            import_id: int = connection.execute(insert(imports).values(row)).inserted_primary_key[0]  # type: ignore[index]
            for batch in rejected_rows:
                write_rows(connection, rejects, _storable(batch), import_id=import_id)
            change_stores(
                connection,
                hours=hours,
                hours_from=hours_from,
                zones=zones,
                labels=labels,
                entries=entries,
                store_ids=store_ids,
                lake_version=lake_version,
                expected=expected,
                now=now,
            )
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


def _storable(batch: pl.DataFrame) -> pl.DataFrame:
    """PostgreSQL's text cannot hold the NUL characters that a broken file may well have."""
    return batch.select("line", pl.col("row", "reason").str.replace_all("\0", "\ufffd", literal=True))
