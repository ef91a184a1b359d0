"""Gaps of the inputs: stores that only some of them name."""

import polars as pl
import pytest

from storewatch.stores.gaps import InputGaps, find_alike

POLLED = ["8419537941919820732", "54515546588432327", "cafe", "12345"]


@pytest.mark.parametrize(
    ("unpolled", "polled"),
    [
        ("8419537941919820000", "8419537941919820732"),
        ("8419537941919820800", "8419537941919820732"),
        ("8.41954E+18", "8419537941919820732"),
        ("8.41953794191982e18", "8419537941919820732"),
        ("8,41954E+18", "8419537941919820732"),
        ("5.45155E+16", "54515546588432327"),
        ("8419537941919900000", None),
        ("841953794191982073", None),
        ("8.41954E+17", None),
        ("1.2E+1", None),
        ("9E+999", None),
        ("bar", None),
    ],
)
def test_ids_that_a_spreadsheet_rounded_are_recognised(unpolled: str, polled: str | None) -> None:
    found = find_alike(pl.Series([unpolled]), pl.Series(POLLED))
    assert found == ([] if polled is None else [(unpolled, polled)])


def test_lines_name_every_gap_and_nothing_else() -> None:
    nothing = InputGaps(
        named=3,
        unpolled=0,
        unpolled_ids=(),
        polled=3,
        hourless=0,
        hourless_ids=(),
        alike=(),
        default_hours=(),
        default_zone=(),
        older_hours=(),
        older_zone=(),
    )
    assert list(nothing.lines()) == []
    many = InputGaps(
        named=9,
        unpolled=7,
        unpolled_ids=("a", "b", "c", "d", "e"),
        polled=3,
        hourless=1,
        hourless_ids=("x",),
        alike=(("1e20", "100000000000000000001"),),
        default_hours=("c",),
        default_zone=("d", "e"),
        older_hours=("f",),
        older_zone=("g",),
    )
    assert list(many.lines()) == [
        "7 of the 9 stores in hours, zones or labels have no polls: a, b, c, d, e and 2 more",
        "1 of the 3 polled stores has no hours (open 24x7): x",
        (
            "likely cause: 1 of the ids without polls agree with a polled id in their first 15 digits only, as after a "
            "spreadsheet: 1e20 and 100000000000000000001"
        ),
        "without hours because the rows were rejected, so taken as open 24x7: c",
        "with the older hours because all new rows were rejected: f",
        "without time zone because the rows were rejected, so taken as America/Chicago: d, e",
        "with the older time zone because all new rows were rejected: g",
    ]
