"""Polls pushed over HTTP, durable when they are acknowledged."""

import asyncio
from http import HTTPStatus
from typing import Any, Final

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from storewatch.access import Principal
from storewatch.domain.enums import PushFormat
from storewatch.domain.errors import OverCapacityError, UnknownMediaTypeError
from storewatch.ingest.ingestion import REQUEST_BYTES, Ingestion, PushOutcome
from storewatch.ingest.pushed import SHOWN_REJECTS, Pushed, read_pushed
from storewatch.installation import Installation
from storewatch.web.audit import audited
from storewatch.web.problems import problem, problem_responses
from storewatch.web.security import Operator

# A body of this size is read in 0.5 ms; a larger one must not keep the event loop.
INLINE_BYTES: Final = 32_000
# More would not be faster on the interpreter's lock, and each may need ten times its body in memory.
READING_AT_ONCE: Final = 2

MEDIA_TYPES: Final = {
    PushFormat.JSON: "application/json",
    PushFormat.NDJSON: "application/x-ndjson",
    PushFormat.CSV: "text/csv",
    PushFormat.PARQUET: "application/vnd.apache.parquet",
    PushFormat.ARROW: "application/vnd.apache.arrow.stream",
}
_FORMATS: Final = {media_type: form for form, media_type in MEDIA_TYPES.items()}

_ONE: Final = {"store_id": "cafe", "observed_at": "2023-01-23T15:14:00Z", "status": "active"}
_TWO: Final = {"store_id": "bar", "observed_at": "2023-01-23T15:14:02.5Z", "status": "inactive"}
_CSV: Final = "store_id,observed_at,status\ncafe,2023-01-23 15:14:00 UTC,active\n"
_NDJSON: Final = '{"store_id":"cafe","observed_at":"2023-01-23T15:14:00Z","status":"active"}\n'


class RejectedObservation(BaseModel):
    """An observation that was not taken."""

    index: int = Field(description="Its place from 0: element of the array, line of the text, row of the table.")
    reason: str


