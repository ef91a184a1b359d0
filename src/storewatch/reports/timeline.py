"""One store over a range of time: its sessions, spans and polls, its figures in all and by local day or hour.

Only the store's own rows and calendar are read.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal

import numpy as np

from storewatch.catalog import Catalog, StoreRows
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import AnnotationMode, ClosureMode, ReportFormat, ReportTable, Section, Status
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import DAY_US, format_instant, instant_of, instant_us
from storewatch.domain.policies import Policy
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.engine.availability import (
    Evidence,
    Reclassified,
    bucket_totals,
    evidence_range,
    group_reclassified,
    spans,
    totals,
)
from storewatch.engine.measures import Measures, measure
from storewatch.engine.opening.calendars import assign_calendars
from storewatch.engine.opening.sessions import Sessions, open_sessions
from storewatch.engine.opening.zones import local_edges
from storewatch.lake import Snapshot
from storewatch.reports.compute.computing import compute_content
from storewatch.reports.compute.figures import Basis, StoreList, read_evidence
from storewatch.reports.request.request import ReportRequest
from storewatch.reports.states import Moment

DEFAULT_DAYS: Final = 7
MAX_DAYS: Final = 400
MAX_HOURLY_DAYS: Final = 32
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


class Step(StrEnum):
    """The local stretches that an availability is split into."""

    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True, kw_only=True)
class Range:
    """The range `[from_us, to_us)` that was asked for."""

    from_us: int
    to_us: int


@dataclass(frozen=True, kw_only=True)
class Poll:
    """One observation; counted: it lies in a session, so it is evidence (SEMANTICS 8)."""

    observed_us: int
    active: bool
    counted: bool


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of one status of business time."""

    start_us: int
    end_us: int
    status: Status


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """What happened to a store in a range.

    sessions: (open, close), cut to the range; totals_us: int64[1,4], last axis by Status.
    """

    range: Range
    sessions: list[tuple[int, int]]
    spans: list[Span]
    polls: list[Poll]
    totals_us: Int64s
    measures: Measures


@dataclass(frozen=True, kw_only=True)
class Availability:
    """The figures of a store in a range and in its parts, which add up to it exactly.

    starts: what the store's clock reads at the beginning of each part's local day or hour; edges_us: int64[B+1];
    totals_us: int64[1+B,4], the whole range first, by Status; measures: of them.
    """

    range: Range
    starts: list[datetime]
    edges_us: Int64s
    totals_us: Int64s
    measures: Measures


@dataclass(frozen=True, kw_only=True)
class StoreOutages:
    """The outages of a store in a range.

    figures: the store's row of a report (content.STORES and OUTAGE_FIGURES); outages: rows of content.OUTAGES.
    """

    figures: dict[str, Any]
    outages: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """Everything that bears on a store in a range."""

    evidence: Evidence
    sessions: Sessions
    as_of_us: int
    policy: Policy
    reclassified: Reclassified | None

    @property
    def engine_input(self) -> dict[str, Any]:
        """What every function of the engine takes of it."""
        return vars(self)


def choose_range(
    begin: datetime | None,
    end: datetime | None,
    as_of_us: int | None,
    *,
    max_days: int = MAX_DAYS,
    includes_as_of: bool = False,
) -> Range:
    """Give the range asked for: by default up to as_of, and DEFAULT_DAYS long.

    includes_as_of: that default end is just after as_of, so that the newest observation is in the range. Raises
    InvalidInputError when it is empty, longer than max_days, outside the calendar, or has no end to count from.
    """
    for instant in (begin, end):
        if instant is not None and not _EARLIEST <= instant <= _LATEST:
            raise InvalidInputError("from and to must lie between the years 1970 and 9000.")
    now_us = None if as_of_us is None else as_of_us + includes_as_of
    to_us = instant_us(end) if end is not None else now_us
    if to_us is None:
        raise InvalidInputError("Nothing has been observed yet, so there is no 'now' to end at: give from and to.")
    from_us = instant_us(begin) if begin is not None else to_us - DEFAULT_DAYS * DAY_US
    if from_us >= to_us:
        raise InvalidInputError("from must be before to; without to, before the newest poll.")
    if to_us - from_us > max_days * DAY_US:
        raise InvalidInputError(f"from and to are more than {max_days} days apart; ask for a part of it.")
    return Range(from_us=from_us, to_us=to_us)


