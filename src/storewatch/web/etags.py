"""ETag and If-None-Match: an answer that the client already has is not sent again (RFC 9110, 8.8 and 13.1.2).

An ETag of versions is known before the answer is computed, but changes when anybody writes. A caller with a scope gets
the ETag of the answer itself.
"""

import hashlib
import json
from collections.abc import Sequence

from fastapi import Request, Response

from storewatch import __version__
from storewatch.domain.timezones import TZDATA_VERSION
from storewatch.stores.states import Moment


def etag_of(moment: Moment, parameters: Sequence[str | int | None]) -> str:
    """Return the ETag of an answer: a hash of its data, parameters, software version and time zone data.

    The ETag is weak, because compression changes the bytes.
    """
    content = [
        moment.snapshot.version,
        moment.catalog_version,
        moment.as_of_us,
        __version__,
        TZDATA_VERSION,
        *parameters,
    ]
    return etag_of_answer(json.dumps(content))


def etag_of_answer(answer: str) -> str:
    """Return the ETag of an answer: a hash of its text."""
    return f'W/"{hashlib.sha256(answer.encode()).hexdigest()[:32]}"'


def not_modified(request: Request, etag: str) -> Response | None:
    """Return a 304 if the client already has the answer with this ETag, otherwise None."""
    sent = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    known = {tag.removeprefix("W/") for tag in sent}
    return Response(status_code=304, headers=headers(etag)) if {"*", etag.removeprefix("W/")} & known else None


def headers(etag: str) -> dict[str, str]:
    """Return headers that let only this client cache the answer, and make it check the ETag before each use."""
    return {"ETag": etag, "Cache-Control": "private, no-cache"}
