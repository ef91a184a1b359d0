"""The feed that all polls come from, and its blind spots: times in which most open stores were not polled."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from storewatch.domain.columns import Int64s
from storewatch.domain.enums import ReportTable
from storewatch.domain.instants import MINUTE_US
from storewatch.engine.outages import LOOKAROUND_US
from storewatch.engine.polling import BLIND_SPOT_STORES, blind_spots, count_unpolled
from storewatch.reports.compute.collectors import Part, SectionResult
from storewatch.reports.compute.content import BLIND_SPOTS, FEED, ContentTable
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.shards import Shard


@dataclass(frozen=True, kw_only=True, eq=False)
class FeedMinutes:
    """How many stores open and close in each minute of a window, and how many without polls: changes, int64[M+1]."""

    unpolled: Int64s
    opened: Int64s

    @classmethod
    def zeros(cls, from_us: int, to_us: int) -> "FeedMinutes":
        minutes = -((from_us - to_us) // MINUTE_US)
        return cls(unpolled=np.zeros(minutes + 1, np.int64), opened=np.zeros(minutes + 1, np.int64))

    def add(self, other: "FeedMinutes") -> None:
        self.unpolled[:] += other.unpolled
        self.opened[:] += other.opened


@dataclass(frozen=True, kw_only=True, eq=False)
class BlindSpots:
    """The blind spots of the feed in one window: edges_us int64[B,2]; unpolled_share float64[B], the highest of each.

    judged_us: time in which enough stores were open to recognise a blind spot.
    """

    edges_us: Int64s
    unpolled_share: list[float]
    judged_us: int

    @classmethod
    def find(cls, minutes: FeedMinutes, from_us: int) -> "BlindSpots":
        found = blind_spots(minutes.unpolled, minutes.opened)
        opened = np.cumsum(minutes.opened)
        shares = np.cumsum(minutes.unpolled) / np.maximum(opened, 1)
        edges = np.array([(start, end) for start, end, _ in found], np.int64).reshape(-1, 2)
        return cls(
            edges_us=from_us + edges * MINUTE_US,
            unpolled_share=[float(shares[start:end].max()) for start, end, _ in found],
            judged_us=int((opened >= BLIND_SPOT_STORES).sum()) * MINUTE_US,
        )

    def blind_us(self, start_us: Int64s, end_us: Int64s) -> Int64s:
        """Return how much of each stretch [start, end), int64[N] each, lies in blind spots."""
        if not len(self.edges_us):
            return np.zeros(len(start_us), np.int64)
        begins_us, ends_us = self.edges_us.T
        before_us = np.append(0, np.cumsum(ends_us - begins_us))

        def until(at_us: Int64s) -> Int64s:
            spot = np.searchsorted(begins_us, at_us, side="right") - 1
            inside_us = np.minimum(at_us, ends_us[spot]) - begins_us[spot]
            blind_us: Int64s = np.where(spot >= 0, before_us[spot] + inside_us, 0)
            return blind_us

        return until(end_us) - until(start_us)


@dataclass(frozen=True, kw_only=True, eq=False)
class FeedCollector:
    """The blind spots of all stores together, and how much of each outage lies in them.

    They are looked for from the earliest beginning to the latest end that the window has in any zone, bounds_us. The
    lookaround is that of outages, so that both sections know the same stores.
    """

    window_names: tuple[str, ...]
    bounds_us: tuple[tuple[int, int], ...]
    lookaround_us: int = LOOKAROUND_US
    cells: int = 0

    @classmethod
    def of(cls, context: ReportContext) -> "FeedCollector":
        spans_us, names = context.windows.spans_us, context.windows.names
        bounds_us = np.zeros((len(names), 2), np.int64)
        if len(spans_us):
            bounds_us[:, 0], bounds_us[:, 1] = spans_us[:, :, 0].min(axis=0), spans_us[:, :, 1].max(axis=0)
        return cls(window_names=names, bounds_us=tuple((from_us, to_us) for from_us, to_us in bounds_us.tolist()))

    def collect(self, shard: Shard) -> Part[list[FeedMinutes]]:
        windows = [FeedMinutes.zeros(*bounds_us) for bounds_us in self.bounds_us]
        for bounds_us, minutes in zip(self.bounds_us, windows, strict=True):
            changes = minutes.unpolled, minutes.opened
            count_unpolled(shard.evidence, shard.sessions, *bounds_us, *changes, as_of_us=shard.as_of_us)
        return Part(first=shard.first, last=shard.last, values=windows)

    def merge(self, parts: Iterable[Part[list[FeedMinutes]]]) -> SectionResult:
        """Find the blind spots once for all stores."""
        windows = [FeedMinutes.zeros(*bounds_us) for bounds_us in self.bounds_us]
        for part in parts:
            for whole, added in zip(windows, part.values, strict=True):
                whole.add(added)
        spots = {
            name: BlindSpots.find(minutes, from_us)
            for name, minutes, (from_us, _) in zip(self.window_names, windows, self.bounds_us, strict=True)
        }
        table = ContentTable(schema=BLIND_SPOTS)
        for name, found in spots.items():
            columns = {"start_at": found.edges_us[:, 0], "end_at": found.edges_us[:, 1]}
            rows = pl.DataFrame(columns | {"unpolled_share": found.unpolled_share})
            table.append(rows.with_columns(pl.lit(name).alias("window")))

        def fill_in(rows: pl.DataFrame) -> pl.DataFrame:
            return with_blind_time(rows, spots)

        return SectionResult(
            summary_columns=pl.DataFrame({"feed_judged_us": [each.judged_us for each in spots.values()]}, schema=FEED),
            tables={ReportTable.BLIND_SPOTS: table},
            fill_in={ReportTable.OUTAGES: fill_in},
        )


def with_blind_time(outages: pl.DataFrame, spots: dict[str, BlindSpots]) -> pl.DataFrame:
    """Return rows of OUTAGES with their blind_us. spots: by name of the window."""
    blind_us = np.zeros(outages.height, np.int64)
    start_us, end_us = (outages[edge].to_physical().to_numpy() for edge in ("start_at", "end_at"))
    for name, found in spots.items():
        in_window = (outages["window"] == name).to_numpy()
        blind_us[in_window] = found.blind_us(start_us[in_window], end_us[in_window])
    return outages.with_columns(pl.Series("blind_us", blind_us))
