"""Errors as RFC 9457 problem documents; the one table from our errors to HTTP."""

import logging
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from storewatch.errors import (
    CatalogUnavailableError,
    CatalogVersionError,
    FailedReportError,
    InvalidInputError,
    LakeConflictError,
    MissingReportFileError,
    StorewatchError,
    UnknownReportError,
)

MEDIA_TYPE: Final = "application/problem+json"

STATUS_OF: Final[dict[type[StorewatchError], HTTPStatus]] = {
    InvalidInputError: HTTPStatus.BAD_REQUEST,
    UnknownReportError: HTTPStatus.NOT_FOUND,
    MissingReportFileError: HTTPStatus.GONE,
    FailedReportError: HTTPStatus.INTERNAL_SERVER_ERROR,
    CatalogVersionError: HTTPStatus.INTERNAL_SERVER_ERROR,
    CatalogUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    LakeConflictError: HTTPStatus.SERVICE_UNAVAILABLE,
}

log = logging.getLogger(__name__)


def problem(status: int, name: str, detail: str, **members: Any) -> JSONResponse:
    """Build a problem document; `name` makes its stable type."""
    body = {
        "type": f"urn:storewatch:problem:{name}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **members,
    }
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE)


def problem_name(error: type[StorewatchError]) -> str:
    """Turn UnknownReportError into unknown-report."""
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in error.__name__)
    return words.removeprefix("-").removesuffix("-error")


def install_problems(service: FastAPI) -> None:
    """Answer every error of the service with a problem document."""

    @service.exception_handler(StorewatchError)
    def _ours(_: Request, error: StorewatchError) -> JSONResponse:
        return problem(STATUS_OF[type(error)], problem_name(type(error)), str(error))

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
        return response

    @service.exception_handler(Exception)
    def _unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "The service failed; its log says why.")
