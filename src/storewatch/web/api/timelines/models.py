"""Timelines, availability and observations of one store in answers."""

from datetime import datetime
from math import isnan
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from storewatch.domain.columns import Float64s, Int64s
from storewatch.domain.enums import AnnotationMode, ClosureMode, Status
from storewatch.domain.instants import SECOND_US, instant_of
from storewatch.engine.measures import Measures
from storewatch.engine.sampling import MOMENTS, estimates
from storewatch.stores.timeline import Availability, Poll, Step, Timeline

StatusName = Literal["up", "down", "unknown", "planned"]
PollStatus = Literal["active", "inactive"]
PollReason = Annotated[str | None, Field(description="The reason sent with the observation; null if none was.")]
PollSource = Annotated[str | None, Field(description="The platform, channel or poller; null if none was sent.")]

_STATUS_NAMES: Final[dict[Status, StatusName]] = {
    Status.DOWN: "down",
    Status.UP: "up",
    Status.UNKNOWN: "unknown",
    Status.PLANNED: "planned",
}
EXAMPLE_FIGURES: Final[dict[str, Any]] = {
    "business_seconds": 10_800.0,
    "up_seconds": 8_100.0,
    "down_seconds": 2_700.0,
    "unknown_seconds": 0.0,
    "planned_seconds": 0.0,
    "availability": 0.75,
    "coverage": 1.0,
    "availability_lowest": 0.75,
    "availability_highest": 0.75,
}
EXAMPLE_RANGE: Final[dict[str, Any]] = {
    "store_id": "cafe",
    "timezone": "America/New_York",
    "from": "2023-01-23T05:00:00Z",
    "to": "2023-01-24T05:00:00Z",
    "as_of": "2023-01-23T18:00:00Z",
    "policy": "observed",
    "max_gap_seconds": 10_800.0,
    "closures": "honour",
    "annotations": "apply",
    "sources": [],
}


EXAMPLE_RATES: Final[dict[str, Any]] = {
    "stores": 498,
    "changes": 16_021,
    "from": "2022-12-23T18:00:00Z",
    "to": "2023-01-23T18:00:00Z",
    "down_per_hour": 0.021,
    "up_per_hour": 0.62,
    "widening": 1.4,
}


def _example(members: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [EXAMPLE_RANGE | members]})


class Figures(BaseModel):
    """Seconds of business time and the ratios computed from them. A ratio is null if it would divide by 0."""

    business_seconds: float
    up_seconds: float
    down_seconds: float
    unknown_seconds: float
    planned_seconds: Annotated[
        float, Field(description="Planned closures: part of business_seconds, not of up, down or unknown.")
    ]
    availability: Annotated[float | None, Field(description="up / (up + down), the share of the known time")]
    coverage: Annotated[float | None, Field(description="(up + down) / (business - planned)")]
    availability_lowest: float | None
    availability_highest: float | None

    @classmethod
    def of(cls, totals_us: Int64s, measures: Measures, row: int = 0) -> "Figures":
        """Return the figures of one row of totals, int64[N,4] by Status, and of their measures."""
        return cls(**_figures(totals_us, measures, row))


class SampledFigures(Figures):
    """Figures, and how sure they are. The further members are there with include=sampling only.

    They are null where no time is known, and without rates of failure.
    """

    availability_expected: Annotated[
        float | None, Field(description="The share of the known time that was probably up, given the polls.")
    ] = None
    availability_from: Annotated[float | None, Field(description="The lower limit of the 95 % interval.")] = None
    availability_to: Annotated[float | None, Field(description="The upper limit of the 95 % interval.")] = None
    unseen_outages_expected: Annotated[
        float | None, Field(description="How many outages probably began and ended between two polls.")
    ] = None
    seen_outage_minutes: Annotated[
        float | None, Field(description="The length of outages that these polls see 95 times of 100.")
    ] = None


class RatesModel(BaseModel):
    """The rates of failure that intervals are computed from, per hour of business time, or why there are none."""

    model_config = ConfigDict(validate_by_name=True, json_schema_extra={"examples": [EXAMPLE_RATES]})

    stores: Annotated[int, Field(description="The stores that the rates are of: all that the key sees.")]
    changes: Annotated[int, Field(description="How often their polls changed between active and inactive.")]
    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    down_per_hour: float | None = None
    up_per_hour: float | None = None
    widening: float | None = None
    missing: Annotated[str | None, Field(description="Why there are no rates.")] = None


class StoreRange(BaseModel):
    """The store, the range and the parameters that the figures were computed with."""

    model_config = ConfigDict(validate_by_name=True)

    store_id: str
    timezone: str
    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    as_of: Annotated[datetime | None, Field(description="The newest observation.")]
    policy: str
    max_gap_seconds: float
    closures: ClosureMode
    annotations: AnnotationMode
    sources: Annotated[
        list[str], Field(description="Only polls of these sources count, in their common spelling; empty: all polls.")
    ]


class SampledRange(StoreRange):
    """A range with figures that may have intervals."""

    sampling: Annotated[
        RatesModel | None,
        Field(description="With include=sampling only. Null before the first poll of any store that the key sees."),
    ] = None


class Session(BaseModel):
    """A stretch of open time, cut to the range."""

    open: datetime
    close: datetime


class StatusSpan(BaseModel):
    """A stretch with one status inside a session. A planned closure is a stretch between sessions."""

    start: datetime
    end: datetime
    status: StatusName


