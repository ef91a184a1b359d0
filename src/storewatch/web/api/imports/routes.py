"""Imports: files are uploaded, and imported in the background.

A key with a scope sees only imports of the same scope, and its imports write only stores of the scope.
"""

import csv
import io
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from fastapi import Path as PathParameter
from fastapi.responses import StreamingResponse
from pydantic import WithJsonSchema

from storewatch.access import Principal
from storewatch.catalog import Catalog, Job, shown_number
from storewatch.domain.enums import JobKind, WeekdayCounting
from storewatch.domain.errors import (
    ImportChangedError,
    ImportNotCompleteError,
    JobEndedError,
    ScopedChangeError,
    TooManyQueuedJobsError,
    UnknownImportError,
)
from storewatch.domain.formulas import safe_text
from storewatch.domain.instants import format_instant, format_optional_instant
from storewatch.domain.media_types import CSV
from storewatch.ingest import ImportOptions, InputFile, group_by_table
from storewatch.ingest.inputs import join_names
from storewatch.ingest.mappings import new_mapping, read_mapping, saved_columns
from storewatch.ingest.undoing import undo_imports
from storewatch.installation import Installation
from storewatch.jobs.kinds.import_ import upload_name
from storewatch.web.api.imports.models import (
    AcceptedImports,
    ImportModel,
    ImportUndone,
    ImportWithRejects,
    RejectModel,
    result_tables,
)
from storewatch.web.api.jobs.models import EXAMPLE_ID
from storewatch.web.api.jobs.pages import StateFilter, page_of_jobs
from storewatch.web.api.mappings.parameters import (
    MAP,
    MAPPING,
    MAX_MAPPED,
    MappedColumns,
    MappingName,
    MapText,
    mappings_for,
)
from storewatch.web.api.targeting import ALLOW_UNKNOWN
from storewatch.web.audit import audited
from storewatch.web.body_limits import BodyLimit, body_limit
from storewatch.web.dependencies import NEEDS_FREE_SPACE, Installed
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor
from storewatch.web.parameters import RawText, field, local_date
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Viewer
from storewatch.web.upload_forms import MAX_FILES, UploadRoute

MAX_NAME_LENGTH: Final = 200
SHOWN_REJECTS: Final = 10
_PAGE_ROWS: Final = 10_000
_REJECTS: Final = (
    "line,row,reason,file\n"
    "8,\"cafe,open,2023-01-23 16:00:00 UTC\",status 'open' is neither active nor inactive,store_status.csv\n"
)


router = APIRouter(prefix="/v1/imports", tags=["imports"], route_class=UploadRoute)

ImportPath = Annotated[str, PathParameter(examples=[EXAMPLE_ID])]


