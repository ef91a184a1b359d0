"""The answer to pushed observations, and the deletion of wrong ones."""

from datetime import datetime
from typing import Annotated, Final, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from storewatch.access import Principal
from storewatch.catalog import shown_number
from storewatch.domain.columns import OBSERVATIONS
from storewatch.domain.instants import instant_us
from storewatch.ingest.pushed import SHOWN_REJECTS
from storewatch.lake import Keys, TimeRange
from storewatch.reports.request.parameters import StoreId
from storewatch.stores.observations import Deletion
from storewatch.web.parameters import invalid, required_instant

MAX_DELETED: Final = 10_000

Instant = Annotated[str, Field(max_length=64, description="RFC 3339")]


class RejectedObservation(BaseModel):
    """An observation that was rejected."""

    index: int = Field(description="The position from 0: element of the array, line of the text, or row of the table.")
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
    lake_version: int | None = Field(
        default=None,
        description="The version of the lake with these observations; absent for a key with a scope.",
    )
    ignored: list[str] | None = Field(
        default=None, description="Columns or keys that polls do not have; absent if there are none."
    )
    assumed: list[str] | None = Field(
        default=None, description="How times were read that are numbers, by unit; absent if there are none."
    )


class ObservationKey(BaseModel):
    """The store and the instant of an observation."""

    model_config = ConfigDict(extra="forbid")

    store_id: StoreId
    observed_at: Instant


class DeletionBody(BaseModel):
    """Which observations to delete: those of a store in [from, to), or those that are listed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"store_id": "cafe", "from": "2024-01-12T10:00:00Z", "to": "2024-01-12T11:00:00Z", "dry_run": True},
                {"observations": [{"store_id": "cafe", "observed_at": "2024-01-12T10:00:00Z"}]},
            ]
        },
    )

    store_id: StoreId | None = None
    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None
    observations: Annotated[list[ObservationKey] | None, Field(min_length=1, max_length=MAX_DELETED)] = None
    dry_run: Annotated[bool, Field(strict=True, description="Only count what would be deleted.")] = False

    @property
    def store_ids(self) -> list[str]:
        """The stores that are named."""
        if self.store_id is not None:
            return [self.store_id]
        return list(dict.fromkeys(each.store_id for each in self.observations or []))

    def choice(self) -> Keys | TimeRange:
        """Return which observations to delete. Raises a 422 unless the body names them in exactly one way."""
        if self.observations is None:
            if self.store_id is None or self.from_ is None or self.to is None:
                raise invalid("name a store_id with from and to, or list observations", "body", "store_id")
            from_us = instant_us(required_instant(self.from_, "body", "from"))
            to_us = instant_us(required_instant(self.to, "body", "to"))
            if from_us >= to_us:
                raise invalid("to must be later than from", "body", "to")
            return TimeRange(store_ids=(self.store_id,), from_us=from_us, to_us=to_us)
        if self.store_id is not None or self.from_ is not None or self.to is not None:
            raise invalid("name a store_id with from and to, or list observations, not both", "body", "observations")
        rows = [
            (each.store_id, required_instant(each.observed_at, "body", "observations", number, "observed_at"))
            for number, each in enumerate(self.observations)
        ]
        schema = {name: OBSERVATIONS[name] for name in ("store_id", "observed_at")}
        return Keys(keys=pl.DataFrame(rows, schema=schema, orient="row").unique())


class DeletionModel(BaseModel):
    """The observations that were deleted; with dry_run, those that would be."""

    dry_run: bool
    observations: Annotated[int, Field(description="Repeats of one store and instant count once.")]
    stores: int
    first_observed_at: datetime | None
    last_observed_at: datetime | None
    lake_version: Annotated[
        int | None,
        Field(
            description="The version of the lake without the observations; null if the lake is unchanged, and for a "
            "key with a scope."
        ),
    ]

    @classmethod
    def of(cls, found: Deletion, caller: Principal, *, dry_run: bool) -> Self:
        """Return a deletion as the API shows it."""
        version = shown_number(found.lake_version, caller.scope)
        return cls(dry_run=dry_run, **(vars(found) | {"lake_version": version}))
