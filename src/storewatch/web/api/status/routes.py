"""The status of the installation: stores, polls, sizes and jobs."""

from fastapi import APIRouter

from storewatch import __version__
from storewatch.catalog import StoreFilter
from storewatch.domain.enums import JobKind, JobState
from storewatch.domain.instants import format_optional_instant
from storewatch.web.api.report_models import AsOfWarning
from storewatch.web.api.status.models import InputsModel, StatusModel
from storewatch.web.dependencies import Installed, State
from storewatch.web.problems import problem_responses
from storewatch.web.security import Viewer

router = APIRouter(prefix="/v1", tags=["operating"])


@router.get("/status", operation_id="getStatus", responses=problem_responses())
def get_status(caller: Viewer, installation: Installed, state: State) -> StatusModel:
    """Return the number of stores, polls and days, the sizes, and the jobs by kind and state."""
    catalog = installation.catalog
    if caller.scope.is_limited:
        jobs = _by_name(catalog.jobs.count(caller.scope))
        stores = catalog.stores.list_ids(StoreFilter(labels=caller.scope.labels)).len()
        hidden = dict.fromkeys(StatusModel.model_fields.keys() - {"version", "stores", "jobs"})
        return StatusModel(version=__version__, stores=stores, jobs=jobs, **hidden)
    now = state.status.read(catalog, installation.lake.snapshot())
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
        inputs=InputsModel.of(now.gaps),
        as_of_warning=AsOfWarning.model_validate(now.clock_warning.as_json()) if now.clock_warning else None,
        oldest_queued_at=format_optional_instant(catalog.jobs.oldest_queued_at()),
    )


def _by_name(counts: dict[JobKind, dict[JobState, int]]) -> dict[str, dict[str, int]]:
    return {kind.value: {state.value: count for state, count in states.items()} for kind, states in counts.items()}
