"""Imports: files uploaded, imported in the background, with what was taken and what was rejected."""

import csv
import io
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from storewatch.access import Principal
from storewatch.catalog import Catalog, Job, StoredReject
from storewatch.domain.enums import JobKind, JobState
from storewatch.domain.errors import JobEndedError, UnknownImportError
from storewatch.domain.instants import format_instant
from storewatch.installation import Installation
from storewatch.web.api.jobs import job_place, page_after
from storewatch.web.audit import audited
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor
from storewatch.web.parameters import local_date
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Viewer

MAX_FILES: Final = 20
MAX_NAME_LENGTH: Final = 200
SHOWN_REJECTS: Final = 10
_PAGE_ROWS: Final = 10_000


class RejectModel(BaseModel):
    """A row that cannot be right."""

    line: Annotated[int, Field(description="From 1; of Parquet the row.", examples=[8])]
    row: Annotated[str, Field(examples=["cafe,open,2023-01-23 16:00:00 UTC"])]
    reason: Annotated[str, Field(examples=["status 'open' is neither active nor inactive"])]


class ImportCounts(BaseModel):
    """What became of the rows of a file: rows = accepted + rejected."""

    table: Annotated[str, Field(examples=["observations"])]
    rows: int
    accepted: int
    rejected: int


class ImportModel(BaseModel):
    """The import of one file and how far it is."""

    import_id: Annotated[str, Field(examples=["1f0c2a52-7d1c-4a55-9a33-6a4a4f4d1c5e"])]
    file: Annotated[str, Field(description="The name that came with the upload.", examples=["store_status.csv"])]
    strict: bool
    valid_from: Annotated[str | None, Field(description="The local date from which its weekly hours hold.")]
    state: JobState
    progress: Annotated[float, Field(ge=0, le=1)]
    created_at: Annotated[str, Field(examples=["2026-03-01T09:30:00Z"])]
    started_at: str | None
    finished_at: str | None
    attempts: int
    cancel_requested: bool
    counts: Annotated[ImportCounts | None, Field(description="Of a complete import.")]
    error: Annotated[str | None, Field(description="Why the file was refused, or why it has to be tried again.")]


class ImportWithRejects(ImportModel):
    """An import with the first rows that it rejected."""

    first_rejects: list[RejectModel]


class Accepted(BaseModel):
    """The imports, in the order of the files."""

    items: list[ImportModel]


def imports_routes(parts: Installation) -> APIRouter:
    """Build /v1/imports. Under a key with a scope only its own imports exist, and they write only its stores."""
    router = APIRouter(prefix="/v1/imports", tags=["imports"])
    catalog = parts.catalog

    @router.post(
        "",
        operation_id="create_imports",
        status_code=202,
        responses=problem_responses(400, 422),
        dependencies=[audited("import.create", "import")],
    )
    def create_imports(
        caller: Operator,
        request: Request,
        response: Response,
        file: Annotated[
            list[UploadFile],
            File(min_length=1, max_length=MAX_FILES, description="CSV, NDJSON or Parquet, plain or .gz; one or more."),
        ],
        strict: Annotated[bool, Form(description="Refuse a file that has any bad row.")] = False,
        valid_from: Annotated[
            str | None,
            Form(
                max_length=10,
                description="Of weekly hours: the local date from which they hold, where earlier ones are kept.",
                examples=[None],
            ),
        ] = None,
    ) -> Accepted:
        """Upload files of polls, weekly hours, time zones, stores, special hours, targets or sales.

        Each becomes an import of its own, made in the background and not lost, whatever happens to this service.
        """
        local_date(valid_from, "body", "valid_from")
        dated = {"valid_from": valid_from} if valid_from else {}
        uploaded = []
        try:
            for upload in file:
                job_id = str(uuid4())
                uploaded.append((job_id, _label(upload.filename or "")))
                _store(upload, parts.settings.uploads_dir / job_id)
        except BaseException:
            for job_id, _ in uploaded:
                (parts.settings.uploads_dir / job_id).unlink(missing_ok=True)
            raise
        for job_id, name in uploaded:
            parts.jobs.accept(JobKind.IMPORT, {"file": name, "strict": strict} | dated, caller, job_id=job_id)
        request.state.audit_object = uploaded[0][0]
        request.state.audit_detail = {"imports": [{"import_id": job_id, "file": name} for job_id, name in uploaded]}
        if len(uploaded) == 1:
            response.headers["Location"] = f"/v1/imports/{uploaded[0][0]}"
        return Accepted(items=[ImportModel(**_members(_find(catalog, job_id, caller))) for job_id, _ in uploaded])

    @router.get("", operation_id="list_imports", responses=problem_responses(422))
    def list_imports(
        caller: Viewer,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        state: Annotated[JobState | None, Query(description="Only those in this state.")] = None,
    ) -> Page[ImportModel]:
        """List the imports, the newest first."""
        found = catalog.jobs.list_(
            kind=JobKind.IMPORT,
            states=[JobState(state)] if state else [],
            scope=caller.scope,
            after=page_after(cursor),
            limit=limit + 1,
        )
        page = Page[Job].of(found, limit, job_place)
        return Page[ImportModel](items=[ImportModel(**_members(job)) for job in page.items], next=page.next)

    @router.get("/{import_id}", operation_id="get_import", responses=problem_responses(404, 422))
    def get_import(import_id: str, caller: Viewer) -> ImportWithRejects:
        """Give an import's state, its counts and the first rows that it rejected."""
        job = _find(catalog, import_id, caller)
        rejects = catalog.imports.list_rejects(job.result["import_id"], limit=SHOWN_REJECTS) if job.result else []
        return ImportWithRejects(**_members(job), first_rejects=[_reject(row) for row in rejects])

    @router.post(
        "/{import_id}/cancel",
        operation_id="cancel_import",
        status_code=202,
        responses=problem_responses(404, 422, s409="The import has ended already."),
        dependencies=[audited("import.cancel", "import")],
    )
    def cancel_import(import_id: str, caller: Operator) -> ImportModel:
        """Cancel an import: at once while it is queued, between two parts of its file when it runs; nothing is kept.

        One that has begun its last step, the commit, is completed.
        """
        job = _find(catalog, import_id, caller)
        if not parts.jobs.cancel(import_id):
            raise JobEndedError(import_id, job.state)
        return ImportModel(**_members(_find(catalog, import_id, caller)))

    _add_rejects(router, catalog)
    return router


