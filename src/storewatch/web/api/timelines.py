"""One store over time: its timeline, its availability by day or hour, its observations."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from storewatch.catalog import StoreRows
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import AnnotationMode, ClosureMode, Status
from storewatch.domain.errors import UnknownStoreError
from storewatch.domain.instants import SECOND_US, instant_of, instant_us
from storewatch.domain.labels import Scope
from storewatch.domain.policies import OBSERVED, Policy, choose_policy
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.engine.measures import Measures
from storewatch.installation import Installation
from storewatch.stores.states import Moment
from storewatch.stores.timeline import (
    DEFAULT_DAYS,
    MAX_DAYS,
    MAX_HOURLY_DAYS,
    HistoryQuery,
    Range,
    Step,
    choose_range,
    store_availability,
    store_observations,
    store_timeline,
)
from storewatch.web.api.store_models import StoreId
from storewatch.web.etags import etag_of, headers, not_modified
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor
from storewatch.web.parameters import field, instant
from storewatch.web.problems import problem_responses
from storewatch.web.security import Viewer

NO_STORE: Final = "There is no store with this id, or none within the scope of the key."

StatusName = Literal["up", "down", "unknown", "planned"]

_STATUS_WORDS: Final[dict[Status, StatusName]] = {
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
}

From = Annotated[
    str | None,
    Query(alias="from", max_length=64, description=f"RFC 3339; default: {DEFAULT_DAYS} days before `to`.", examples=[]),
]
To = Annotated[
    str | None, Query(max_length=64, description="RFC 3339, not included; default: as_of, the newest observation.")
]
PolicyName = Annotated[str, Query(max_length=64, json_schema_extra={"enum": ["fill", "observed"]})]
MaxGap = Annotated[
    str | None, Query(max_length=64, description="How far a poll speaks, such as `90m`; default: that of the policy.")
]

ClosuresMode = Annotated[
    ClosureMode,
    Query(
        description="Planned closures: honour counts them as planned, exclude not at all, ignore as if they were none."
    ),
]
AnnotationsMode = Annotated[
    AnnotationMode, Query(description="Whether reclassified down time counts as what it is said.")
]


class Figures(BaseModel):
    """Seconds of business time and what follows from them; a ratio of nothing is null."""

    business_seconds: float
    up_seconds: float
    down_seconds: float
    unknown_seconds: float
    planned_seconds: Annotated[float, Field(description="Closed on purpose: part of business, of nothing below.")]
    availability: Annotated[float | None, Field(description="up / (up + down): of what is known")]
    coverage: Annotated[float | None, Field(description="(up + down) / (business - planned)")]
    availability_lowest: float | None
    availability_highest: float | None


class StoreRange(BaseModel):
    """What the figures are about and how they were made."""

    model_config = ConfigDict(validate_by_name=True)

    store_id: str
    timezone: str
    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    as_of: Annotated[datetime | None, Field(description="The newest observation; later evidence there is none.")]
    policy: str
    max_gap_seconds: float
    closures: ClosureMode
    annotations: AnnotationMode


class Session(BaseModel):
    """A stretch of open time, cut to the range."""

    open: datetime
    close: datetime


class StatusSpan(BaseModel):
    """A stretch of one status inside a session; a planned one of a closure lies between sessions."""

    start: datetime
    end: datetime
    status: StatusName


class PollModel(BaseModel):
    """An observation. counted: made in open time, so it is evidence."""

    observed_at: datetime
    status: Literal["active", "inactive"]
    counted: bool


class TimelineModel(StoreRange):
    """What happened to a store in the range."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                EXAMPLE_RANGE
                | {
                    "figures": EXAMPLE_FIGURES,
                    "sessions": [{"open": "2023-01-23T14:00:00Z", "close": "2023-01-23T17:00:00Z"}],
                    "spans": [
                        {"start": "2023-01-23T14:00:00Z", "end": "2023-01-23T16:15:00Z", "status": "up"},
                        {"start": "2023-01-23T16:15:00Z", "end": "2023-01-23T17:00:00Z", "status": "down"},
                    ],
                    "polls": [{"observed_at": "2023-01-23T15:14:00Z", "status": "active", "counted": True}],
                }
            ]
        }
    )

    figures: Figures
    sessions: list[Session]
    spans: list[StatusSpan]
    polls: list[PollModel]


class Part(BaseModel):
    """One local day or hour, cut to the range."""

    model_config = ConfigDict(validate_by_name=True)

    local: Annotated[str, Field(description="What the store's clock reads when it begins: a date, or a date and hour.")]
    from_: Annotated[datetime, Field(alias="from")]
    to: datetime


