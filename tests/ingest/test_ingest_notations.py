"""Notations that other programs write: read if they have only one meaning."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storewatch.domain.enums import WeekdayCounting
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instant_notations import EPOCH, ISO_INSTANT, MAIL_INSTANT, read_instant
from storewatch.domain.instants import parse_instant
from storewatch.domain.texts import clean_id
from storewatch.ingest.cells import CheckedRows
from storewatch.ingest.formats import open_columns
from storewatch.ingest.headers import recognise
from storewatch.ingest.notations import opening_times, read_instants
from storewatch.ingest.tables import check_hours, check_observations, check_zones
from storewatch.ingest.weekdays import WeekdayNotation

NOW = datetime(2023, 1, 25, 19, tzinfo=UTC)
NO_DAY = datetime(1900, 1, 1, tzinfo=UTC).replace(tzinfo=None)
CHRISTMAS = datetime(2026, 12, 24, tzinfo=UTC).replace(tzinfo=None)
AT = datetime(2023, 1, 23, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2023-01-23 15:00:00 +0000 UTC", AT),
        ("2023-01-23 10:00:00 -0500 EST", AT),
        ("2023-01-23 15:00:00.123456789 +0000 UTC m=+0.012", AT.replace(microsecond=123456)),
        ("2023-01-23T16:00:00+01:00[Europe/Berlin]", AT),
        ("2023-01-23T15:00:00Z[UTC]", AT),
        ("Mon, 23 Jan 2023 15:00:00 GMT", AT),
        ("23 Jan 2023 10:00 -0500", AT),
        ("mon, 23 jan 2023 15:00:00 +0000 (UTC)", AT),
        ("1674486000", AT),
        ("1674486000.25", AT.replace(microsecond=250000)),
        ("1674486000123", AT.replace(microsecond=123000)),
        ("1674486000123456", AT.replace(microsecond=123456)),
        ("1674486000123456789", AT.replace(microsecond=123456)),
        ("\ufeff2023-01-23T15:00:00Z\u00a0", AT),
        ("2023-01-23 9:05:00", AT.replace(hour=9, minute=5)),
        ("2023-01-23T9:05Z", AT.replace(hour=9, minute=5)),
        ("2023-01-23 9:5:00", None),
        ("Tue, 23 Jan 2023 15:00:00 GMT", None),
        ("Mon, 23 Jan 2023 15:00:00 EST", None),
        ("2023-01-23T15:00:00[UTC]", None),
        ("16744860001", None),
        ("20230123150000", None),
        ("03/04/2023", None),
        ("03/04/2023 15:00", None),
        ("23 Jan 23 15:00:00 GMT", None),
    ],
)
def test_instants_of_other_programs(text: str, instant: datetime | None) -> None:
    beside = "2023-01-22 12:09:39.388884 UTC"
    assert read_instants(pl.Series([beside, text]))[0].to_list()[1] == instant
    if instant is None:
        with pytest.raises(InvalidInputError, match="is not an instant"):
            parse_instant(text)
    else:
        assert parse_instant(text) == instant


@given(
    st.sampled_from([ISO_INSTANT, MAIL_INSTANT, EPOCH]).flatmap(
        lambda pattern: st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii"))
    ),
    st.booleans(),
)
def test_parameters_are_read_as_files_are(text: str, with_blanks: bool) -> None:
    text = f"\u00a0{text} " if with_blanks else text
    (of_file,) = read_instants(pl.Series([text]))[0].to_list()
    try:
        found = read_instant(clean_id(text))
    except (ValueError, OverflowError):
        found = None
    assert found == of_file


def test_import_names_the_unit_of_numbers_since_1970() -> None:
    rows = {"store_id": ["a", "b"], "observed_at": ["1674486000", "1674486000000"], "status": ["active"] * 2}
    assert check_observations(pl.DataFrame(rows), NOW).assumed == (
        "times that are numbers were read as seconds since 1970",
        "times that are numbers were read as milliseconds since 1970",
    )
    plain = pl.DataFrame(rows).with_columns(observed_at=pl.lit("2023-01-23T15:00:00Z"))
    assert check_observations(plain, NOW).assumed == ()


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("9:00 AM", "5 PM", (32400, 61200, False)),
        ("9am", "12:00 a.m.", (32400, 0, False)),
        ("12 PM", "12:30 AM", (43200, 1800, False)),
        ("09:00:00.000000", "17:00:00.000", (32400, 61200, False)),
        ("18:00", "26:00", (64800, 7200, False)),
        ("18:00\u201326:00", "", (64800, 7200, False)),
        ("", "9:00 AM - 5:00 PM", (32400, 61200, False)),
        ("Open 24 hours", "", (0, 0, False)),
        ("24 hours", "24 hours", (0, 0, False)),
        ("Closed", None, (None, None, True)),
        ("CLOSED", "closed", (None, None, True)),
        ("1900-01-01 09:00:00", "1899-12-30T17:00:00", (32400, 61200, False)),
        ("0 days 09:00:00", "0 days 17:00:00", (32400, 61200, False)),
        ("09:00", "24:00", (32400, 86400, False)),
        ("02:00", "26:00", (7200, None, False)),
        ("01:00", "26:30", (3600, None, False)),
        ("13:00 PM", "0 AM", (None, None, False)),
        ("0900", "1700", (32400, 61200, False)),
        ("930", "22:00", (34200, 79200, False)),
        ("1800", "2600", (64800, 7200, False)),
        ("0900-1700", "", (32400, 61200, False)),
        ("0000", "2400", (0, 86400, False)),
        ("900", "1700", (None, None, False)),
        ("1000", "1400", (None, None, False)),
        ("540", "1020", (None, None, False)),
        ("0960", "1700", (None, 61200, False)),
        ("-", "\u2013", (None, None, True)),
        ("Closed", "-", (None, None, True)),
        ("n/a", "n/a", (None, None, False)),
        ("09:00", "-", (32400, None, False)),
        ("9.30", "17:00", (None, 61200, False)),
        ("09:00:00.5", "2023-01-23 09:00", (None, None, False)),
        ("9-5", "", (None, None, False)),
    ],
)
def test_times_of_day_of_other_programs(start: str, end: str | None, expected: tuple[object, ...]) -> None:
    first, last = (pl.Series([text], dtype=pl.String) for text in (start, end))
    assert opening_times(first, last).row(0) == expected


def test_zones_of_other_names_are_read_and_named() -> None:
    zones = ["america/CHICAGO", "utc", "Central Standard Time", "UTC+5", "CST", "UTC+5:30"]
    checked = check_zones(pl.DataFrame({"store_id": [*"abcdef"], "timezone": zones}), NOW)
    assert checked.good.rows() == [
        ("a", "America/Chicago"),
        ("b", "UTC"),
        ("c", "America/Chicago"),
        ("d", "Etc/GMT-5"),
    ]
    assert checked.assumed == (
        "time zone Central Standard Time was read as America/Chicago",
        "time zone UTC+5 was read as Etc/GMT-5",
    )
    assert checked.bad["reason"].to_list()[0] == "time zone 'CST' is unknown: write an IANA name, e.g. America/Chicago"


Read = Callable[[pl.DataFrame], CheckedRows]


@pytest.fixture
def read() -> Read:
    """Check the rows of a Parquet file."""

    def check(frame: pl.DataFrame) -> CheckedRows:
        reader = open_columns(frame.lazy(), "file.parquet", 1)
        (found,) = recognise("file.parquet", reader.names).tables
        (block,) = reader.blocks(found.positions)
        return found.table.check(WeekdayNotation(counting=WeekdayCounting.MONDAY0).apply(block).columns, NOW)

    return check


@pytest.mark.parametrize(
    "ids",
    [
        pl.Series([Decimal(17), Decimal(23)], dtype=pl.Decimal(19, 0)),
        pl.Series([Decimal("17.00"), Decimal("23.00")], dtype=pl.Decimal(20, 2)),
        pl.Series([17.0, 23.0]),
        pl.Series([17, 23]),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "times",
    [
        pl.Series([1674486000] * 2),
        pl.Series([1674486000000] * 2),
        pl.Series([1674486000.0] * 2),
        pl.Series([AT.replace(tzinfo=None)] * 2),
    ],
    ids=str,
)
def test_parquet_polls_with_numbers(ids: pl.Series, times: pl.Series, read: Read) -> None:
    frame = pl.DataFrame({"store_id": ids, "timestamp_utc": times, "status": ["active", "inactive"]})
    assert read(frame).good.rows() == [("17", AT, True), ("23", AT, False)]


def test_parquet_floating_point_id_that_may_be_rounded_is_rejected(read: Read) -> None:
    frame = pl.DataFrame(
        {
            "store_id": [2.0**53, 2.0**53 + 2, 8.41954e18, float("nan")],
            "timestamp_utc": [AT] * 4,
            "status": ["active"] * 4,
        }
    )
    checked = read(frame)
    assert checked.good["store_id"].to_list() == ["9007199254740992"]
    assert [("scientific notation" in reason, "empty" in reason) for reason in checked.bad["reason"]] == [
        (True, False),
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (timedelta(hours=9), timedelta(hours=17)),
        (NO_DAY + timedelta(hours=9), NO_DAY + timedelta(hours=17)),
        (time(9), time(17)),
        ("9 AM", "5 PM"),
    ],
    ids=str,
)
@pytest.mark.parametrize("day", [2, 2.0, "2", "Wed", Decimal(2)], ids=str)
def test_parquet_hours_in_the_types_of_other_programs(start: object, end: object, day: object, read: Read) -> None:
    hours = {"store_id": ["a"], "day": [day], "start_time_local": [start], "end_time_local": [end]}
    assert read(pl.DataFrame(hours)).good.rows() == [("a", 2, 32400, 61200)]


def test_parquet_special_hours_on_dates_with_a_time_of_midnight(read: Read) -> None:
    frame = pl.DataFrame(
        {
            "store_id": ["a", "b"],
            "date": [CHRISTMAS, CHRISTMAS + timedelta(hours=5)],
            "start_time_local": ["9:00 AM", "9:00 AM"],
            "end_time_local": ["1 PM", "1 PM"],
        }
    )
    checked = read(frame)
    assert checked.good["date"].to_list() == [date(2026, 12, 24)]
    assert checked.bad.height == 1


def test_parquet_type_without_meaning_is_refused(read: Read) -> None:
    frame = pl.DataFrame({"store_id": [[1]], "timestamp_utc": [AT], "status": ["active"]})
    with pytest.raises(InvalidInputError, match="store_id has the type List"):
        read(frame)


@pytest.mark.parametrize(
    "store_id", ["8.41954E+18", "8,41954E+18", "8.4e18", "1E+05", "-1.5e3", "1E5", "+1e5", "8e018"]
)
@pytest.mark.parametrize("check", [check_observations, check_hours, check_zones])
def test_id_in_scientific_notation_is_rejected_in_every_table(check: Callable[..., CheckedRows], store_id: str) -> None:
    cells = {"observed_at": "2023-01-23T15:00:00Z", "status": "active", "timezone": "UTC", "day": "0"}
    rows = pl.DataFrame({"store_id": [store_id, "12345e678"]}).with_columns(
        **{name: pl.lit(text) for name, text in cells.items()},
        start_time_local=pl.lit("09:00"),
        end_time_local=pl.lit("17:00"),
    )
    checked = check(rows, NOW)
    assert checked.good["store_id"].to_list() == ["12345e678"]
    assert "is a number in scientific notation" in checked.bad["reason"][0]
