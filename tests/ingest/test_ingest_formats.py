"""Read NDJSON, Parquet and gzip, recognised by their bytes and not by names, and refuse unreadable files."""

import gzip
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from support.command_line import run_command

from storewatch.cli.installations import reading
from storewatch.domain.errors import InvalidInputError
from storewatch.ingest.streams import HEAD_BYTES

Parse = Callable[..., tuple[list[tuple[object, ...]], list[tuple[int, str, str]]]]

AT = "2023-01-22 12:09:39.388884 UTC"
INSTANT = datetime(2023, 1, 22, 12, 9, 39, 388884, tzinfo=UTC)
TWO_GOOD = [("1", INSTANT, True), ("2", INSTANT, False)]
CSV = f"store_id,status,timestamp_utc\n1,active,{AT}\n2,inactive,{AT}\n"
ROWS = [
    {"store_id": 1, "status": "active", "timestamp_utc": AT},
    {"store_id": "2", "status": "inactive", "timestamp_utc": AT},
]
NDJSON = "".join(json.dumps(row) + "\n" for row in ROWS)
ZIPPED = gzip.compress(CSV.encode(), mtime=0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("polls.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("polls", gzip.compress(CSV.encode()[:50], mtime=0) + gzip.compress(CSV.encode()[50:], mtime=0)),
        ("polls.ndjson", NDJSON.encode()),
        ("polls.csv", b"\xef\xbb\xbf\n" + NDJSON.replace("\n", "\r\n\r\n").encode()),
        ("polls.jsonl.gz", gzip.compress(NDJSON.strip().encode(), mtime=0)),
    ],
)
def test_format_is_recognised_by_its_bytes(name: str, content: bytes, tmp_path: Path, parse: Parse) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert parse(path) == (TWO_GOOD, [])


def test_ndjson_bad_rows_do_not_affect_other_rows(tmp_path: Path, parse: Parse) -> None:
    bad = {
        4: '{"store_id": 3',
        5: "[1]",
        6: f'{{"store_id": 1.5, "status": "active", "timestamp_utc": "{AT}"}}',
        7: f'{{"store_id": true, "status": "active", "timestamp_utc": "{AT}"}}',
        8: f'{{"store_id": 3, "status": true, "timestamp_utc": "{AT}"}}',
        9: '{"store_id": 3, "status": "active", "timestamp_utc": 167438937}',
        10: '{"store_id": 3, "status": "active"}',
        11: f'{{"store_id": "\\ud800", "status": "active", "timestamp_utc": "{AT}"}}',
        12: f'{{"store_id": null, "status": "active", "timestamp_utc": "{AT}"}}',
    }
    path = tmp_path / "polls.ndjson"
    path.write_text("\n".join([*NDJSON.split("\n"), *bad.values()]))
    advice = "write e.g. 2023-01-22 12:09:39.388884 UTC"
    reasons = [
        "it is not JSON (Expecting ',' delimiter: line 1 column 15 (char 14))",
        "it is not a JSON object",
        "store_id must be text or a whole number, not 1.5",
        "store_id must be text or a whole number, not true",
        "status must be text or a whole number, not true",
        f"time '167438937' cannot be read: {advice} or ISO 8601",
        f"the time is empty: {advice}",
        "it is not valid UTF-8 text",
        "store_id is empty",
    ]
    expected = [(line, row, reason) for (line, row), reason in zip(bad.items(), reasons, strict=True)]
    assert parse(path) == (TWO_GOOD, expected)


def test_ndjson_in_blocks_of_any_size_is_the_same(tmp_path: Path, parse: Parse) -> None:
    path = tmp_path / "polls.ndjson"
    path.write_text("\n".join(["", NDJSON * 50, '{"store_id": 3}']))
    expected = parse(path)
    assert [line for line, *_ in expected[1]] == [103]
    assert parse(path, block_bytes=200) == expected


def test_ndjson_keeps_every_digit_of_a_number(tmp_path: Path, parse: Parse) -> None:
    path = tmp_path / "zones"
    path.write_text('{"store_id": 8139926242460185114123, "timezone": "Asia/Beirut"}')
    assert parse(path) == ([("8139926242460185114123", "Asia/Beirut")], [])


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_parquet_native_instants_and_numbers_are_read(
    unit: str, zone: str | None, tmp_path: Path, parse: Parse
) -> None:
    at = INSTANT.replace(microsecond=388000)
    times = pl.Series([at, at]).dt.cast_time_unit(unit)  # type: ignore[arg-type]
    times = times.dt.replace_time_zone(None) if zone is None else times.dt.convert_time_zone(zone)
    path = tmp_path / "polls [1]*.parquet"
    frame = pl.DataFrame({"x": [1.5, None], "Timestamp": times, "store_id": [1, 2], "status": ["active", "inactive"]})
    frame.cast({"status": pl.Categorical}).write_parquet(path)
    assert parse(path) == ([("1", at, True), ("2", at, False)], [])


