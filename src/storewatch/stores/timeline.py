"""Compute one store over a range: its sessions, spans and polls, and its figures in total and by local day or hour.

Only the rows and the calendar of this store are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

import numpy as np

from storewatch.catalog import StoreRows
from storewatch.domain.columns import Float64s, Int64s
from storewatch.domain.enums import AnnotationMode, Breakdown, ClosureMode, Status
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import DAY_US, EARLIEST, LATEST, instant_of, instant_us
from storewatch.domain.policies import Policy
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.engine.availability import bucket_totals, spans, totals
from storewatch.engine.evidence import Evidence, evidence_range, group_reclassified
from storewatch.engine.inputs import EngineInputs
from storewatch.engine.measures import Measures, measure
from storewatch.engine.opening.calendars import assign_calendars
from storewatch.engine.opening.sessions import Sessions, open_sessions
from storewatch.engine.opening.zones import local_edges
from storewatch.engine.sampling import FailureRates, window_moments
from storewatch.lake import Snapshot
from storewatch.stores.evidence import read_evidence
from storewatch.stores.observations import read_observations
from storewatch.stores.states import Moment

DEFAULT_DAYS: Final = 7
MAX_DAYS: Final = 400
MAX_HOURLY_DAYS: Final = 32


class Step(StrEnum):
    """The local periods that an availability is split into."""

    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True, kw_only=True)
class Range:
    """The instants `[from_us, to_us)`."""

    from_us: int
    to_us: int


@dataclass(frozen=True, kw_only=True)
class HistoryQuery:
    """A range of time and how the observations in it are interpreted.

    sources: only observations of these, in their common spelling; empty: all.
    """

    range: Range
    policy: Policy
    closures: ClosureMode = ClosureMode.HONOUR
    annotations: AnnotationMode = AnnotationMode.APPLY
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Poll:
    """One observation. counted: it was made in a session, so it is evidence (SEMANTICS 8).

    reason, source: as they were sent, None without.
    """

    observed_us: int
    active: bool
    counted: bool
    reason: str | None = None
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class Span:
    """A period of business time with one status."""

    start_us: int
    end_us: int
    status: Status


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The sessions, spans, polls and figures of a store in a range.

    sessions: (open, close), cut to the range; totals_us: int64[1,4], last axis by Status. moments: float64[1,5], last
    axis by engine.sampling.MOMENTS; None without rates.
    """

    range: Range
    sessions: list[tuple[int, int]]
    spans: list[Span]
    polls: list[Poll]
    totals_us: Int64s
    measures: Measures
    moments: Float64s | None


@dataclass(frozen=True, kw_only=True)
class Availability:
    """The figures of a store in a range and in its parts. The parts add up to the range exactly.

    starts: the local time at which the day or hour of each part begins; edges_us: int64[B+1];
    totals_us: int64[1+B,4], the whole range first, by Status; measures: of them. moments: float64[1+B,5], last axis by
    engine.sampling.MOMENTS; None without rates.
    """

    range: Range
    starts: list[datetime]
    edges_us: Int64s
    totals_us: Int64s
    measures: Measures
    moments: Float64s | None


def choose_range(
    begin: datetime | None,
    end: datetime | None,
    as_of_us: int | None,
    *,
    max_days: int = MAX_DAYS,
    includes_as_of: bool = False,
) -> Range:
    """Return the range from `begin` to `end`: by default up to as_of, and DEFAULT_DAYS long.

    includes_as_of: that default end is just after as_of, so that the newest observation is in the range. Raises
    InvalidInputError when it is empty, longer than max_days, outside the calendar, or has no end to count from.
    """
    for instant in (begin, end):
        if instant is not None and not EARLIEST <= instant <= LATEST:
            raise InvalidInputError("from and to must lie between the years 1970 and 9000.")
    now_us = None if as_of_us is None else as_of_us + includes_as_of
    to_us = instant_us(end) if end is not None else now_us
    if to_us is None:
        raise InvalidInputError("Nothing has been observed yet, so there is no 'now' to end at: send from and to.")
    from_us = instant_us(begin) if begin is not None else to_us - DEFAULT_DAYS * DAY_US
    if from_us >= to_us:
        raise InvalidInputError("from must be before to; without to, before the newest poll.")
    if to_us - from_us > max_days * DAY_US:
        raise InvalidInputError(f"from and to are more than {max_days} days apart; choose a shorter range.")
    return Range(from_us=from_us, to_us=to_us)


def store_timeline(
    store: StoreRows, moment: Moment, query: HistoryQuery, rates: FailureRates | None = None
) -> Timeline:
    """Return the sessions, spans, polls and figures of the one store of `store`. rates: as in `store_availability`."""
    inputs = read_engine_inputs(store, moment, query)
    found = spans(inputs, query.range.from_us, query.range.to_us)
    totals_us = range_totals(inputs, query.range)
    return Timeline(
        range=query.range,
        sessions=_clipped(inputs.sessions, query.range),
        spans=[
            Span(start_us=start_us, end_us=end_us, status=Status(status))
            for start_us, end_us, status in zip(
                found.start_us.tolist(), found.end_us.tolist(), found.status.tolist(), strict=True
            )
        ],
        polls=_polls(inputs.evidence, inputs.sessions, query.range, _details(store, moment.snapshot, query.range)),
        totals_us=totals_us,
        measures=measure(totals_us),
        moments=_moments(inputs, [(query.range.from_us, query.range.to_us)], rates),
    )


