"""The audit log over HTTP, for admins: pages of JSON, or all of it as CSV or NDJSON."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from storewatch.catalog import AuditFilter, AuditRow, Catalog
from storewatch.domain.enums import AuditOutcome
from storewatch.domain.instants import format_instant
from storewatch.installation import Installation
from storewatch.web.audit import audited
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor
from storewatch.web.parameters import instant
from storewatch.web.problems import problem_responses
from storewatch.web.security import Admin

EXPORT_ROWS: Final = 1000  # held in memory at a time
_EXPORTS: Final = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class AuditModel(BaseModel):
    """What someone did or tried."""

    audit_id: Annotated[int, Field(examples=[4711])]
    at: Annotated[str, Field(examples=["2026-03-01T09:30:00.123456Z"])]
    actor_id: Annotated[str | None, Field(description="key_id; null where no key was asked for.")]
    actor_name: Annotated[str, Field(examples=["dashboard of acme"])]
    address: Annotated[str, Field(examples=["203.0.113.7"])]
    action: Annotated[str, Field(examples=["key.create"])]
    object_type: Annotated[str, Field(examples=["key"])]
    object_id: Annotated[str | None, Field(examples=["7hV2kQ9xLw"])]
    outcome: Annotated[AuditOutcome, Field(examples=["done"])]
    request_id: str | None
    detail: dict[str, Any] | None

    @classmethod
    def of(cls, row: AuditRow) -> "AuditModel":
        return cls(**{**vars(row), "at": format_instant(row.at)})


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    actor: Annotated[str | None, Query(max_length=200, description="key_id or name of who did it.")] = None
    action: Annotated[str | None, Query(max_length=200, examples=["key.create"])] = None
    object_type: Annotated[str | None, Query(max_length=200, examples=["key"])] = None
    object_id: Annotated[str | None, Query(max_length=500)] = None
    outcome: Annotated[AuditOutcome | None, Query()] = None
    from_: Annotated[str | None, Query(alias="from", description="Not before this instant.")] = None
    to: Annotated[str | None, Query(description="Before this instant.")] = None

    def filter(self) -> AuditFilter:
        texts = {name: getattr(self, name) for name in ("actor", "action", "object_type", "object_id", "outcome")}
        return AuditFilter(
            # No row holds a NUL, and PostgreSQL refuses to look for one.
            **{name: value and value.replace("\0", "\ufffd") for name, value in texts.items()},
            from_=instant(self.from_, "query", "from"),
            to=instant(self.to, "query", "to"),
        )


def audit_routes(parts: Installation) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["access"])
    described = {"content": {media_type: {"schema": {"type": "string"}} for media_type in _EXPORTS.values()}}

    @router.get(
        "/audit",
        operation_id="list_audit",
        response_model=Page[AuditModel],
        responses={200: described, **problem_responses(422)},
        dependencies=[audited("audit.export", "audit")],
    )
    def list_audit(
        request: Request,
        _: Admin,
        wanted: Annotated[_Wanted, Depends()],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        format_: Annotated[
            Literal["json", "csv", "ndjson"],
            Query(alias="format", description="json: a page; csv and ndjson: everything that is wanted, as a file."),
        ] = "json",
    ) -> Page[AuditModel] | Response:
        """List the audit log, the newest first."""
        chosen = wanted.filter()
        place = decode_cursor(cursor, int)
        before = place[0] if place else None
        if format_ == "json":
            request.state.audit = None  # a look at a page is no export
            rows = parts.catalog.audit.list_(chosen, before=before, limit=limit + 1)
            return Page[AuditModel].of([AuditModel.of(row) for row in rows], limit, lambda row: (row.audit_id,))
        request.state.audit_detail = {"format": format_}
        write = _csv if format_ == "csv" else _ndjson
        return StreamingResponse(
            write(_all_rows(parts.catalog, chosen, before)),
            media_type=_EXPORTS[format_],
            headers={"Content-Disposition": f'attachment; filename="storewatch_audit.{format_}"'},
        )

    return router


def _all_rows(catalog: Catalog, wanted: AuditFilter, before: int | None) -> Iterator[AuditModel]:
    while rows := catalog.audit.list_(wanted, before=before, limit=EXPORT_ROWS):
        yield from map(AuditModel.of, rows)
        before = rows[-1].audit_id


def _ndjson(rows: Iterator[AuditModel]) -> Iterator[str]:
    return (row.model_dump_json() + "\n" for row in rows)


def _csv(rows: Iterator[AuditModel]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(AuditModel.model_fields)
    for row in rows:
        writer.writerow(_cell(value) for value in row.model_dump().values())
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> Any:
    """Write a value so that no spreadsheet takes it for a formula: names and ids are other people's text."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
