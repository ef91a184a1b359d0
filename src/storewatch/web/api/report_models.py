"""Reports in requests and answers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from storewatch.access import Principal
from storewatch.catalog import Job, shown_number
from storewatch.domain.enums import JobState
from storewatch.domain.instants import SECOND_US, format_instant
from storewatch.reports.archive.manifest import Manifest
from storewatch.reports.request.parameters import Text, answer_of, body_of
from storewatch.reports.request.request import ReportRequest
from storewatch.web.api.jobs.models import EXAMPLE_ID

Name = Annotated[Text, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")]


VERSION: Final = "null for a key with a scope."
_SHA256: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class ParameterBody(BaseModel):
    """The base of JSON bodies with the parameters of a report. Unknown members are refused."""

    model_config = ConfigDict(extra="forbid")

    def sent(self) -> dict[str, Any]:
        """Return the members that were sent, as `read_request` reads them."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"as_of"})


@body_of(ReportRequest, only_in_definitions=True)
class ReportMembers(ParameterBody):
    """The parameters of a report. A member that is left out or null has its default."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"windows": ["last_week"], "by": "day", "policy": "observed", "format": "xlsx"}]
        },
    )


@body_of(ReportRequest)
class ReportBody(ParameterBody):
    """The report to compute. An empty object is the classic report on the current data."""

    model_config = ReportMembers.model_config

    if TYPE_CHECKING:  # described by ReportRequest
        as_of: str | None = None
    definition: Annotated[
        Name | None,
        Field(description="The name of a saved report. Other members replace its parameters.", examples=[None]),
    ] = None


@answer_of(ReportRequest, without=("max_gap",))
class ReportParameters(BaseModel):
    """The parameters that a report was created with."""

    policy: Annotated[str | None, Field(description="How far a poll counts for the time around it.")] = None
    max_gap_seconds: Annotated[float | None, Field(description="The longest time that one poll counts for.")] = None
    definition: Annotated[
        str | None,
        Field(description="Only in a scheduled report that failed because its definition could not be used."),
    ] = None

    @classmethod
    def of(cls, parameters: dict[str, Any]) -> "ReportParameters":
        """Read the parameters of a job, as `ReportRequest.parameters` writes them."""
        members = {name: value for name, value in parameters.items() if name in cls.model_fields}
        if "max_gap_us" in parameters:
            members["max_gap_seconds"] = parameters["max_gap_us"] / SECOND_US
        return cls(**members)


class AsOfWarning(BaseModel):
    """A warning: fewer than half of the expected stores were polled in the 24 hours before as_of."""

    text: str
    as_of: Annotated[str, Field(examples=["2024-01-12T10:00:00Z"])]
    as_of_that_fits: Annotated[str, Field(description="An as_of to send instead.", examples=["2023-01-17T23:00:00Z"])]
    stores_polled_in_last_day: int
    stores_expected: Annotated[
        int,
        Field(
            description="Stores polled in the week before as_of; after a pause of all polls, since the week before it."
        ),
    ]


class ReportFigures(BaseModel):
    """Facts about a complete report."""

    rows: Annotated[int, Field(description="The number of stores.", examples=[14092])]
    as_of: Annotated[str | None, Field(examples=["2023-01-25T18:13:22.47922Z"])] = None
    lake_version: Annotated[int | None, Field(description=VERSION)]
    catalog_version: Annotated[int | None, Field(description=VERSION)]
    seconds: Annotated[float | None, Field(description="How long the run took.", examples=[0.112])] = None
    sha256: Annotated[str, Field(description="The SHA-256 of the file, which is also its ETag.", examples=[_SHA256])]
    as_of_warning: Annotated[AsOfWarning | None, Field(description="null if as_of fits the polls.")] = None


class ReportModel(BaseModel):
    """A report and its progress."""

    report_id: Annotated[str, Field(examples=[EXAMPLE_ID])]
    state: JobState
    progress: Annotated[float, Field(ge=0, le=1)]
    created_at: Annotated[str, Field(examples=["2026-03-01T09:30:00Z"])]
    started_at: str | None
    finished_at: str | None
    attempts: Annotated[int, Field(description="How often the report was started.", examples=[1])]
    cancel_requested: bool
    parameters: ReportParameters
    figures: Annotated[ReportFigures | None, Field(description="null until the report is complete.")]
    error: Annotated[str | None, Field(description="Why the report failed, or why it will be tried again.")]

    @classmethod
    def of(cls, job: Job, caller: Principal) -> "ReportModel":
        """Return a report as the API shows it."""
        result = _shown(job.result, caller) if job.result and job.state is JobState.COMPLETE else None
        return cls(
            report_id=job.job_id,
            state=job.state,
            progress=job.progress,
            created_at=format_instant(job.created_at),
            started_at=format_instant(job.started_at) if job.started_at else None,
            finished_at=format_instant(job.finished_at) if job.finished_at else None,
            attempts=job.attempts,
            cancel_requested=job.cancel_requested,
            parameters=ReportParameters.of(job.parameters),
            figures=ReportFigures.model_validate(result) if result else None,
            error=job.error,
        )


class ReportProgress(BaseModel):
    """The data of an event. Events are named `progress`, the last one has the name of the final state."""

    state: JobState
    progress: Annotated[float, Field(ge=0, le=1)]
    error: str | None


class ReportScope(BaseModel):
    """The scope of the key that created the report."""

    label: str
    value: str


class ManifestModel(BaseModel):
    """The file of a report, and everything needed to compute it again, as `storewatch verify` does."""

    file: Annotated[str, Field(examples=["storewatch_2023-01-25_last-week.xlsx"])]
    sha256: Annotated[str, Field(examples=[_SHA256])]
    as_of: str | None
    policy: Annotated[str, Field(examples=["fill"])]
    max_gap_seconds: float
    lake_version: Annotated[int | None, Field(description=VERSION)]
    catalog_version: Annotated[
        int | None, Field(description=f"The version of stores, hours, closures and annotations. {VERSION}")
    ]
    tzdata_version: Annotated[str, Field(examples=["2026.1"])]
    software_version: Annotated[str, Field(examples=["0.1.0"])]
    scope: ReportScope | None
    parameters: Annotated[
        dict[str, Any],
        Field(description="The parameters as storewatch stores them.", examples=[{"policy": "fill", "format": "csv"}]),
    ]
    totals: Annotated[
        dict[str, dict[str, Any]] | None,
        Field(description="The figures of each window over all stores, as in a JSON report; null if none were stored."),
    ]
    as_of_warning: Annotated[AsOfWarning | None, Field(description="null if as_of fits the polls.")] = None
    rates: Annotated[
        dict[str, Any] | None,
        Field(description="The rates of failure that the intervals were computed with; null without intervals."),
    ] = None

    @classmethod
    def of(cls, manifest: Manifest, caller: Principal) -> "ManifestModel":
        """Return a manifest as the API shows it."""
        return cls.model_validate(_shown(manifest.as_json(), caller))


def _shown(result: Mapping[str, Any], caller: Principal) -> dict[str, Any]:
    """Return the result of a report without versions that the caller must not see."""
    versions = {name: shown_number(result[name], caller.scope) for name in ("lake_version", "catalog_version")}
    return {**result, **versions}
