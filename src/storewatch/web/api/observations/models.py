"""The answer to pushed observations."""

from pydantic import BaseModel, ConfigDict, Field

from storewatch.ingest.pushed import SHOWN_REJECTS


class RejectedObservation(BaseModel):
    """An observation that was rejected."""

    index: int = Field(description="Its position from 0: element of the array, line of the text, row of the table.")
    reason: str


class PushedObservations(BaseModel):
    """The accepted and rejected observations of one request. Accepted ones are durable."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "accepted": 1,
                    "rejected": 1,
                    "rejects": [{"index": 1, "reason": "status 'open' is neither active nor inactive"}],
                    "rejects_not_shown": 0,
                    "lake_version": 4711,
                }
            ]
        }
    )

    accepted: int
    rejected: int
    rejects: list[RejectedObservation] = Field(description=f"The first {SHOWN_REJECTS} rejected observations.")
    rejects_not_shown: int
    lake_version: int = Field(description="The version of the lake that holds them.")
    ignored: list[str] | None = Field(
        default=None, description="The columns or keys that are none of polls; absent when there are none."
    )
