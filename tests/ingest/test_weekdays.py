"""Weekdays by name and by number, whichever day a file counts from."""

import polars as pl
import pytest

from storewatch.domain.enums import WeekdayCounting
from storewatch.ingest.weekdays import WeekdayReading, read_weekdays

ISO, MONDAY0, SUNDAY0, NAMES = (
    WeekdayCounting.ISO,
    WeekdayCounting.MONDAY0,
    WeekdayCounting.SUNDAY0,
    WeekdayCounting.NAMES,
)


def read(texts: list[str], counting: WeekdayCounting) -> list[str | None]:
    return WeekdayReading(counting=counting).apply(pl.DataFrame({"day": texts}))["day"].to_list()


@pytest.mark.parametrize(
    ("texts", "counting", "sentence"),
    [
        ("1234567", ISO, "1 (Monday) to 7 (Sunday), because there is a 7 and no 0"),
        ("7", ISO, "because there is a 7 and no 0"),
        ("0123456", MONDAY0, None),
        ("02", MONDAY0, None),
        ("135", MONDAY0, "neither a 0 nor a 7 to show it: choose with --weekdays"),
        ("0567", MONDAY0, "7 was rejected, because there is a 0 too"),
        (["Mon", "Tuesday"], MONDAY0, None),
        ([" 7\u200b", "\ufeff1"], ISO, "because there is a 7 and no 0"),
        (["8", "x", ""], MONDAY0, None),
        ([], MONDAY0, None),
    ],
)
def test_counting_shows_in_the_numbers_of_all_blocks(
    texts: str | list[str], counting: WeekdayCounting, sentence: str | None
) -> None:
    found = read_weekdays([pl.Series([text, None], dtype=pl.String) for text in texts])
    assert found.counting is counting
    assert (found.assumed is None) if sentence is None else (sentence in (found.assumed or ""))


def test_counting_that_was_asked_for_needs_no_sentence() -> None:
    assert read_weekdays([pl.Series(["7"])], SUNDAY0) == WeekdayReading(counting=SUNDAY0)


def test_every_counting_ends_in_monday_0() -> None:
    assert read([*"1234567"], ISO) == [*"0123456"]
    assert read([*"01234567"], SUNDAY0) == [*"60123456"]
    assert read([*"0123456"], MONDAY0) == [*"0123456"]


def test_number_that_is_no_weekday_is_not_taken_for_another() -> None:
    assert read(["0"], ISO) == ["0 (weekdays are 1 (Monday) to 7 (Sunday) here)"]
    assert read(["7", "8", "1.0", "x"], MONDAY0)[1:] == ["8", "1.0", "x"]
    assert read(["3"], NAMES) == ["3 (weekdays are names here)"]


@pytest.mark.parametrize(
    ("texts", "day"),
    [
        ("Monday MON mon. Lun seg man mån pon", "0"),
        ("tuesday Tue TUES mar die din tis ter", "1"),
        ("Wednesday wed mer mié ons woe qua", "2"),
        ("thursday Thu thurs jeu jue gio don tor", "3"),
        ("FRIDAY fri ven vie fre sex", "4"),
        ("Saturday sat sam sáb lør zat", "5"),
        ("Sunday SUN dim dom son søn nie", "6"),
    ],
)
def test_names_are_read_whatever_numbers_mean(texts: str, day: str) -> None:
    for counting in WeekdayCounting:
        assert {*read(texts.split(), counting)} == {day}
