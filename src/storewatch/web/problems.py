"""Errors as problem documents (RFC 9457), and the HTTP status of each family of errors."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from storewatch.domain.error_families import (
    BrokenError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    MisdirectedError,
    NotFoundError,
    StorewatchError,
    TooLargeError,
    TooManyError,
    UnauthorizedError,
    UnavailableError,
    UnsupportedError,
    family_of,
    problem_name,
    public_text,
)
from storewatch.domain.errors import InvalidKeyError, StorageFullError, storage_error_of
from storewatch.domain.media_types import PROBLEM
from storewatch.telemetry import current_request_id
from storewatch.web.store_paths import ID_SLASH

log = logging.getLogger(__name__)

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
    TooManyError: HTTPStatus.TOO_MANY_REQUESTS,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    BrokenError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

SHOWN_ERRORS: Final = 100

# The schema of problem documents: the component Problem in /openapi.json.
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
# Statuses that any route may answer. Written out because Python's own phrases for 413 and 422 changed in 3.13.
COMMON_DESCRIPTIONS: Final = {
    400: "The body cannot be read.",
    401: "No key was sent, or the key is not valid.",
    403: "The key does not allow this.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "The type or the encoding of the body is not supported.",
    421: "The Host header does not name this service.",
    429: "Too many requests. Retry-After is the number of seconds to wait.",
    500: "The service failed. The reason is in its log.",
    503: "The service cannot do this now. Send the request again.",
}
_DESCRIPTIONS: Final = COMMON_DESCRIPTIONS | {
    422: "The path, the query or the body is wrong. `errors` names each field."
}


def problem_responses(*statuses: int, **described: str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route for its problems: these statuses and those that any route may answer.

    A status may have its own description: `problem_responses(422, s404="No store has this id.")`.
    """
    descriptions = {int(name.removeprefix("s")): text for name, text in described.items()}
    return {
        status: {
            "description": descriptions.get(status) or _DESCRIPTIONS.get(status) or HTTPStatus(status).phrase,
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*statuses, *descriptions, *COMMON_DESCRIPTIONS})
    }


# For routes that need no key.
PUBLIC_PROBLEMS: Final = {
    status: response for status, response in problem_responses().items() if status != HTTPStatus.UNAUTHORIZED
}
# Says in OpenAPI that a route needs no key.
WITHOUT_KEY: Final[dict[str, Any]] = {"security": []}


class _ProblemResponse(JSONResponse):
    """A problem document. Its name goes into the state of the request, for the log line of the request."""

    media_type = PROBLEM

    def __init__(self, name: str, body: dict[str, Any], status: int) -> None:
        super().__init__(body, status_code=status)
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["problem"] = self._name
        await super().__call__(scope, receive, send)


def problem(status: int, name: str, detail: str, **members: Any) -> JSONResponse:
    """Return a problem document. name: the end of its stable `type`."""
    body = {
        "type": f"urn:storewatch:problem:{name}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **members,
    }
    if (request_id := current_request_id()) is not None:
        body["request_id"] = request_id
    return _ProblemResponse(name, body, status)


def problem_of(error: StorewatchError) -> JSONResponse:
    """Return the problem document for an error."""
    if error.public is not None:
        log.warning("request refused", extra={"reason": str(error)})
    response = problem(STATUS_OF[family_of(type(error))], problem_name(type(error)), public_text(error))
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        sent = ', error="invalid_token"' if isinstance(error, InvalidKeyError) else ""
        response.headers["WWW-Authenticate"] = f'Bearer realm="storewatch"{sent}'
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        response.headers["Retry-After"] = "5"
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        # A disk does not get empty within a second.
        response.headers["Retry-After"] = "60" if isinstance(error, StorageFullError) else "1"
    return response


def problem_of_unexpected(error: Exception) -> JSONResponse:
    """Return the problem document for an error that no code raises on purpose."""
    if (storage := storage_error_of(error)) is not None:
        return problem_of(storage)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "The service failed; its log has the reason.")


def _methods(routes: Sequence[BaseRoute], scope: Scope) -> set[str]:
    """Return the methods that the path of a request allows."""
    matching = (route for route in routes if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE)
    methods = {method for route in matching for method in route.methods or ()}
    return methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())


def install_problems(service: FastAPI) -> None:
    """Answer every error of the service with a problem document."""

    @service.exception_handler(StorewatchError)
    def _known(_: Request, error: StorewatchError) -> JSONResponse:
        return problem_of(error)

    @service.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = error.errors()
        fields = [{"field": ".".join(map(str, each["loc"])), "message": each["msg"]} for each in errors[:SHOWN_ERRORS]]
        detail = "; ".join(f"{field['field']}: {field['message']}" for field in fields)
        detail += f"; and {len(errors) - SHOWN_ERRORS:,} more" if len(errors) > SHOWN_ERRORS else ""
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, errors=fields)

    @service.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # Starlette names only the methods of the first route of a path; here each method is a route of its own.
            headers["Allow"] = ", ".join(sorted(_methods(service.routes, request.scope)))
            if request.method == "OPTIONS":
                return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
        # FastAPI answers 400 for any error while it stores the parts of a form.
        if (storage := storage_error_of(error)) is not None:
            return problem_of(storage)
        path = request.url.path.replace(ID_SLASH, "/")
        detail = f"{request.method} {path}: {error.detail}. GET / lists the endpoints."
        response = problem(error.status_code, f"http-{error.status_code}", detail)
        response.headers.update(headers)
        return response

    @service.exception_handler(Exception)
    def _unexpected(_request: Request, error: Exception) -> JSONResponse:
        # RequestLogMiddleware logs the error and sends this answer first. This handler is for a service without it.
        return problem_of_unexpected(error)
