"""Read weekdays by name and by number, whether files count from Monday or Sunday."""

import numpy as np
import polars as pl
import pytest

from storewatch.domain.enums import WeekdayCounting
from storewatch.ingest.blocks import Block, RowNumbers, no_rejects
from storewatch.ingest.weekday_names import meanings
from storewatch.ingest.weekdays import WeekdayNotation, find_weekday_notation

ISO, MONDAY0, SUNDAY0, NAMES = (
    WeekdayCounting.ISO,
    WeekdayCounting.MONDAY0,
    WeekdayCounting.SUNDAY0,
    WeekdayCounting.NAMES,
)


def block_of(texts: list[str | None]) -> Block:
    def origins(rows: RowNumbers) -> tuple[RowNumbers, list[str]]:
        return rows + 2, [f"line {row + 2}" for row in rows.tolist()]

    columns = pl.DataFrame({"day": texts}, {"day": pl.String})
    return Block(columns=columns, origins=origins, broken=no_rejects(), done_bytes=0)


def read(texts: list[str], counting: WeekdayCounting) -> list[str | None]:
    return WeekdayNotation(counting=counting).apply(block_of([*texts])).columns["day"].to_list()


def read_together(texts: str) -> tuple[list[str | None], tuple[str, ...]]:
    """Read the names of one file."""
    reading = find_weekday_notation([pl.Series(texts.split())])
    return reading.apply(block_of([*texts.split()])).columns["day"].to_list(), reading.assumed


@pytest.mark.parametrize(
    ("texts", "counting", "sentence"),
    [
        ("1234567", ISO, "1 (Monday) to 7 (Sunday), because there is a 7 and no 0"),
        ("7", ISO, "because there is a 7 and no 0"),
        ("0123456", MONDAY0, None),
        ("02", MONDAY0, None),
        ("135", MONDAY0, "there is no 0 or 7 that confirms this: choose with --weekdays (over HTTP: ?weekdays=)"),
        ("0567", MONDAY0, "7 was rejected, because there is also a 0"),
        (["Mon", "Tuesday"], MONDAY0, None),
        (["07", "1.0"], ISO, "because there is a 7 and no 0"),
        ([" 7\u200b", "\ufeff1"], ISO, "because there is a 7 and no 0"),
        (["8", "x", ""], MONDAY0, None),
        ([], MONDAY0, None),
    ],
)
def test_counting_is_found_from_the_numbers_of_all_blocks(
    texts: str | list[str], counting: WeekdayCounting, sentence: str | None
) -> None:
    found = find_weekday_notation([pl.Series([text, None], dtype=pl.String) for text in texts])
    assert found.counting is counting
    assert len(found.assumed) == (0 if sentence is None else 1)
    assert (sentence or "") in "".join(found.assumed)


def test_chosen_counting_needs_no_sentence() -> None:
    assert find_weekday_notation([pl.Series(["7"])], SUNDAY0) == WeekdayNotation(counting=SUNDAY0)


def test_every_counting_ends_in_monday_0() -> None:
    assert read([*"1234567"], ISO) == [*"0123456"]
    assert read([*"01234567"], SUNDAY0) == [*"60123456"]
    assert read([*"0123456"], MONDAY0) == [*"0123456"]
    assert read(["1.0", "02", "03.00"], ISO) == ["0", "1", "2"]


def test_number_that_is_not_a_weekday_is_rejected() -> None:
    assert read(["0"], ISO) == ["0 (weekdays are 1 (Monday) to 7 (Sunday) here)"]
    assert read(["7", "8", "1.5", "x"], MONDAY0)[1:] == ["8", "1.5", "x"]
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
def test_names_are_read_with_any_counting_of_numbers(texts: str, day: str) -> None:
    for counting in WeekdayCounting:
        assert {*read(texts.split(), counting)} == {day}


@pytest.mark.parametrize(
    ("texts", "days", "sentence"),
    [
        ("Mo Tu We Th Fr Sa Su", "0123456", None),
        ("Mo Di Mi Do Fr Sa So", "0123456", "weekdays were read as German: di is Tuesday"),
        ("ma di wo do vr za zo", "0123456", "weekdays were read as Dutch: di is Tuesday"),
        ("lu. ma. me. je. ve. sa. di.", "0123456", "weekdays were read as French: di is Sunday"),
        ("lu ma mi ju vi sa do", "0123456", "weekdays were read as Spanish: do is Sunday"),
        ("m\u00e5 ti on to fr l\u00f6 s\u00f6", "0123456", "weekdays were read as Swedish: ma is Monday"),
        ("pon wt \u015br czw pt sob niedz", "0123456", None),
        ("lundi MARDI Mittwoch gioved\u00ec viernes zaterdag s\u00f8ndag", "0123456", None),
        ("segunda-feira ter\u00e7a", "01", None),
    ],
)
def test_name_of_two_days_is_read_by_the_language_of_all_names(texts: str, days: str, sentence: str | None) -> None:
    assert read_together(texts) == ([*days], () if sentence is None else (sentence,))


def test_name_of_two_days_is_rejected_if_no_language_decides() -> None:
    assert read_together("di Monday") == (["di (di is Tuesday in Dutch, Sunday in French)", "0"], ())
    assert read_together("do")[0] == ["do (do is Thursday in Dutch, Sunday in Spanish)"]


def test_only_three_names_mean_two_days() -> None:
    assert sorted(name for name, days in meanings().items() if len(days) > 1) == ["di", "do", "ma"]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Mon-Fri", "01234"),
        ("Mo \u2013 Fr", "01234"),
        ("Sat\u2014Mon", "560"),
        ("Mon, Wed,Fri-Sun", "02456"),
        ("segunda-feira-sexta-feira", "01234"),
    ],
)
def test_range_of_weekdays_is_a_row_for_each_day(text: str, days: str) -> None:
    block = WeekdayNotation(counting=MONDAY0).apply(block_of([None, text, "Sun"]))
    assert block.columns["day"].to_list() == [None, *days, "6"]
    lines, rows = block.origins(np.array([0, len(days), len(days) + 1]))
    assert (lines.tolist(), rows) == ([2, 3, 4], ["line 2", "line 3", "line 4"])


@pytest.mark.parametrize("text", ["1-5", "Mon-5", "Mon-Mon", "Mon-Fri-Sun", "Mon,x", "-", "Mon Tue"])
def test_other_range_is_rejected(text: str) -> None:
    (left,) = read([text], ISO)
    assert left is not None
    assert left.startswith(text)