def store_timeline(
    store: StoreRows,
    asked: Range,
    moment: Moment,
    policy: Policy,
    closures: ClosureMode = ClosureMode.HONOUR,
    annotations: AnnotationMode = AnnotationMode.APPLY,
) -> Timeline:
    """Tell what happened to the one store of `store`."""
    seen = _read(store, asked, moment, policy, closures, annotations)
    found = spans(**seen.engine_input, from_us=asked.from_us, to_us=asked.to_us)
    totals_us = _total(seen, asked)
    return Timeline(
        range=asked,
        sessions=_clipped(seen.sessions, asked),
        spans=[
            Span(start_us=start_us, end_us=end_us, status=Status(status))
            for start_us, end_us, status in zip(
                found.start_us.tolist(), found.end_us.tolist(), found.status.tolist(), strict=True
            )
        ],
        polls=_polls(seen.evidence, seen.sessions, asked),
        totals_us=totals_us,
        measures=measure(totals_us),
    )


def store_availability(
    store: StoreRows,
    asked: Range,
    moment: Moment,
    policy: Policy,
    step: Step,
    closures: ClosureMode = ClosureMode.HONOUR,
    annotations: AnnotationMode = AnnotationMode.APPLY,
) -> Availability:
    """Add up the one store of `store` by the days or hours of its own clock.

    The first and last part are cut to the range. A skipped hour is no part, a repeated one is part of its first
    reading (SEMANTICS 5).
    """
    seen = _read(store, asked, moment, policy, closures, annotations)
    starts, edges_us = _local_parts(_timezone(store), asked, step)
    parts_us = bucket_totals(**seen.engine_input, edges_us=edges_us[None], zone_of=np.zeros(1, np.int64))[0]
    totals_us = np.concatenate([_total(seen, asked), parts_us])
    return Availability(range=asked, starts=starts, edges_us=edges_us, totals_us=totals_us, measures=measure(totals_us))


def store_outages(
    store: StoreRows,
    asked: Range,
    moment: Moment,
    policy: Policy,
    closures: ClosureMode,
    annotations: AnnotationMode,
    min_duration: str | None,
    *,
    catalog: Catalog,
) -> StoreOutages:
    """Find the outages of the one store of `store`, as a report on it alone would.

    min_duration: shorter ones are left out.
    """
    basis = Basis(
        store_list=StoreList(
            catalog_version=store.catalog_version,
            frame=store.frame,
            patterns=store.patterns,
            changes=store.changes,
            calendars=assign_calendars(store.frame, store.patterns, store.changes),
            reclassifications=store.reclassifications,
            known=catalog.count_stores(),
        ),
        snapshot=moment.snapshot,
        as_of_us=asked.to_us if moment.as_of_us is None else moment.as_of_us,
        policy=policy,
        closures=closures,
        annotations=annotations,
    )
    ends = (format_instant(instant_of(end_us)) for end_us in (asked.from_us, asked.to_us))
    request = ReportRequest(
        policy=policy,
        format=ReportFormat.JSON,
        windows=("/".join(ends),),
        include=(Section.OUTAGES,),
        min_duration=min_duration,
        closures=closures,
        annotations=annotations,
    )
    content = compute_content(request, basis, store.frame["store_id"], catalog=catalog)
    return StoreOutages(
        figures=content.tables[ReportTable.STORES].read().row(0, named=True),
        outages=content.tables[ReportTable.OUTAGES].read().to_dicts(),
    )


