"""The days of a report on one store against the naive twin, and by hand where clocks change."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from support.report_world import GIVEN, import_world, spans, zone_of
from support.scene import settings_in

from storewatch.domain.enums import ReportTable, Status
from storewatch.domain.instants import HOUR_US, instant_us
from storewatch.engine.availability import Spans
from storewatch.installation import Installation, compute_report, open_installation
from storewatch.reports.compute.content import Content, StoreDay, StoreHours, Stretch
from storewatch.reports.compute.store_days import cut_by_day
from storewatch.reports.request.request import read_request

MODE = {"policy": "observed", "closures": "honour", "annotations": "apply"}
DATES = "2023-03-11/2023-03-28"
UP, DOWN = Status.UP, Status.DOWN


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("world")
    with open_installation(settings_in(folder)) as app:
        import_world(app, folder / "files")
        yield app


def compute(app: Installation, store_id: str, form: str = "pdf", **asked: Any) -> tuple[Content, dict[str, Any]]:
    request = read_request({"format": form, "store_ids": [store_id], "windows": [DATES], **MODE, **asked})
    with compute_report(app, request) as content:
        return content, content.tables[ReportTable.STORES].read().row(0, named=True)


def lengths(days: tuple[StoreDay, ...], statuses: tuple[Status, ...] = tuple(Status)) -> dict[Status, int]:
    parts = [part for day in days for part in day.stretches]
    return {status: sum(part.length_us for part in parts if part.status is status) for status in statuses}


def twin(store_id: str, day: date) -> list[tuple[float, float, str]]:
    """The stretches of an ordinary day, from and to in shares of it."""
    zone = ZoneInfo(zone_of(store_id))
    midnight_us, end_us = (
        instant_us(datetime.combine(each, time(), zone).astimezone(UTC)) for each in (day, day + timedelta(days=1))
    )
    return [
        (
            (max(span.start_us, midnight_us) - midnight_us) / 24,
            (min(span.end_us, end_us) - midnight_us) / 24,
            span.status,
        )
        for span in spans(store_id, **MODE)
        if span.start_us < end_us and span.end_us > midnight_us
    ]


@pytest.mark.parametrize("store_id", GIVEN)
def test_days_of_one_store_are_those_of_the_twin(world: Installation, store_id: str) -> None:
    content, row = compute(world, store_id)
    days = content.days[DATES]

    assert [each.day for each in days] == [date(2023, 3, 11) + timedelta(days=number) for number in range(17)]
    assert {status.name.lower(): us for status, us in lengths(days).items()} == {
        status: row[f"{status}_us"] for status in ("down", "up", "unknown", "planned")
    }
    for each in days:
        if each.length_us == 24 * HOUR_US:
            found = [(part.start * HOUR_US, part.end * HOUR_US, part.status.name.lower()) for part in each.stretches]
            expected = twin(store_id, each.day)
            assert [part[2] for part in found] == [part[2] for part in expected]
            np.testing.assert_allclose([part[:2] for part in found], [part[:2] for part in expected], atol=1)


def test_days_are_there_whatever_the_report_is_broken_down_by(world: Installation) -> None:
    plain = compute(world, "berlin-1")[0].days
    for asked in ({"by": "hour"}, {"by": "month", "include": ["outages"]}, {"store_ids": None, "worst": 1}):
        content, row = compute(world, "berlin-1", **asked)
        assert len(content.days[DATES]) == 17
        assert row["store_id"] != "berlin-1" or content.days == plain


def test_only_the_pdf_of_one_store_has_days(world: Installation) -> None:
    assert compute(world, "berlin-1", "json")[0].days == {}
    assert compute(world, "berlin-1", store_ids=["berlin-1", "tokyo"])[0].days == {}


def on_days(clock: str, from_at: str, to_at: str, *stretches: tuple[str, str, Status]) -> tuple[StoreDay, ...]:
    """Return stretches, written in UTC, on the days of a clock.
    What each store was, is a list of stretches on its own"""
    instants = [[instant_us(datetime.fromisoformat(f"{at}Z")) for at in each[:2]] for each in stretches]
    ends_us = np.array(instants, np.int64).reshape(-1, 2)
    found = Spans(
        offsets=np.array([0, len(stretches)]),
        start_us=ends_us[:, 0],
        end_us=ends_us[:, 1],
        status=np.array([each[2] for each in stretches], np.uint8),
    )
    window_us = (instant_us(datetime.fromisoformat(f"{at}Z")) for at in (from_at, to_at))
    return cut_by_day(found, clock, *window_us)


def stretch(start: float, end: float, status: Status, length: float | None = None) -> Stretch:
    """A stretch in hours of the clock. length: in hours, where the clock says another one."""
    length_us = round((end - start if length is None else length) * HOUR_US)
    return Stretch(start=start / 24, end=end / 24, length_us=length_us, status=status)


def test_hour_that_the_clock_skips_is_empty() -> None:
    night = ("2023-03-25T22:00", "2023-03-26T08:00", UP)
    whole = on_days("Europe/Berlin", "2023-03-25T23:00", "2023-03-26T22:00", night)
    assert whole == (
        StoreDay(day=date(2023, 3, 26), length_us=23 * HOUR_US, stretches=(stretch(0, 2, UP), stretch(3, 10, UP))),
    )


def test_hour_that_the_clock_reads_twice_is_as_wide_as_any_other() -> None:
    found = on_days(
        "Europe/Berlin",
        "2023-10-28T22:00",
        "2023-10-29T23:00",
        ("2023-10-28T22:00", "2023-10-29T01:00", UP),
        ("2023-10-29T01:00", "2023-10-29T03:00", DOWN),
    )
    assert [(each.day, each.length_us) for each in found] == [(date(2023, 10, 29), 25 * HOUR_US)]
    assert found[0].stretches == (stretch(0, 2.5, UP, length=3), stretch(2.5, 4, DOWN, length=2))


def test_night_is_cut_at_midnight_and_closed_days_are_there() -> None:
    found = on_days(
        "America/Chicago",
        "2023-01-02T06:00",
        "2023-01-05T06:00",
        ("2023-01-03T00:00", "2023-01-03T07:15", UP),
        ("2023-01-03T07:15", "2023-01-03T08:00", DOWN),
    )
    assert [(each.day.day, each.stretches) for each in found] == [
        (2, (stretch(18, 24, UP),)),
        (3, (stretch(0, 1.25, UP), stretch(1.25, 2, DOWN))),
        (4, ()),
    ]


def test_part_of_a_day_and_a_day_that_begins_late() -> None:
    assert [each.day for each in on_days("Asia/Tokyo", "2023-01-02T14:30", "2023-01-02T15:00")] == [date(2023, 1, 2)]
    # Midnight of 2018-11-04 is skipped in São Paulo.
    (day,) = on_days(
        "America/Sao_Paulo", "2018-11-04T03:00", "2018-11-05T02:00", ("2018-11-04T03:00", "2018-11-04T05:00", UP)
    )
    assert (day.day, day.stretches) == (date(2018, 11, 4), (stretch(1, 3, UP),))


def test_only_store_has_its_hours_in_words(world: Installation) -> None:
    nights = "Mon 18:00-24:00, Tue-Sat 00:00-02:00+18:00-24:00, Sun 00:00-02:00"
    special = ((date(2023, 3, 19), "closed"), (date(2023, 3, 24), "12:00-01:00 the next day"))
    for store_id, hours in {
        "berlin-2": StoreHours(weekly="Mon-Sun 09:00-17:00", changed_on=(), special=()),
        "chicago-1": StoreHours(weekly="Mon-Sun 08:00-20:00", changed_on=(date(2023, 3, 13),), special=()),
        "chicago-2": StoreHours(weekly=nights, changed_on=(), special=special),
        "lisbon": StoreHours(weekly="24x7 (no hours given)", changed_on=(), special=()),
    }.items():
        assert compute(world, store_id)[0].hours == hours

    content, _ = compute(world, "chicago-2", windows=["2023-03-20"])
    assert content.hours == StoreHours(weekly=nights, changed_on=(), special=())


@pytest.mark.parametrize("asked", [{"form": "xlsx"}, {"store_ids": ["berlin-1", "berlin-2"]}], ids=str)
def test_other_reports_have_no_hours_in_words(world: Installation, asked: dict[str, Any]) -> None:
    assert compute(world, "berlin-1", **asked)[0].hours is None
