"""Errors as RFC 9457 problem documents; the one table from families of errors to HTTP."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from storewatch.domain.errors import (
    BrokenError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    InvalidKeyError,
    MisdirectedError,
    NotFoundError,
    StorewatchError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
    UnsupportedError,
    family_of,
    problem_name,
)
from storewatch.telemetry import current_request_id

MEDIA_TYPE: Final = "application/problem+json"

STATUS_OF: Final[dict[type[StorewatchError], HTTPStatus]] = {
    InvalidError: HTTPStatus.BAD_REQUEST,
    UnauthorizedError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    GoneError: HTTPStatus.GONE,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    MisdirectedError: HTTPStatus.MISDIRECTED_REQUEST,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    BrokenError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

# What a problem document looks like in /openapi.json, where it stands once: the component Problem.
PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:storewatch:problem:[a-z0-9-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
# Any route may give these. Said here because Python's own phrases for 413 and 422 are other ones since 3.13.
EVERYWHERE: Final = {
    400: "The body cannot be read.",
    401: "No key, or one that is not valid.",
    403: "The key does not allow this.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "The body is of a type, or in an encoding, that is not taken here.",
    421: "The name in Host is not that of this service.",
    429: "Too many requests; Retry-After says when to go on.",
    500: "The service failed; its log says why.",
    503: "The service cannot do this now; send it again.",
}
_WORDS: Final = EVERYWHERE | {422: "The path, the query or the body is wrong; `errors` names each field."}


def problem_responses(*statuses: int, **described: str) -> dict[int | str, dict[str, Any]]:
    """Document the problems of a route, for its `responses`: these statuses and those that any route may answer.

    A status may be given its own words: `problem_responses(422, s404="No store has this id.")`.
    """
    words = {int(name.removeprefix("s")): text for name, text in described.items()}
    return {
        status: {
            "description": words.get(status) or _WORDS.get(status) or HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*statuses, *words, *EVERYWHERE})
    }


def problem(status: int, name: str, detail: str, **members: Any) -> JSONResponse:
    """Build a problem document; `name` makes its stable type."""
    body = {
        "type": f"urn:storewatch:problem:{name}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **members,
    }
    if (request_id := current_request_id()) is not None:
        body["request_id"] = request_id
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE)


def problem_of(error: StorewatchError) -> JSONResponse:
    """Build the problem document of an error."""
    response = problem(STATUS_OF[family_of(type(error))], problem_name(type(error)), str(error))
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        sent = ', error="invalid_token"' if isinstance(error, InvalidKeyError) else ""
        response.headers["WWW-Authenticate"] = f'Bearer realm="storewatch"{sent}'
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "1"
    return response


def _methods(routes: Iterable[BaseRoute], scope: Scope) -> set[str]:
    """Give the methods that the path of a request has."""
    found: set[str] = set()
    for route in routes:
        if isinstance(route, Route):
            if route.matches(scope)[0] is not Match.NONE:
                found |= route.methods or set()
        elif (included := getattr(route, "original_router", None)) is not None:
            found |= _methods(included.routes, scope)
    return found


def install_problems(service: FastAPI) -> None:
    """Answer every error of the service with a problem document."""

    @service.exception_handler(StorewatchError)
    def _ours(_: Request, error: StorewatchError) -> JSONResponse:
        return problem_of(error)

    @service.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        fields = [{"field": ".".join(map(str, found["loc"])), "message": found["msg"]} for found in error.errors()]
        detail = "; ".join(f"{field['field']}: {field['message']}" for field in fields)
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, errors=fields)

    @service.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JSONResponse:
        detail = f"{request.method} {request.url.path}: {error.detail}. GET / lists what there is."
        response = problem(error.status_code, f"http-{error.status_code}", detail)
        response.headers.update(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (methods := _methods(service.routes, request.scope)):
            # Starlette names those of the first route of the path; each of our methods has a route of its own.
            response.headers["Allow"] = ", ".join(sorted(methods))
        return response

    @service.exception_handler(Exception)
    def _unexpected(_request: Request, _error: Exception) -> JSONResponse:
        # Logged by Observing, which answers like this itself when it is around the service.
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "The service failed; its log says why.")