@router.post(
    "",
    operation_id="createImports",
    status_code=202,
    responses=problem_responses(400, 422, s403="A key with a scope cannot save a mapping."),
    dependencies=[audited("import.create", "import"), NEEDS_FREE_SPACE],
)
@body_limit(BodyLimit.UPLOAD)
def create_imports(
    caller: Operator,
    request: Request,
    response: Response,
    installation: Installed,
    columns: MappedColumns,
    file: Annotated[
        list[Annotated[UploadFile, WithJsonSchema({"type": "string", "format": "binary"})]],
        File(
            min_length=1,
            max_length=MAX_FILES,
            description="One or more files: CSV, NDJSON, Parquet, Excel, .gz or .zip.",
        ),
    ],
    strict: Annotated[bool, Form(description="Refuse the import if any row is bad.")] = False,
    valid_from: Annotated[
        str | None,
        Form(
            max_length=10,
            description="For weekly hours: the local date from which they apply. Earlier hours are kept.",
            examples=[None],
        ),
    ] = None,
    weekdays: Annotated[
        WeekdayCounting | None,
        Form(description="How weekdays are written. Default: iso if there is a 7 and no 0, otherwise monday0."),
    ] = None,
    allow_unknown: Annotated[bool, Form(description=ALLOW_UNKNOWN)] = False,
    map_: Annotated[
        list[MapText] | None, Form(alias="map", max_length=MAX_MAPPED, description=MAP, examples=[None])
    ] = None,
    mapping: Annotated[MappingName | None, Form(description=MAPPING, examples=[None])] = None,
    save_map: Annotated[
        str | None, Form(max_length=100, description="Save the mapping under this name.", examples=[None])
    ] = None,
) -> AcceptedImports:
    """Upload files of polls, weekly hours, time zones, stores, special hours, targets or sales.

    Each file becomes an import. Files of the same table become one import: their rows together replace the rows that
    were there. Imports run in the background, and are not lost when the service stops or fails.
    """
    local_date(valid_from, "body", "valid_from")
    if save_map is not None and caller.scope.is_limited:
        raise ScopedChangeError
    if mapping is not None:
        with field("body", "mapping"):
            columns = {**columns, **saved_columns(mapping, mappings_for(caller, installation.catalog))}
    with field("body", "map"):
        columns = read_mapping(map_ or [], columns)
    saved = None
    if save_map is not None:
        with field("body", "save_map"):
            saved = new_mapping(save_map, columns, created_by=caller.key_id, now=installation.clock())
    options: dict[str, Any] = {"strict": strict, "allow_unknown": allow_unknown}
    options |= {"valid_from": valid_from} if valid_from else {}
    options |= ({"weekdays": weekdays.value} if weekdays else {}) | ({"columns": columns} if columns else {})
    uploads = installation.settings.uploads_dir
    uploaded: list[InputFile] = []
    try:
        for upload in file:
            uploaded.append(InputFile(path=uploads / str(uuid4()), name=_shown_name(upload.filename or "")))
            _store(upload, uploaded[-1].path)
        imports = {files[0].path.name: files for files in group_by_table(uploaded, ImportOptions(columns=columns))}
        for job_id, files in imports.items():
            for number, one in enumerate(files):
                one.path.rename(uploads / upload_name(job_id, number))
    except BaseException:
        for one in uploaded:
            one.path.unlink(missing_ok=True)
        raise
    names = {job_id: join_names(one.name for one in files) for job_id, files in imports.items()}
    _accept(installation, caller, imports, options)
    detail: dict[str, Any] = {"imports": [{"import_id": job_id, "file": name} for job_id, name in names.items()]}
    if saved is not None:
        installation.catalog.mappings.replace(saved)
        detail |= {"saved_mapping": saved.name}
    request.state.audit_object = next(iter(imports))
    request.state.audit_detail = detail
    if len(imports) == 1:
        response.headers["Location"] = f"/v1/imports/{next(iter(imports))}"
    return AcceptedImports(items=[ImportModel.of(_find(installation.catalog, job_id, caller)) for job_id in imports])


def _accept(
    installation: Installation, caller: Principal, imports: Mapping[str, Sequence[InputFile]], options: dict[str, Any]
) -> None:
    """Accept the imports, by the ids of their jobs, or none of them. Their files are in the folder of uploads."""
    # Of two files the one accepted later counts, even if it is imported first or the clock is set back.
    parameters = {
        job_id: {
            "file": join_names(one.name for one in files),
            "files": [one.name for one in files],
            "loaded_at": format_instant(installation.lake.loading_at(installation.clock())),
        }
        | options
        for job_id, files in imports.items()
    }
    try:
        installation.jobs.accept_all(JobKind.IMPORT, parameters, caller)
    except TooManyQueuedJobsError:
        for job_id, files in imports.items():
            for number in range(len(files)):
                (installation.settings.uploads_dir / upload_name(job_id, number)).unlink(missing_ok=True)
        raise


@router.get("", operation_id="listImports", responses=problem_responses(422))
def list_imports(
    caller: Viewer,
    installation: Installed,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    state: StateFilter = None,
) -> Page[ImportModel]:
    """List imports, the newest first."""
    return page_of_jobs(
        installation.catalog, caller, ImportModel.of, kind=JobKind.IMPORT, state=state, limit=limit, cursor=cursor
    )


@router.get("/{import_id}", operation_id="getImport", responses=problem_responses(404, 422))
def get_import(import_id: ImportPath, caller: Viewer, installation: Installed) -> ImportWithRejects:
    """Return the state of an import, its counts, the first rows that it rejected, and whether it was undone."""
    job = _find(installation.catalog, import_id, caller)
    imports = installation.catalog.imports
    rejects = imports.list_rejects(_numbers_of(job), limit=SHOWN_REJECTS)
    undone = [each.undone_at for each in imports.list_by_job(job.job_id)]
    return ImportWithRejects.of(
        job,
        first_rejects=[RejectModel.of(row) for row in rejects],
        undone_at=format_optional_instant(undone[0]) if undone else None,
    )


