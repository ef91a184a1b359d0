"""Compress answers by gzip or zstd if the client accepts it."""

from fastapi import FastAPI
from starlette_compress import CompressMiddleware, add_compress_type, remove_compress_type

from storewatch.domain.media_types import CSV, EVENTS, NDJSON, PROBLEM


def add_compression(service: FastAPI) -> None:
    """Add the middleware that compresses answers."""
    for media_type in (CSV, NDJSON, PROBLEM):
        add_compress_type(media_type)
    remove_compress_type(EVENTS)  # proxies and clients pass on single events only if they are not compressed
    service.add_middleware(CompressMiddleware, brotli=False)
