"""Down time by reason, reasons of outages, and reports on polls of some sources."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reference import naive
from reference.plain import row, store, utc
from section_scene import Details, report_on, rows_of

from storewatch.domain.enums import ReportTable
from storewatch.domain.instants import HOUR_US
from storewatch.domain.policies import OBSERVED
from storewatch.reports.sections.reasons import MAX_REASONS, OTHER

DAY = "2023-01-23/2023-01-24"
AS_OF = "2023-01-25"
ASKED: dict[str, Any] = {"windows": [DAY], "as_of": AS_OF, "include": ["outages", "reasons"]}
OPEN = [row(day, "09:00", "17:00") for day in range(7)]
CAFE = store(
    OPEN,
    {
        "2023-01-23 09:00": "up",
        "2023-01-23 10:00": "down",
        "2023-01-23 11:00": "down",
        "2023-01-23 12:00": "down",
        "2023-01-23 13:00": "down",
        "2023-01-23 14:00": "up",
        "2023-01-23 20:00": "down",
        "2023-01-24 09:00": "up",
    },
)


def details_of(**reasons: tuple[str | None, str | None]) -> Details:
    """Reason and source of cafe's polls by hour, such as h10."""
    return {("cafe", utc(f"2023-01-23 {hour[1:]}:00")): both for hour, both in reasons.items()}


PAUSED = ("paused by the restaurant", "wolt")
DETAILS = details_of(h10=PAUSED, h11=PAUSED, h12=PAUSED, h13=(None, "wolt"), h14=(None, "wolt"), h20=("error", "glovo"))


def test_outage_counts_the_reasons_of_its_inactive_polls(tmp_path: Path) -> None:
    content = report_on(tmp_path, {"cafe": CAFE}, details=DETAILS, **ASKED)
    columns = ("inactive_polls", "reason", "reason_polls", "reasons")
    expected = (4, "paused by the restaurant", 3, "3 paused by the restaurant, 1 no reason given")
    assert rows_of(content, ReportTable.OUTAGES, *columns) == [expected]


def test_down_time_is_divided_by_reason(tmp_path: Path) -> None:
    content = report_on(tmp_path, {"cafe": CAFE}, details=DETAILS, **ASKED)
    columns = ("store_id", "reason", "inactive_polls", "down_us")
    assert rows_of(content, ReportTable.REASONS, *columns) == [
        ("cafe", "paused by the restaurant", 3, 3 * HOUR_US),
        ("cafe", None, 1, HOUR_US),
    ]


def test_without_reasons_all_down_time_is_of_none(tmp_path: Path) -> None:
    content = report_on(tmp_path, {"cafe": CAFE}, **ASKED)
    assert rows_of(content, ReportTable.REASONS, "reason", "down_us") == [(None, 4 * HOUR_US)]
    assert rows_of(content, ReportTable.OUTAGES, "inactive_polls", "reason") == [(None, None)]


def test_polls_of_other_sources_are_not_used(tmp_path: Path) -> None:
    of_wolt = report_on(tmp_path, {"cafe": CAFE}, details=DETAILS, sources=["wolt"], **ASKED)
    # The poll of 09:00 has no source, so the first poll of the session is the inactive one of 10:00.
    assert rows_of(of_wolt, ReportTable.STORES, "up_us", "down_us") == [(3 * HOUR_US, 5 * HOUR_US)]
    of_nobody = report_on(tmp_path / "none", {"cafe": CAFE}, details=DETAILS, sources=["just eat"], **ASKED)
    assert rows_of(of_nobody, ReportTable.STORES, "up_us", "down_us", "unknown_us") == [(0, 0, 8 * HOUR_US)]


def test_spellings_of_one_reason_or_source_are_counted_together(tmp_path: Path) -> None:
    """The lake of an earlier release has them as they were sent."""
    sent = [
        ("paused_by_platform", "UBER"),
        ("PAUSED BY platform", "uber"),
        ("Paused by platform", "Uber "),
        ("Oven-Broken", "uber"),
    ]
    details = details_of(**dict(zip(("h10", "h11", "h12", "h13"), sent, strict=True)))
    content = report_on(tmp_path, {"cafe": CAFE}, details=details, sources=["Uber"], **ASKED)
    assert rows_of(content, ReportTable.REASONS, "reason", "inactive_polls") == [
        ("paused by the platform", 3),
        ("oven broken", 1),
    ]
    assert rows_of(content, ReportTable.OUTAGES, "reasons") == [("3 paused by the platform, 1 oven broken",)]


@pytest.mark.parametrize("shard_rows", [10, 4_000_000])
def test_parts_are_those_of_the_slow_twin_and_add_up(tmp_path: Path, shard_rows: int) -> None:
    rng = random.Random(7)
    stores, details = {}, {}
    for number in range(5):
        start_us = utc("2023-01-22 00:00")
        polls = {start_us + rng.randrange(3 * 24 * 60) * 60_000_000: rng.random() < 0.5 for _ in range(40)}
        seen = tuple(
            naive.Observation(observed_us=at_us, active=active, loaded_us=at_us)
            for at_us, active in sorted(polls.items())
        )
        stores[f"s{number}"] = replace(CAFE, observations=seen)
        details |= {(f"s{number}", at_us): (rng.choice(["a", "b", None]), None) for at_us in polls}
    asked = ASKED | {"policy": OBSERVED.name}
    content = report_on(tmp_path, stores, details=details, shard_rows=shard_rows, **asked)
    found = {
        (store_id, why): us
        for store_id, why, us in rows_of(content, ReportTable.REASONS, "store_id", "reason", "down_us")
    }
    window_us = utc("2023-01-23"), utc("2023-01-24")
    for store_id, given in stores.items():
        for reason in ("a", "b", None):
            polls = tuple(
                poll if details[store_id, poll.observed_us][0] == reason else replace(poll, active=True)
                for poll in given.observations
            )
            twin = naive.totals(
                replace(given, observations=polls), *window_us, as_of_us=utc(AS_OF), max_gap_us=OBSERVED.max_gap_us
            )
            assert found.get((store_id, reason), 0) == twin["down"]
    sums = [sum(us for (each, _), us in found.items() if each == store_id) for store_id in stores]
    assert sums == [down for (down,) in rows_of(content, ReportTable.STORES, "down_us")]


def test_reasons_beyond_the_most_frequent_ones_are_one(tmp_path: Path) -> None:
    polls = {f"2023-01-23 {9 + number // 60:02}:{number % 60:02}": "down" for number in range(MAX_REASONS + 5)}
    details: Details = {("cafe", utc(at)): (f"reason {number:02}", None) for number, at in enumerate(polls)}
    content = report_on(tmp_path, {"cafe": store(OPEN, polls)}, details=details, **ASKED)
    rows = rows_of(content, ReportTable.REASONS, "reason", "inactive_polls")
    assert (len(rows), rows[-1]) == (MAX_REASONS, (OTHER, 6))
