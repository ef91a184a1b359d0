"""The outages of one store in a range."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from storewatch.catalog import StoreRows
from storewatch.domain.instants import parse_duration_us
from storewatch.domain.policies import FILL
from storewatch.stores.outages import store_outages
from storewatch.stores.states import Moment
from storewatch.stores.timeline import HistoryQuery
from storewatch.web.api.outages.models import OutagesModel
from storewatch.web.api.targeting import NO_STORE, StorePath
from storewatch.web.api.timelines.history import (
    HistoryParameters,
    HistoryRequest,
    history_parameters,
    history_responses,
)
from storewatch.web.dependencies import Installed
from storewatch.web.parameters import field
from storewatch.web.security import Viewer
from storewatch.web.store_paths import PART_OF_STORE

router = APIRouter(tags=["stores"])


@router.get(
    f"{PART_OF_STORE}/outages",
    operation_id="listOutages",
    response_model=OutagesModel,
    responses=history_responses(NO_STORE),
)
def list_outages(
    store_id: StorePath,
    request: Request,
    caller: Viewer,
    installation: Installed,
    shared: Annotated[HistoryParameters, Depends(history_parameters(FILL))],
    min_duration: Annotated[
        str | None, Query(max_length=20, description="Leave out shorter outages, such as `5m`.", examples=[])
    ] = None,
) -> Response:
    """List the outages of a store in the range. Closed time between two periods of down time does not end an outage.

    The default policy is `fill`, as in reports.
    """
    history = HistoryRequest(
        request=request,
        installation=installation,
        caller=caller,
        store_id=store_id,
        shared=shared,
        name="outages",
        parameters=(min_duration,),
    )

    def build(store: StoreRows, moment: Moment, query: HistoryQuery, about: dict[str, Any]) -> OutagesModel:
        with field("query", "min_duration"):
            shortest_us = 0 if min_duration is None else parse_duration_us(min_duration)
        found = store_outages(store, moment, query, min_duration_us=shortest_us, catalog=installation.catalog)
        return OutagesModel.of(found, shortest_us, about)

    return history.answer(build)