def test_parquet_rows_are_rejected_by_their_number(tmp_path: Path, parse: Parse) -> None:
    path = tmp_path / "polls.parquet"
    rows = {
        "store_id": ["1", None, "3", "2"],
        "observed_at": [INSTANT, INSTANT, datetime(2024, 1, 1, tzinfo=UTC), INSTANT],
    }
    frame = pl.DataFrame(
        {**rows, "status": ["active", "active", "active", "inactive"]},
        {"store_id": pl.String, "observed_at": pl.Datetime("us", "UTC"), "status": pl.String},
    )
    frame.write_parquet(path)
    late = "2024-01-01 00:00:00.000000+00:00"
    assert parse(path) == (
        TWO_GOOD,
        [
            (2, ",2023-01-22 12:09:39.388884+00:00,active", "store_id is empty"),
            (3, f"3,{late},active", f"time '{late}' is later than the clock of this import, 2023-01-25 19:00:00 UTC"),
        ],
    )


def test_parquet_native_times_of_day_are_read(tmp_path: Path, parse: Parse) -> None:
    path = tmp_path / "hours.parquet"
    times = {"start_time_local": [time(9)], "end_time_local": [time(17, 30)]}
    pl.DataFrame({"store_id": ["1"], "day": [6], **times}).write_parquet(path)
    assert parse(path) == ([("1", 6, 9 * 3600, 17 * 3600 + 1800)], [])


def test_parquet_of_many_batches_keeps_its_row_numbers(tmp_path: Path, parse: Parse) -> None:
    path = tmp_path / "zones.parquet"
    ids = pl.int_range(600_000, eager=True)
    zone = pl.when(ids % 250_000 == 249_999).then(pl.lit("Mars/Base")).otherwise(pl.lit("Europe/Berlin"))
    pl.select(store_id=ids, timezone=zone).write_parquet(path)
    good, rejects = parse(path)
    assert (len(good), [line for line, *_ in rejects]) == (599_998, [250_000, 500_000])


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("status", [1.5], "the column status has the type Float64, which cannot be read as status; write it as text."),
        ("status", [True], "the column status has the type Boolean, which cannot be read as status; write it as text."),
        ("timestamp_utc", [3], None),
        ("timestamp_utc", [timedelta(1)], "the column timestamp_utc has the type Duration"),
        ("store_id", [INSTANT], "the column store_id has the type Datetime"),
    ],
)
def test_parquet_column_of_a_wrong_type_is_rejected_or_refused(
    column: str, values: list[object], problem: str | None, tmp_path: Path, parse: Parse
) -> None:
    path = tmp_path / "polls.parquet"
    pl.DataFrame({"store_id": ["1"], "status": ["active"], "timestamp_utc": [INSTANT], column: values}).write_parquet(
        path
    )
    if problem is None:
        reason = "time '3' cannot be read: write e.g. 2023-01-22 12:09:39.388884 UTC or ISO 8601"
        assert parse(path) == ([], [(1, "1,3,active", reason)])
    else:
        with pytest.raises(InvalidInputError) as refusal:
            parse(path)
        assert str(refusal.value).startswith(f"{path}: {problem}")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.csv", b"", " is empty."),
        ("bom.csv", b"\xef\xbb\xbf \n\r\n", " is empty."),
        ("empty.csv.gz", gzip.compress(b"", mtime=0), " is empty."),
        ("utf16.csv", CSV.encode("utf-16")[:-1], " is damaged or truncated UTF-16 text (truncated data)."),
        (
            "book.xlsx",
            b"PK\x03\x04\x14\0\x06\0\n",
            " is binary (or UTF-16); use CSV or NDJSON, plain or .gz, Parquet or .xlsx.",
        ),
        (
            "mac.csv",
            CSV.replace("\n", "\r").encode(),
            " has line ends of CR alone; save it with LF or CRLF line ends.",
        ),
        ("array.json", b'[{"store_id": 1}]', " is a JSON array; write one object per line (NDJSON) instead."),
        ("pretty.json", b'{\n"store_id": 1}', ": its first line is not a JSON object (Expecting property name"),
        ("fake.csv.gz", CSV.encode(), " is not a gzip file, although its name says so."),
        ("cut.csv.gz", ZIPPED[:-9], " is a damaged or truncated gzip file (it ends too early"),
        ("odd.csv.gz", ZIPPED[:-8] + b"12345678", " is a damaged or truncated gzip file (incorrect data check"),
        ("tail.csv.gz", ZIPPED + b"junk", " is a damaged or truncated gzip file (incorrect header check"),
        ("bad.parquet", b"PAR1 and nothing else", " is not a valid Parquet file; it may be damaged."),
    ],
)
def test_file_that_is_not_a_table_is_refused(
    name: str, content: bytes, sentence: str, tmp_path: Path, parse: Parse
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInputError) as refusal:
        parse(path)
    assert str(refusal.value).startswith(f"{path}{sentence}")


