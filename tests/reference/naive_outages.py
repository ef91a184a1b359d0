"""The naive twin's outages, openings, polls' gaps and reclassifications (rules 14 and 19-21), read literally."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise, takewhile
from statistics import median_low

from reference import naive
from reference.naive import DAY_US, SECOND_US, Observation, Span, Store

LOOKAROUND_US = 8 * DAY_US
MINUTE_US = 60 * SECOND_US


@dataclass(frozen=True, kw_only=True)
class Change:
    """The status as which an annotation counts down time."""

    start_us: int
    end_us: int
    status: str


@dataclass(frozen=True, kw_only=True)
class Outage:
    start_us: int
    end_us: int
    down_us: int
    opened_us: int | None
    closed_us: int | None
    began_before: bool
    at_opening: bool
    at_closing: bool
    state: str


@dataclass(frozen=True, kw_only=True)
class Openings:
    late_open_us: int = 0
    late_opens: int = 0
    early_close_us: int = 0
    early_closes: int = 0
    missed_us: int = 0
    missed: int = 0


@dataclass(frozen=True, kw_only=True)
class PollGaps:
    polls: int
    counted: int
    outside: int
    median_gap_us: int
    longest_gap_us: int


def cut(spans: Iterable[Span], edges: Iterable[int]) -> list[Span]:
    """The same spans, ended and begun anew at every edge."""
    return [
        Span(start_us=a, end_us=b, status=span.status)
        for span in spans
        for a, b in pairwise(
            sorted({span.start_us, span.end_us, *(e for e in edges if span.start_us < e < span.end_us)})
        )
    ]


def spans(
    store: Store, changes: Sequence[Change], from_us: int, to_us: int, *, as_of_us: int, max_gap_us: int
) -> list[Span]:
    """Rule 20: down time counts as the status of the last change around it; neighbours of one status are joined."""
    plain = naive.spans(store, from_us, to_us, as_of_us=as_of_us, max_gap_us=max_gap_us)
    found: list[Span] = []
    for piece in cut(plain, {edge for change in changes for edge in (change.start_us, change.end_us)}):
        counted_as = [change.status for change in changes if change.start_us <= piece.start_us < change.end_us]
        status = counted_as[-1] if counted_as and piece.status == "down" else piece.status
        start_us = piece.start_us
        if found and found[-1].status == status and found[-1].end_us == start_us:
            start_us = found.pop().start_us
        found.append(Span(start_us=start_us, end_us=piece.end_us, status=status))
    return found


def totals(
    store: Store, changes: Sequence[Change], from_us: int, to_us: int, *, as_of_us: int, max_gap_us: int
) -> dict[str, int]:
    sums = dict.fromkeys(naive.STATUSES, 0)
    for span in spans(store, changes, from_us, to_us, as_of_us=as_of_us, max_gap_us=max_gap_us):
        sums[span.status] += span.end_us - span.start_us
    return sums


def deciding_poll_at(
    instant_us: int, evidence: Sequence[Observation], open_sessions: Sequence[tuple[int, int]], max_gap_us: int
) -> Observation | None:
    """Rule 9: the observation that decides the status of an open instant."""
    session = naive.session_at(open_sessions, instant_us)
    assert session is not None
    for candidates in ([seen for seen in evidence if session[0] <= seen.observed_us < session[1]], evidence):
        earlier = [seen for seen in candidates if seen.observed_us <= instant_us]
        later = [seen for seen in candidates if seen.observed_us > instant_us]
        if earlier and instant_us - earlier[-1].observed_us < max_gap_us:
            return earlier[-1]
        if later and later[0].observed_us - instant_us <= max_gap_us:
            return later[0]
    return None


def outages(
    store: Store,
    changes: Sequence[Change],
    window_us: tuple[int, int],
    *,
    as_of_us: int,
    max_gap_us: int,
    min_duration_us: int = 0,
) -> list[Outage]:
    """Rules 14 and 21: the runs of down time when everything planned or closed is taken away, cut to the window."""
    from_us, to_us = window_us
    reach = from_us - LOOKAROUND_US, to_us + LOOKAROUND_US
    around = spans(store, changes, *reach, as_of_us=as_of_us, max_gap_us=max_gap_us)
    business = [span for span in cut(around, window_us) if span.status != "planned"]
    open_sessions, evidence = _hours_and_evidence(store, reach, as_of_us)
    found = []
    for status, group in groupby(business, key=lambda span: span.status):
        run = list(group)
        inside = [span for span in run if from_us <= span.start_us and span.end_us <= to_us]
        if status != "down" or not inside:
            continue
        start_us, end_us = inside[0].start_us, inside[-1].end_us
        before = [span.status for span in business if span.end_us <= start_us]
        after = [span for span in business if end_us <= span.start_us <= as_of_us]
        down_us = sum(span.end_us - span.start_us for span in inside)
        if down_us < min_duration_us and before[-1:] == ["up"] and after and after[0].status == "up":
            continue
        began_before = before[-1:] == ["down"]
        opener = deciding_poll_at(start_us, evidence, open_sessions, max_gap_us)
        assert opener is not None
        closer = None
        if after and after[0].status == "up":
            closer = deciding_poll_at(after[0].start_us, evidence, open_sessions, max_gap_us)
        state = "ongoing"
        if after and after[0].status != "down":
            state = "ended"
        elif after and to_us < as_of_us:
            state = "continues"
        found.append(
            Outage(
                start_us=start_us,
                end_us=end_us,
                down_us=down_us,
                opened_us=None if began_before else opener.observed_us,
                closed_us=closer.observed_us if closer and closer.active else None,
                began_before=began_before,
                at_opening=not began_before and any(start_us == open_us for open_us, _ in open_sessions),
                at_closing=any(end_us == close_us for _, close_us in open_sessions),
                state=state,
            )
        )
    return found


def openings(
    store: Store, changes: Sequence[Change], window_us: tuple[int, int], *, as_of_us: int, max_gap_us: int
) -> Openings:
    """The sessions that begin or end in the window and before as_of, judged by their parts in it."""
    from_us, to_us = window_us[0], min(window_us[1], as_of_us)
    open_sessions, _ = _hours_and_evidence(store, window_us, as_of_us)
    late, early, missed = [], [], []
    for open_us, close_us in open_sessions:
        begin_us, end_us = max(open_us, from_us), min(close_us, to_us)
        if begin_us >= end_us:
            continue
        parts = spans(store, changes, begin_us, end_us, as_of_us=as_of_us, max_gap_us=max_gap_us)
        first, last = (list(takewhile(lambda part: part.status == "down", each)) for each in (parts, parts[::-1]))
        down_first, down_last = (sum(part.end_us - part.start_us for part in each) for each in (first, last))
        opens, closes = open_us >= from_us, close_us <= to_us
        if opens and closes and first == parts:
            missed.append(down_first)
            continue
        if opens and first:
            late.append(down_first)
        if closes and last:
            early.append(down_last)
    return Openings(
        late_open_us=sum(late),
        late_opens=len(late),
        early_close_us=sum(early),
        early_closes=len(early),
        missed_us=sum(missed),
        missed=len(missed),
    )


def poll_gaps(store: Store, window_us: tuple[int, int], *, as_of_us: int) -> PollGaps:
    seen = naive.deduplicated(store.observations)
    polls = [each for each in seen if window_us[0] <= each.observed_us < window_us[1] and each.observed_us <= as_of_us]
    points, open_sessions = _points(store, window_us, as_of_us)
    gaps = [gap for gap in (business_us(open_sessions, a, b) for a, b in pairwise(points)) if gap]
    return PollGaps(
        polls=len(polls),
        counted=len(points) - 2,
        outside=len(polls) - len(points) + 2,
        median_gap_us=median_low(gaps) if gaps else -1,
        longest_gap_us=max(gaps, default=-1),
    )


def unpolled(
    store: Store, window_us: tuple[int, int], *, as_of_us: int, blind_after_us: int
) -> tuple[list[bool], list[bool]]:
    """Minute by minute: is the store unpolled, is it open, at the minute's beginning."""
    minutes = range(window_us[0], window_us[1], MINUTE_US)
    points, open_sessions = _points(store, window_us, as_of_us)
    if not store.observations:
        return [False] * len(minutes), [False] * len(minutes)
    is_open = [at < points[-1] and naive.session_at(open_sessions, at) is not None for at in minutes]
    gaps = [(a, b) for a, b in pairwise(points) if business_us(open_sessions, a, b) > blind_after_us]
    blind = [any(a <= at < b for a, b in gaps) for at in minutes]
    return [one and other for one, other in zip(blind, is_open, strict=True)], is_open


def business_us(open_sessions: Sequence[tuple[int, int]], from_us: int, to_us: int) -> int:
    return sum(max(0, min(close_us, to_us) - max(open_us, from_us)) for open_us, close_us in open_sessions)


def _points(store: Store, window_us: tuple[int, int], as_of_us: int) -> tuple[list[int], list[tuple[int, int]]]:
    """The window's start, the evidence in it and its end or as_of, and the sessions."""
    from_us, to_us = window_us
    open_sessions, evidence = _hours_and_evidence(store, window_us, as_of_us)
    inside = [seen.observed_us for seen in evidence if from_us <= seen.observed_us < to_us]
    return [from_us, *inside, max(from_us, min(to_us, as_of_us))], open_sessions


def _hours_and_evidence(
    store: Store, reach: tuple[int, int], as_of_us: int
) -> tuple[list[tuple[int, int]], list[Observation]]:
    instants = [*reach, *(seen.observed_us for seen in store.observations)]
    open_sessions, _ = naive.hours(store, min(instants), max(instants))
    return open_sessions, naive.evidence_of(store, open_sessions, as_of_us)
