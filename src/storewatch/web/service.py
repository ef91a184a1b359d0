"""The HTTP service: routes, problems and its life from start to stop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline

from storewatch import __version__
from storewatch.installation import Installation
from storewatch.web.api.annotations import annotations_routes
from storewatch.web.api.audit import audit_routes
from storewatch.web.api.classic import classic_routes
from storewatch.web.api.closures import closures_routes
from storewatch.web.api.entries import entries_routes
from storewatch.web.api.imports import imports_routes
from storewatch.web.api.jobs import jobs_routes
from storewatch.web.api.keys import keys_routes
from storewatch.web.api.me import me_routes
from storewatch.web.api.observations import observations_routes
from storewatch.web.api.report_definitions import definitions_routes
from storewatch.web.api.reports import reports_routes
from storewatch.web.api.schedules import schedules_routes
from storewatch.web.api.status import status_routes
from storewatch.web.api.stores import stores_routes
from storewatch.web.health import health_routes
from storewatch.web.layers import add_layers
from storewatch.web.metrics import metrics_routes
from storewatch.web.openapi import install_openapi
from storewatch.web.pages.welcome import welcome_routes
from storewatch.web.problems import install_problems

ROUTES: Final[tuple[Callable[[Installation], APIRouter], ...]] = (
    classic_routes,
    health_routes,
    metrics_routes,
    keys_routes,
    audit_routes,
    observations_routes,
    reports_routes,
    definitions_routes,
    imports_routes,
    jobs_routes,
    schedules_routes,
    status_routes,
    stores_routes,
    entries_routes,
    closures_routes,
    annotations_routes,
)


def create_service(parts: Installation) -> FastAPI:
    """Build the service. Its worker, if it has one, starts with it, and finishes or hands back its jobs at the stop."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(parts.start)
        try:
            yield
        finally:
            await asyncio.to_thread(parts.stop)
            await asyncio.to_thread(access.close)

    service = FastAPIOffline(
        title="storewatch",
        version=__version__,
        description="How long every store was really online during the hours it says it is open.",
        lifespan=life,
    )
    service.state.installation = parts
    install_problems(service)
    install_openapi(service)
    access = add_layers(service, parts)
    service.include_router(me_routes())
    for routes in ROUTES:
        service.include_router(routes(parts))
    service.include_router(welcome_routes)
    return service
