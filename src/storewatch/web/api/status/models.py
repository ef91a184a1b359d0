"""The status of the installation in answers."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, Field

from storewatch.stores.gaps import InputGaps
from storewatch.web.api.report_models import AsOfWarning

SHOWN_STORES: Final = 1_000


class InputsModel(BaseModel):
    """Stores that the inputs do not agree on. Ids are the first of each kind."""

    named: Annotated[int, Field(description="Stores in hours, zones or labels.")]
    unpolled: Annotated[int, Field(description="Those of them without polls.")]
    unpolled_ids: list[str]
    polled: Annotated[int, Field(description="Stores with polls.")]
    hourless: Annotated[int, Field(description="Those of them without hours: open 24x7.")]
    hourless_ids: list[str]
    alike: Annotated[
        list[list[str]],
        Field(description="Pairs of an id without polls and a polled id that agree in their first 15 digits only."),
    ]
    default_hours: Annotated[list[str], Field(description="Stores open 24x7 because their rows were rejected.")]
    default_zone: Annotated[list[str], Field(description="Stores in the default zone for the same reason.")]
    sentences: Annotated[list[str], Field(description="The same in words.")]

    @classmethod
    def of(cls, gaps: InputGaps) -> Self:
        """Return the gaps as the API shows them, at most SHOWN_STORES of each list."""
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
            sentences=list(gaps.lines()),
        )


class StatusModel(BaseModel):
    """Counts and sizes. Under a key with a scope they cover its stores and jobs; all else is null."""

    version: Annotated[str, Field(description="Of storewatch.")]
    stores: int
    jobs: Annotated[
        dict[str, dict[str, int]],
        Field(description="By kind and state.", examples=[{"report": {"complete": 12, "running": 1}}]),
    ]
    workers: Annotated[int | None, Field(description="Processes that run jobs.")]
    polls: int | None
    first_day: Annotated[str | None, Field(examples=["2023-01-18"])]
    last_day: str | None
    days: int | None
    newest_poll: Annotated[str | None, Field(examples=["2023-01-25T18:13:22.47922Z"])]
    lake_version: int | None
    lake_bytes: int | None
    size_bytes: Annotated[int | None, Field(description="Of the home folder.")]
    as_of_warning: Annotated[
        AsOfWarning | None,
        Field(description="Of reports without an as_of; null where the newest poll fits the others."),
    ]
    oldest_queued_at: str | None
    inputs: Annotated[InputsModel | None, Field(description="What the inputs leave open.")]
