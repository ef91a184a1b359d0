"""Jobs in answers."""

from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, Field

from storewatch.access import Principal
from storewatch.catalog import Job, shown_creator, shown_number
from storewatch.domain.enums import JobKind, JobState
from storewatch.domain.instants import format_instant, format_optional_instant

EXAMPLE_ID: Final = "1f0c2a52-7d1c-4a55-9a33-6a4a4f4d1c5e"

# Members of results that count what all callers write.
_NUMBERS: Final = frozenset({"import_id", "lake_version", "catalog_version"})


class JobModel(BaseModel):
    """A job of any kind."""

    job_id: Annotated[str, Field(examples=[EXAMPLE_ID])]
    kind: JobKind
    state: JobState
    progress: Annotated[float, Field(ge=0, le=1)]
    created_at: Annotated[str, Field(examples=["2026-03-01T09:30:00Z"])]
    started_at: str | None
    finished_at: str | None
    retry_at: Annotated[str | None, Field(description="When the job is tried again after a failure.")]
    attempts: int
    cancel_requested: bool
    created_by: Annotated[
        str | None,
        Field(
            description="The key that queued the job; null if there was no key, or for a command. A key with a scope "
            "sees only itself here."
        ),
    ]
    parameters: Annotated[dict[str, Any], Field(examples=[{"policy": "observed", "format": "xlsx"}])]
    result: dict[str, Any] | None
    error: str | None

    @classmethod
    def of(cls, job: Job, caller: Principal) -> Self:
        """Return a job as the API shows it."""
        return cls(
            job_id=job.job_id,
            kind=job.kind,
            state=job.state,
            progress=job.progress,
            created_at=format_instant(job.created_at),
            started_at=format_optional_instant(job.started_at),
            finished_at=format_optional_instant(job.finished_at),
            retry_at=format_optional_instant(job.retry_at),
            attempts=job.attempts,
            cancel_requested=job.cancel_requested,
            created_by=shown_creator(job.created_by, caller.scope, caller.key_id),
            parameters=job.parameters,
            result=_shown_result(job.result, caller),
            error=job.error,
        )


def _shown_result(result: Any, caller: Principal) -> Any:
    """Return the result of a job without numbers that the caller must not see."""
    if isinstance(result, list):
        return [_shown_result(each, caller) for each in result]
    if not isinstance(result, dict):
        return result
    return {
        name: shown_number(value, caller.scope) if name in _NUMBERS else _shown_result(value, caller)
        for name, value in result.items()
    }
