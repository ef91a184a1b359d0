"""What the installation holds, for whoever looks after it."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from storewatch import __version__
from storewatch.catalog import StoreFilter
from storewatch.domain.enums import JobKind, JobState
from storewatch.domain.instants import format_instant
from storewatch.installation import Installation
from storewatch.stores.status import StatusReader
from storewatch.web.problems import problem_responses
from storewatch.web.security import Viewer


class StatusModel(BaseModel):
    """Counts and sizes. Under a key with a scope: of its stores and jobs, null for what tells of others."""

    version: Annotated[str, Field(description="Of storewatch.")]
    stores: int
    jobs: Annotated[
        dict[str, dict[str, int]],
        Field(description="By kind and state.", examples=[{"report": {"complete": 12, "running": 1}}]),
    ]
    workers: Annotated[int | None, Field(description="Processes that run jobs.")]
    polls: int | None
    first_day: Annotated[str | None, Field(examples=["2023-01-18"])]
    last_day: str | None
    days: int | None
    newest_poll: Annotated[str | None, Field(examples=["2023-01-25T18:13:22.47922Z"])]
    lake_version: int | None
    lake_bytes: int | None
    size_bytes: Annotated[int | None, Field(description="Of the home folder.")]
    oldest_queued_at: str | None


def status_routes(parts: Installation) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["operating"])
    reader = StatusReader(home=parts.settings.home)

    @router.get("/status", operation_id="get_status", responses=problem_responses())
    def get_status(caller: Viewer) -> StatusModel:
        """Tell what there is: stores, polls, days, sizes, and jobs by kind and state."""
        catalog = parts.catalog
        if caller.scope.is_limited:
            jobs = _by_name(catalog.jobs.count(caller.scope))
            stores = catalog.stores.list_ids(StoreFilter(labels=caller.scope.labels)).len()
            hidden = dict.fromkeys(StatusModel.model_fields.keys() - {"version", "stores", "jobs"})
            return StatusModel(version=__version__, stores=stores, jobs=jobs, **hidden)
        now, queued = reader.read(catalog, parts.lake.snapshot()), catalog.jobs.oldest_queued_at()
        return StatusModel(
            version=__version__,
            stores=now.stores,
            jobs=_by_name(now.jobs),
            workers=len(catalog.workers.list_()),
            polls=now.polls,
            first_day=now.first_day,
            last_day=now.last_day,
            days=now.days,
            newest_poll=now.newest_poll,
            lake_version=now.lake_version,
            lake_bytes=now.lake_bytes,
            size_bytes=now.size_bytes,
            oldest_queued_at=format_instant(queued) if queued else None,
        )

    return router


def _by_name(counts: dict[JobKind, dict[JobState, int]]) -> dict[str, dict[str, int]]:
    return {kind.value: {state.value: count for state, count in states.items()} for kind, states in counts.items()}
