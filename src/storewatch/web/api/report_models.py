"""What the routes of reports take and give."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from storewatch.catalog import Job
from storewatch.domain.enums import (
    AnnotationMode,
    Breakdown,
    ClosureMode,
    JobState,
    Paper,
    PolicyName,
    ReportFormat,
    ReportTable,
    Section,
)
from storewatch.domain.instants import SECOND_US, format_instant
from storewatch.reports.request.request import MAX_WINDOWS
from storewatch.web.api.jobs import MAX_STORES, Labels, StoreId, Text

Name = Annotated[Text, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")]
Duration = Annotated[Text, Field(min_length=1, max_length=20)]
Zone = Annotated[Text, Field(min_length=1, max_length=256)]
LabelName = Annotated[Text, Field(min_length=1, max_length=200)]
Flag = Annotated[bool, Field(strict=True)]


class ReportMembers(BaseModel):
    """What a report is asked for; what is left out, or null, has its default."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"windows": ["last_week"], "by": "day", "policy": "observed", "format": "xlsx"}]
        },
    )

    policy: Annotated[
        PolicyName | None, Field(description="How far a poll speaks for the time around it; default fill.")
    ] = None
    max_gap: Annotated[
        Duration | None, Field(description="Longest reach of a poll, such as 90m; default: the policy's.")
    ] = None
    store_ids: Annotated[
        list[StoreId] | None, Field(min_length=1, max_length=MAX_STORES, description="Only these stores.")
    ] = None
    labels: Annotated[Labels | None, Field(description="Only stores that carry all of these.")] = None
    zone: Annotated[Zone | None, Field(description="Only stores in this IANA time zone.")] = None
    with_outages: Annotated[Flag | None, Field(description="Only stores with down time in a window.")] = None
    worst: Annotated[
        int | None,
        Field(strict=True, ge=1, le=10_000_000, description="Only the N with the lowest availability in window one."),
    ] = None
    windows: Annotated[
        list[Annotated[Text, Field(min_length=1, max_length=100)]] | None,
        Field(
            max_length=MAX_WINDOWS,
            description=(
                "today, yesterday, this_week, last_week, this_month, last_month, last_hour, last_day, last_7_days, "
                "last_30_days, last_90_days, or an interval of local dates (2023-01-01/2023-02-01) or instants; "
                "default: the classic three."
            ),
            examples=[["last_week", "2023-01-01/2023-02-01"]],
        ),
    ] = None
    rolling: Annotated[Flag | None, Field(description="Windows reach back from as_of, not to local midnights.")] = None
    timezone: Annotated[Zone | None, Field(description="On whose clock; default: each store's own.")] = None
    by: Annotated[Breakdown | None, Field(description="Break the windows down by local time.")] = None
    group_by: Annotated[
        LabelName | None, Field(description="A label, `timezone` or `hours`: figures of each group too.")
    ] = None
    compare_before: Annotated[Flag | None, Field(description="Compare with the period before.")] = None
    peers: Annotated[LabelName | None, Field(description="Compare with the stores of the same value of a label.")] = (
        None
    )
    target: Annotated[
        float | None,
        Field(
            strict=True,
            le=100,
            description="Percent, for stores without a target; 99.5 for 99.5 %.",
            examples=[99.5],
            json_schema_extra={"exclusiveMinimum": 1},  # read_request says it better than pydantic
        ),
    ] = None
    include: Annotated[list[Section] | None, Field(max_length=20, description="What to say beyond figures.")] = None
    min_duration: Annotated[Duration | None, Field(description="Leave shorter outages out, such as 5m.")] = None
    closures: Annotated[
        ClosureMode | None, Field(description="What planned closures are: default honour, a column of their own.")
    ] = None
    annotations: Annotated[
        AnnotationMode | None, Field(description="Whether reclassified down time counts as that; default apply.")
    ] = None
    format: Annotated[ReportFormat | None, Field(description="Default csv: the classic seven columns.")] = None
    table: Annotated[ReportTable | None, Field(description="The one that wide_csv and parquet hold; stores.")] = None
    paper: Annotated[Paper | None, Field(description="Of a PDF; default a4.")] = None

    def asked(self) -> dict[str, Any]:
        """Give what was sent, in the words of `reports.request.read_request`."""
        return self.model_dump(exclude_unset=True)


class ReportBody(ReportMembers):
    """The report that is wanted; an empty object is the classic one on the data of this moment."""

    as_of: Annotated[
        str | None,
        Field(
            max_length=64,
            description="The report's now; default: the newest observation.",
            examples=["2023-01-25T18:13:22Z"],
        ),
    ] = None
    definition: Annotated[
        Name | None, Field(description="A saved report; what else is sent goes before its members.", examples=[None])
    ] = None

    def asked(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True, exclude={"as_of"})


class ReportParameters(BaseModel):
    """A report as it was asked for."""

    as_of: str | None = None
    policy: str | None = None
    max_gap_seconds: float | None = None
    store_ids: list[str] | None = None
    labels: dict[str, str] = {}
    zone: str | None = None
    with_outages: bool = False
    worst: int | None = None
    windows: Annotated[list[str], Field(description="None are the classic three.")] = []
    rolling: bool = False
    timezone: str | None = None
    by: Breakdown | None = None
    group_by: str | None = None
    compare_before: bool = False
    peers: str | None = None
    target: float | None = None
    include: list[Section] = []
    min_duration: str | None = None
    closures: ClosureMode = ClosureMode.HONOUR
    annotations: AnnotationMode = AnnotationMode.APPLY
    format: ReportFormat = ReportFormat.CSV
    table: ReportTable = ReportTable.STORES
    paper: Paper = Paper.A4
    definition: Annotated[
        str | None,
        Field(description="Only of a scheduled report that failed, because its definition could not be used."),
    ] = None

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "ReportParameters":
        """Read the parameters of a job, as `ReportRequest.parameters` writes them."""
        members = {name: value for name, value in kept.items() if name in cls.model_fields}
        if "max_gap_us" in kept:
            members["max_gap_seconds"] = kept["max_gap_us"] / SECOND_US
        return cls(**members)


class ReportFigures(BaseModel):
    """What a finished report says about itself."""

    rows: Annotated[int, Field(description="How many stores.", examples=[14092])]
    as_of: Annotated[str | None, Field(examples=["2023-01-25T18:13:22.47922Z"])] = None
    lake_version: int
    catalog_version: int
    seconds: Annotated[float | None, Field(description="How long the run took.", examples=[0.112])] = None
    sha256: Annotated[str, Field(description="Of the file; also its ETag.")]


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
