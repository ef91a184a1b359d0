"""Ask the engine about the stores of a world, and the twin the same; both answer in the twin's words."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise, zip_longest

import numpy as np
import polars as pl
from reference import naive
from reference.naive import Span, Store
from reference.worlds import World

from storewatch.engine import availability, opening
from storewatch.engine.availability import Evidence, Policy
from storewatch.engine.columns import WEEKLY_HOURS, Status
from storewatch.engine.opening import Calendars

Totals = list[list[dict[str, int]]]


def frame_of(stores: Sequence[Store]) -> pl.DataFrame:
    """The weekly rows of the stores, as ingest reads them; store n is called `n`, of one width."""
    rows = [
        (f"{number:04}", row.day, row.start_s, row.end_s) for number, each in enumerate(stores) for row in each.rows
    ]
    return pl.DataFrame(rows, WEEKLY_HOURS, orient="row")


def calendars_of(stores: Sequence[Store]) -> Calendars:
    weekly = opening.weekly_intervals(frame_of(stores))
    ids = {store_id: number for number, store_id in enumerate(weekly["store_id"])}
    return opening.assign_calendars(
        pl.DataFrame(
            [(ids.get(f"{number:04}"), store.timezone) for number, store in enumerate(stores)],
            {"weekly_hours_id": pl.Int64, "timezone": pl.String},
            orient="row",
        ),
        weekly.select(pl.Series("weekly_hours_id", list(ids.values()), pl.Int64), "intervals"),
    )


def evidence_of(stores: Sequence[Store], from_us: int | None = None, to_us: int | None = None) -> Evidence:
    """The observations of all stores in turn, optionally only those in `[from_us, to_us)`."""
    in_turn = zip_longest(*([(number, seen) for seen in store.observations] for number, store in enumerate(stores)))
    polls = [
        (number, seen.observed_us, seen.active, seen.loaded_us)
        for turn in in_turn
        for number, seen in filter(None, turn)
        if (from_us is None or from_us <= seen.observed_us) and (to_us is None or seen.observed_us < to_us)
    ]
    store_index, observed_us, active, loaded_us = zip(*polls, strict=True) if polls else ((), (), (), ())
    return availability.group_evidence(
        np.array(store_index, np.uint32),
        np.array(observed_us, np.int64),
        np.array(active, np.bool_),
        np.array(loaded_us, np.int64),
        len(stores),
    )


def policy_of(world: World) -> Policy:
    return Policy(name="tried", max_gap_us=world.max_gap_us)


def engine_totals(world: World) -> Totals:
    policy = policy_of(world)
    reach = availability.evidence_range(world.from_us, world.to_us, as_of_us=world.as_of_us, policy=policy)
    answer = availability.totals(
        evidence_of(world.stores),
        opening.open_sessions(calendars_of(world.stores), *reach),
        np.array(world.windows, np.int64),
        as_of_us=world.as_of_us,
        policy=policy,
    )
    return in_words(answer)


def naive_totals(world: World) -> Totals:
    return [
        [
            naive.totals(store, start, end, as_of_us=world.as_of_us, max_gap_us=world.max_gap_us)
            for start, end in world.windows
        ]
        for store in world.stores
    ]


def engine_buckets(world: World, by: str) -> Totals:
    policy, calendars = policy_of(world), calendars_of(world.stores)
    last_day = world.first_day + timedelta(days=world.days - 1)
    edges = np.array([opening.local_edges(zone, world.first_day, last_day, by) for zone in calendars.zones], np.int64)
    if not world.stores:
        return []
    reach = availability.evidence_range(int(edges.min()), int(edges.max()), as_of_us=world.as_of_us, policy=policy)
    answer = availability.bucket_totals(
        evidence_of(world.stores),
        opening.open_sessions(calendars, *reach),
        edges,
        calendars.zone_of,
        as_of_us=world.as_of_us,
        policy=policy,
    )
    return in_words(answer)


def naive_buckets(world: World, by: str) -> Totals:
    hours_each = {"day": 24, "hour": 1}[by]
    answer = []
    for store in world.stores:
        edges = naive.local_edges(store.timezone, world.first_day, world.days, hours_each)
        answer.append(
            [
                naive.totals(store, a, b, as_of_us=world.as_of_us, max_gap_us=world.max_gap_us)
                for a, b in pairwise(edges)
            ]
        )
    return answer


def engine_spans(world: World) -> list[list[Span]]:
    policy = policy_of(world)
    reach = availability.evidence_range(world.from_us, world.to_us, as_of_us=world.as_of_us, policy=policy)
    answer = availability.spans(
        evidence_of(world.stores),
        opening.open_sessions(calendars_of(world.stores), *reach),
        world.from_us,
        world.to_us,
        as_of_us=world.as_of_us,
        policy=policy,
    )
    flat = [
        Span(start_us=start, end_us=end, status=Status(status).name.lower())
        for start, end, status in zip(
            answer.start_us.tolist(), answer.end_us.tolist(), answer.status.tolist(), strict=True
        )
    ]
    return [flat[a:b] for a, b in pairwise(answer.offsets.tolist())]


def naive_spans(world: World) -> list[list[Span]]:
    return [
        naive.spans(store, world.from_us, world.to_us, as_of_us=world.as_of_us, max_gap_us=world.max_gap_us)
        for store in world.stores
    ]


def engine_sessions(stores: Sequence[Store], from_us: int, to_us: int) -> list[list[tuple[int, int]]]:
    found = opening.open_sessions(calendars_of(stores), from_us, to_us)
    pairs = list(zip(found.open_us.tolist(), found.close_us.tolist(), strict=True))
    return [pairs[found.offsets[calendar] : found.offsets[calendar + 1]] for calendar in found.calendar_of]


def naive_sessions(stores: Sequence[Store], from_us: int, to_us: int) -> list[list[tuple[int, int]]]:
    return [
        [
            (max(start, from_us), min(end, to_us))
            for start, end in naive.sessions(store.rows, store.timezone, from_us, to_us)
            if max(start, from_us) < min(end, to_us)
        ]
        for store in stores
    ]


def in_words(answer: np.ndarray) -> Totals:
    """Turn int64[S,N,3] into a dict by status for each store and window or bucket."""
    return [
        [{status: int(cell[Status[status.upper()]]) for status in naive.STATUSES} for cell in row] for row in answer
    ]
