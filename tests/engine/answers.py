"""The answers of the engine and of the naive twin for the stores of a world, in the same form."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise, zip_longest

import numpy as np
import polars as pl
from reference import naive
from reference.naive import Span, Store
from reference.naive_outages import Change, Openings, Outage, PollGaps
from reference.worlds import World

from storewatch.domain.columns import CLOSURES, HOURS_VERSIONS, LIVES, RECLASSIFICATIONS, SPECIAL_HOURS, WEEKLY_HOURS
from storewatch.domain.enums import Breakdown, ClosureMode, Status
from storewatch.domain.policies import Policy
from storewatch.engine.availability import bucket_totals, spans, totals
from storewatch.engine.evidence import Evidence, Reclassified, evidence_range, group_evidence, group_reclassified
from storewatch.engine.inputs import EngineInputs
from storewatch.engine.opening.calendars import Calendars, assign_calendars
from storewatch.engine.opening.changes import HoursChanges
from storewatch.engine.opening.sessions import open_sessions
from storewatch.engine.opening.weekly import end_of_row, weekly_intervals
from storewatch.engine.opening.zones import local_edges
from storewatch.engine.outages import LOOKAROUND_US, NO_INSTANT, OPENINGS, OutageState, openings, outages
from storewatch.engine.polling import POLL_GAPS, poll_gaps

Totals = list[list[dict[str, int]]]
Changes = Sequence[Sequence[Change]]
Hours = tuple[list[list[tuple[int, int]]], list[list[tuple[int, int]]]]


def frame_of(stores: Sequence[Store]) -> pl.DataFrame:
    """The weekly rows of the stores, as ingest reads them; store n is called `n`, of one width."""
    rows = [
        (f"{number:04}", row.day, row.start_s, row.end_s) for number, each in enumerate(stores) for row in each.rows
    ]
    return pl.DataFrame(rows, WEEKLY_HOURS, orient="row")


def calendars_of(stores: Sequence[Store]) -> Calendars:
    versions = [replace(each, rows=version.rows) for each in stores for version in each.versions]
    weekly = weekly_intervals(frame_of([*stores, *versions]))
    ids = {store_id: number for number, store_id in enumerate(weekly["store_id"])}
    of_versions = [ids.get(f"{number:04}") for number in range(len(stores), len(stores) + len(versions))]
    return assign_calendars(
        pl.DataFrame(
            [(f"{number:04}", ids.get(f"{number:04}"), store.timezone) for number, store in enumerate(stores)],
            {"store_id": pl.String, "weekly_hours_id": pl.Int64, "timezone": pl.String},
            orient="row",
        ),
        weekly.select(pl.Series("weekly_hours_id", list(ids.values()), pl.Int64), "intervals"),
        changes_of(stores, of_versions),
    )


def changes_of(stores: Sequence[Store], of_versions: Sequence[int | None]) -> HoursChanges:
    """What changes the hours of the stores; of_versions: the weekly_hours_id of each store's versions in turn."""
    numbered = [(f"{number:04}", store) for number, store in enumerate(stores)]
    dates = [(store_id, version.valid_from) for store_id, store in numbered for version in store.versions]
    special = [(store_id, each.day, each.start_s, each.end_s) for store_id, store in numbered for each in store.special]
    closures = [(store_id, *closure) for store_id, store in numbered for closure in store.closures]
    lives = [
        (store_id, store.opened_on, store.closed_on)
        for store_id, store in numbered
        if (store.opened_on, store.closed_on) != (None, None)
    ]
    return HoursChanges(
        lives=pl.DataFrame(lives, LIVES, orient="row"),
        versions=pl.DataFrame(
            [(*dated, hours) for dated, hours in zip(dates, of_versions, strict=True)], HOURS_VERSIONS, orient="row"
        ),
        special=pl.DataFrame(special, SPECIAL_HOURS, orient="row").with_columns(end_s=end_of_row()),
        closures=pl.DataFrame(closures, dict.fromkeys(CLOSURES, pl.Int64) | {"store_id": pl.String}, orient="row").cast(
            CLOSURES
        ),
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
    return group_evidence(
        np.array(store_index, np.uint32),
        np.array(observed_us, np.int64),
        np.array(active, np.bool_),
        np.array(loaded_us, np.int64),
        len(stores),
    )


def policy_of(world: World) -> Policy:
    return Policy(name="tried", max_gap_us=world.max_gap_us)


def inputs_of(
    world: World, calendars: Calendars, reach: tuple[int, int], reclassified: Reclassified | None = None
) -> EngineInputs:
    """Return the inputs of the engine for a world. reach: the range of its sessions."""
    return EngineInputs(
        evidence=evidence_of(world.stores),
        sessions=open_sessions(calendars, *reach),
        as_of_us=world.as_of_us,
        policy=policy_of(world),
        reclassified=reclassified,
    )


def engine_totals(world: World, changes: Changes | None = None) -> Totals:
    policy = policy_of(world)
    reach = evidence_range(world.from_us, world.to_us, as_of_us=world.as_of_us, policy=policy)
    answer = totals(
        inputs_of(world, calendars_of(world.stores), reach, None if changes is None else reclassified_of(changes)),
        np.array(world.windows, np.int64),
    )
    return in_words(answer)


def engine_zone_totals(world: World, shift_us: int) -> Totals:
    """The totals of the windows, each zone's `shift_us` later than those of the zone before it."""
    policy, calendars = policy_of(world), calendars_of(world.stores)
    latest_us = world.to_us + shift_us * len(calendars.zones)
    reach = evidence_range(world.from_us, latest_us, as_of_us=world.as_of_us, policy=policy)
    later_us = np.arange(len(calendars.zones), dtype=np.int64) * shift_us
    answer = totals(
        inputs_of(world, calendars, reach),
        np.array(world.windows, np.int64)[None] + later_us[:, None, None],
        calendars.zone_of,
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


def engine_buckets(world: World, by: str, changes: Changes | None = None, cells: int | None = None) -> Totals:
    """Return the totals of the buckets. cells: the buckets count in so many cells in turn."""
    policy, calendars = policy_of(world), calendars_of(world.stores)
    last_day = world.first_day + timedelta(days=world.days - 1)
    unit = Breakdown(by)
    edges = np.array([local_edges(zone, world.first_day, last_day, unit) for zone in calendars.zones], np.int64)
    if not world.stores:
        return []
    reach = evidence_range(int(edges.min()), int(edges.max()), as_of_us=world.as_of_us, policy=policy)
    answer = bucket_totals(
        inputs_of(world, calendars, reach, None if changes is None else reclassified_of(changes)),
        edges,
        calendars.zone_of,
        cell_of=cells and np.tile(np.arange(edges.shape[1] - 1) % cells, (len(edges), 1)),
        cells=cells,
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


def engine_spans(world: World, changes: Changes | None = None) -> list[list[Span]]:
    policy = policy_of(world)
    reach = evidence_range(world.from_us, world.to_us, as_of_us=world.as_of_us, policy=policy)
    answer = spans(
        inputs_of(world, calendars_of(world.stores), reach, None if changes is None else reclassified_of(changes)),
        world.from_us,
        world.to_us,
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
    return engine_hours(stores, from_us, to_us, "honour")[0]


def naive_sessions(stores: Sequence[Store], from_us: int, to_us: int) -> list[list[tuple[int, int]]]:
    return naive_hours(stores, from_us, to_us, "honour")[0]


def engine_hours(stores: Sequence[Store], from_us: int, to_us: int, closures: str) -> Hours:
    """The sessions of every store, and its planned stretches."""
    found = open_sessions(calendars_of(stores), from_us, to_us, ClosureMode(closures))
    sessions = list(zip(found.open_us.tolist(), found.close_us.tolist(), strict=True))
    planned = list(zip(found.planned_start_us.tolist(), found.planned_end_us.tolist(), strict=True))
    return (
        [sessions[found.offsets[one] : found.offsets[one + 1]] for one in found.calendar_of],
        [planned[found.planned_offsets[one] : found.planned_offsets[one + 1]] for one in found.calendar_of],
    )


def naive_hours(stores: Sequence[Store], from_us: int, to_us: int, closures: str) -> Hours:
    def clipped(stretches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        cut = [(max(start, from_us), min(end, to_us)) for start, end in stretches]
        return [(start, end) for start, end in cut if start < end]

    found = [naive.hours(store, from_us, to_us, closures) for store in stores]
    return [clipped(sessions) for sessions, _ in found], [clipped(planned) for _, planned in found]


def in_words(answer: np.ndarray) -> Totals:
    """Turn int64[S,N,4] into a dict by status for each store and window or bucket."""
    return [
        [{status: int(cell[Status[status.upper()]]) for status in naive.STATUSES} for cell in row] for row in answer
    ]


def zone_windows(world: World, calendars: Calendars) -> np.ndarray:
    """Return a window of the world for each zone, in turn: int64[Z,2]."""
    return np.array(
        [world.windows[number % len(world.windows)] for number in range(len(calendars.zones))], np.int64
    ).reshape(-1, 2)


def store_windows(world: World) -> list[tuple[int, int]]:
    """Return the window of each store, as `zone_windows` assigns them."""
    zones = sorted({store.timezone for store in world.stores})
    return [world.windows[zones.index(store.timezone) % len(world.windows)] for store in world.stores]


def reclassified_of(changes: Changes) -> Reclassified:
    rows = [
        (f"{number:04}", change.start_us, change.end_us, Status[change.status.upper()])
        for number, of_store in enumerate(changes)
        for change in of_store
    ]
    frame = pl.DataFrame(
        rows, {"store_id": pl.String, "start_at": pl.Int64, "end_at": pl.Int64, "status": pl.UInt8}, orient="row"
    )
    ids = pl.Series("id", [f"{number:04}" for number in range(len(changes))], pl.String)
    return group_reclassified(frame.cast(RECLASSIFICATIONS), ids)


def engine_outages(world: World, changes: Changes, min_duration_us: int = 0) -> list[list[Outage]]:
    policy, calendars = policy_of(world), calendars_of(world.stores)
    look_us = LOOKAROUND_US
    reach = evidence_range(world.from_us - look_us, world.to_us + look_us, as_of_us=world.as_of_us, policy=policy)
    found = outages(
        inputs_of(world, calendars, reach, reclassified_of(changes)),
        zone_windows(world, calendars),
        calendars.zone_of,
        min_duration_us=min_duration_us,
    )
    answer: list[list[Outage]] = [[] for _ in world.stores]
    for row in range(len(found.store)):
        instants = (found.opened_us[row], found.closed_us[row])
        opened_us, closed_us = (None if at == NO_INSTANT else int(at) for at in instants)
        outage = Outage(
            start_us=int(found.start_us[row]),
            end_us=int(found.end_us[row]),
            down_us=int(found.down_us[row]),
            opened_us=opened_us,
            closed_us=closed_us,
            began_before=bool(found.began_before[row]),
            at_opening=bool(found.at_opening[row]),
            at_closing=bool(found.at_closing[row]),
            state=OutageState(found.state[row]).name.lower(),
        )
        answer[found.store[row]].append(outage)
    return answer


def engine_openings(world: World, changes: Changes) -> list[Openings]:
    policy, calendars = policy_of(world), calendars_of(world.stores)
    reach = evidence_range(world.from_us, world.to_us, as_of_us=world.as_of_us, policy=policy)
    found = openings(
        inputs_of(world, calendars, reach, reclassified_of(changes)),
        zone_windows(world, calendars),
        calendars.zone_of,
    )
    return [Openings(**dict(zip(OPENINGS, row, strict=True))) for row in found.tolist()]


def engine_poll_gaps(world: World) -> list[PollGaps]:
    calendars = calendars_of(world.stores)
    found = poll_gaps(
        evidence_of(world.stores),
        open_sessions(calendars, world.from_us, world.to_us),
        zone_windows(world, calendars),
        calendars.zone_of,
        as_of_us=world.as_of_us,
    )
    return [PollGaps(**dict(zip(POLL_GAPS, row, strict=True))) for row in found.tolist()]
