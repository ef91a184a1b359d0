"""Down time by reason: how long each store was down for each reason of its inactive polls."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from storewatch.catalog import NAME, Catalog
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import ReportTable, Status
from storewatch.engine.availability import totals
from storewatch.reports.compute.collectors import Part, SectionResult
from storewatch.reports.compute.content import REASONS, ContentTable
from storewatch.reports.compute.context import ReportContext, label_values
from storewatch.reports.compute.shards import Shard
from storewatch.stores.reasons import counted_polls

# The most reasons of a store, most frequent first; all further reasons are one row. Each takes a pass of the engine.
MAX_REASONS: Final = 20
OTHER: Final = "other reasons"


@dataclass(frozen=True, kw_only=True, eq=False)
class ReasonCollector:
    """The down time and the inactive polls of every store and window by reason; null is no reason.

    Which poll decides the status of an instant does not depend on the statuses. So the down time of one reason is the
    down time that remains when the polls of all other reasons count as active, and the parts add up exactly.
    """

    store_ids: pl.Series
    names: pl.Series
    window_names: tuple[str, ...]
    spans_us: Int64s
    lookaround_us: int = 0
    cells: int = 0

    @classmethod
    def of(cls, context: ReportContext, catalog: Catalog) -> "ReasonCollector":
        return cls(
            store_ids=context.store_ids,
            names=label_values(context, catalog, NAME),
            window_names=context.windows.names,
            spans_us=context.windows.spans_us,
        )

    def collect(self, shard: Shard) -> Part[None]:
        rows = pl.concat([_ROWS.to_frame(), *self._by_reason(shard)]).sort("store", "window", "rank")
        named = rows.with_columns(
            store_id=self.store_ids.gather(rows["store"]),
            name=self.names.gather(rows["store"]),
            window=pl.Series([self.window_names[window] for window in rows["window"]], dtype=pl.String),
        )
        return Part(first=shard.first, last=shard.last, values=None, rows=named.select(REASONS.names()).cast(REASONS))

    def merge(self, parts: Iterable[Part[None]]) -> SectionResult:
        table = ContentTable(schema=REASONS)
        for part in parts:
            if part.rows is not None:
                table.append(part.rows)
        return SectionResult(tables={ReportTable.REASONS: table})

    def _by_reason(self, shard: Shard) -> list[pl.DataFrame]:
        polls = self._polls(shard)
        ranks = polls.filter(pl.col("rank").is_not_null()).select("store", "rank", "reason").unique(maintain_order=True)
        found = []
        for rank in range(int(ranks["rank"].max()) + 1 if ranks.height else 0):  # type: ignore[arg-type]
            down = (polls["rank"] == rank).fill_null(value=False).to_numpy()
            evidence = replace(shard.evidence, active=np.where(down, 0, 1).astype(np.uint8))
            inputs = replace(shard.engine_inputs, evidence=evidence)
            down_us = totals(inputs, self.spans_us, shard.zone_of)[..., Status.DOWN]
            of_rank = ranks.filter(rank=rank)
            for window in range(len(self.window_names)):
                store = of_rank["store"].to_numpy()
                rows = of_rank.with_columns(
                    store=pl.Series(store + shard.first),
                    window=pl.lit(window),
                    inactive_polls=pl.Series(self._count(shard, polls, down, window)[store]),
                    down_us=pl.Series(down_us[store, window]),
                )
                kept = rows.filter((pl.col("down_us") > 0) | (pl.col("inactive_polls") > 0))
                found.append(kept.select(_ROWS.names()).cast(_ROWS))
        return found

    def _polls(self, shard: Shard) -> pl.DataFrame:
        """Return the polls of the shard's evidence with the rank of their reason in their store, null if active."""
        polls = counted_polls(shard.rows, shard.sessions)
        counts = polls.filter(~pl.col("active")).group_by("store", "reason").len("polls")
        ranked = counts.sort("store", "polls", "reason", descending=[False, True, False]).with_columns(
            rank=pl.int_range(pl.len()).over("store").clip(upper_bound=MAX_REASONS - 1)
        )
        is_other = (pl.col("rank") == MAX_REASONS - 1) & (pl.len().over("store") > MAX_REASONS)
        ranked = ranked.with_columns(
            shown=pl.when(is_other).then(pl.lit(OTHER)).otherwise("reason"), active=pl.lit(False)
        )
        return polls.join(
            ranked.drop("polls"), on=["store", "reason", "active"], how="left", nulls_equal=True, maintain_order="left"
        ).with_columns(reason=pl.col("shown"))

    def _count(self, shard: Shard, polls: pl.DataFrame, chosen: np.ndarray, window: int) -> Int64s:
        spans_us = self.spans_us[:, window][shard.zone_of]
        counted = chosen & polls["in_session"].to_numpy()
        store, at_us = polls["store"].to_numpy()[counted], polls["observed_us"].to_numpy()[counted]
        inside = (at_us >= spans_us[store, 0]) & (at_us < spans_us[store, 1])
        return np.bincount(store[inside], minlength=len(spans_us)).astype(np.int64)


_ROWS: Final = pl.Schema(
    {
        "store": pl.Int64,
        "window": pl.Int64,
        "rank": pl.Int64,
        "reason": pl.String,
        "inactive_polls": pl.Int64,
        "down_us": pl.Int64,
    }
)
