"""Imports in answers."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from storewatch.catalog import Job, StoredReject
from storewatch.domain.enums import JobState
from storewatch.domain.instants import format_instant, format_optional_instant


class RejectModel(BaseModel):
    """A row of the file that was rejected."""

    line: Annotated[int, Field(description="From 1; for Parquet the number of the row.", examples=[8])]
    row: Annotated[str, Field(examples=["cafe,open,2023-01-23 16:00:00 UTC"])]
    reason: Annotated[str, Field(examples=["status 'open' is neither active nor inactive"])]

    @classmethod
    def of(cls, row: StoredReject) -> Self:
        """Return a rejected row as the API shows it."""
        return cls(line=row.line, row=row.row, reason=row.reason)


class ImportCounts(BaseModel):
    """The rows of a file, accepted and rejected: rows = accepted + rejected."""

    table: Annotated[str, Field(examples=["observations"])]
    rows: int
    accepted: int
    rejected: int

    @classmethod
    def of(cls, result: dict[str, Any]) -> Self:
        """Return the counts in the result of an import job."""
        return cls(
            table=result["table_name"], rows=result["rows"], accepted=result["accepted"], rejected=result["rejected"]
        )


class ImportModel(BaseModel):
    """The import of one file and how far it is."""

    import_id: Annotated[str, Field(examples=["1f0c2a52-7d1c-4a55-9a33-6a4a4f4d1c5e"])]
    file: Annotated[str, Field(description="The name of the uploaded file.", examples=["store_status.csv"])]
    strict: bool
    valid_from: Annotated[str | None, Field(description="The local date from which its weekly hours are valid.")]
    state: JobState
    progress: Annotated[float, Field(ge=0, le=1)]
    created_at: Annotated[str, Field(examples=["2026-03-01T09:30:00Z"])]
    started_at: str | None
    finished_at: str | None
    attempts: int
    cancel_requested: bool
    counts: Annotated[ImportCounts | None, Field(description="Null until the import is complete.")]
    error: Annotated[str | None, Field(description="Why the file was refused, or why the import is tried again.")]

    @classmethod
    def of(cls, job: Job, **members: Any) -> Self:
        """Return an import as the API shows it. members: those that a subclass adds."""
        result = job.result
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
            counts=None if result is None else ImportCounts.of(result),
            error=job.error,
            **members,
        )


class ImportWithRejects(ImportModel):
    """An import with the first rows that it rejected."""

    first_rejects: list[RejectModel]


class Accepted(BaseModel):
    """The imports, in the order of the files."""

    items: list[ImportModel]
