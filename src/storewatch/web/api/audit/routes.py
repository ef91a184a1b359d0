"""The audit log, for admins: pages of JSON, or all of it as CSV or NDJSON."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from storewatch.catalog import AuditFilter, Catalog
from storewatch.domain.enums import AuditOutcome
from storewatch.domain.formulas import safe_text
from storewatch.domain.media_types import CSV, NDJSON
from storewatch.web.api.audit.models import AuditModel
from storewatch.web.audit import audited
from storewatch.web.dependencies import Installed
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor
from storewatch.web.parameters import RawText, instant
from storewatch.web.problems import problem_responses
from storewatch.web.security import Admin

EXPORT_ROWS: Final = 1000  # held in memory at a time
_CSV_EXAMPLE: Final = (
    "audit_id,at,actor_id,actor_name,address,action,object_type,object_id,outcome,request_id,detail\r\n"
    "4711,2026-03-01T09:30:00.123456Z,,anyone,203.0.113.7,key.create,key,7hV2kQ9xLw,done,,\r\n"
)
_NDJSON_EXAMPLE: Final = (
    '{"audit_id":4711,"at":"2026-03-01T09:30:00.123456Z","actor_id":null,"actor_name":"anyone",'
    '"address":"203.0.113.7","action":"key.create","object_type":"key","object_id":"7hV2kQ9xLw","outcome":"done",'
    '"request_id":null,"detail":null}\n'
)
_EXPORTS: Final = {"csv": CSV, "ndjson": NDJSON}

router = APIRouter(prefix="/v1", tags=["access"])


@dataclass(frozen=True, kw_only=True)
class _AuditQuery:
    """Which entries to list."""

    actor: Annotated[str | None, Query(max_length=200, description="The key_id or name of the caller.")] = None
    action: Annotated[str | None, Query(max_length=200, examples=["key.create"])] = None
    object_type: Annotated[str | None, Query(max_length=200, examples=["key"])] = None
    object_id: Annotated[str | None, Query(max_length=500)] = None
    outcome: Annotated[AuditOutcome | None, Query()] = None
    from_: Annotated[str | None, Query(alias="from", description="Only entries at or after this instant.")] = None
    to: Annotated[str | None, Query(description="Only entries before this instant.")] = None

    def filter(self) -> AuditFilter:
        texts = {name: getattr(self, name) for name in ("actor", "action", "object_type", "object_id", "outcome")}
        return AuditFilter(
            # No row has a NUL, and PostgreSQL refuses a NUL in a query.
            **{name: value and value.replace("\0", "\ufffd") for name, value in texts.items()},
            from_=instant(self.from_, "query", "from"),
            to=instant(self.to, "query", "to"),
        )


@router.get(
    "/audit",
    operation_id="listAuditEntries",
    response_model=Page[AuditModel],
    responses={
        200: {
            "content": {
                media_type: {"schema": {"type": "string"}, "example": example}
                for media_type, example in zip(_EXPORTS.values(), (_CSV_EXAMPLE, _NDJSON_EXAMPLE), strict=True)
            }
        },
        **problem_responses(422),
    },
    dependencies=[audited("audit.export", "audit")],
)
def list_audit_entries(
    request: Request,
    _: Admin,
    installation: Installed,
    query: Annotated[_AuditQuery, Depends()],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    format_: Annotated[
        Literal["json", "csv", "ndjson"],
        Query(alias="format", description="json returns a page; csv and ndjson return all matching entries as a file."),
    ] = "json",
    raw_text: RawText = False,
) -> Page[AuditModel] | Response:
    """List the audit log, the newest entry first."""
    entry_filter = query.filter()
    place = decode_cursor(cursor, int)
    before = place[0] if place else None
    if format_ == "json":
        request.state.audit = None  # a page is not an export
        page = installation.catalog.audit.list_(entry_filter, before=before, limit=limit + 1)
        return Page[AuditModel].of([AuditModel.of(row) for row in page], limit, lambda row: (row.audit_id,))
    request.state.audit_detail = {"format": format_}
    rows = _all_rows(installation.catalog, entry_filter, before)
    return StreamingResponse(
        _csv(rows, raw_text) if format_ == "csv" else _ndjson(rows),
        media_type=_EXPORTS[format_],
        headers={"Content-Disposition": f'attachment; filename="storewatch_audit.{format_}"'},
    )


def _all_rows(catalog: Catalog, entry_filter: AuditFilter, before: int | None) -> Iterator[AuditModel]:
    while rows := catalog.audit.list_(entry_filter, before=before, limit=EXPORT_ROWS):
        yield from map(AuditModel.of, rows)
        before = rows[-1].audit_id


def _ndjson(rows: Iterator[AuditModel]) -> Iterator[str]:
    return (row.model_dump_json() + "\n" for row in rows)


def _csv(rows: Iterator[AuditModel], raw_text: bool) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(AuditModel.model_fields)
    for row in rows:
        writer.writerow(_cell(value, raw_text) for value in row.model_dump().values())
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any, raw_text: bool) -> Any:
    """Return a value as a cell of CSV; names and ids are text that other people wrote."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return safe_text(value) if isinstance(value, str) and not raw_text else value
