"""One store over time: its timeline, its availability by day or hour, its observations."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from storewatch.access import Principal
from storewatch.catalog import StoreRows
from storewatch.domain.instants import instant_us
from storewatch.domain.policies import OBSERVED
from storewatch.engine.sampling import FailureRates
from storewatch.installation import Installation
from storewatch.stores.observations import read_observations
from storewatch.stores.states import Moment
from storewatch.stores.timeline import (
    MAX_DAYS,
    MAX_HOURLY_DAYS,
    HistoryQuery,
    Range,
    Step,
    choose_range,
    store_availability,
    store_timeline,
)
from storewatch.web.api.targeting import NO_STORE, StorePath
from storewatch.web.api.timelines.history import (
    From,
    HistoryParameters,
    HistoryRequest,
    To,
    history_parameters,
    history_responses,
)
from storewatch.web.api.timelines.models import AvailabilityModel, Observation, RatesModel, TimelineModel, poll_status
from storewatch.web.dependencies import Installed
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor
from storewatch.web.parameters import field, instant
from storewatch.web.problems import problem_responses
from storewatch.web.security import Viewer
from storewatch.web.store_paths import PART_OF_STORE

router = APIRouter(tags=["stores"])

_Parameters = Annotated[HistoryParameters, Depends(history_parameters(OBSERVED))]
_Include = Annotated[
    list[Literal["sampling"]], Query(description="sampling: the 95 % intervals that the polls leave.", max_length=1)
]


@router.get(
    f"{PART_OF_STORE}/timeline",
    operation_id="getTimeline",
    response_model=TimelineModel,
    responses=history_responses(NO_STORE),
)
def get_timeline(
    store_id: StorePath,
    request: Request,
    caller: Viewer,
    installation: Installed,
    shared: _Parameters,
    include: _Include = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Return the sessions, spans of status and polls of a store, with the figures of the range.

    With `include=sampling` the answer says how sure the availability is, as in `/availability`.
    """

    def build(store: StoreRows, moment: Moment, query: HistoryQuery, about: dict[str, Any]) -> TimelineModel:
        if not include:
            return TimelineModel.of(store_timeline(store, moment, query), about)
        rates, sampling = _sampling(installation, caller, moment, query)
        return TimelineModel.of(store_timeline(store, moment, query, rates), about | {"sampling": sampling})

    history = HistoryRequest(
        request=request,
        installation=installation,
        caller=caller,
        store_id=store_id,
        shared=shared,
        name="timeline",
        parameters=(*include,),
    )
    return history.answer(build)


@router.get(
    f"{PART_OF_STORE}/availability",
    operation_id="getAvailability",
    response_model=AvailabilityModel,
    responses=history_responses(NO_STORE),
)
def get_availability(
    store_id: StorePath,
    request: Request,
    caller: Viewer,
    installation: Installed,
    shared: _Parameters,
    by: Annotated[Step, Query(description="Local days or local hours of the store.")] = Step.DAY,
    include: _Include = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Return the figures of a store in the range, and by local day or hour.

    The range is at most 400 days by day, and 32 days by hour. With `include=sampling` the answer says how sure each
    availability is. The rates of failure come from the polls of all stores that the key sees.
    """

    def build(store: StoreRows, moment: Moment, query: HistoryQuery, about: dict[str, Any]) -> AvailabilityModel:
        if not include:
            return AvailabilityModel.of(store_availability(store, moment, query, by), by, about)
        rates, sampling = _sampling(installation, caller, moment, query)
        found = store_availability(store, moment, query, by, rates)
        return AvailabilityModel.of(found, by, about | {"sampling": sampling})

    history = HistoryRequest(
        request=request,
        installation=installation,
        caller=caller,
        store_id=store_id,
        shared=shared,
        name="availability",
        parameters=(by.value, *include),
        max_days=MAX_DAYS if by is Step.DAY else MAX_HOURLY_DAYS,
    )
    return history.answer(build)


@router.get(
    f"{PART_OF_STORE}/observations",
    operation_id="listStoreObservations",
    responses=problem_responses(422, s404=NO_STORE),
)
def list_observations(
    store_id: StorePath,
    caller: Viewer,
    installation: Installed,
    begin: From = None,
    to: To = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Observation]:
    """List the observations of a store in a range, by time. If an instant was pushed twice, the later push counts."""
    store, moment = installation.stores.read(store_id, caller.scope)
    first, end = instant(begin, "query", "from"), instant(to, "query", "to")
    place = decode_cursor(cursor, int)
    with field("query", "from"):
        chosen = choose_range(first, end, moment.as_of_us, includes_as_of=True)
    if place and place[0] >= chosen.from_us:
        chosen = Range(from_us=min(place[0] + 1, chosen.to_us), to_us=chosen.to_us)
    seen = read_observations(moment.snapshot, store.frame["store_id"][0], chosen.from_us, chosen.to_us, limit + 1)
    rows = [
        Observation(
            observed_at=each.observed_at,
            status=poll_status(active=each.active),
            reason=each.reason,
            source=each.source,
        )
        for each in seen
    ]
    return Page[Observation].of(rows, limit, lambda row: (instant_us(row.observed_at),))


def _sampling(
    installation: Installation, caller: Principal, moment: Moment, query: HistoryQuery
) -> tuple[FailureRates | None, RatesModel | None]:
    """Return the rates for intervals, and how an answer shows them; None before the first poll that the key sees."""
    if moment.as_of_us is None:
        return None, None
    fleet = installation.reports.read_rates(moment, query, caller.scope)
    return fleet.rates, RatesModel.model_validate(fleet.as_json())