def store_availability(
    store: StoreRows, moment: Moment, query: HistoryQuery, step: Step, rates: FailureRates | None = None
) -> Availability:
    """Return the figures of the one store of `store` by the days or hours of its own clock.

    rates: of the stores that it is one of, to compute what the distance between its polls leaves open.

    The first and last part are cut to the range. A skipped hour is no part, a repeated one is part of its first
    reading (SEMANTICS 5).
    """
    inputs = read_engine_inputs(store, moment, query)
    starts, edges_us = _local_parts(_timezone(store), query.range, step)
    parts_us = bucket_totals(inputs, edges_us[None], np.zeros(1, np.int64))[0]
    totals_us = np.concatenate([range_totals(inputs, query.range), parts_us])
    return Availability(
        range=query.range,
        starts=starts,
        edges_us=edges_us,
        totals_us=totals_us,
        measures=measure(totals_us),
        moments=_moments(inputs, [(query.range.from_us, query.range.to_us), *pairwise(edges_us.tolist())], rates),
    )


def read_engine_inputs(store: StoreRows, moment: Moment, query: HistoryQuery, around_us: int = 0) -> EngineInputs:
    """Read what the engine needs of the one store of `store`, in the range and `around_us` before and after it."""
    # A store without any observation has no as_of; every instant gives the same figures then.
    as_of_us = query.range.to_us if moment.as_of_us is None else moment.as_of_us
    start_us, end_us = evidence_range(
        query.range.from_us - around_us, query.range.to_us + around_us, as_of_us=as_of_us, policy=query.policy
    )
    ids = store.frame["store_id"]
    calendars = assign_calendars(store.frame, store.patterns, store.changes)
    applied = query.annotations is AnnotationMode.APPLY
    return EngineInputs(
        evidence=read_evidence(
            moment.snapshot, ids, (start_us, min(end_us - 1, as_of_us)), ids.to_list(), sources=query.sources
        ),
        sessions=open_sessions(calendars, start_us, end_us, query.closures),
        as_of_us=as_of_us,
        policy=query.policy,
        reclassified=group_reclassified(store.reclassifications, ids) if applied else None,
    )


def range_totals(inputs: EngineInputs, chosen: Range) -> Int64s:
    """Return the business time of a range by Status: int64[1,4]."""
    window = np.array([[chosen.from_us, chosen.to_us]], np.int64)
    return totals(inputs, window).reshape(1, -1)


def _moments(inputs: EngineInputs, windows_us: list[tuple[int, int]], rates: FailureRates | None) -> Float64s | None:
    return None if rates is None else window_moments(inputs, np.array(windows_us, np.int64), None, rates)[0]


def _clipped(sessions: Sessions, chosen: Range) -> list[tuple[int, int]]:
    opens, closes = (np.clip(edges, chosen.from_us, chosen.to_us) for edges in (sessions.open_us, sessions.close_us))
    return [
        (open_us, close_us)
        for open_us, close_us in zip(opens.tolist(), closes.tolist(), strict=True)
        if open_us < close_us
    ]


def _details(store: StoreRows, snapshot: Snapshot, chosen: Range) -> dict[int, tuple[str | None, str | None]]:
    """Return the reason and source of each instant in a range; nothing is read where no poll has any."""
    if not snapshot.has_details(chosen.from_us, chosen.to_us - 1):
        return {}
    found = read_observations(snapshot, store.frame["store_id"][0], chosen.from_us, chosen.to_us)
    return {instant_us(each.observed_at): (each.reason, each.source) for each in found}


def _polls(
    evidence: Evidence,
    sessions: Sessions,
    chosen: Range,
    details: Mapping[int, tuple[str | None, str | None]],
) -> list[Poll]:
    first, last = np.searchsorted(evidence.observed_us, (chosen.from_us, chosen.to_us))
    observed_us = evidence.observed_us[first:last]
    session = np.searchsorted(sessions.open_us, observed_us, side="right") - 1
    counted = np.zeros(len(observed_us), bool)
    begun = session >= 0
    counted[begun] = observed_us[begun] < sessions.close_us[session[begun]]
    return [
        Poll(observed_us=at_us, active=bool(active), counted=inside, reason=reason, source=source)
        for at_us, active, inside in zip(
            observed_us.tolist(), evidence.active[first:last].tolist(), counted.tolist(), strict=True
        )
        for reason, source in [details.get(at_us, (None, None))]
    ]


def _local_parts(timezone: str, chosen: Range, step: Step) -> tuple[list[datetime], Int64s]:
    """Return the local times at which the days or hours of a range begin, and their edges, cut to the range."""
    # No zone is more than a day from UTC.
    first = (instant_of(chosen.from_us) - timedelta(days=1)).date()
    last = (instant_of(chosen.to_us) + timedelta(days=1)).date()
    edges_us = np.clip(local_edges(timezone, first, last, Breakdown(step)), chosen.from_us, chosen.to_us)
    parts = np.flatnonzero(edges_us[:-1] < edges_us[1:])
    length = timedelta(days=1) if step is Step.DAY else timedelta(hours=1)
    midnight = datetime(first.year, first.month, first.day)  # noqa: DTZ001 - what a clock reads, no instant
    return [midnight + length * number for number in parts.tolist()], np.append(edges_us[parts], chosen.to_us)


def _timezone(store: StoreRows) -> str:
    return store.frame["timezone"][0] or DEFAULT_TIMEZONE
