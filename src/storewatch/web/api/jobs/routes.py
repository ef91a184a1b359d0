"""Jobs of every kind, for operators."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from storewatch.domain.enums import JobKind
from storewatch.web.api.jobs.models import JobModel
from storewatch.web.api.jobs.pages import StateFilter, page_of_jobs
from storewatch.web.dependencies import Installed
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get("", operation_id="listJobs", responses=problem_responses(422))
def list_jobs(
    caller: Operator,
    installation: Installed,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    kind: Annotated[JobKind | None, Query(description="Only jobs of this kind.")] = None,
    state: StateFilter = None,
) -> Page[JobModel]:
    """List jobs of every kind, the newest first."""
    model = partial(JobModel.of, caller=caller)
    return page_of_jobs(installation.catalog, caller, model, kind=kind, state=state, limit=limit, cursor=cursor)