class PushedObservations(BaseModel):
    """What became of the observations of one request; those accepted are durable."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "accepted": 1,
                    "rejected": 1,
                    "rejects": [{"index": 1, "reason": "status 'open' is neither active nor inactive"}],
                    "rejects_not_shown": 0,
                    "lake_version": 4711,
                }
            ]
        }
    )

    accepted: int
    rejected: int
    rejects: list[RejectedObservation] = Field(description=f"The first {SHOWN_REJECTS} of those rejected.")
    rejects_not_shown: int
    lake_version: int = Field(description="The version of the lake that holds them.")


def _body_documentation() -> dict[str, Any]:
    observation = {
        "type": "object",
        "required": ["store_id", "observed_at", "status"],
        "properties": {
            "store_id": {"type": "string", "minLength": 1, "maxLength": 255},
            "observed_at": {"type": "string", "format": "date-time"},
            "status": {"type": "string", "enum": ["active", "inactive"]},
        },
    }
    several = {"type": "array", "minItems": 1, "items": observation}
    wrapped = {"type": "object", "required": ["observations"], "properties": {"observations": several}}
    binary = {"schema": {"type": "string", "format": "binary"}}
    examples = {
        "one": {"value": _ONE},
        "several": {"value": [_ONE, _TWO]},
        "wrapped": {"value": {"observations": [_ONE, _TWO]}},
    }
    content: dict[PushFormat, dict[str, Any]] = {
        PushFormat.JSON: {"schema": {"anyOf": [observation, several, wrapped]}, "examples": examples},
        PushFormat.NDJSON: {"schema": {"type": "string"}, "example": _NDJSON},
        PushFormat.CSV: {"schema": {"type": "string"}, "example": _CSV},
        PushFormat.PARQUET: binary,
        PushFormat.ARROW: binary,
    }
    return {"requestBody": {"required": True, "content": {MEDIA_TYPES[form]: entry for form, entry in content.items()}}}


def observations_routes(parts: Installation) -> APIRouter:
    reading = anyio.CapacityLimiter(READING_AT_ONCE)

    router = APIRouter(tags=["observations"])

    @router.post(
        "/v1/observations",
        operation_id="push_observations",
        response_model=PushedObservations,
        openapi_extra=_body_documentation(),
        dependencies=[audited("observations.push", "observations", summed=True)],
        responses=problem_responses(
            s400="The body is empty, or not what its Content-Type says.",
            s413="The body is too large, or holds too many observations. Send it in parts.",
            s415="The Content-Type or Content-Encoding is not taken here.",
            s422="No observation was good; `errors` says why, and nothing was stored.",
            s503="Nothing was stored: too much is waiting, or the lake cannot be written. Send it again.",
        ),
    )
    async def push_observations(request: Request, caller: Operator) -> Response:
        """Store observations of one or many stores; answered when they are durable.

        Good ones go in, the others come back with their place and reason. Sending the same again changes nothing; of
        two observations of one store and instant the one sent later counts. Times are RFC 3339, UTC when they name no
        offset. JSON (one object, an array, or an object with `observations`), NDJSON, CSV with a header, Parquet or an
        Arrow IPC stream, plain or with Content-Encoding gzip or zstd.
        """
        form = _form(request.headers.get("content-type", ""))
        room = _Room(parts.ingestion)
        try:
            body = await _read(request, room)
            pushed = await _parse(body, form, caller, reading)
            future = parts.ingestion.submit(pushed)
        except ClientDisconnect:
            room.leave()
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody is there to read it
        except BaseException:
            room.leave()
            raise
        future.add_done_callback(lambda _: room.leave())
        # The polls are stored although the client leaves.
        outcome = await asyncio.shield(asyncio.wrap_future(future))
        request.state.audit_detail = {"accepted": outcome.accepted, "rejected": outcome.rejected}
        return _answer(outcome)

    return router


class _Room:
    """The memory that one request holds."""

    def __init__(self, ingestion: Ingestion) -> None:
        self._ingestion, self._bytes = ingestion, 0

    def take(self, size_bytes: int) -> None:
        self._ingestion.hold(size_bytes)
        self._bytes += size_bytes

    def leave(self) -> None:
        self._ingestion.release(self._bytes)
        self._bytes = 0


def _form(content_type: str) -> PushFormat:
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charset = next((part[8:].strip('"') for part in parameters if part.startswith("charset=")), "utf-8")
    if media_type not in _FORMATS or charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnknownMediaTypeError(content_type, tuple(_FORMATS))
    return _FORMATS[media_type]


async def _read(request: Request, room: _Room) -> bytes:
    room.take(REQUEST_BYTES)
    parts: list[bytes] = []
    refusal: OverCapacityError | None = None
    async for part in request.stream():
        # Read to its end all the same: a client that is still sending would see a broken connection, not our answer.
        if refusal is None:
            try:
                room.take(len(part))
                parts.append(part)
            except OverCapacityError as error:
                refusal = error
                parts.clear()
                room.leave()
    if refusal is not None:
        raise refusal
    return b"".join(parts)


async def _parse(body: bytes, form: PushFormat, caller: Principal, reading: anyio.CapacityLimiter) -> Pushed:
    scope = caller.scope
    if len(body) <= INLINE_BYTES:
        return read_pushed(body, form, scope)
    return await run_sync(read_pushed, body, form, scope, limiter=reading)


def _answer(outcome: PushOutcome) -> Response:
    if not outcome.accepted:
        detail = f"No observation was good, {outcome.rejected:,} rejected; nothing was stored."
        errors = [{"field": f"body.{reject.index}", "message": reject.reason} for reject in outcome.rejects]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "rejected-observations", detail, errors=errors)
    answer = PushedObservations(
        accepted=outcome.accepted,
        rejected=outcome.rejected,
        rejects=[RejectedObservation(index=reject.index, reason=reject.reason) for reject in outcome.rejects],
        rejects_not_shown=outcome.rejected - len(outcome.rejects),
        lake_version=outcome.lake_version or 0,
    )
    return Response(answer.model_dump_json(), media_type="application/json")