def store_observations(snapshot: Snapshot, store: StoreRows, asked: Range) -> list[tuple[int, bool]]:
    """List what was observed of the one store in a range, the latest loaded of each instant: (observed_us, active)."""
    ids = store.frame["store_id"]
    evidence = read_evidence(snapshot, ids, (asked.from_us, asked.to_us - 1), ids.to_list())
    return list(zip(evidence.observed_us.tolist(), evidence.active.astype(bool).tolist(), strict=True))


def _read(
    store: StoreRows, asked: Range, moment: Moment, policy: Policy, closures: ClosureMode, annotations: AnnotationMode
) -> _Seen:
    # Where nothing was observed there is no clock, and any will do.
    as_of_us = asked.to_us if moment.as_of_us is None else moment.as_of_us
    start_us, end_us = evidence_range(asked.from_us, asked.to_us, as_of_us=as_of_us, policy=policy)
    ids = store.frame["store_id"]
    calendars = assign_calendars(store.frame, store.patterns, store.changes)
    return _Seen(
        evidence=read_evidence(moment.snapshot, ids, (start_us, min(end_us - 1, as_of_us)), ids.to_list()),
        sessions=open_sessions(calendars, start_us, end_us, closures),
        as_of_us=as_of_us,
        policy=policy,
        reclassified=group_reclassified(store.reclassifications, ids) if annotations is AnnotationMode.APPLY else None,
    )


def _total(seen: _Seen, asked: Range) -> Int64s:
    window = np.array([[asked.from_us, asked.to_us]], np.int64)
    return totals(**seen.engine_input, windows_us=window).reshape(1, -1)


def _clipped(sessions: Sessions, asked: Range) -> list[tuple[int, int]]:
    opens, closes = (np.clip(edges, asked.from_us, asked.to_us) for edges in (sessions.open_us, sessions.close_us))
    return [
        (open_us, close_us)
        for open_us, close_us in zip(opens.tolist(), closes.tolist(), strict=True)
        if open_us < close_us
    ]


def _polls(evidence: Evidence, sessions: Sessions, asked: Range) -> list[Poll]:
    first, last = np.searchsorted(evidence.observed_us, (asked.from_us, asked.to_us))
    observed_us = evidence.observed_us[first:last]
    session = np.searchsorted(sessions.open_us, observed_us, side="right") - 1
    counted = np.zeros(len(observed_us), bool)
    begun = session >= 0
    counted[begun] = observed_us[begun] < sessions.close_us[session[begun]]
    return [
        Poll(observed_us=at_us, active=bool(active), counted=inside)
        for at_us, active, inside in zip(
            observed_us.tolist(), evidence.active[first:last].tolist(), counted.tolist(), strict=True
        )
    ]


def _local_parts(timezone: str, asked: Range, step: Step) -> tuple[list[datetime], Int64s]:
    """Cut the local days or hours to the range: what the clock reads where each begins, and their edges."""
    by: Literal["day", "hour"] = "day" if step is Step.DAY else "hour"
    # No zone is more than a day from UTC.
    first = (instant_of(asked.from_us) - timedelta(days=1)).date()
    last = (instant_of(asked.to_us) + timedelta(days=1)).date()
    edges_us = np.clip(local_edges(timezone, first, last, by), asked.from_us, asked.to_us)
    parts = np.flatnonzero(edges_us[:-1] < edges_us[1:])
    length = timedelta(days=1) if step is Step.DAY else timedelta(hours=1)
    midnight = datetime(first.year, first.month, first.day)  # noqa: DTZ001 - what a clock reads, no instant
    return [midnight + length * number for number in parts.tolist()], np.append(edges_us[parts], asked.to_us)


def _timezone(store: StoreRows) -> str:
    return store.frame["timezone"][0] or DEFAULT_TIMEZONE
