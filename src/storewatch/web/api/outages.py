"""The outages of one store in a range."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from storewatch.domain.instants import SECOND_US, parse_duration_us
from storewatch.domain.policies import FILL
from storewatch.installation import Installation
from storewatch.stores.outages import Outage, OutageStatistics, store_outages
from storewatch.stores.timeline import MAX_DAYS
from storewatch.web.api.store_models import StoreId
from storewatch.web.api.timelines import (
    EXAMPLE_FIGURES,
    EXAMPLE_RANGE,
    NO_STORE,
    Asked,
    Figures,
    StoreRange,
    asked_by,
    figures_of,
    find_rows,
    json_answer,
    range_members,
    range_of,
)
from storewatch.web.etags import etag_of, not_modified
from storewatch.web.parameters import field
from storewatch.web.problems import problem_responses
from storewatch.web.security import Viewer


class OutageModel(BaseModel):
    """An outage, cut to the range."""

    start_at: datetime
    end_at: datetime
    start_local: Annotated[str, Field(description="What the store's clock reads at the start.")]
    down_seconds: Annotated[float, Field(description="Its business time.")]
    wall_seconds: float
    opened_at: Annotated[datetime | None, Field(description="The poll that tells its start.")]
    closed_at: Annotated[datetime | None, Field(description="The poll that brought the store up.")]
    position: Annotated[
        Literal["late_open", "early_close", "middle", "whole"],
        Field(description="Whether it began at an opening, ran to a closing, both (whole), or neither."),
    ]
    state: Literal["ended", "ongoing", "continues"]
    began_before: bool
    cause: Annotated[str | None, Field(description="Of the annotation that touches it; so is note.")]
    note: str | None

    @classmethod
    def of(cls, outage: Outage) -> "OutageModel":
        return cls(
            **vars(outage)
            | {
                "start_local": outage.start_local.isoformat(),
                "down_seconds": outage.down_us / SECOND_US,
                "wall_seconds": outage.wall_us / SECOND_US,
            }
        )


class OutageFigures(BaseModel):
    """How often and how long; null where there is nothing to divide by."""

    outages: int
    longest_outage_seconds: float | None
    mean_outage_seconds: float | None
    mttr_seconds: Annotated[float | None, Field(description="Mean down time of those that ended.")]
    mtbf_seconds: Annotated[float | None, Field(description="Up time an outage.")]

    @classmethod
    def of(cls, figures: OutageStatistics) -> "OutageFigures":
        return cls(
            outages=figures.outages,
            longest_outage_seconds=_seconds(figures.longest_outage_us),
            mean_outage_seconds=_seconds(figures.mean_outage_us),
            mttr_seconds=_seconds(figures.mttr_us),
            mtbf_seconds=_seconds(figures.mtbf_us),
        )


class OutagesModel(StoreRange):
    """The outages of a store in the range, with its figures there."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                EXAMPLE_RANGE
                | {
                    "min_duration_seconds": 0.0,
                    "figures": EXAMPLE_FIGURES,
                    "outage_figures": {
                        "outages": 1,
                        "longest_outage_seconds": 2_700.0,
                        "mean_outage_seconds": 2_700.0,
                        "mttr_seconds": None,
                        "mtbf_seconds": 8_100.0,
                    },
                    "outages": [
                        {
                            "start_at": "2023-01-23T16:15:00Z",
                            "end_at": "2023-01-23T17:00:00Z",
                            "start_local": "2023-01-23T11:15:00",
                            "down_seconds": 2_700.0,
                            "wall_seconds": 2_700.0,
                            "opened_at": "2023-01-23T16:15:00Z",
                            "closed_at": None,
                            "position": "early_close",
                            "state": "ongoing",
                            "began_before": False,
                            "cause": "power",
                            "note": None,
                        }
                    ],
                }
            ]
        }
    )

    min_duration_seconds: float
    figures: Figures
    outage_figures: OutageFigures
    outages: list[OutageModel]


def outages_routes(parts: Installation) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/v1/stores/{store_id:path}/outages",
        operation_id="listOutages",
        response_model=OutagesModel,
        responses=problem_responses(422, s404=NO_STORE)
        | {304: {"description": "The answer with this ETag still holds."}},
    )
    def list_outages(
        store_id: StoreId,
        request: Request,
        caller: Viewer,
        question: Annotated[Asked, Depends(asked_by(FILL))],
        min_duration: Annotated[
            str | None, Query(max_length=20, description="Leave shorter ones out, such as `5m`.", examples=[])
        ] = None,
    ) -> Response:
        """List the outages of a store in the range. Closed time between two stretches of down time does not end one.

        The policy is that of reports, `fill`, where none is sent.
        """
        store, moment = find_rows(parts, store_id, caller.scope)
        etag = etag_of(moment, ("outages", store_id, min_duration, *question.words()))
        if (known := not_modified(request, etag)) is not None:
            return known
        with field("query", "min_duration"):
            shortest_us = 0 if min_duration is None else parse_duration_us(min_duration)
        chosen = range_of(question, moment, MAX_DAYS)
        found = store_outages(store, moment, question.query(chosen), min_duration_us=shortest_us, catalog=parts.catalog)
        return json_answer(
            OutagesModel(
                **range_members(store, moment, chosen, question),
                min_duration_seconds=shortest_us / SECOND_US,
                figures=figures_of(found.totals_us, found.measures, 0),
                outage_figures=OutageFigures.of(found.figures),
                outages=[OutageModel.of(outage) for outage in found.outages],
            ),
            etag,
        )

    return router


def _seconds(span_us: int | None) -> float | None:
    return None if span_us is None else span_us / SECOND_US
