"""The hours doctor: its findings, its suggestions and their effect; and that it finds nothing else."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import naive, naive_sections
from reference.naive import DAY_US, Observation, Row, Store
from reference.plain import MINUTE_US, row, store, utc
from section_scene import annotation, collected, report_on, rows_of

from storewatch.domain.enums import ReportTable
from storewatch.domain.instants import HOUR_US
from storewatch.engine.evidence import Evidence
from storewatch.engine.opening.sessions import Sessions
from storewatch.reports.compute.content import DOCTOR, Content
from storewatch.reports.sections.contradictions import find_active_outside, find_wrong_edges, find_wrong_zones
from storewatch.reports.sections.doctor import DoctorCollector

WINDOW = "2023-01-16/2023-01-30"  # two weeks from a Monday on
FROM = utc("2023-01-16")
AS_OF = "2023-01-31"
LATE_AN_HOUR = "inactive for the first 60 min (median; at least 40) of 16 of 16 openings at 09:00"
HOURS = [row(day, "09:00", "17:00") for day in range(7)]


def polled(
    rows: Sequence[Row],
    opens: str,
    closes: str,
    *,
    every: int = 20,
    timezone: str = "UTC",
    days: Sequence[int] = range(7),
) -> Store:
    """A store polled every so many minutes for 16 days that is open from `opens` to `closes` UTC, on these weekdays."""
    open_us, close_us = (utc(f"1970-01-01 {at}") for at in (opens, closes))
    polls = []
    for at_us in range(FROM - DAY_US, FROM + 15 * DAY_US, every * MINUTE_US):
        day, time_us = divmod(at_us, DAY_US)
        own = open_us <= time_us < close_us if open_us < close_us else not close_us <= time_us < open_us
        usual = 9 * HOUR_US <= time_us < 17 * HOUR_US
        polls.append((at_us, own if (day + 3) % 7 in days else usual))
    return Store(
        rows=tuple(rows),
        timezone=timezone,
        observations=tuple(Observation(observed_us=at_us, active=active, loaded_us=0) for at_us, active in polls),
    )


def examine(folder: Path, one: Store, **asked: Any) -> list[dict[str, Any]]:
    asked = {"windows": [WINDOW], "include": ["doctor"], "as_of": AS_OF} | asked
    return report_on(folder, {"a": one}, **asked).tables[ReportTable.DOCTOR].read().to_dicts()


@pytest.mark.parametrize(
    ("opens", "closes", "finding", "evidence", "correction"),
    [
        (
            "09:47",
            "17:00",
            "late_open",
            LATE_AN_HOUR,
            "open at 10:00 on every day",
        ),
        (
            "09:00",
            "16:05",
            "early_close",
            "inactive for the last 60 min (median; at least 40) of 16 of 16 closings at 17:00",
            "close at 16:15 on every day",
        ),
        (
            "08:10",
            "17:00",
            "opens_earlier",
            "active from 40 min (median; at most 60) before 16 of 16 openings at 09:00",
            "open at 08:15 on every day",
        ),
        (
            "09:00",
            "19:10",
            "stays_open",
            "active until 120 min (median; at most 140) after 15 of 16 closings at 17:00",
            "close at 19:00 on every day",
        ),
    ],
)
def test_wrong_edge_is_found_with_its_correction(
    tmp_path: Path, opens: str, closes: str, finding: str, evidence: str, correction: str
) -> None:
    one = polled(HOURS, opens, closes)
    corrected = {"late_open": ("10:00", "17:00"), "early_close": ("09:00", "16:15")} | {
        "opens_earlier": ("08:15", "17:00"),
        "stays_open": ("09:00", "19:00"),
    }
    better = Store(
        rows=tuple(row(day, *corrected[finding]) for day in range(7)), timezone="UTC", observations=one.observations
    )
    before, after = (
        naive.totals(each, FROM, FROM + 14 * DAY_US, as_of_us=utc(AS_OF), max_gap_us=7 * DAY_US)
        for each in (one, better)
    )
    assert examine(tmp_path, one) == [
        {
            "store_id": "a",
            "name": None,
            "finding": finding,
            "evidence": evidence,
            "correction": correction,
            "confidence": 15 / 16 if finding == "stays_open" else 1.0,
            "availability": before["up"] / (before["up"] + before["down"]),
            "availability_corrected": after["up"] / (after["up"] + after["down"]),
            "down_us": before["down"],
            "down_corrected_us": after["down"],
            "business_us": sum(before.values()),
            "business_corrected_us": sum(after.values()),
        }
    ]


@pytest.mark.parametrize("closures", ["honour", "exclude", "ignore"])
def test_correction_is_computed_with_closures_and_annotations(tmp_path: Path, closures: str) -> None:
    closed = (utc("2023-01-18 12:00"), utc("2023-01-18 14:00"))
    one = replace(polled(HOURS, "10:00", "17:00"), closures=(closed,))
    better = replace(one, rows=tuple(row(day, "10:00", "17:00") for day in range(7)))
    drill = annotation("a", "2023-01-20T00:00Z", "2023-01-20T09:30Z", "drill", reclassify_as="not_an_outage")
    content = report_on(
        tmp_path, {"a": one}, notes=[drill], windows=[WINDOW], include=["doctor"], closures=closures, as_of=AS_OF
    )
    down_us, down_corrected_us = (
        naive.totals(each, FROM, FROM + 14 * DAY_US, as_of_us=utc(AS_OF), max_gap_us=7 * DAY_US, closures=closures)[
            "down"
        ]
        for each in (one, better)
    )
    openings, at = ("16 of 16", " at 09:00")
    evidence = f"inactive for the first 60 min (median; at least 40) of {openings} openings{at}"
    columns = "evidence", "correction", "down_us", "down_corrected_us"
    assert rows_of(content, ReportTable.DOCTOR, *columns) == [
        (evidence, "open at 10:00 on every day", down_us - 30 * MINUTE_US, down_corrected_us)
    ]


def test_hours_that_fit_are_not_suspected(tmp_path: Path) -> None:
    assert examine(tmp_path, polled(HOURS, "09:00", "17:00")) == []


@pytest.mark.parametrize(
    ("opens", "closes", "evidence", "correction"),
    [
        ("09:47", "17:00", "inactive for the first 60 min (median; at least 40)", "open at 10:00"),
        ("09:34", "17:00", "inactive for the first 40 min (median; at least 20)", "open at 09:30"),
        ("09:00", "16:10", "inactive for the last 60 min (median; at least 40)", "close at 16:15"),
        ("09:00", "16:30", "inactive for the last 40 min (median; at least 20)", "close at 16:30"),
    ],
)
def test_correction_leaves_the_poll_that_shows_it_inside(
    tmp_path: Path, opens: str, closes: str, evidence: str, correction: str
) -> None:
    [found] = examine(tmp_path, polled(HOURS, opens, closes))
    assert found["evidence"].startswith(evidence)
    assert found["correction"] == f"{correction} on every day"


def test_late_afternoons_of_split_hours_are_found(tmp_path: Path) -> None:
    split = [row(day, *each) for day in range(7) for each in (("09:00", "12:00"), ("14:00", "20:00"))]
    one = polled(split, "09:00", "20:00", every=10)
    late = [
        replace(seen, active=seen.active and not 12 * HOUR_US <= seen.observed_us % DAY_US < 14.5 * HOUR_US)
        for seen in one.observations
    ]
    [found] = examine(tmp_path, replace(one, observations=tuple(late)), timezone="UTC")
    assert (found["finding"], found["evidence"], found["correction"]) == (
        "late_open",
        "inactive for the first 30 min (median; at least 20) of 16 of 16 openings at 14:00",
        "open at 14:30 on every day",
    )
    assert (found["business_us"], found["business_corrected_us"]) == (14 * 9 * HOUR_US, 14 * 17 * HOUR_US // 2)


def test_times_of_few_days_are_judged_together(tmp_path: Path) -> None:
    hours = [row(day, f"{9 + day % 4:02}:00", "17:00") for day in range(7)]
    one = polled(HOURS, "00:00", "00:00", every=10)
    opens_us = [(9.5 + (seen.observed_us // DAY_US + 3) % 7 % 4) * HOUR_US for seen in one.observations]
    late = [
        replace(seen, active=open_us <= seen.observed_us % DAY_US < 17 * HOUR_US)
        for seen, open_us in zip(one.observations, opens_us, strict=True)
        if FROM <= seen.observed_us < FROM + 14 * DAY_US
    ]
    [found] = examine(tmp_path, replace(one, rows=tuple(hours), observations=tuple(late)))
    assert found["evidence"] == "inactive for the first 30 min (median; at least 20) of 14 of 14 openings"
    assert (
        found["correction"] == "open at 09:30 on Mon, Fri, at 10:30 on Tue, Sat, at 11:30 on Wed, Sun, at 12:30 on Thu"
    )


def test_store_that_is_active_until_long_after_its_closing_is_found(tmp_path: Path) -> None:
    [found] = examine(tmp_path, polled(HOURS, "09:00", "01:10"))
    assert (found["finding"], found["correction"]) == ("stays_open", "close at 01:00 the next day on every day")


@pytest.mark.parametrize("closures", ["honour", "exclude", "ignore"])
def test_store_that_is_active_around_the_clock_is_found(tmp_path: Path, closures: str) -> None:
    closed = (utc("2023-01-18 12:00"), utc("2023-01-18 14:00"))
    one = replace(polled(HOURS, "00:00", "00:00"), closures=(closed,))
    outages = [replace(seen, active=seen.observed_us % (100 * HOUR_US) != 0) for seen in one.observations]
    one = replace(one, observations=tuple(outages))
    [found] = examine(tmp_path, one, closures=closures)
    before, after = (
        naive.totals(each, FROM, FROM + 14 * DAY_US, as_of_us=utc(AS_OF), max_gap_us=7 * DAY_US, closures=closures)
        for each in (one, replace(one, rows=()))
    )
    assert (found["finding"], found["correction"]) == ("active_outside", "open 24 hours on every day")
    assert found["evidence"].startswith("active in 100% of 7")
    assert found["evidence"].endswith("closings; no closing seen")
    assert [found[name] for name in ("down_us", "down_corrected_us", "business_us", "business_corrected_us")] == [
        before["down"], after["down"], sum(before.values()), sum(after.values())
    ]  # fmt: skip


def test_fleet_that_is_active_outside_its_hours_is_one_finding(tmp_path: Path) -> None:
    awake, fitting = polled(HOURS, "00:00", "00:00", every=60), polled(HOURS, "09:00", "17:00", every=60)
    late = polled(HOURS, "11:00", "17:00", every=60)

    def found(*, awake_stores: int, shard_rows: int = 1_000) -> list[tuple[Any, ...]]:
        stores = {f"s{number}": awake if number < awake_stores else fitting for number in range(5)} | {"t": late}
        folder = tmp_path / f"{awake_stores}-{shard_rows}"
        content = report_on(folder, stores, windows=[WINDOW], include=["doctor"], as_of=AS_OF, shard_rows=shard_rows)
        return rows_of(content, ReportTable.DOCTOR, "store_id", "finding")

    assert found(awake_stores=3) == [*((f"s{number}", "active_outside") for number in range(3)), ("t", "late_open")]
    assert found(awake_stores=4) == [("t", "late_open"), (None, "active_outside")]


def test_store_that_is_down_all_day_is_not_suspected(tmp_path: Path) -> None:
    assert examine(tmp_path, polled(HOURS, "12:00", "12:01", every=120)) == []


@pytest.mark.parametrize("window", ["last_hour", "yesterday", "rolling_30_days", "2022-06", "2023-02-10/2023-02-20"])
def test_same_polls_are_examined_whatever_the_window(tmp_path: Path, window: str) -> None:
    one = polled(HOURS, "09:47", "17:00")
    [found] = examine(tmp_path, one, windows=[window])
    assert (found["finding"], found["evidence"]) == ("late_open", LATE_AN_HOUR)
    assert found["correction"] == "open at 10:00 on every day"


def test_polls_more_than_31_days_before_as_of_are_not_examined(tmp_path: Path) -> None:
    one = polled(HOURS, "09:47", "17:00")
    assert examine(tmp_path / "five", one, as_of="2023-02-26")[0]["evidence"].endswith("5 of 5 openings at 09:00")
    assert examine(tmp_path / "four", one, as_of="2023-02-27") == []


def test_only_the_days_that_are_late_are_corrected(tmp_path: Path) -> None:
    [found] = examine(tmp_path, polled(HOURS, "10:00", "17:00", days=[0, 1, 2, 3, 4]))
    assert (found["finding"], found["correction"]) == ("late_open", "open at 10:00 on Mon, Tue, Wed, Thu, Fri")
    assert found["confidence"] == pytest.approx(11 / 16)


def test_closing_after_midnight_is_written_as_of_the_day_before(tmp_path: Path) -> None:
    [found] = examine(tmp_path, polled([row(day, "09:00", "23:30") for day in range(7)], "09:00", "01:05"))
    assert found["correction"] == "close at 01:00 the next day on every day"


def test_opening_before_midnight_is_written_as_of_the_day_after(tmp_path: Path) -> None:
    [found] = examine(tmp_path, polled([row(day, "00:30", "08:00") for day in range(7)], "23:15", "08:00"))
    assert found["correction"] == "open at 23:15 the day before on every day"


def test_wrong_zone_explains_both_edges(tmp_path: Path) -> None:
    # 09:00-17:00 in New York is 14:00-22:00 UTC; it is active an hour later, as in Chicago.
    stores = {"a": polled(HOURS, "15:00", "23:00", timezone="America/New_York")} | {
        f"b{number}": polled(HOURS, "15:00", "23:00", timezone="America/Chicago") for number in range(2)
    }
    content = report_on(tmp_path, stores, windows=["2023-01-20/2023-01-21", WINDOW], include=["doctor"], as_of=AS_OF)
    assert rows_of(content, ReportTable.DOCTOR, *DOCTOR) == [
        (
            "a",
            None,
            "wrong_zone",
            "100% of 1,152 polls fit the hours moved 1 h later, 92% the hours as they are",
            "time zone America/Chicago instead of America/New_York",
            1.0,
            7 / 8,
            1.0,
            HOUR_US,
            0,
            8 * HOUR_US,
            8 * HOUR_US,
        )
    ]


def test_wrong_zone_beside_stores_that_open_or_close_for_good(tmp_path: Path) -> None:
    wrong = polled(HOURS, "15:00", "23:00", timezone="America/New_York")
    fitting = polled(HOURS, "15:00", "23:00", timezone="America/Chicago")
    stores = {"a": wrong, "b": fitting, "c": replace(fitting, closed_on=date(2023, 1, 25))}
    asked = {"windows": [WINDOW], "include": ["doctor"], "as_of": AS_OF}
    [alone] = (
        report_on(tmp_path / "alone", {"a": wrong, "b": fitting}, **asked).tables[ReportTable.DOCTOR].read().to_dicts()
    )
    [beside] = report_on(tmp_path / "beside", stores, **asked).tables[ReportTable.DOCTOR].read().to_dicts()
    assert beside == alone


def test_correction_counts_no_time_outside_of_business(tmp_path: Path) -> None:
    # It closes for good at the start of the 28th, two days before the end of the window of 14 days.
    one = replace(polled(HOURS, "00:00", "00:00"), closed_on=date(2023, 1, 28))
    [found] = examine(tmp_path, one)
    assert (found["finding"], found["business_us"]) == ("active_outside", 12 * 8 * HOUR_US)
    assert found["business_corrected_us"] == 12 * DAY_US
    [moved] = examine(tmp_path / "zone", replace(polled(HOURS, "11:00", "19:00"), closed_on=date(2023, 1, 28)))
    assert (moved["finding"], moved["business_us"]) == ("wrong_zone", 12 * 8 * HOUR_US)
    assert moved["business_corrected_us"] == 12 * 8 * HOUR_US


def test_zone_that_nobody_uses_is_a_well_known_one(tmp_path: Path) -> None:
    [found] = examine(tmp_path, polled(HOURS, "11:00", "19:00"), timezone="UTC")
    assert found["correction"] == "time zone America/Noronha instead of UTC"


def test_findings_beyond_the_limit_are_counted(tmp_path: Path) -> None:
    stores = {f"s{number}": polled(HOURS, "10:00", "17:00") for number in range(4)}
    names = pl.Series([f"Store {number}" for number in range(4)])
    doctor = collected(
        tmp_path,
        stores,
        partial(DoctorCollector.of, names=names, most=2),
        windows=[WINDOW],
        as_of=AS_OF,
        shard_rows=2_000,
    )
    table = doctor.tables[ReportTable.DOCTOR].read()
    assert table.select("store_id", "name", "finding", "evidence").rows() == [
        *((f"s{number}", f"Store {number}", "late_open", LATE_AN_HOUR) for number in range(2)),
        (
            None,
            None,
            "not_examined",
            "2 further suspicions are left out; choose the stores of one label or zone at a time",
        ),
    ]


def sessions_of(stores: Sequence[Sequence[tuple[int, int]]]) -> Sessions:
    flat = np.array([each for one in stores for each in one], np.int64).reshape(-1, 2)
    nothing = np.empty(0, np.int64)
    return Sessions(
        offsets=np.cumsum([0, *map(len, stores)]),
        open_us=flat[:, 0],
        close_us=flat[:, 1],
        planned_offsets=np.zeros(len(stores) + 1, np.int64),
        planned_start_us=nothing,
        planned_end_us=nothing,
        calendar_of=np.arange(len(stores)),
    )


def evidence_of(stores: Sequence[Sequence[Observation]]) -> Evidence:
    flat = [seen for one in stores for seen in one]
    return Evidence(
        offsets=np.cumsum([0, *map(len, stores)]),
        observed_us=np.array([seen.observed_us for seen in flat], np.int64),
        active=np.array([seen.active for seen in flat], np.uint8),
    )


@st.composite
def shops(draw: st.DrawFn) -> tuple[list[tuple[int, int]], list[Observation]]:
    """Sessions of ten days and polls that mostly keep to hours of their own, on a grid so that edges are met."""
    step_us = 30 * MINUTE_US
    opens = draw(st.integers(0, 30))
    length = draw(st.integers(2, 47 - opens))
    pause = draw(st.none() | st.integers(1, length - 1))
    sessions = [
        (day * DAY_US + begin * step_us, day * DAY_US + end * step_us)
        for day in range(10)
        if draw(st.integers(0, 9)) > 0
        for begin, end in (
            [(opens, opens + length)]
            if pause is None
            else [(opens, opens + pause), (opens + pause + 1, opens + length + 1)]
        )
    ]
    shift, longer = draw(st.integers(-24, 24)), draw(st.integers(-6, 24))
    noise = draw(st.integers(0, 8))
    every = draw(st.sampled_from([1, 2, 3, 7]))
    polls = []
    for place in range(draw(st.integers(0, every)), 10 * 48, every):
        own = opens + shift <= place % 48 < opens + shift + length + longer
        active = own if draw(st.integers(0, 19)) >= noise else draw(st.booleans())
        polls.append(Observation(observed_us=place * step_us, active=active, loaded_us=0))
    return sessions, polls


@given(
    stores=st.lists(shops(), max_size=4),
    begin=st.integers(0, 4 * 24),
    length=st.integers(0, 10 * 24),
    as_of=st.integers(0, 11 * 24),
)
def test_contradictions_are_those_of_the_twin(
    stores: list[tuple[list[tuple[int, int]], list[Observation]]], begin: int, length: int, as_of: int
) -> None:
    from_us, to_us, as_of_us = (hours * HOUR_US for hours in (begin, begin + length, as_of))
    sessions, evidence = sessions_of([one for one, _ in stores]), evidence_of([polls for _, polls in stores])
    spans_us = np.tile(np.array([from_us, to_us]), (len(stores), 1))
    found: list[list[naive_sections.Contradiction]] = [[] for _ in stores]
    for each in find_wrong_edges(evidence, sessions, spans_us, as_of_us, lambda _, instants_us: instants_us):
        edges = zip(each.edges_us.tolist(), each.is_contrary.tolist(), strict=True)
        found[each.store].append(
            naive_sections.Contradiction(
                finding=each.finding.value,
                clock_us=each.clock_us,
                edges=tuple(sorted(edges)),
                by_us=each.by_us,
                bound_us=each.bound_us,
            )
        )
    assert found == [naive_sections.contradictions(polls, one, from_us, to_us, as_of_us) for one, polls in stores]
    awake = {
        each.store: (each.polls, each.closings, each.contrary)
        for each in find_active_outside(evidence, sessions, spans_us, as_of_us)[0]
    }
    assert [awake.get(number) for number in range(len(stores))] == [
        naive_sections.active_outside(polls, one, from_us, to_us, as_of_us) for one, polls in stores
    ]
    shifts = {each.store: each.hours for each in find_wrong_zones(evidence, sessions, spans_us, as_of_us)}
    assert [shifts.get(number) for number in range(len(stores))] == [
        naive_sections.fitting_shift(polls, one, from_us, to_us, as_of_us) for one, polls in stores
    ]


def test_report_without_polls_in_the_window_has_no_findings(tmp_path: Path) -> None:
    quiet: dict[str, Store] = {"a": store([], {}), "b": store(HOURS, {"2023-01-10 10:00": "up"})}
    content: Content = report_on(tmp_path, quiet, windows=[WINDOW], include=["doctor"], as_of=AS_OF)
    assert rows_of(content, ReportTable.DOCTOR, "store_id") == []
