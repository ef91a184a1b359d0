"""Imports in answers."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from storewatch.catalog import Job, StoredReject
from storewatch.domain.enums import JobState
from storewatch.domain.instants import format_instant, format_optional_instant
from storewatch.web.api.jobs.models import EXAMPLE_ID


class RejectModel(BaseModel):
    """A row that was rejected."""

    file: Annotated[str, Field(description="The file that has the row.", examples=["store_status.csv"])]
    line: Annotated[int, Field(description="The line, from 1; in Parquet the row.", examples=[8])]
    row: Annotated[str, Field(examples=["cafe,open,2023-01-23 16:00:00 UTC"])]
    reason: Annotated[str, Field(examples=["status 'open' is neither active nor inactive"])]

    @classmethod
    def of(cls, row: StoredReject) -> Self:
        """Return a rejected row as the API shows it."""
        return cls(file=row.file, line=row.line, row=row.row, reason=row.reason)


class ImportCounts(BaseModel):
    """The number of rows in all files. A row of several tables counts in each. rows = accepted + rejected."""

    table: Annotated[str, Field(description="The names of the tables, joined by commas.", examples=["observations"])]
    rows: int
    accepted: int
    rejected: int

    @classmethod
    def of(cls, tables: list[dict[str, Any]]) -> Self:
        """Return the counts in the result of an import job."""
        rows, accepted, rejected = (sum(each[name] for each in tables) for name in ("rows", "accepted", "rejected"))
        table = ", ".join(each["table_name"] for each in tables)
        return cls(table=table, rows=rows, accepted=accepted, rejected=rejected)


class ImportedTable(BaseModel):
    """The rows of one table, and how many were accepted."""

    table: Annotated[str, Field(examples=["weekly_hours"])]
    file: Annotated[str, Field(description="The names of the files with the table.", examples=["menu_hours.csv"])]
    rows: int
    accepted: int
    rejected: int
    assumed: Annotated[
        list[str], Field(description="How rows were read that have more than one reading.", examples=[[]])
    ]
    ignored: Annotated[list[str], Field(description="Columns that belong to no table.", examples=[["comment"]])]
    new_stores: Annotated[
        int, Field(description="The number of new stores. For polls it is 0 if the catalog had no stores.")
    ]
    new_store_ids: Annotated[list[str], Field(description="The ids of the first new stores.", examples=[["cafe"]])]

    @classmethod
    def of(cls, table: dict[str, Any]) -> Self:
        """Return a table in the result of an import job. Results of earlier versions lack some members."""
        return cls(
            table=table["table_name"],
            file=table.get("file", ""),
            rows=table["rows"],
            accepted=table["accepted"],
            rejected=table["rejected"],
            assumed=table.get("assumed", []),
            ignored=table.get("ignored", []),
            new_stores=table.get("new_stores", 0),
            new_store_ids=table.get("new_store_ids", []),
        )


def result_tables(job: Job) -> list[dict[str, Any]]:
    """Return the tables that an import job wrote; jobs of earlier versions have one."""
    if job.result is None:
        return []
    tables: list[dict[str, Any]] = job.result.get("tables", [job.result])
    return tables


class ImportModel(BaseModel):
    """The import of a file, or of files of the same table, and its progress."""

    import_id: Annotated[str, Field(examples=[EXAMPLE_ID])]
    file: Annotated[str, Field(description="The names of the uploaded files.", examples=["store_status.csv"])]
    strict: bool
    valid_from: Annotated[str | None, Field(description="The local date from which the weekly hours apply.")]
    state: JobState
    progress: Annotated[float, Field(ge=0, le=1)]
    created_at: Annotated[str, Field(examples=["2026-03-01T09:30:00Z"])]
    started_at: str | None
    finished_at: str | None
    attempts: int
    cancel_requested: bool
    counts: Annotated[ImportCounts | None, Field(description="null until the import is complete.")]
    tables: Annotated[list[ImportedTable], Field(description="Empty until the import is complete.")]
    left_out: Annotated[
        list[str],
        Field(
            description="Files and sheets that were not read, with the reason if there is one.",
            examples=[["notes.txt"]],
        ),
    ]
    inputs: Annotated[
        list[str],
        Field(
            description="Sentences about stores that only some inputs name, after the import.",
            examples=[["1 of 3 stores has no polls."]],
        ),
    ]
    error: Annotated[str | None, Field(description="Why the file was refused, or why the import is tried again.")]

    @classmethod
    def of(cls, job: Job, **members: Any) -> Self:
        """Return an import as the API shows it. members: the fields that a subclass adds."""
        tables = result_tables(job)
        return cls(
            import_id=job.job_id,
            file=job.parameters["file"],
            strict=job.parameters["strict"],
            valid_from=job.parameters.get("valid_from"),
            state=job.state,
            progress=job.progress,
            created_at=format_instant(job.created_at),
            started_at=format_optional_instant(job.started_at),
            finished_at=format_optional_instant(job.finished_at),
            attempts=job.attempts,
            cancel_requested=job.cancel_requested,
            counts=ImportCounts.of(tables) if tables else None,
            tables=[ImportedTable.of(table) for table in tables],
            left_out=(job.result or {}).get("left_out", []),
            inputs=(job.result or {}).get("inputs", []),
            error=job.error,
            **members,
        )


class ImportWithRejects(ImportModel):
    """An import with the first rows that it rejected."""

    first_rejects: list[RejectModel]
    undone_at: Annotated[str | None, Field(description="When the import was undone; null if it was not.")]


class ImportUndone(BaseModel):
    """What undoing an import changed."""

    import_id: Annotated[str, Field(examples=[EXAMPLE_ID])]
    observations: Annotated[int, Field(description="The number of polls removed from the lake.")]
    restored: Annotated[int, Field(description="The number of polls that the import had replaced and that came back.")]
    lake_version: Annotated[
        int | None,
        Field(
            description="The version of the lake without the polls; null if the lake is unchanged, and for a key "
            "with a scope."
        ),
    ]
    was_undone_before: Annotated[bool, Field(description="The import had been undone already, so nothing changed.")]


class AcceptedImports(BaseModel):
    """The imports, in the order of their first files."""

    items: list[ImportModel]
