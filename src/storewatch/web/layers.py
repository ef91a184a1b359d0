"""The layers around the routes, each an ASGI application around the next."""

from typing import Final

from fastapi import FastAPI
from starlette_compress import CompressMiddleware, add_compress_type, remove_compress_type

from storewatch.installation import Installation
from storewatch.web.limits import BodyLimits, TimeLimit
from storewatch.web.observing import Observing
from storewatch.web.security import Access, SecurityHeaders, install_access

MB: Final = 1_000_000


def add_layers(service: FastAPI, parts: Installation) -> Access:
    """Put the layers around the service; a request meets the last one added first.

    Observed > headers > compressed > let in and audited > timed > bounded > route: whoever is turned away has cost no
    body, and every answer, whichever layer gives it, has its id, its headers, its log line and its count.
    """
    data, upload = parts.settings.max_body_mb * MB, parts.settings.max_upload_mb * MB
    service.add_middleware(
        BodyLimits,
        bytes_of={
            "/v1/observations": data,
            "/v1/stores": data,
            "/v1/weekly_hours": data,
            "/v1/labels": data,
            "/v1/imports": upload,
        },
    )
    service.add_middleware(TimeLimit, seconds=parts.settings.request_seconds)
    access = install_access(service, parts)
    add_compression(service)
    service.add_middleware(SecurityHeaders)
    service.add_middleware(Observing)
    return access


def add_compression(service: FastAPI) -> None:
    """Compress answers by gzip or zstd, as the client takes it."""
    for media_type in ("text/csv", "application/x-ndjson", "application/problem+json"):
        add_compress_type(media_type)
    remove_compress_type("text/event-stream")  # proxies and clients read events as they come only when they are plain
    service.add_middleware(CompressMiddleware, brotli=False)
