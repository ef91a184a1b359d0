"""The HTTP service: its routes, its middleware, and its start and stop."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline

from storewatch import __version__
from storewatch.installation import Installation
from storewatch.web import middleware
from storewatch.web.api.annotations import routes as annotations
from storewatch.web.api.audit import routes as audit
from storewatch.web.api.classic import routes as classic
from storewatch.web.api.closures import routes as closures
from storewatch.web.api.definitions import routes as definitions
from storewatch.web.api.health import routes as health
from storewatch.web.api.health.checks import STORES
from storewatch.web.api.imports import routes as imports
from storewatch.web.api.jobs import routes as jobs
from storewatch.web.api.keys import routes as keys
from storewatch.web.api.labels import routes as labels
from storewatch.web.api.mappings import routes as mappings
from storewatch.web.api.me import routes as me
from storewatch.web.api.metrics import routes as metrics
from storewatch.web.api.observations import deletions as observation_deletions
from storewatch.web.api.observations import routes as observations
from storewatch.web.api.outages import routes as outages
from storewatch.web.api.reports import routes as reports
from storewatch.web.api.sales import routes as sales
from storewatch.web.api.schedules import routes as schedules
from storewatch.web.api.special_hours import routes as special_hours
from storewatch.web.api.status import routes as status
from storewatch.web.api.store_moves import routes as store_moves
from storewatch.web.api.stores import routes as stores
from storewatch.web.api.targets import routes as targets
from storewatch.web.api.timelines import routes as timelines
from storewatch.web.api.weekly_hours import routes as weekly_hours
from storewatch.web.openapi import ABOUT, install_openapi
from storewatch.web.pages.welcome import routes as welcome
from storewatch.web.problems import install_problems
from storewatch.web.service_state import ServiceState

log = logging.getLogger(__name__)

# A request takes the first route that matches.
ROUTERS: Final[tuple[APIRouter, ...]] = (
    me.router,
    classic.router,
    health.router,
    metrics.router,
    keys.router,
    audit.router,
    observations.router,
    observation_deletions.router,
    reports.router,
    definitions.router,
    imports.router,
    mappings.router,
    jobs.router,
    schedules.router,
    status.router,
    timelines.router,
    outages.router,
    weekly_hours.router,
    labels.router,
    stores.router,
    store_moves.router,
    special_hours.router,
    targets.router,
    sales.router,
    closures.router,
    annotations.router,
    welcome.router,
)


def create_service(installation: Installation) -> FastAPI:
    """Return the service of an installation. The worker of the installation starts and stops with the service."""
    service = build_service()
    install(service, installation)
    return service


def build_service() -> FastAPI:
    """Return a service without an installation; `install` must set one before it starts."""
    service = FastAPIOffline(
        title="storewatch",
        version=__version__,
        description="How long each store was online during its business hours.",
        lifespan=_lifespan,
        **ABOUT,
        redirect_slashes=False,  # PathMiddleware removes extra slashes
        # Routes, not routers: including a router builds every route again, and each request would be matched twice.
        routes=[route for router in ROUTERS for route in router.routes],
    )
    install_problems(service)
    install_openapi(service)
    middleware.add_middleware(service)
    return service


def install(service: FastAPI, installation: Installation) -> None:
    """Set or replace the installation of a service. Call it only while the service does not run."""
    if getattr(service.state, "running", False):
        raise RuntimeError("The service runs on another installation; stop it first.")
    service.state.installation = installation
    service.state.service_state = ServiceState.create(installation)


@asynccontextmanager
async def _lifespan(service: FastAPI) -> AsyncIterator[None]:
    """Start and stop the installation with the service."""
    installation: Installation = service.state.installation
    state: ServiceState = service.state.service_state
    service.state.running = True
    await _register_stores(state)
    await asyncio.to_thread(installation.start)
    try:
        yield
    finally:
        await asyncio.to_thread(installation.stop)
        await asyncio.to_thread(state.close)
        service.state.running = False


async def _register_stores(state: ServiceState) -> None:
    """Register the stores of the lake, for an earlier process that ended right after its commit to the lake.

    The service starts even if the lake or the catalog cannot be used now: /readyz tries again.
    """
    try:
        await state.readiness[STORES].outcome()
    except Exception as error:  # noqa: BLE001 - whatever the error is
        log.warning("the stores of the lake are not registered yet", extra={"reason": repr(error)})
