"""Bodies of many rows. Good rows are stored; the others are returned with their position and reason."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from anyio.to_thread import run_sync
from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field

from storewatch.access import Principal
from storewatch.domain.enums import WeekdayCounting
from storewatch.domain.media_types import CSV, JSON
from storewatch.ingest.bulk import SHOWN_REJECTS, BulkChange, BulkFormat
from storewatch.ingest.headers import mapping_hint
from storewatch.installation import Installation
from storewatch.web.parameters import field, invalid_fields, media_type
from storewatch.web.problems import problem_responses

FORMATS: Final = {JSON: BulkFormat.JSON, CSV: BulkFormat.CSV}
BULK_RESPONSES: Final = problem_responses(
    s415="The Content-Type is neither application/json nor text/csv.",
    s422="The body cannot be read, or no row was good. Nothing was stored.",
)


Weekdays = Annotated[
    WeekdayCounting | None,
    Query(
        description="How weekdays are written. iso is 1 (Monday) to 7, monday0 is 0 (Monday) to 6, sunday0 is "
        "0 (Sunday) to 6, names allows no numbers. Default: iso if there is a 7 and no 0, otherwise monday0; "
        "`assumed` in the answer states it."
    ),
]


class RejectedRow(BaseModel):
    """A row that was not stored."""

    index: Annotated[int, Field(description="The position from 0: element of the array, or line after the CSV header.")]
    reason: str


class BulkAnswer(BaseModel):
    """How many rows were stored, and why the others were not."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "accepted": 12,
                    "rejected": 1,
                    "rejects": [{"index": 4, "reason": "store_id is empty"}],
                    "rejects_not_shown": 0,
                }
            ]
        }
    )

    accepted: int
    rejected: int
    rejects: Annotated[list[RejectedRow], Field(description=f"The first {SHOWN_REJECTS} rejected rows.")]
    rejects_not_shown: int
    ignored: Annotated[
        list[str] | None, Field(description="Columns or keys that this table does not have; absent if there are none.")
    ] = None
    assumed: Annotated[
        list[str] | None,
        Field(description="How rows were read that have more than one reading; absent if there are none."),
    ] = None

    @classmethod
    def of(cls, change: BulkChange) -> "BulkAnswer":
        """Return the answer for a change."""
        return cls(
            accepted=change.accepted,
            rejected=change.rejected,
            rejects=[RejectedRow(index=reject.index, reason=reject.reason) for reject in change.rejects],
            rejects_not_shown=change.rejected - len(change.rejects),
            ignored=list(change.ignored) or None,
            assumed=list(change.assumed) or None,
        )


async def replace_rows(
    request: Request, caller: Principal, installation: Installation, replace: Callable[..., BulkChange]
) -> BulkAnswer:
    """Read the body of a request and store its rows by `replace`, a function of ingest.bulk.

    Raises a 422 that names the first rejected rows when no row was good.
    """
    form = media_type(request.headers.get("content-type", ""), FORMATS)
    body = await request.body()

    def run() -> BulkChange:
        with field("body"):
            return replace(body, form, catalog=installation.catalog, scope=caller.scope, now=installation.clock())

    changed = await run_sync(run)
    request.state.audit_detail = {"accepted": changed.accepted, "rejected": changed.rejected}
    if not changed.accepted:
        errors: list[tuple[tuple[str | int, ...], str]] = [
            (("body", reject.index), reject.reason) for reject in changed.rejects
        ]
        if changed.suggested_mapping:
            errors.append((("body",), mapping_hint(changed.suggested_mapping).strip()))
        raise invalid_fields(errors)
    return BulkAnswer.of(changed)


def bulk_body(properties: dict[str, Any], example: dict[str, Any], csv: str) -> dict[str, Any]:
    """Return the OpenAPI description of a body of rows that have all these properties."""
    row = {"type": "object", "required": list(properties), "properties": properties}
    rows = {"type": "array", "minItems": 1, "items": row}
    return {
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": rows, "example": [example]},
                CSV: {"schema": {"type": "string"}, "example": csv},
            },
        }
    }