@router.post(
    "/{import_id}/cancel",
    operation_id="cancelImport",
    status_code=202,
    responses=problem_responses(404, 422, s409="The import has ended already."),
    dependencies=[audited("import.cancel", "import")],
)
def cancel_import(import_id: ImportPath, caller: Operator, installation: Installed) -> ImportModel:
    """Cancel an import. A queued import stops at once, a running one after the current part of its file.

    A cancelled import stores nothing. An import that has begun to commit is completed.
    """
    job = _find(installation.catalog, import_id, caller)
    if not installation.jobs.cancel(import_id):
        raise JobEndedError(import_id, job.state)
    return ImportModel.of(_find(installation.catalog, import_id, caller))


@router.post(
    "/{import_id}/undo",
    operation_id="undoImport",
    responses=problem_responses(
        404, 422, s409="Something that the import wrote was changed later, or the state before it is not kept."
    ),
    dependencies=[audited("import.undo", "import")],
)
def undo_import(import_id: ImportPath, caller: Operator, installation: Installed, request: Request) -> ImportUndone:
    """Undo an import: remove its polls from the lake, and restore what the catalog had before.

    Polls that the import replaced come back; polls that came later stay. Stores that the import added are deleted if
    nothing else names them. An import can be undone for 30 days. Undoing it again changes nothing.
    """
    job = _find(installation.catalog, import_id, caller)
    numbers = _numbers_of(job)
    if not numbers:
        raise ImportNotCompleteError(import_id, job.state)
    try:
        done = undo_imports(numbers, catalog=installation.catalog, lake=installation.lake, now=installation.clock())
    except ImportChangedError as error:
        raise error.unexplained() if caller.scope.is_limited else error from None
    request.state.audit_detail = {"observations": done.observations, "restored": done.restored}
    return ImportUndone(
        import_id=import_id,
        observations=done.observations,
        restored=done.restored,
        lake_version=shown_number(done.lake_version, caller.scope),
        was_undone_before=not done.is_new,
    )


@router.get(
    "/{import_id}/rejects",
    operation_id="listImportRejects",
    response_model=Page[RejectModel],
    responses={
        200: {"content": {CSV: {"schema": {"type": "string"}, "example": _REJECTS}}},
        **problem_responses(404, 422),
    },
    dependencies=[audited("import.rejects", "import")],
)
def list_rejects(
    import_id: ImportPath,
    caller: Viewer,
    installation: Installed,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    format_: Annotated[
        Literal["json", "csv"],
        Query(alias="format", description="csv returns all rejected rows as a download, without pages."),
    ] = "json",
    raw_text: RawText = False,
) -> object:
    """List the rows that an import rejected, by file and line. The list is empty until the import is complete."""
    catalog = installation.catalog
    job = _find(catalog, import_id, caller)
    place = decode_cursor(cursor, int)
    skip = max(0, place[0]) if place else 0  # ids of rejected rows would count those of other imports
    numbers = _numbers_of(job)
    if format_ == "csv":
        headers = {"Content-Disposition": f'attachment; filename="rejects_{import_id}.csv"'}
        return StreamingResponse(_csv(catalog, numbers, raw_text), media_type=CSV, headers=headers)
    found = catalog.imports.list_rejects(numbers, skip=skip, limit=limit + 1)
    rows = [RejectModel.of(row) for row in found]
    return Page[RejectModel].of(rows, limit, lambda _: (skip + limit,))


def _find(catalog: Catalog, import_id: str, caller: Principal) -> Job:
    job = catalog.jobs.find(import_id, caller.scope)
    if job is None or job.kind is not JobKind.IMPORT:
        raise UnknownImportError(import_id)
    return job


def _numbers_of(job: Job) -> list[int]:
    """Return the numbers under which the catalog keeps the rejects of a complete import, one for each table."""
    return [table["import_id"] for table in result_tables(job)]


def _store(upload: UploadFile, target: Path) -> None:
    """Write an upload durably to a file whose name the client cannot choose."""
    target.parent.mkdir(exist_ok=True)
    with target.open("xb") as file:
        shutil.copyfileobj(upload.file, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


def _shown_name(name: str) -> str:
    """Return the file name of an upload without its folders and control characters; it is shown, never opened."""
    last = re.split(r"[/\\]", name)[-1]
    clean = "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in last).strip()
    return clean[:MAX_NAME_LENGTH] or "upload"


def _csv(catalog: Catalog, numbers: Sequence[int], raw_text: bool) -> Iterator[str]:
    after: int | None = None
    written = str if raw_text else safe_text
    yield "line,row,reason,file\n"
    while rows := catalog.imports.list_rejects(numbers, after=after, limit=_PAGE_ROWS):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            (row.line, written(row.row), written(row.reason), written(row.file)) for row in rows
        )
        yield text.getvalue()
        after = rows[-1].reject_id