def test_parquet_damaged_inside_is_refused(tmp_path: Path, parse: Parse) -> None:
    path = tmp_path / "zones.parquet"
    pl.DataFrame({"store_id": [str(number) for number in range(5_000)], "timezone": "UTC"}).write_parquet(path)
    content = bytearray(path.read_bytes())
    for start, reason in ((4, "is not a valid Parquet file; it may be damaged"), (100, "is a damaged Parquet file")):
        path.write_bytes(content[:start] + bytes(2_000 - start) + content[2_000:])
        with pytest.raises(InvalidInputError, match=reason):
            parse(path)


def test_path_that_is_not_a_file_is_refused(tmp_path: Path, parse: Parse) -> None:
    with pytest.raises(InvalidInputError, match="there is no such file"):
        parse(tmp_path / "none.csv")
    with pytest.raises(InvalidInputError, match="is a folder, not a file"):
        parse(tmp_path)
    reading, writing = os.pipe()
    with open(reading), open(writing), pytest.raises(InvalidInputError, match="is a pipe or a device"):  # noqa: PTH123
        parse(Path(f"/dev/fd/{reading}"))


def test_time_zone_of_the_machine_does_not_matter(
    tmp_path: Path, parse: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    path = tmp_path / "polls.parquet"
    tokyo = INSTANT.astimezone(timezone(timedelta(hours=9)))
    pl.DataFrame({"store_id": ["1"], "status": ["active"], "observed_at": [tokyo]}).write_parquet(path)
    assert parse(path) == ([("1", INSTANT, True)], [])


def test_keys_that_first_appear_after_the_head_of_ndjson_are_columns(tmp_path: Path) -> None:
    store = '{"store_id":"s%d","name":"Shop %d"}\n'
    late = '{"store_id":"late","name":"Late","owner":"acme","timezone_str":"Asia/Tokyo"}\n'
    file = tmp_path / "stores.ndjson"
    file.write_text("".join(store % (number, number) for number in range(40_000)) + late)
    assert file.stat().st_size > HEAD_BYTES
    home = tmp_path / "home"
    done = run_command("import", file, home=home)
    assert "1 of 1 rows of timezones imported" in done.stdout, done.stderr
    with reading(home) as installation:
        rows = installation.catalog.stores.select(["late"])
        assert rows.labels == {"late": {"name": "Late", "owner": "acme"}}
        assert rows.frame["timezone"].to_list() == ["Asia/Tokyo"]


def test_late_keys_of_polls_are_mapped_or_named(tmp_path: Path) -> None:
    poll = '{"store_id":"s%d","status":"active","timestamp":"2023-01-22 12:09:39 UTC"}\n'
    late = '{"store_id" : "late","status":"inactive","timestamp":"2023-01-22 12:09:39 UTC","Why":"found","more":1}\n'
    file = tmp_path / "polls.ndjson"
    file.write_text("".join(poll % number for number in range(20_000)) + late)
    home = tmp_path / "home"
    done = run_command("import", "--map", "why=reason", file, home=home)
    assert "20,001 of 20,001 rows of observations imported\n  ignored: more\n" in done.stdout, done.stderr
    shown = run_command("observations", "list", "--store-id", "late", home=home).stdout
    assert "found" in shown


def test_ndjson_of_too_many_different_keys_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "log.ndjson"
    row = '{"store_id":"a","timezone_str":"UTC"%s}\n'
    file.write_text(row % "" * 30_000 + "".join(row % f',"k{number}":1' for number in range(1_000)))
    refused = run_command("import", file, home=tmp_path / "home")
    assert (refused.returncode, "has more than 1,000 different keys; is this a table?" in refused.stderr) == (2, True)


def test_bars_separate_columns(tmp_path: Path) -> None:
    file = tmp_path / "zones.txt"
    file.write_text('store_id|timezone_str\na|UTC\n"b|c"|Asia/Tokyo\n')
    done = run_command("import", file, home=tmp_path / "home")
    assert "2 of 2 rows of timezones imported\n  2 stores not seen before: a, b|c\n" in done.stdout, done.stderr


def test_cells_that_show_zeros_in_front_of_a_number_are_read_with_them(tmp_path: Path) -> None:
    file = tmp_path / "zones.xlsx"
    frame = pl.DataFrame({"store_id": [7, 1234], "timezone_str": ["UTC", "UTC"]})
    frame.write_excel(file, column_formats={"store_id": "000"})
    done = run_command("import", file, home=tmp_path / "home")
    assert "2 stores not seen before: 007, 1234" in done.stdout, done.stderr


@pytest.mark.parametrize("rows", ["a,UTC\nb,UTC\n", "a,UTC\rb,UTC\n"])
def test_header_that_ends_with_a_carriage_return_alone_is_refused(tmp_path: Path, rows: str) -> None:
    file = tmp_path / "zones.csv"
    file.write_text(f"store_id,timezone_str\r{rows}", newline="")
    refused = run_command("import", file, home=tmp_path / "home")
    assert (refused.returncode, "its header ends with CR alone, other lines end with LF" in refused.stderr) == (2, True)
