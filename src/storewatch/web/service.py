"""The HTTP service: routes, problems and its life from start to stop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from storewatch import __version__
from storewatch.jobs.runner import ReportRunner
from storewatch.reports.runs import Reports
from storewatch.web.api.classic import classic_routes
from storewatch.web.pages.welcome import welcome_routes
from storewatch.web.problems import install_problems


def create_service(reports: Reports, runner: ReportRunner) -> FastAPI:
    """Build the service; it resumes unfinished reports when it starts and finishes running ones when it stops."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        runner.resume()
        yield
        runner.stop()

    service = FastAPIOffline(
        title="storewatch",
        version=__version__,
        description="How long every store was really online during the hours it says it is open.",
        lifespan=life,
    )
    install_problems(service)
    service.include_router(classic_routes(reports, runner))
    service.include_router(welcome_routes)
    return service
