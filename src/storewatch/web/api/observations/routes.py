"""Receive observations over HTTP. They are durable when the answer is sent."""

import asyncio
from http import HTTPStatus
from typing import Final

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from storewatch.access import Principal
from storewatch.catalog import shown_number
from storewatch.domain.enums import PushFormat
from storewatch.domain.errors import OverCapacityError
from storewatch.domain.media_types import ARROW, CSV, JSON, NDJSON, PARQUET
from storewatch.ingest.headers import mapping_hint
from storewatch.ingest.ingestion import REQUEST_BYTES, Ingestion, PushOutcome
from storewatch.ingest.mappings import ColumnFields
from storewatch.ingest.pushed import Pushed, read_pushed
from storewatch.web.api.mappings.parameters import MappedColumns
from storewatch.web.api.observations.models import PushedObservations, RejectedObservation
from storewatch.web.api.observations.schemas import PUSH_BODY
from storewatch.web.audit import audited
from storewatch.web.body_limits import BodyLimit, body_limit
from storewatch.web.dependencies import Installed
from storewatch.web.parameters import media_type
from storewatch.web.problems import problem, problem_responses
from storewatch.web.security import Operator

# A body of this size is read in 0.5 ms; a larger one must not block the event loop.
INLINE_BYTES: Final = 32_000
# More would not be faster because of the GIL, and each may need ten times the memory of its body.
READING_AT_ONCE: Final = 2

FORMATS: Final = {
    JSON: PushFormat.JSON,
    NDJSON: PushFormat.NDJSON,
    CSV: PushFormat.CSV,
    PARQUET: PushFormat.PARQUET,
    ARROW: PushFormat.ARROW,
}

router = APIRouter(tags=["observations"])
_reading: Final = anyio.CapacityLimiter(READING_AT_ONCE)


@router.post(
    "/v1/observations",
    operation_id="pushObservations",
    response_model=PushedObservations,
    openapi_extra=PUSH_BODY,
    dependencies=[audited("observations.push", "observations", summed=True)],
    responses=problem_responses(
        s400="The body is empty, or does not match its Content-Type.",
        s413="The body is too large, or has too many observations. Send it in parts.",
        s415="The Content-Type or Content-Encoding is not supported.",
        s422="No observation was good, and nothing was stored. `errors` has the reasons.",
        s503="Too much is waiting, or the lake or catalog cannot be written. It is safe to send the request again.",
    ),
)
@body_limit(BodyLimit.DATA)
async def push_observations(
    request: Request, caller: Operator, installation: Installed, columns: MappedColumns
) -> Response:
    """Store observations of one or many stores. The answer is sent when they are durable.

    Good observations are stored; the others are returned with their position and reason. Sending the same observations
    again changes nothing. Of two observations of one store and instant the one sent later counts, whatever their
    sources. `reason` and `source` are optional. Times are RFC 3339; a time without an offset is UTC. The body is JSON
    (one object, an array, or an object with `observations`), NDJSON, CSV with a header, Parquet or an Arrow IPC
    stream. Content-Encoding may be gzip or zstd.
    """
    form = media_type(request.headers.get("content-type", ""), FORMATS)
    memory = _HeldMemory(installation.ingestion)
    try:
        body = await _read(request, memory)
        pushed = await _parse(body, form, caller, columns)
        future = installation.ingestion.submit(pushed)
    except ClientDisconnect:
        memory.release()
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # the client has left
    except BaseException:
        memory.release()
        raise
    future.add_done_callback(lambda _: memory.release())
    # What was submitted is stored, even when the client leaves.
    outcome = await asyncio.shield(asyncio.wrap_future(future))
    request.state.audit_detail = {"accepted": outcome.accepted, "rejected": outcome.rejected}
    return _answer(outcome, caller)


class _HeldMemory:
    """The memory that one request holds."""

    def __init__(self, ingestion: Ingestion) -> None:
        self._ingestion, self._bytes = ingestion, 0

    def hold(self, size_bytes: int) -> None:
        self._ingestion.hold(size_bytes)
        self._bytes += size_bytes

    def release(self) -> None:
        self._ingestion.release(self._bytes)
        self._bytes = 0


async def _read(request: Request, memory: _HeldMemory) -> bytes:
    memory.hold(REQUEST_BYTES)
    parts: list[bytes] = []
    refusal: OverCapacityError | None = None
    async for part in request.stream():
        # Read the rest anyway: a client that is still sending would see a broken connection instead of the answer.
        if refusal is None:
            try:
                memory.hold(len(part))
                parts.append(part)
            except OverCapacityError as error:
                refusal = error
                parts.clear()
                memory.release()
    if refusal is not None:
        raise refusal
    return b"".join(parts)


async def _parse(body: bytes, form: PushFormat, caller: Principal, columns: ColumnFields) -> Pushed:
    scope = caller.scope
    if len(body) <= INLINE_BYTES:
        return read_pushed(body, form, scope, columns)
    return await run_sync(read_pushed, body, form, scope, columns, limiter=_reading)


def _answer(outcome: PushOutcome, caller: Principal) -> Response:
    if not outcome.accepted:
        detail = f"No observation was good, {outcome.rejected:,} rejected; nothing was stored."
        detail += mapping_hint(outcome.suggested_mapping)
        errors = [{"field": f"body.{reject.index}", "message": reject.reason} for reject in outcome.rejects]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "rejected-observations", detail, errors=errors)
    answer = PushedObservations(
        accepted=outcome.accepted,
        rejected=outcome.rejected,
        rejects=[RejectedObservation(index=reject.index, reason=reject.reason) for reject in outcome.rejects],
        rejects_not_shown=outcome.rejected - len(outcome.rejects),
        lake_version=shown_number(outcome.lake_version or 0, caller.scope),
        ignored=list(outcome.ignored) or None,
        assumed=list(outcome.assumed) or None,
    )
    return Response(answer.model_dump_json(exclude_none=True), media_type=JSON)
