"""The rates at which stores go down and come back, estimated from the polls of the last 31 days."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl

from storewatch.catalog import Catalog
from storewatch.domain.columns import Int64s
from storewatch.domain.instants import HOUR_US, format_instant, instant_of
from storewatch.domain.policies import OBSERVED
from storewatch.engine.sampling import (
    FEWEST_CHANGES,
    RATES_US,
    WITHIN_95,
    FailureRates,
    PairCounts,
    count_pairs,
    fit_rates,
)
from storewatch.reports.compute.content import RATES
from storewatch.reports.compute.shards import SHARD_ROWS, ReportInputs, Shards
from storewatch.stores.evidence import StoreList

UNGROUPED: Final = "(none)"


@dataclass(frozen=True, kw_only=True)
class FleetRates:
    """The rates for the figures of a report.

    rates: None where too few changes were seen. stores, changes: how many stores they are of, and the changes of
    these. table: the rows of RATES.
    """

    rates: FailureRates | None
    stores: int
    changes: int
    from_us: int
    to_us: int
    table: pl.DataFrame

    def as_json(self) -> dict[str, Any]:
        """Return the rates for the header of a report, or the reason why there are none."""
        basis = {
            "stores": self.stores,
            "changes": self.changes,
            "from": format_instant(instant_of(self.from_us)),
            "to": format_instant(instant_of(self.to_us)),
        }
        if self.rates is None:
            return basis | {"missing": self.missing}
        return basis | {
            "down_per_hour": self.rates.down,
            "up_per_hour": self.rates.up,
            "widening": self.rates.widening,
        }

    def widening(self, stores: int) -> float:
        """Return by how much the variance of so many stores together exceeds that of independent stores."""
        return self.rates.widening if self.rates is not None and stores > 1 else 1.0

    @property
    def missing(self) -> str | None:
        """Why there are no rates; None where there are."""
        if self.rates is not None:
            return None
        return (
            f"Polls changed between active and inactive {self.changes} times in 31 days; rates need {FEWEST_CHANGES} "
            "changes."
        )


def estimate_rates(
    inputs: ReportInputs, catalog: Catalog, groups: pl.Series | None = None, shard_rows: int = SHARD_ROWS
) -> FleetRates:
    """Return the rates of the stores of a report, or of all stores where those of the report changed too seldom.

    groups: the group of each store. A caller with a scope gets the rates of the report's stores only: nothing that
    others polled must show in the answer.
    """
    own = _rates_of(inputs, groups, shard_rows)
    if own.rates is not None or inputs.scope.is_limited or inputs.store_list.is_complete:
        return own
    everyone = _rates_of(replace(inputs, store_list=StoreList.read(catalog)), None, shard_rows)
    return replace(everyone, table=pl.concat([everyone.table, own.table[1:]]))


def _rates_of(inputs: ReportInputs, groups: pl.Series | None, shard_rows: int) -> FleetRates:
    stores = len(inputs.store_list.store_ids)
    names, group_of = _numbered(groups, stores)
    from_us = inputs.as_of_us - RATES_US
    shards = Shards.of(replace(inputs, policy=OBSERVED), from_us, inputs.as_of_us + 1, shard_rows=shard_rows)
    counts: PairCounts | None = None
    for number in range(len(shards)):
        shard = shards.read(number)
        of_shard = count_pairs(shard.engine_inputs, from_us, group_of[shard.first : shard.last], len(names))
        counts = of_shard if counts is None else counts + of_shard
    assert counts is not None  # noqa: S101 - there is at least one shard
    rates = fit_rates(counts)
    rows = [_row(None, stores, counts, rates)]
    if groups is not None and stores:
        sizes = np.bincount(group_of, minlength=len(names)).tolist()
        for group, (name, size) in enumerate(zip(names, sizes, strict=True)):
            own = counts.of_group(group)
            rows.append(_row(name, size, own, fit_rates(own)))
    return FleetRates(
        rates=rates,
        stores=stores,
        changes=counts.changes,
        from_us=from_us,
        to_us=inputs.as_of_us,
        table=pl.DataFrame(rows, RATES, orient="row"),
    )


def _numbered(groups: pl.Series | None, stores: int) -> tuple[list[str], Int64s]:
    """Return the names of the groups, those without one last, and the place of each store's group among them."""
    if groups is None or not stores:
        return [UNGROUPED], np.zeros(stores, np.int64)
    names = groups.drop_nulls().unique().sort().to_list() + ([UNGROUPED] if groups.null_count() else [])
    places = {name: place for place, name in enumerate(names)}
    return names, groups.fill_null(UNGROUPED).replace_strict(places, return_dtype=pl.Int64).to_numpy()


def _row(group: str | None, stores: int, counts: PairCounts, rates: FailureRates | None) -> tuple[Any, ...]:
    basis = group, stores, counts.changes
    if rates is None:
        return *basis, *[None] * (len(RATES) - len(basis))
    return (
        *basis,
        *_with_limits(rates.down, rates.down_log_sd),
        *_with_limits(rates.up, rates.up_log_sd),
        round(rates.mean_outage_h * HOUR_US),
        rates.availability,
    )


def _with_limits(rate: float, log_sd: float) -> tuple[float, float, float]:
    factor = float(np.exp(WITHIN_95 * log_sd))
    return rate, rate / factor, rate * factor