def _add_rejects(router: APIRouter, catalog: Catalog) -> None:
    @router.get(
        "/{import_id}/rejects",
        operation_id="list_rejects",
        response_model=Page[RejectModel],
        responses={
            200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
            **problem_responses(404, 422),
        },
        dependencies=[audited("import.rejects", "import")],
    )
    def list_rejects(
        import_id: str,
        caller: Viewer,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        format: Annotated[  # noqa: A002 - the name of the query parameter
            Literal["json", "csv"], Query(description="csv: all of them as a download, without pages.")
        ] = "json",
    ) -> object:
        """List the rows that the import rejected, in the order of their lines; none before it is complete."""
        job = _find(catalog, import_id, caller)
        after = decode_cursor(cursor, int, int)
        number = job.result["import_id"] if job.result else -1
        if format == "csv":
            headers = {"Content-Disposition": f'attachment; filename="rejects_{import_id}.csv"'}
            return StreamingResponse(_csv(catalog, number), media_type="text/csv", headers=headers)
        found = catalog.imports.list_rejects(number, after=after, limit=limit + 1)
        page = Page[StoredReject].of(found, limit, lambda row: (row.line, row.reject_id))
        return Page[RejectModel](items=[_reject(row) for row in page.items], next=page.next)


def _find(catalog: Catalog, import_id: str, caller: Principal) -> Job:
    job = None if "\0" in import_id else catalog.jobs.find(import_id)
    if job is None or job.kind is not JobKind.IMPORT or (caller.scope.is_limited and job.scope != caller.scope):
        raise UnknownImportError(import_id)
    return job


def _store(upload: UploadFile, target: Path) -> None:
    """Write an upload durably under a name of ours."""
    target.parent.mkdir(exist_ok=True)
    with target.open("xb") as file:
        shutil.copyfileobj(upload.file, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


def _label(name: str) -> str:
    """Make the name that came with an upload harmless to show; no path is made of it."""
    last = re.split(r"[/\\]", name)[-1]
    clean = "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in last).strip()
    return clean[:MAX_NAME_LENGTH] or "upload"


def _csv(catalog: Catalog, import_id: int) -> Iterator[str]:
    after: tuple[int, int] | None = None
    yield "line,row,reason\n"
    while rows := catalog.imports.list_rejects(import_id, after=after, limit=_PAGE_ROWS):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows((row.line, row.row, row.reason) for row in rows)
        yield text.getvalue()
        after = rows[-1].line, rows[-1].reject_id


def _reject(row: StoredReject) -> RejectModel:
    return RejectModel(line=row.line, row=row.row, reason=row.reason)


def _members(job: Job) -> dict[str, Any]:
    result = job.result
    return {
        "import_id": job.job_id,
        "file": job.parameters["file"],
        "strict": job.parameters["strict"],
        "valid_from": job.parameters.get("valid_from"),
        "state": job.state.value,
        "progress": job.progress,
        "created_at": format_instant(job.created_at),
        "started_at": format_instant(job.started_at) if job.started_at else None,
        "finished_at": format_instant(job.finished_at) if job.finished_at else None,
        "attempts": job.attempts,
        "cancel_requested": job.cancel_requested,
        "counts": ImportCounts(
            table=result["table_name"], rows=result["rows"], accepted=result["accepted"], rejected=result["rejected"]
        )
        if result
        else None,
        "error": job.error,
    }
