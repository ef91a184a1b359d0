"""What the routes of reports take and give."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from storewatch.catalog import Job
from storewatch.domain.enums import JobState
from storewatch.domain.instants import SECOND_US, format_instant
from storewatch.reports.request.parameters import Text, answer_of, body_of
from storewatch.reports.request.request import ReportRequest

Name = Annotated[Text, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")]


class Members(BaseModel):
    """The base of JSON bodies with the parameters of a report: unknown members are refused."""

    model_config = ConfigDict(extra="forbid")

    def given(self) -> dict[str, Any]:
        """Return the members that were sent, as `read_request` reads them."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"as_of"})


@body_of(ReportRequest, only_in_definitions=True)
class ReportMembers(Members):
    """The parameters of a report. A member that is left out or null has its default."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"windows": ["last_week"], "by": "day", "policy": "observed", "format": "xlsx"}]
        },
    )


@body_of(ReportRequest)
class ReportBody(Members):
    """The report to compute. An empty object is the classic one on the data of this moment."""

    model_config = ReportMembers.model_config

    if TYPE_CHECKING:  # the request describes it
        as_of: str | None = None
    definition: Annotated[
        Name | None,
        Field(description="A saved report; other members replace those that it has.", examples=[None]),
    ] = None


@answer_of(ReportRequest, without=("max_gap",))
class ReportParameters(BaseModel):
    """The parameters of a report as it was asked for."""

    policy: Annotated[str | None, Field(description="How far a poll counts for the time around it.")] = None
    max_gap_seconds: Annotated[float | None, Field(description="The longest time that one poll counts for.")] = None
    definition: Annotated[
        str | None,
        Field(description="Only of a scheduled report that failed because its definition could not be used."),
    ] = None

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "ReportParameters":
        """Read the parameters of a job, as `ReportRequest.parameters` writes them."""
        members = {name: value for name, value in kept.items() if name in cls.model_fields}
        if "max_gap_us" in kept:
            members["max_gap_seconds"] = kept["max_gap_us"] / SECOND_US
        return cls(**members)


class AsOfWarning(BaseModel):
    """as_of does not fit the polls: few of the stores that are polled were polled in the 24 hours before it."""

    text: str
    as_of: Annotated[str, Field(examples=["2024-01-12T10:00:00Z"])]
    as_of_that_fits: Annotated[str, Field(description="An as_of to send instead.", examples=["2023-01-17T23:00:00Z"])]
    stores_polled_in_last_day: int
    stores_expected: Annotated[
        int, Field(description="Polled in the week before as_of, or since the week before the last pause of all polls.")
    ]


class ReportFigures(BaseModel):
    """What a finished report says about itself."""

    rows: Annotated[int, Field(description="How many stores.", examples=[14092])]
    as_of: Annotated[str | None, Field(examples=["2023-01-25T18:13:22.47922Z"])] = None
    lake_version: int
    catalog_version: int
    seconds: Annotated[float | None, Field(description="How long the run took.", examples=[0.112])] = None
    sha256: Annotated[str, Field(description="Of the file; also its ETag.")]
    as_of_warning: Annotated[AsOfWarning | None, Field(description="null where as_of fits the polls.")] = None


class ReportModel(BaseModel):
    """A report and how far it is."""

    report_id: Annotated[str, Field(examples=["1f0c2a52-7d1c-4a55-9a33-6a4a4f4d1c5e"])]
    state: JobState
    progress: Annotated[float, Field(ge=0, le=1)]
    created_at: Annotated[str, Field(examples=["2026-03-01T09:30:00Z"])]
    started_at: str | None
    finished_at: str | None
    attempts: Annotated[int, Field(description="How often it was begun.", examples=[1])]
    cancel_requested: bool
    parameters: ReportParameters
    figures: Annotated[ReportFigures | None, Field(description="Of a complete report.")]
    error: Annotated[str | None, Field(description="Why it failed, or why it has to be tried again.")]

    @classmethod
    def of(cls, job: Job) -> "ReportModel":
        result: dict[str, Any] | None = job.result if job.state is JobState.COMPLETE else None
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
    """An event of a report: `progress`, or at its end the name of its last state."""

    state: JobState
    progress: Annotated[float, Field(ge=0, le=1)]
    error: str | None


class ScopeModel(BaseModel):
    """The scope of the key that asked."""

    label: str
    value: str


class ManifestModel(BaseModel):
    """A report's file and all that decides what is in it; `storewatch verify` makes it again from this."""

    file: Annotated[str, Field(examples=["storewatch_2023-01-25_last-week.xlsx"])]
    sha256: str
    as_of: str | None
    policy: str
    max_gap_seconds: float
    lake_version: int
    catalog_version: Annotated[int, Field(description="Of stores, hours, closures and annotations.")]
    tzdata_version: str
    software_version: str
    scope: ScopeModel | None
    parameters: Annotated[dict[str, Any], Field(description="As storewatch keeps them.")]
    totals: Annotated[
        dict[str, dict[str, Any]] | None,
        Field(
            description="Of each window its figures over all stores, as in the JSON form; null where none were kept."
        ),
    ]
    as_of_warning: Annotated[AsOfWarning | None, Field(description="null where as_of fits the polls.")] = None
