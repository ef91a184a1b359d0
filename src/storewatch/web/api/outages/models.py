"""Outages of one store in answers."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from storewatch.domain.enums import OutagePosition
from storewatch.domain.instants import SECOND_US
from storewatch.stores.outages import Outage, OutageStatistics, StoreOutages
from storewatch.web.api.timelines.models import EXAMPLE_FIGURES, EXAMPLE_RANGE, Figures, StoreRange


class OutageModel(BaseModel):
    """An outage, cut to the range."""

    start_at: datetime
    end_at: datetime
    start_local: Annotated[str, Field(description="The local time of the store at the start.")]
    down_seconds: Annotated[float, Field(description="The down time, counted in business hours only.")]
    wall_seconds: float
    opened_at: Annotated[datetime | None, Field(description="The time of the poll that is the evidence of the start.")]
    closed_at: Annotated[datetime | None, Field(description="The time of the poll that found the store up again.")]
    position: Annotated[
        OutagePosition,
        Field(description="late_open: from an opening on. early_close: up to a closing. whole: both. middle: neither."),
    ]
    state: Literal["ended", "ongoing", "continues"]
    began_before: bool
    cause: Annotated[
        str | None, Field(description="The cause of the annotation that overlaps the outage. `note` is its note.")
    ]
    note: str | None
    inactive_polls: Annotated[
        int | None,
        Field(description="The number of polls that found the store down; null if no poll of the range has a reason."),
    ] = None
    reason: Annotated[str | None, Field(description="The most frequent reason of these polls.")] = None
    reason_polls: Annotated[int | None, Field(description="How many of these polls have that reason.")] = None
    reasons: Annotated[str | None, Field(description="All reasons of these polls with their counts, as text.")] = None

    @classmethod
    def of(cls, outage: Outage) -> "OutageModel":
        """Return an outage as the API shows it."""
        changed = {
            "start_local": outage.start_local.isoformat(),
            "down_seconds": outage.down_us / SECOND_US,
            "wall_seconds": outage.wall_us / SECOND_US,
        }
        return cls(**vars(outage) | changed)


class OutageFigures(BaseModel):
    """The number and length of outages. A figure is null if there is nothing to divide by."""

    outages: int
    longest_outage_seconds: float | None
    mean_outage_seconds: float | None
    mttr_seconds: Annotated[float | None, Field(description="Mean down time of the outages that ended.")]
    mtbf_seconds: Annotated[float | None, Field(description="Up time divided by the number of outages.")]

    @classmethod
    def of(cls, figures: OutageStatistics) -> "OutageFigures":
        """Return the statistics in seconds."""
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

    @classmethod
    def of(cls, found: StoreOutages, min_duration_us: int, about: dict[str, Any]) -> "OutagesModel":
        """Return the outages of a store as the API shows them. about: the members of StoreRange."""
        return cls(
            **about,
            min_duration_seconds=min_duration_us / SECOND_US,
            figures=Figures.of(found.totals_us, found.measures),
            outage_figures=OutageFigures.of(found.figures),
            outages=[OutageModel.of(outage) for outage in found.outages],
        )


def _seconds(span_us: int | None) -> float | None:
    return None if span_us is None else span_us / SECOND_US
