"""The status of the installation in answers."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, Field

from storewatch.stores.gaps import InputGaps
from storewatch.web.api.report_models import AsOfWarning

SHOWN_STORES: Final = 1_000


class InputsModel(BaseModel):
    """Stores that only some inputs name. Each list has only the first ids."""

    named: Annotated[int, Field(description="The number of stores in hours, zones or labels.")]
    unpolled: Annotated[int, Field(description="The number of these stores without polls.")]
    unpolled_ids: list[str]
    polled: Annotated[int, Field(description="The number of stores with polls.")]
    hourless: Annotated[int, Field(description="The number of these stores without hours; they are open 24x7.")]
    hourless_ids: list[str]
    alike: Annotated[
        list[list[str]],
        Field(
            description="Pairs of an id without polls and a polled id that have only their first 15 digits in common."
        ),
    ]
    default_hours: Annotated[list[str], Field(description="Stores open 24x7 because their rows were rejected.")]
    default_zone: Annotated[
        list[str], Field(description="Stores in the default zone because their rows were rejected.")
    ]
    older_hours: Annotated[
        list[str], Field(description="Stores that keep older hours because all new rows were rejected.")
    ]
    older_zone: Annotated[
        list[str], Field(description="Stores that keep the older time zone because all new rows were rejected.")
    ]
    sentences: Annotated[list[str], Field(description="The same facts as sentences.")]

    @classmethod
    def of(cls, gaps: InputGaps) -> Self:
        """Return the gaps as the API shows them, with at most SHOWN_STORES ids in each list."""
        return cls(
            named=gaps.named,
            unpolled=gaps.unpolled,
            unpolled_ids=list(gaps.unpolled_ids),
            polled=gaps.polled,
            hourless=gaps.hourless,
            hourless_ids=list(gaps.hourless_ids),
            alike=[list(pair) for pair in gaps.alike[:SHOWN_STORES]],
            default_hours=list(gaps.default_hours[:SHOWN_STORES]),
            default_zone=list(gaps.default_zone[:SHOWN_STORES]),
            older_hours=list(gaps.older_hours[:SHOWN_STORES]),
            older_zone=list(gaps.older_zone[:SHOWN_STORES]),
            sentences=list(gaps.lines()),
        )


class StatusModel(BaseModel):
    """Counts and sizes. For a key with a scope, only its own stores and jobs are counted; other members are null."""

    version: Annotated[str, Field(description="The version of storewatch.", examples=["0.1.0"])]
    stores: int
    jobs: Annotated[
        dict[str, dict[str, int]],
        Field(
            description="The number of jobs by kind and state.", examples=[{"report": {"complete": 12, "running": 1}}]
        ),
    ]
    workers: Annotated[int | None, Field(description="The number of processes that run jobs.")]
    polls: int | None
    first_day: Annotated[str | None, Field(examples=["2023-01-18"])]
    last_day: str | None
    days: int | None
    newest_poll: Annotated[str | None, Field(examples=["2023-01-25T18:13:22.47922Z"])]
    lake_version: int | None
    lake_bytes: int | None
    size_bytes: Annotated[int | None, Field(description="The size of the home folder.")]
    as_of_warning: Annotated[
        AsOfWarning | None,
        Field(description="The warning of reports without an as_of; null if the newest poll fits the others."),
    ]
    oldest_queued_at: str | None
    inputs: Annotated[InputsModel | None, Field(description="Stores that only some inputs name.")]
