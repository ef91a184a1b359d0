"""The status of the installation in answers."""

from typing import Annotated

from pydantic import BaseModel, Field


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
    oldest_queued_at: str | None
