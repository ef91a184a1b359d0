"""Outages in reports: every one, the figures of stores and of all together, causes, minimum length."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reference import naive, naive_outages
from reference.plain import MINUTE_US, row, store, utc
from section_scene import annotation, report_on, rows_of

from storewatch.domain.enums import Reclassification, ReportTable
from storewatch.domain.instants import HOUR_US, instant_of
from storewatch.reports.compute.content import OPENINGS, OUTAGE_FIGURES, Content

WEEK = "2023-01-23/2023-01-30"  # Monday to Sunday
WINDOW_US = utc("2023-01-23"), utc("2023-01-30")
AS_OF = "2023-02-01"
WEEK_US = 7 * 24 * HOUR_US

# Open 09:00-12:00 every day. Monday down until 10:00 (late open), Tuesday from 11:00 (early close) on, all of
# Wednesday and until Thursday 09:30; Friday down 10:00-10:20.
CAFE = store(
    [row(day, "09:00", "12:00") for day in range(7)],
    {
        "2023-01-22 09:00": "up",
        "2023-01-23 09:00": "down",
        "2023-01-23 10:00": "up",
        "2023-01-24 09:00": "up",
        "2023-01-24 11:00": "down",
        "2023-01-25 09:00": "down",
        "2023-01-26 09:00": "down",
        "2023-01-26 09:30": "up",
        "2023-01-27 09:00": "up",
        "2023-01-27 10:00": "down",
        "2023-01-27 10:20": "up",
        "2023-01-28 09:00": "up",
        "2023-01-29 09:00": "up",
        "2023-01-30 09:00": "up",
    },
)
FLAT = store([], {"2023-01-22 00:00": "down", "2023-01-31 00:00": "down"})
COLUMNS = ("start_at", "end_at", "down_us", "position", "state", "cause")


def outages_of(content: Content, *columns: str) -> list[tuple[Any, ...]]:
    return rows_of(content, ReportTable.OUTAGES, *(columns or COLUMNS))


def at(text: str) -> object:
    return instant_of(utc(text))


def test_every_outage_of_a_week_is_listed(tmp_path: Path) -> None:
    content = report_on(tmp_path, {"cafe": CAFE, "flat": FLAT}, as_of=AS_OF, windows=[WEEK], include=["outages"])
    hour, minute = HOUR_US, MINUTE_US
    assert content.tables[ReportTable.OUTAGES].read().select("store_id", *COLUMNS).rows() == [
        ("cafe", at("2023-01-23 09:00"), at("2023-01-23 10:00"), hour, "late_open", "ended", None),
        ("cafe", at("2023-01-24 11:00"), at("2023-01-26 09:30"), 4 * hour + 30 * minute, "middle", "ended", None),
        ("cafe", at("2023-01-27 10:00"), at("2023-01-27 10:20"), 20 * minute, "middle", "ended", None),
        ("flat", at("2023-01-23"), at("2023-01-30"), WEEK_US, "middle", "continues", None),
    ]


def test_outages_are_those_of_the_twin(tmp_path: Path) -> None:
    zone = "America/New_York"
    later = tuple(replace(seen, observed_us=seen.observed_us + 5 * HOUR_US) for seen in CAFE.observations)
    stores = {"cafe": replace(CAFE, timezone=zone, observations=later), "flat": replace(FLAT, timezone=zone)}
    windows_us = [(utc("2023-01-23"), utc("2023-01-27 10:10")), (utc("2023-01-24 11:30"), utc("2023-02-01"))]
    windows = ["2023-01-23T00:00/2023-01-27T10:10", "2023-01-24T11:30/2023-02-01T00:00"]
    content = report_on(tmp_path, stores, as_of=AS_OF, windows=windows, include=["outages"])
    expected = [
        (
            name,
            window,
            *(instant_of(instant) for instant in (each.start_us, each.end_us)),
            instant_of(naive.clock_us(zone, each.start_us)).replace(tzinfo=None),
            each.down_us,
            each.end_us - each.start_us,
            *(None if instant is None else instant_of(instant) for instant in (each.opened_us, each.closed_us)),
            {(1, 1): "whole", (1, 0): "late_open", (0, 1): "early_close"}.get(
                (each.at_opening, each.at_closing), "middle"
            ),
            each.state,
            each.began_before,
        )
        for name, one in stores.items()
        for window, window_us in zip(windows, windows_us, strict=True)
        for each in naive_outages.outages(one, [], window_us, as_of_us=utc(AS_OF), max_gap_us=WEEK_US)
    ]
    columns = (
        "store_id", "window", "start_at", "end_at", "start_local", "down_us", "wall_us", "opened_at", "closed_at",
        "position", "state", "began_before",
    )  # fmt: skip
    assert outages_of(content, *columns) == expected
    assert {each[-2] for each in expected} == {"ended", "continues", "ongoing"}


def test_figures_are_in_business_time(tmp_path: Path) -> None:
    stores = {"cafe": CAFE, "flat": FLAT, "quiet": store([], {})}
    content = report_on(tmp_path, stores, as_of=AS_OF, windows=[WEEK], include=["outages"])
    hour, minute = HOUR_US, MINUTE_US
    down_us = 5 * hour + 50 * minute
    up_us = 21 * hour - down_us
    # Late on Monday and Thursday, an early close on Tuesday, Wednesday missed.
    openings = (hour + 30 * minute, 2, hour, 1, 3 * hour, 1)
    cafe = (3, down_us, 4 * hour + 30 * minute, down_us // 3, down_us // 3, up_us // 3, *openings)
    flat = (1, WEEK_US, WEEK_US, WEEK_US, None, 0, 0, 0, 0, 0, 0, 0)
    quiet = (0, 0, None, None, None, None, 0, 0, 0, 0, 0, 0)
    assert rows_of(content, ReportTable.STORES, *OUTAGE_FIGURES, *OPENINGS) == [cafe, flat, quiet]
    every = (4, down_us + WEEK_US, WEEK_US, (down_us + WEEK_US) // 4, down_us // 3, up_us // 4, *openings)
    assert rows_of(content, ReportTable.SUMMARY, *OUTAGE_FIGURES, *OPENINGS) == [every]


def test_windows_of_a_store_come_in_turn_whatever_the_shards(tmp_path: Path) -> None:
    stores = {f"cafe-{number}": CAFE for number in range(5)}
    asked: dict[str, Any] = {"windows": ["2023-01-26/2023-01-30", WEEK], "include": ["outages"], "as_of": AS_OF}
    whole = report_on(tmp_path / "whole", stores, **asked)
    parts = report_on(tmp_path / "parts", stores, shard_rows=20, **asked)
    for table in whole.tables:
        assert parts.tables[table].read().equals(whole.tables[table].read())
    assert outages_of(whole, "store_id", "window") == [
        (store_id, window)
        for store_id in stores
        for window in ("2023-01-26/2023-01-30", "2023-01-26/2023-01-30", WEEK, WEEK, WEEK)
    ]


def test_blips_between_up_time_are_left_out_of_list_and_figures(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"windows": [WEEK], "include": ["outages"], "as_of": AS_OF}
    content = report_on(tmp_path, {"cafe": CAFE}, min_duration="30m", **asked)
    starts = [at("2023-01-23 09:00"), at("2023-01-24 11:00")]
    assert [start for (start,) in outages_of(content, "start_at")] == starts
    assert rows_of(content, ReportTable.STORES, "outages") == [(2,)]


@pytest.mark.parametrize("mode", ["apply", "ignore"])
def test_cause_is_that_of_the_annotation_created_last(tmp_path: Path, mode: str) -> None:
    notes = [
        annotation("cafe", "2023-01-24T11:30Z", "2023-01-25T00:00Z", "fuse", note="again"),
        annotation("cafe", "2023-01-22T00:00Z", "2023-01-24T12:00Z", "flood"),
        annotation("cafe", "2023-01-27T10:20Z", "2023-01-27T11:00Z", "too late"),
        annotation("flat", "2023-01-20T00:00Z", "2023-01-27T11:00Z", "another store"),
    ]
    asked: dict[str, Any] = {"windows": [WEEK], "include": ["outages"], "as_of": AS_OF, "annotations": mode}
    content = report_on(tmp_path, {"cafe": CAFE, "flat": FLAT}, notes=notes, **asked)
    causes = [("flood", None), ("flood", None), (None, None), ("another store", None)]
    assert outages_of(content, "cause", "note") == causes


def test_what_is_reclassified_is_no_outage_unless_it_is_ignored(tmp_path: Path) -> None:
    notes = [
        annotation(
            "cafe",
            "2023-01-27T00:00Z",
            "2023-01-28T00:00Z",
            "drill",
            reclassify_as=Reclassification.NOT_AN_OUTAGE,
        )
    ]
    asked: dict[str, Any] = {"windows": [WEEK], "include": ["outages"], "as_of": AS_OF}
    applied = report_on(tmp_path / "applied", {"cafe": CAFE}, notes=notes, **asked)
    ignored = report_on(tmp_path / "ignored", {"cafe": CAFE}, notes=notes, **asked, annotations="ignore")
    assert [cause for (cause,) in outages_of(applied, "cause")] == [None, None]
    assert [cause for (cause,) in outages_of(ignored, "cause")] == [None, None, "drill"]


def test_report_without_outages_has_empty_tables(tmp_path: Path) -> None:
    content = report_on(
        tmp_path, {"up": store([], {"2023-01-25 00:00": "up"})}, as_of=AS_OF, windows=[WEEK], include=["outages"]
    )
    assert [content.tables[name].height for name in (ReportTable.OUTAGES, ReportTable.MASS_OUTAGES)] == [0, 0]
