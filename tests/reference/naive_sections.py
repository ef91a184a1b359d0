"""The naive twin of the sections of reports: mass outages, lost sales, contradictions; read literally.

It never imports storewatch.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby, pairwise
from statistics import median_low

from reference import naive
from reference.naive import DAY_US, HOUR_US, Observation, Store

MINUTE_US = HOUR_US // 60
BEYOND_US = 12 * HOUR_US


@dataclass(frozen=True, kw_only=True)
class Start:
    """An outage that began in the window."""

    store: str
    start_us: int
    end_us: int
    down_us: int


@dataclass(frozen=True, kw_only=True)
class MassOutage:
    label: str
    value: str
    first_start_us: int
    last_start_us: int
    end_us: int
    label_stores: int
    down_us: int
    stores: tuple[str, ...]


def mass_outages(
    starts: Sequence[Start], labels: Mapping[str, Mapping[str, str]], stores: Sequence[str]
) -> list[MassOutage]:
    """Every label=value, every start in turn; labels: of each store."""
    found: list[MassOutage] = []
    pairs = {(label, value) for store in stores for label, value in labels.get(store, {}).items() if label != "name"}
    for label, value in sorted(pairs):
        members = [store for store in stores if labels.get(store, {}).get(label) == value]
        if len(members) < 5:
            continue
        waiting = sorted(
            (each for each in starts if each.store in members), key=lambda each: (each.start_us, each.store)
        )
        while waiting:
            event = [each for each in waiting if each.start_us <= waiting[0].start_us + HOUR_US]
            down = {each.store for each in event}
            if len(down) < 5 or 5 * len(down) < len(members):
                waiting.pop(0)
                continue
            waiting = waiting[len(event) :]
            found.append(
                MassOutage(
                    label=label,
                    value=value,
                    first_start_us=event[0].start_us,
                    last_start_us=event[-1].start_us,
                    end_us=max(each.end_us for each in event),
                    label_stores=len(members),
                    down_us=sum(each.down_us for each in event),
                    stores=tuple(sorted(down)),
                )
            )
    found.sort(key=lambda each: (each.first_start_us, each.stores, each.label_stores, each.label))
    joined = []
    for _, group in groupby(found, key=lambda each: (each.first_start_us, each.stores)):
        same = list(group)
        names = " + ".join(each.label for each in same), " + ".join(each.value for each in same)
        joined.append(MassOutage(**vars(same[0]) | {"label": names[0], "value": names[1]}))
    return sorted(joined, key=lambda each: (each.first_start_us, each.label, each.value))


def rate_at(rates: Mapping[tuple[int | None, int | None], float], weekday: int, hour: int) -> float:
    """Return the sales of an hour: those of the row that names it most exactly; zero without one."""
    for named in ((weekday, hour), (weekday, None), (None, hour), (None, None)):
        if named in rates:
            return rates[named]
    return 0.0


def lost_sales(
    store: Store,
    rates: Mapping[tuple[int | None, int | None], float],
    from_us: int,
    to_us: int,
    *,
    as_of_us: int,
    max_gap_us: int,
) -> tuple[float | None, float, float]:
    """The estimate, the least and the most that was lost, one local hour after the other."""
    sums = naive.totals(store, from_us, to_us, as_of_us=as_of_us, max_gap_us=max_gap_us)
    first, days = naive.EPOCH + timedelta(days=from_us // DAY_US - 1), (to_us - from_us) // DAY_US + 3
    edges = naive.local_edges(store.timezone, first, days, 1)
    down = unknown = 0.0
    for number, (begin_us, end_us) in enumerate(pairwise(edges)):
        a, b = max(begin_us, from_us), min(end_us, to_us)
        if a < b:
            day, hour = naive.days_from(first, days)[number // 24], number % 24
            worth = rate_at(rates, day.weekday(), hour) / HOUR_US
            hour_sums = naive.totals(store, a, b, as_of_us=as_of_us, max_gap_us=max_gap_us)
            down += hour_sums["down"] * worth
            unknown += hour_sums["unknown"] * worth
    known = sums["down"] + sums["up"]
    if not known:
        return (None if sums["unknown"] else 0.0), down, down + unknown
    return down + unknown * sums["down"] / known, down, down + unknown


@dataclass(frozen=True, kw_only=True)
class Contradiction:
    finding: str
    clock_us: int | None
    edges: tuple[tuple[int, bool], ...]
    by_us: int
    bound_us: int


def contradictions(
    observations: Sequence[Observation], sessions: Sequence[tuple[int, int]], from_us: int, to_us: int, as_of_us: int
) -> list[Contradiction]:
    """How the polls of one store contradict the openings and closings in a window, up to as_of.

    Its clock is UTC.
    """
    polls = [(seen.observed_us, seen.active) for seen in observations if from_us <= seen.observed_us < to_us]
    polls = [poll for poll in sorted(polls) if poll[0] <= as_of_us]
    ended_us = min(to_us, as_of_us)
    found = []
    for finding in ("late_open", "early_close", "opens_earlier", "stays_open"):
        at_opening = finding in ("late_open", "opens_earlier")
        judged = []
        for place, (open_us, close_us) in enumerate(sessions):
            edge_us = open_us if at_opening else close_us
            if finding in ("late_open", "early_close"):
                near = [poll for poll in polls if open_us <= poll[0] < close_us]
            elif at_opening:
                before_us = sessions[place - 1][1] if place else from_us
                near = [poll for poll in polls if before_us <= poll[0] < open_us]
            else:
                after_us = sessions[place + 1][0] if place + 1 < len(sessions) else to_us
                near = [poll for poll in polls if close_us <= poll[0] < after_us]
            first_us = from_us + (BEYOND_US if finding == "opens_earlier" else 0)
            last_us = ended_us - (BEYOND_US if finding == "stays_open" else 0)
            if near and first_us <= edge_us <= last_us:
                # The first poll is the one nearest to the edge.
                nearest = sorted((abs(at - edge_us), active) for at, active in near)
                judged.append((edge_us, *_judge(nearest, wanted=finding in ("opens_earlier", "stays_open"))))
        times = Counter(each[0] % DAY_US for each in judged)
        often = [time_us for time_us in sorted(times) if times[time_us] >= 5]
        for clock_us in (*often, None):
            of_clock = [
                each for each in judged if (each[0] % DAY_US if each[0] % DAY_US in often else None) == clock_us
            ]
            against = [each for each in of_clock if each[1]]
            fitting, rest = sum(each[4] for each in against), sum(each[5] for each in against)
            if len(of_clock) >= 5 and 10 * len(against) > 6 * len(of_clock) and 10 * fitting >= 8 * rest:
                found.append(
                    Contradiction(
                        finding=finding,
                        clock_us=clock_us,
                        edges=tuple(sorted((edge_us, contrary) for edge_us, contrary, *_ in of_clock)),
                        by_us=median_low([each[2] for each in against]),
                        bound_us=median_low([each[3] for each in against]),
                    )
                )
    return found


def active_outside(
    observations: Sequence[Observation], sessions: Sequence[tuple[int, int]], from_us: int, to_us: int, as_of_us: int
) -> tuple[int, int, int] | None:
    """Of a store that does not close: its polls outside hours, closings they follow, and how many they contradict."""
    after: dict[int, list[bool]] = {}
    for seen in observations:
        at_us = seen.observed_us
        if from_us <= at_us < to_us and at_us <= as_of_us and not any(a <= at_us < b for a, b in sessions):
            after.setdefault(sum(close_us <= at_us for _, close_us in sessions), []).append(seen.active)
    polls, active = sum(map(len, after.values())), sum(map(sum, after.values()))
    contrary = sum(10 * sum(seen) >= 9 * len(seen) for seen in after.values())
    judged = polls >= 20 and len(after) >= 5
    wrong = judged and 10 * active >= 9 * polls and 10 * contrary > 6 * len(after)
    return (polls, len(after), contrary) if wrong else None


def _judge(nearest: Sequence[tuple[int, bool]], *, wanted: bool) -> tuple[bool, int, int, int, int]:
    """Whether polls that begin with `wanted` turn, by how much and which bound, and how much of the rest fits.

    nearest: distance from the edge and status. wanted: active polls where the store should be closed, else inactive
    ones where it should be open.
    """
    turn = next((place for place, (_, active) in enumerate(nearest) if active != wanted), None)
    if not turn:
        return False, 0, 0, 0, 0
    last_before, first_after = nearest[turn - 1][0], nearest[turn][0]
    if not wanted:
        rest = nearest[turn:]
        return True, first_after, last_before, sum(active for _, active in rest), len(rest)
    if last_before > BEYOND_US:
        return False, 0, 0, 0, 0
    last = max(place for place, (_, active) in enumerate(nearest) if not active)
    rest = nearest[turn : last + 1]
    return True, last_before, first_after, sum(not active for _, active in rest), len(rest)


def fitting_shift(
    observations: Sequence[Observation], sessions: Sequence[tuple[int, int]], from_us: int, to_us: int, as_of_us: int
) -> int | None:
    """By how many hours later, if any, the hours must be for the polls to be active when they are open."""
    polls = [seen for seen in observations if from_us <= seen.observed_us < to_us and seen.observed_us <= as_of_us]

    def sides(hours: int) -> tuple[list[bool], list[bool]]:
        inside, outside = [], []
        for seen in polls:
            quarter_us = seen.observed_us // (15 * MINUTE_US) * (15 * MINUTE_US) - hours * HOUR_US
            is_open = any(open_us <= quarter_us < close_us for open_us, close_us in sessions)
            (inside if is_open else outside).append(seen.active == is_open)
        return inside, outside

    as_given = sides(0)
    if min(map(len, as_given)) < 20:
        return None
    shifts = [hours for length in range(1, 13) for hours in (-length, length)]
    best = max(shifts, key=lambda hours: sum(map(sum, sides(hours))))
    agreeing, before = sum(map(sum, sides(best))), sum(map(sum, as_given))
    good = all(10 * sum(side) >= 8 * len(side) for side in sides(best))
    return best if good and 20 * (agreeing - before) >= len(polls) else None
