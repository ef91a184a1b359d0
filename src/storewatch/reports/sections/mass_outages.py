"""Mass outages: outages of many stores that share a label and start together are one event."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from storewatch.catalog import NAME
from storewatch.domain.columns import Int64s
from storewatch.domain.instants import HOUR_US
from storewatch.engine.outages import Outages
from storewatch.reports.compute.content import MASS_OUTAGES

# An event: at least FEWEST_STORES stores of a label, and at least one in STORES_IN of its stores in the report, go down
# within MASS_WITHIN_US.
MASS_WITHIN_US: Final = HOUR_US
FEWEST_STORES: Final = 5
STORES_IN: Final = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Starts:
    """Outages that began in a window, in any order: int64[N] each. store: index in the report."""

    store: Int64s
    start_us: Int64s
    end_us: Int64s
    down_us: Int64s

    @classmethod
    def of(cls, outages: Outages, first_store: int) -> "Starts":
        """Return the outages that began in the window. first_store: the place in the report of their store 0."""
        began = ~outages.began_before
        return cls(
            store=outages.store[began] + first_store,
            start_us=outages.start_us[began],
            end_us=outages.end_us[began],
            down_us=outages.down_us[began],
        )

    @classmethod
    def concat(cls, parts: Iterable["Starts"]) -> "Starts":
        none = np.empty(0, np.int64)
        columns = zip(*((part.store, part.start_us, part.end_us, part.down_us) for part in parts), strict=True)
        store, start_us, end_us, down_us = [np.concatenate(column) for column in columns] or [none] * 4
        return cls(store=store, start_us=start_us, end_us=end_us, down_us=down_us)

    def at(self, places: Int64s) -> "Starts":
        return Starts(
            store=self.store[places],
            start_us=self.start_us[places],
            end_us=self.end_us[places],
            down_us=self.down_us[places],
        )


def find_mass_outages(starts: Starts, labels: pl.DataFrame, store_ids: pl.Series) -> pl.DataFrame:
    """List the events among the outages of one window, by their beginning: MASS_OUTAGES without `window`.

    labels: store_id, label and value; the label `name` is left out. store_ids: the stores of the report.

    An event begins with the first start after which, within MASS_WITHIN_US, enough distinct stores of one label=value
    start an outage. It has all the starts in that time, and the search continues after it. The same stores under
    several labels are one event, with the names of all these labels, the label with the fewest stores first.
    """
    places = store_ids.to_frame().with_row_index("store")
    members = labels.filter(pl.col("label") != NAME).join(places, on="store_id").select("store", "label", "value")
    found: dict[tuple[int, bytes], list[dict[str, Any]]] = {}
    for (label,), of_label in members.partition_by("label", as_dict=True).items():
        for event in _events_of(starts, of_label, str(label), len(store_ids)):
            found.setdefault((event["first_start_at"], event["stores_at"].tobytes()), []).append(event)
    rows = [_merge(events, store_ids) for events in found.values()]
    schema = {name: dtype for name, dtype in MASS_OUTAGES.items() if name != "window"}
    return pl.DataFrame(rows, schema=schema).sort("first_start_at", "label", "value", maintain_order=True)


def _merge(events: list[dict[str, Any]], store_ids: pl.Series) -> dict[str, Any]:
    events.sort(key=lambda event: (event["label_stores"], event["label"]))
    stores = events[0]["stores_at"]
    return events[0] | {
        "label": " + ".join(event["label"] for event in events),
        "value": " + ".join(event["value"] for event in events),
        "stores": len(stores),
        "store_ids": store_ids.gather(stores).to_list(),
    }


def _events_of(starts: Starts, members: pl.DataFrame, label: str, stores: int) -> list[dict[str, Any]]:
    """List the events of all values of one label. members: store and value, no store twice."""
    groups = members.group_by("value").agg("store").filter(pl.col("store").list.len() >= FEWEST_STORES).sort("value")
    group_of = np.full(stores, -1)
    sizes = groups["store"].list.len().cast(pl.Int64).to_numpy()
    group_of[groups["store"].explode(empty_as_null=False).to_numpy()] = np.repeat(np.arange(len(sizes)), sizes)
    group = group_of[starts.store]
    order = np.lexsort((starts.store, starts.start_us, group))
    order = order[np.searchsorted(group[order], 0) :]  # the stores of no group are first
    ordered, group = starts.at(order), group[order]
    return [
        {
            "label": label,
            "value": groups["value"][int(group[first])],
            "label_stores": int(sizes[group[first]]),
            "first_start_at": int(ordered.start_us[first]),
            "last_start_at": int(ordered.start_us[last - 1]),
            "end_at": int(ordered.end_us[first:last].max()),
            "down_us": int(ordered.down_us[first:last].sum()),
            "stores_at": np.unique(ordered.store[first:last]),
        }
        for first, last in _together(ordered, group, np.maximum(FEWEST_STORES, -(-sizes // STORES_IN)))
    ]


def _together(starts: Starts, group: Int64s, needed: Int64s) -> list[tuple[int, int]]:
    """Find the events, [first, last), among starts ordered by group and instant. needed: stores
    of an event, by group.
    """
    count = len(group)
    if count == 0:
        return []
    # All groups on one time line: distances up to MASS_WITHIN_US are kept, longer ones are cut to just above it.
    steps = np.minimum(np.diff(starts.start_us), MASS_WITHIN_US + 1)
    steps[np.diff(group) > 0] = MASS_WITHIN_US + 1
    at = np.append(0, np.cumsum(steps))
    until = np.searchsorted(at, at + MASS_WITHIN_US, side="right")
    # A start is the first of its store in the stretches that begin after the previous start of the store, reach this
    # start and do not begin after it. So the number of such starts in a stretch is its number of distinct stores.
    by_store = np.lexsort((at, starts.store))
    again = np.flatnonzero(np.diff(starts.store[by_store]) == 0)
    previous = np.full(count, -1)
    previous[by_store[again + 1]] = by_store[again]
    counts_from = np.maximum(previous + 1, np.searchsorted(at, at - MASS_WITHIN_US, side="left"))
    distinct = np.cumsum(np.bincount(counts_from, minlength=count)) - np.arange(count)
    enough = np.flatnonzero(distinct >= needed[group])
    events = []
    place = 0
    while place < len(enough):
        first = int(enough[place])
        events.append((first, int(until[first])))
        place = int(np.searchsorted(enough, until[first]))
    return events
