"""Which rows are valid (SEMANTICS 1-4), and which table a header belongs to."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storewatch.domain.errors import InvalidInputError
from storewatch.ingest.headers import recognise

Parse = Callable[..., tuple[list[tuple[object, ...]], list[tuple[int, str, str]]]]

BASE = datetime(2023, 1, 22, 12, 9, 39, tzinfo=UTC)


OR_CLOSED = "or both times empty, or Closed"
NO_END = "is not a time of day: write HH:MM:SS, HH:MM or 9:00 AM, within 24 hours of the start, " + OR_CLOSED


@pytest.fixture
def rows(tmp_path: Path, parse: Parse) -> Callable[[str, list[str]], tuple[list[tuple[object, ...]], list[str]]]:
    """Return the good rows of a CSV with this header, and the reasons for the rejected rows."""

    def read(header: str, lines: list[str]) -> tuple[list[tuple[object, ...]], list[str]]:
        path = tmp_path / "file.csv"
        path.write_text("\n".join([header, *lines]))
        good, bad = parse(path)
        return good, [reason for *_, reason in bad]

    return read


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2023-01-22 12:09:39.388884 UTC", BASE.replace(microsecond=388884)),
        ("2023-01-22 12:09:39.38888 UTC", BASE.replace(microsecond=388880)),
        ("2023-01-22 12:09:39.3 UTC", BASE.replace(microsecond=300000)),
        ("2023-01-22 12:09:39 UTC", BASE),
        ("2023-01-22T12:09:39Z", BASE),
        ("2023-01-22t12:09:39z", BASE),
        ("2023-01-22 12:09:39.5Z", BASE.replace(microsecond=500000)),
        ("2023-01-22T14:09:39+02:00", BASE),
        ("2023-01-22T14:09:39.000001+0200", BASE.replace(microsecond=1)),
        ("2023-01-22 14:09:39+02", BASE),
        ("2023-01-22 06:39:39 -05:30", BASE),
        ("2023-01-21T22:09:39-14:00", BASE),
        ("2023-01-22T12:09:39-00:00", BASE),
        ("2023-01-22T12:09:39", BASE),
        ("2023-01-22 12:09", BASE.replace(second=0)),
        ("2023-01-22T12:09:39.388884999Z", BASE.replace(microsecond=388884)),
        ("2023-01-22T12:09:39.3888849", BASE.replace(microsecond=388884)),
        ("2024-02-29 00:00:00.000000 UTC", None),  # a real date, but later than the clock
        ("2020-02-29 00:00:00.000000 UTC", datetime(2020, 2, 29, tzinfo=UTC)),
        ("0001-01-01 00:00:00.000000 UTC", datetime(1, 1, 1, tzinfo=UTC)),
        ("0001-01-01 00:00:00+01:00", None),
        ("0000-01-01 00:00:00.000000 UTC", None),
        ("2023-02-29 00:00:00.000000 UTC", None),
        ("2023-02-30T00:00:00Z", None),
        ("2023-13-01T00:00:00Z", None),
        ("2023-01-22 24:00:00.000000 UTC", None),
        ("2023-01-22 12:60:00 UTC", None),
        ("2023-01-22 12:09:60.000000 UTC", None),
        ("2023-01-22T12:09:39+25:00", None),
        ("2023-01-22T12:09:39+02:60", None),
        ("2023-1-2 3:04:05 UTC", None),
        ("2023-01-22 12:09:39.388884 CET", None),
        ("2023-01-22", None),
        ("22/01/2023 12:09:39", None),
        ("1674389379", BASE),
        ("2023-01-22 12:09:39. UTC", None),
        ("x2023-01-22 12:09:39 UTC", None),
    ],
)
def test_instant_is_read_exactly_or_rejected(text: str, instant: datetime | None, rows: Callable[..., object]) -> None:
    expected = [] if instant is None else [("1", instant, True)]
    for beside in ([], ["2,active,2023-01-22 12:09:39.388884 UTC"]):  # alone, and in a column of the common format
        good, reasons = rows("store_id,status,timestamp_utc", [f"1,active,{text}", *beside])  # type: ignore[misc]
        assert (good[: len(expected)], len(good), len(reasons)) == (
            expected,
            len(expected) + len(beside),
            instant is None,
        )


def test_observation_later_than_the_clock_plus_five_minutes_is_rejected(
    rows: Callable[..., object], now: datetime
) -> None:
    last = now + timedelta(minutes=5)
    late = last + timedelta(microseconds=1)
    assert rows("store_id,status,timestamp", [f"1,active,{last.isoformat()}", f"1,active,{late.isoformat()}"]) == (
        [("1", last, True)],
        [f"time '{late.isoformat()}' is later than the clock of this import, 2023-01-25 19:00:00 UTC"],
    )


def test_ids_are_trimmed_and_at_most_255_characters(rows: Callable[..., object]) -> None:
    ids = ["é" * 255, "é" * 256, "\u00a0 a b \u3000", "\u0085", "a\u009fb", "a\tb"]
    assert rows("store_id,timezone", [f"{store_id},UTC" for store_id in ids]) == (
        [("é" * 255, "UTC"), ("a b", "UTC")],
        [
            "store_id has 256 characters: at most 255 are allowed",
            "store_id is empty",
            "store_id has control characters in it",
            "store_id has control characters in it",
        ],
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("0,09:00:00,17:30:00", (0, 9 * 3600, 17 * 3600 + 1800)),
        ("6, 09:00 ,17:30", (6, 9 * 3600, 17 * 3600 + 1800)),
        ("1,9:00,17:30:59", (1, 9 * 3600, 17 * 3600 + 1859)),
        ("2,00:00:00,00:00:00", (2, 0, 0)),
        ("2,00:00,24:00", (2, 0, 86_400)),
        ("2,00:00:00,24:00:00", (2, 0, 86_400)),
        ("3,22:00:00,02:00:00", (3, 79_200, 7_200)),
        ("4,22:00:00,00:00:00", (4, 79_200, 0)),
        ("4,10:00:00,23:59:59", (4, 36_000, 86_399)),
        ("7,09:00:00,17:00:00", "day '7' is not one of 0 (Monday) to 6 (Sunday)"),
        ("-1,09:00:00,17:00:00", "day '-1' is not one of 0 (Monday) to 6 (Sunday)"),
        ("1.0,09:00:00,17:00:00", "day '1.0' is not one of 0 (Monday) to 6 (Sunday)"),
        (",09:00:00,17:00:00", "day '' is not one of 0 (Monday) to 6 (Sunday)"),
        (
            "1,24:00:00,02:00:00",
            "start_time_local '24:00:00' is not a time of day: write HH:MM:SS, HH:MM or 9:00 AM, " + OR_CLOSED,
        ),
        (
            "1,9 o'clock,02:00:00",
            "start_time_local '9 o'clock' is not a time of day: write HH:MM:SS, HH:MM or 9:00 AM, " + OR_CLOSED,
        ),
        (
            "1,09:00:00,33:00:01",
            "end_time_local '33:00:01' " + NO_END,
        ),
        (
            "1,09:00:00,49:00",
            f"end_time_local '49:00' {NO_END}",
        ),
        (
            "1,09:00:00,10:60",
            f"end_time_local '10:60' {NO_END}",
        ),
        (
            "1,09:00:00,",
            "end_time_local '' is not a time of day: write HH:MM:SS, HH:MM or 9:00 AM, within 24 hours of the start, "
            + OR_CLOSED,
        ),
        (
            "1,09:00:00,09:00",
            "start and end are both '09:00:00': write an end after the start, or 00:00:00 twice for the whole day",
        ),
    ],
)
def test_hours_are_read_exactly_or_rejected(
    row: str, expected: tuple[int, ...] | str, rows: Callable[..., object]
) -> None:
    for name in ("day", "dayOfWeek", "day_of_week"):
        found = rows(f"store_id,{name},start_time_local,end_time_local", [f"s,{row}"])
        assert found == (([], [expected]) if isinstance(expected, str) else ([("s", *expected)], []))


def test_unknown_zones_are_rejected(rows: Callable[..., object]) -> None:
    advice = "write an IANA name, e.g. America/Chicago"
    assert rows("store_id,timezone_str", ["1,Asia/Beirut", "2,Mars/Base", "3,", "4,Factory", "5, UTC ", ",UTC"]) == (
        [("1", "Asia/Beirut"), ("5", "UTC")],
        [
            f"time zone 'Mars/Base' is unknown: {advice}",
            f"the time zone is empty: {advice}",
            f"time zone 'Factory' is unknown: {advice}",
            "store_id is empty",
        ],
    )


@pytest.mark.parametrize(
    ("header", "table", "positions"),
    [
        (["status", "store_id", "timestamp_utc"], "observations", {"store_id": 1, "observed_at": 2, "status": 0}),
        ([" Store_ID", "Observed_At ", "STATUS"], "observations", {"store_id": 0, "observed_at": 1, "status": 2}),
        (
            ["timezone", "timestamp_utc", "store_id", "status"],
            "observations, timezones",
            {"store_id": 2, "observed_at": 1, "status": 3, "timezone": 0},
        ),
        (
            ["store_id", "dayOfWeek", "start_time_local", "end_time_local", "timezone"],
            "weekly_hours, timezones",
            {"store_id": 0, "day": 1, "start_time_local": 2, "end_time_local": 3, "timezone": 4},
        ),
        (["timezone_str", "x", "store_id"], "timezones", {"store_id": 2, "timezone": 0}),
        (["timezone", "x", "x", "store_id"], "timezones", {"store_id": 3, "timezone": 0}),
    ],
)
def test_header_is_recognised(header: list[str], table: str, positions: dict[str, int]) -> None:
    found = recognise("f", header)
    assert (", ".join(each.table.name for each in found.tables), found.positions()) == (table, positions)


@pytest.mark.parametrize(
    "header",
    [
        ["timestamp", "timestamp_utc", "store_id", "status"],
        ["day", "dayOfWeek", "store_id", "start_time_local", "end_time_local"],
    ],
)
def test_header_that_names_a_column_twice_is_refused(header: list[str]) -> None:
    with pytest.raises(InvalidInputError, match="twice"):
        recognise("f", header)


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (
            ["store_id", "timestamp_utc", "state"],
            (
                "f: the header is not that of any table. Found: store_id, timestamp_utc, state. Nearest is "
                "the table of polls, which needs store_id, timestamp_utc (or observed_at, timestamp), status; "
                "missing: status. If columns of other names hold these, add: --map state=status"
            ),
        ),
        (
            ["store_id", "day", "start_time_local"],
            (
                "f: the header is not that of any table. Found: store_id, day, start_time_local. Nearest is "
                "the table of weekly hours, which needs store_id, day (or dayofweek, day_of_week), start_time_local, "
                "end_time_local; missing: end_time_local."
            ),
        ),
        (
            ["timezone_str", "\x1b[31m" + "x" * 50],
            "f: the header is not that of any table. Found: timezone_str, �[31m" + "x" * 35 + ". Nearest is the "
            "table of time zones, which needs store_id, timezone_str (or timezone); missing: store_id.",
        ),
        (
            ["store_id", "Timezone", "timezone"],
            "f: the header has the column timezone twice. Found: store_id, Timezone, timezone.",
        ),
    ],
)
def test_header_of_no_table_is_refused_with_the_nearest(header: list[str], sentence: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        recognise("f", header)
    assert str(refusal.value) == sentence