class AvailabilityRow(Figures, Part):
    """The figures of one local day or hour."""


class AvailabilityModel(StoreRange):
    """The figures of a store by local day or hour; the rows add up to the total."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                EXAMPLE_RANGE
                | {
                    "by": "day",
                    "total": EXAMPLE_FIGURES,
                    "rows": [
                        EXAMPLE_FIGURES
                        | {"local": "2023-01-23", "from": EXAMPLE_RANGE["from"], "to": EXAMPLE_RANGE["to"]}
                    ],
                }
            ]
        }
    )

    by: Step
    total: Figures
    rows: list[AvailabilityRow]


class Observation(BaseModel):
    """One observation."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"observed_at": "2023-01-23T15:14:00Z", "status": "active"}]}
    )

    observed_at: datetime
    status: Literal["active", "inactive"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The parameters that timeline, availability and outages share, as they came."""

    begin: datetime | None
    end: datetime | None
    policy: Policy
    closures: ClosureMode = ClosureMode.HONOUR
    annotations: AnnotationMode = AnnotationMode.APPLY

    def query(self, chosen: Range) -> HistoryQuery:
        """Return the query of a range."""
        return HistoryQuery(range=chosen, policy=self.policy, closures=self.closures, annotations=self.annotations)

    def words(self) -> tuple[str | int | None, ...]:
        ends = (None if end is None else instant_us(end) for end in (self.begin, self.end))
        return (*ends, self.policy.name, self.policy.max_gap_us, self.closures, self.annotations)


def asked_by(default: Policy) -> Callable[..., Asked]:
    """Give the dependency that reads the parameters, with the policy that holds where none is sent."""

    def asked(
        begin: From = None,
        to: To = None,
        policy: PolicyName = default.name,
        max_gap: MaxGap = None,
        closures: ClosuresMode = ClosureMode.HONOUR,
        annotations: AnnotationsMode = AnnotationMode.APPLY,
    ) -> Asked:
        with field("query", "policy" if max_gap is None else "max_gap"):
            chosen = choose_policy(policy, max_gap)
        return Asked(
            begin=instant(begin, "query", "from"),
            end=instant(to, "query", "to"),
            policy=chosen,
            closures=closures,
            annotations=annotations,
        )

    return asked


def timeline_routes(parts: Installation) -> APIRouter:
    router = APIRouter()
    asked = asked_by(OBSERVED)
    documented = problem_responses(422, s404=NO_STORE) | {
        304: {"description": "The answer with this ETag still holds."}
    }

    @router.get(
        "/v1/stores/{store_id:path}/timeline",
        operation_id="getTimeline",
        response_model=TimelineModel,
        responses=documented,
    )
    def get_timeline(
        store_id: StoreId, request: Request, caller: Viewer, question: Annotated[Asked, Depends(asked)]
    ) -> Response:
        """Give a store's sessions, spans of status and polls, with the figures of the range."""
        store, moment = find_rows(parts, store_id, caller.scope)
        etag = etag_of(moment, ("timeline", store_id, *question.words()))
        if (known := not_modified(request, etag)) is not None:
            return known
        chosen = range_of(question, moment, MAX_DAYS)
        found = store_timeline(store, moment, question.query(chosen))
        answer = TimelineModel(
            **range_members(store, moment, chosen, question),
            figures=figures_of(found.totals_us, found.measures, 0),
            sessions=[Session(open=instant_of(begin), close=instant_of(end)) for begin, end in found.sessions],
            spans=[
                StatusSpan(
                    start=instant_of(span.start_us), end=instant_of(span.end_us), status=_STATUS_WORDS[span.status]
                )
                for span in found.spans
            ],
            polls=[
                PollModel(
                    observed_at=instant_of(poll.observed_us), status=_poll_word(poll.active), counted=poll.counted
                )
                for poll in found.polls
            ],
        )
        return json_answer(answer, etag)

    @router.get(
        "/v1/stores/{store_id:path}/availability",
        operation_id="getAvailability",
        response_model=AvailabilityModel,
        responses=documented,
    )
    def get_availability(
        store_id: StoreId,
        request: Request,
        caller: Viewer,
        question: Annotated[Asked, Depends(asked)],
        by: Annotated[Step, Query(description="Installation by the store's own clock.")] = Step.DAY,
    ) -> Response:
        """Give a store's figures in the range, and by local day or hour.

        At most 400 days by day, 32 by hour.
        """
        store, moment = find_rows(parts, store_id, caller.scope)
        etag = etag_of(moment, ("availability", store_id, by.value, *question.words()))
        if (known := not_modified(request, etag)) is not None:
            return known
        chosen = range_of(question, moment, MAX_DAYS if by is Step.DAY else MAX_HOURLY_DAYS)
        found = store_availability(store, moment, question.query(chosen), by)
        edges = [instant_of(edge_us) for edge_us in found.edges_us.tolist()]
        answer = AvailabilityModel(
            **range_members(store, moment, chosen, question),
            by=by,
            total=figures_of(found.totals_us, found.measures, 0),
            rows=[
                AvailabilityRow(
                    local=start.date().isoformat() if by is Step.DAY else start.isoformat(timespec="minutes"),
                    from_=edges[number],
                    to=edges[number + 1],
                    **figures_of(found.totals_us, found.measures, number + 1).model_dump(),
                )
                for number, start in enumerate(found.starts)
            ],
        )
        return json_answer(answer, etag)

    @router.get(
        "/v1/stores/{store_id:path}/observations",
        operation_id="listStoreObservations",
        responses=problem_responses(422, s404=NO_STORE),
    )
    def list_observations(
        store_id: StoreId,
        caller: Viewer,
        begin: From = None,
        to: To = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[Observation]:
        """List what was observed of a store in the range, in order; of an instant pushed twice, the later push."""
        store, moment = find_rows(parts, store_id, caller.scope)
        question = Asked(begin=instant(begin, "query", "from"), end=instant(to, "query", "to"), policy=OBSERVED)
        place = decode_cursor(cursor, int)
        with field("query", "from"):
            chosen = choose_range(question.begin, question.end, moment.as_of_us, includes_as_of=True)
        if place and place[0] >= chosen.from_us:
            chosen = Range(from_us=min(place[0] + 1, chosen.to_us), to_us=chosen.to_us)
        seen = store_observations(store, moment.snapshot, chosen)[: limit + 1]
        rows = [Observation(observed_at=instant_of(at_us), status=_poll_word(active)) for at_us, active in seen]
        return Page[Observation].of(rows, limit, lambda row: (instant_us(row.observed_at),))

    return router


def find_rows(parts: Installation, store_id: str, scope: Scope) -> tuple[StoreRows, Moment]:
    """Find a store, and the moment of the data for the caller; raises UnknownStoreError."""
    store = parts.catalog.stores.find(store_id, scope)
    if store is None:
        raise UnknownStoreError(store_id)
    return store, parts.stores.moment(scope)


def range_of(question: Asked, moment: Moment, max_days: int) -> Range:
    """Read the range of a question; the error names the field."""
    with field("query", "from"):
        return choose_range(question.begin, question.end, moment.as_of_us, max_days=max_days)


def range_members(store: StoreRows, moment: Moment, chosen: Range, question: Asked) -> dict[str, Any]:
    """Give the members of StoreRange."""
    policy = question.policy
    return {
        "store_id": store.frame["store_id"][0],
        "timezone": store.frame["timezone"][0] or DEFAULT_TIMEZONE,
        "from_": instant_of(chosen.from_us),
        "to": instant_of(chosen.to_us),
        "as_of": None if moment.as_of_us is None else instant_of(moment.as_of_us),
        "policy": policy.name,
        "max_gap_seconds": policy.max_gap_us / SECOND_US,
        "closures": question.closures,
        "annotations": question.annotations,
    }


def figures_of(totals_us: Int64s, measures: Measures, row: int) -> Figures:
    ratios = {
        "availability": measures.availability,
        "coverage": measures.coverage,
        "availability_lowest": measures.lowest,
        "availability_highest": measures.highest,
    }
    return Figures(
        business_seconds=int(measures.business_us[row]) / SECOND_US,
        up_seconds=int(totals_us[row, Status.UP]) / SECOND_US,
        down_seconds=int(totals_us[row, Status.DOWN]) / SECOND_US,
        unknown_seconds=int(totals_us[row, Status.UNKNOWN]) / SECOND_US,
        planned_seconds=int(totals_us[row, Status.PLANNED]) / SECOND_US,
        **{name: None if np.isnan(values[row]) else float(values[row]) for name, values in ratios.items()},
    )


def _poll_word(active: bool) -> Literal["active", "inactive"]:
    return "active" if active else "inactive"


def json_answer(answer: BaseModel, etag: str) -> Response:
    """Send a model with its ETag."""
    return Response(answer.model_dump_json(by_alias=True), media_type="application/json", headers=headers(etag))
