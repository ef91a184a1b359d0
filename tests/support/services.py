"""The HTTP service for tests. Building it takes 0.1 to 0.8 CPU-seconds, so each worker builds it once."""

from functools import cache

from fastapi import FastAPI

from storewatch.installation import Installation
from storewatch.web.service import build_service, create_service, install


@cache
def _built_service() -> FastAPI:
    return build_service()


def service_of(installation: Installation) -> FastAPI:
    """Return a service of an installation, to be started at once: the one of this worker, unless that runs already."""
    service = _built_service()
    if getattr(service.state, "running", False):
        return create_service(installation)
    install(service, installation)
    return service