class PollModel(BaseModel):
    """An observation. counted: it was made in open time, so it is evidence."""

    observed_at: datetime
    status: PollStatus
    counted: bool
    reason: PollReason = None
    source: PollSource = None

    @classmethod
    def of(cls, poll: Poll) -> "PollModel":
        """Return an observation as the API shows it."""
        return cls(
            observed_at=instant_of(poll.observed_us),
            status=poll_status(active=poll.active),
            counted=poll.counted,
            reason=poll.reason,
            source=poll.source,
        )


class TimelineModel(SampledRange):
    """The sessions, spans of status and polls of a store in the range."""

    model_config = _example(
        {
            "figures": EXAMPLE_FIGURES,
            "sessions": [{"open": "2023-01-23T14:00:00Z", "close": "2023-01-23T17:00:00Z"}],
            "spans": [
                {"start": "2023-01-23T14:00:00Z", "end": "2023-01-23T16:15:00Z", "status": "up"},
                {"start": "2023-01-23T16:15:00Z", "end": "2023-01-23T17:00:00Z", "status": "down"},
            ],
            "polls": [
                {
                    "observed_at": "2023-01-23T15:14:00Z",
                    "status": "active",
                    "counted": True,
                    "reason": None,
                    "source": "ubereats",
                }
            ],
        }
    )

    figures: SampledFigures
    sessions: list[Session]
    spans: list[StatusSpan]
    polls: list[PollModel]

    @classmethod
    def of(cls, found: Timeline, about: dict[str, Any]) -> "TimelineModel":
        """Return a timeline as the API shows it. about: the members of SampledRange."""
        return cls(
            **about,
            figures=SampledFigures(
                **_figures(found.totals_us, found.measures, 0), **_sampled(found.moments, 1, about)[0]
            ),
            sessions=[Session(open=instant_of(begin), close=instant_of(end)) for begin, end in found.sessions],
            spans=[
                StatusSpan(
                    start=instant_of(span.start_us), end=instant_of(span.end_us), status=_STATUS_NAMES[span.status]
                )
                for span in found.spans
            ],
            polls=[PollModel.of(poll) for poll in found.polls],
        )


class LocalPeriod(BaseModel):
    """One local day or hour, cut to the range."""

    model_config = ConfigDict(validate_by_name=True)

    local: Annotated[str, Field(description="The local start: a date, or a date and hour.")]
    from_: Annotated[datetime, Field(alias="from")]
    to: datetime


class AvailabilityRow(SampledFigures, LocalPeriod):
    """The figures of one local day or hour."""


class AvailabilityModel(SampledRange):
    """The figures of a store by local day or hour. The rows add up to the total."""

    model_config = _example(
        {
            "by": "day",
            "total": EXAMPLE_FIGURES,
            "rows": [
                EXAMPLE_FIGURES | {"local": "2023-01-23", "from": EXAMPLE_RANGE["from"], "to": EXAMPLE_RANGE["to"]}
            ],
        }
    )

    by: Step
    total: SampledFigures
    rows: list[AvailabilityRow]

    @classmethod
    def of(cls, found: Availability, by: Step, about: dict[str, Any]) -> "AvailabilityModel":
        """Return availability as the API shows it. about: the members of SampledRange."""
        sampled = _sampled(found.moments, len(found.totals_us), about)
        edges = [instant_of(edge_us) for edge_us in found.edges_us.tolist()]
        return cls(
            **about,
            by=by,
            total=SampledFigures(**_figures(found.totals_us, found.measures, 0), **sampled[0]),
            rows=[
                AvailabilityRow(
                    local=start.date().isoformat() if by is Step.DAY else start.isoformat(timespec="minutes"),
                    from_=edges[number],
                    to=edges[number + 1],
                    **_figures(found.totals_us, found.measures, number + 1),
                    **sampled[number + 1],
                )
                for number, start in enumerate(found.starts)
            ],
        )


class Observation(BaseModel):
    """One observation."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "observed_at": "2023-01-23T15:14:00Z",
                    "status": "inactive",
                    "reason": "paused by the restaurant",
                    "source": "ubereats",
                }
            ]
        }
    )

    observed_at: datetime
    status: PollStatus
    reason: PollReason = None
    source: PollSource = None


def poll_status(*, active: bool) -> PollStatus:
    """Return the status of an observation as the API spells it."""
    return "active" if active else "inactive"


def _sampled(moments: Float64s | None, count: int, about: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the members of SampledFigures beyond Figures, for `count` ranges; none without `sampling` in `about`."""
    if "sampling" not in about:
        return [{}] * count
    columns = estimates(np.zeros((count, len(MOMENTS))) if moments is None else moments)
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    return [{name: None if isnan(value) else value for name, value in zip(columns, row, strict=True)} for row in rows]


def _figures(totals_us: Int64s, measures: Measures, row: int) -> dict[str, Any]:
    ratios = {
        "availability": measures.availability,
        "coverage": measures.coverage,
        "availability_lowest": measures.lowest,
        "availability_highest": measures.highest,
    }
    return {
        "business_seconds": int(measures.business_us[row]) / SECOND_US,
        "up_seconds": int(totals_us[row, Status.UP]) / SECOND_US,
        "down_seconds": int(totals_us[row, Status.DOWN]) / SECOND_US,
        "unknown_seconds": int(totals_us[row, Status.UNKNOWN]) / SECOND_US,
        "planned_seconds": int(totals_us[row, Status.PLANNED]) / SECOND_US,
        **{name: None if np.isnan(values[row]) else float(values[row]) for name, values in ratios.items()},
    }
