"""Import special hours, targets and sales, and hours that are valid from a date."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.importing import import_file

from storewatch.catalog import Catalog, StoreChanges, labels_frame
from storewatch.domain.columns import SALES, SPECIAL_ROWS, TARGETS
from storewatch.domain.enums import EntryKind, ImportTable
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.labels import Label, Scope
from storewatch.ingest import ImportOptions, ImportResult, InputFile, import_files
from storewatch.ingest.bulk import BulkChange, BulkFormat, BulkReject, replace_entries, replace_hours
from storewatch.ingest.headers import recognise
from storewatch.ingest.tables import TABLES
from storewatch.lake import Lake

Parse = Callable[..., tuple[list[tuple[object, ...]], list[tuple[int, str, str]]]]
Load = Callable[..., ImportResult]

NOW = datetime(2023, 1, 25, 19, tzinfo=UTC)
EVE = date(2026, 12, 24)
SPECIAL = "store_id,date,start_time_local,end_time_local"
TIME = "is not a time of day: write HH:MM:SS, HH:MM or 9:00 AM"
NO_DATE = "is not a date: write a day from 1970 to 8999, e.g. 2026-12-24"
NO_SHARE = "is not a share above 0 and up to 100 %: write 99.5, 99.5% or 0.995"


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
    ("row", "expected"),
    [
        ("2026-12-24,10:00,14:00:30", (EVE, 36_000, 50_430)),
        (" 2026-12-24 , 9:00 ,14:00", (EVE, 32_400, 50_400)),
        ("2026-12-24,,", (EVE, None, None)),
        ("2026-12-24, , ", (EVE, None, None)),
        ("2026-12-24,00:00:00,00:00:00", (EVE, 0, 86_400)),
        ("2026-12-24,18:00,02:00", (EVE, 64_800, 93_600)),
        ("2026-12-24,18:00,00:00", (EVE, 64_800, 86_400)),
        ("2026-12-24,18:00,24:00", (EVE, 64_800, 86_400)),
        ("2026-12-24,18:00,23:59", (EVE, 64_800, 86_400)),
        ("2026-12-24,23:59:30,23:59", (EVE, 86_370, 86_400)),
        ("2026-12-24,23:58,23:57:59", (EVE, 86_280, 172_679)),
        ("2024-02-29,00:00,01:00", (date(2024, 2, 29), 0, 3600)),
        ("2023-02-29,00:00,01:00", f"date '2023-02-29' {NO_DATE}"),
        ("24.12.2026,00:00,01:00", f"date '24.12.2026' {NO_DATE}"),
        ("2026-1-1,00:00,01:00", f"date '2026-1-1' {NO_DATE}"),
        ("1969-12-31,00:00,01:00", f"date '1969-12-31' {NO_DATE}"),
        ("9000-01-01,00:00,01:00", f"date '9000-01-01' {NO_DATE}"),
        (",00:00,01:00", f"date '' {NO_DATE}"),
        ("2026-12-24,,01:00", f"start_time_local '' {TIME}, or both times empty, or Closed"),
        (
            "2026-12-24,01:00,",
            f"end_time_local '' {TIME}, within 24 hours of the start, or both times empty, or Closed",
        ),
        ("2026-12-24,24:00,02:00", f"start_time_local '24:00' {TIME}, or both times empty, or Closed"),
        ("2026-12-24,shut,", f"start_time_local 'shut' {TIME}, or both times empty, or Closed"),
        (
            "2026-12-24,09:00,09:00",
            "start and end are both '09:00': write an end after the start, or 00:00:00 twice for the whole day",
        ),
    ],
)
def test_special_hours_are_read_exactly_or_rejected(
    row: str, expected: tuple[object, ...] | str, rows: Callable[..., object]
) -> None:
    bad = [expected] if isinstance(expected, str) else []
    assert rows(SPECIAL, [f"s,{row}"]) == ([] if bad else [("s", None, None, *expected)], bad)
    of_label = rows(f"label,value,{SPECIAL.removeprefix('store_id,')}", [f" Region , north ,{row}"])
    assert of_label == ([] if bad else [(None, "region", "north", *expected)], bad)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("99.5", 0.995),
        ("99.5%", 0.995),
        (" 99.5 % ", 0.995),
        ("0.995", 0.995),
        ("99.9", 0.999),
        ("99.99", 0.9999),
        ("100", 1.0),
        ("1", 1.0),
        ("1%", 0.01),
        ("0.5%", 0.005),
        ("1.5", 0.015),
        ("0", None),
        ("100.1", None),
        ("-1", None),
        ("", None),
        ("%", None),
        ("9e1", None),
        ("nan", None),
        ("99,5", None),
    ],
)
def test_objective_is_a_share_or_percent(text: str, expected: float | None, rows: Callable[..., object]) -> None:
    good, reasons = rows("objective,store_id", [f'"{text}",s'])  # type: ignore[misc]
    assert good == ([] if expected is None else [("s", None, None, expected)])
    assert reasons == ([f"objective '{text}' {NO_SHARE}"] if expected is None else [])


def test_sales_have_an_amount_and_perhaps_a_weekday_and_an_hour(rows: Callable[..., object]) -> None:
    assert rows("store_id,sales_per_hour", ["a,125.50", "b,0", "c,-1", "d,", ",1"]) == (
        [("a", None, None, None, None, 125.5), ("b", None, None, None, None, 0.0)],
        [
            "sales_per_hour '-1' is not an amount: write a number from 0 up, e.g. 125.50",
            "sales_per_hour '' is not an amount: write a number from 0 up, e.g. 125.50",
            "store_id is empty",
        ],
    )
    lines = ["region,north,5,,1,", "region,north,,09,2,", "x,y,7,0,3,", "x,y,0,24,4,"]
    assert rows("label,value,dayOfWeek,hour,amount_per_hour,currency", lines) == (
        [(None, "region", "north", 5, None, 1.0), (None, "region", "north", None, 9, 2.0)],
        [
            "weekday '7' is not one of 0 (Monday) to 6 (Sunday), or empty for all weekdays",
            "hour '24' is not one of 0 to 23, or empty for all hours",
        ],
    )


def test_invalid_labels_are_rejected(rows: Callable[..., object]) -> None:
    lines = ["a b,x,99", ",x,99", "region,,99", f"region,{'x' * 257},99", "region,a\tb,99"]
    assert rows("label,value,objective", lines) == (
        [],
        [
            "'a b' cannot be the name of a label: write 1 to 64 of a-z, 0-9, _ . and -",
            "'' cannot be the name of a label: write 1 to 64 of a-z, 0-9, _ . and -",
            "the value of the label is empty",
            "the label region has 257 characters: at most 256 are allowed",
            "the label region has control characters in it",
        ],
    )


@pytest.mark.parametrize(
    ("header", "table"),
    [
        (["store_id", "date", "start_time_local", "end_time_local", "name"], "special_hours, stores"),
        (["store_id", "name", "objective"], "targets, stores"),
        (["label", "value", "objective"], "targets"),
        (["store_id", "name", "sales_per_hour", "hour"], "sales, stores"),
        (["store_id", "timezone", "objective"], "timezones, targets"),
        (["label", "value", "objective", "sales_per_hour"], "targets, sales"),
        (["store_id", "name", "date", "label", "value", "hour"], "stores"),
    ],
)
def test_header_of_entries_is_recognised(header: list[str], table: str) -> None:
    assert ", ".join(found.table.name for found in recognise("f", header).tables) == table


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("store_id,label,value,objective", "has both store_id and label"),
        ("store_id,label,date,start_time_local,end_time_local", "has both store_id and label"),
        ("store_id,day,date,start_time_local,end_time_local", "has both a day and a date"),
        ("store_id,date,start_time_local,end_time_local,sales_per_hour", "sales beside special hours"),
        ("store_id,sales_per_hour,weekday,day", "has the column weekday twice"),
        ("label,objective", r"targets of labels, which needs label, value, objective; missing: value\."),
    ],
)
def test_header_with_two_meanings_is_refused(header: str, sentence: str) -> None:
    with pytest.raises(InvalidInputError, match=sentence):
        recognise("f", header.split(","))


def test_every_table_has_its_own_title() -> None:
    assert len({table.title for table in TABLES}) == len(TABLES)


def test_import_on_each_database_stores_entries(catalog: Catalog, lake: Lake, tmp_path: Path, now: datetime) -> None:
    files = {
        ImportTable.SPECIAL_HOURS: f"{SPECIAL}\na,2026-12-24,10:00,14:00\na,2026-12-25,,\na,x,,\n",
        ImportTable.TARGETS: "label,value,objective\nregion,north,99.5\n",
        ImportTable.SALES: "store_id,sales_per_hour,weekday\na,10,\na,20,5\n",
    }
    known = labels_frame({"a": {"region": "north"}})
    catalog.stores.replace(StoreChanges(labels=known), now=now)
    versions = []
    for _ in range(2):
        for name, text in files.items():
            (tmp_path / "f.csv").write_text(text)
            result = import_file(tmp_path / "f.csv", catalog=catalog, lake=lake, now=now)
            assert (result.table, result.rejected) == (name, int(name is ImportTable.SPECIAL_HOURS))
        versions.append(catalog.version())
    assert versions == [4, 4]
    assert catalog.entries.list_(EntryKind.SPECIAL_HOURS).select(SPECIAL_ROWS.names()).rows() == [
        ("a", None, None, EVE, 36_000, 50_400),
        ("a", None, None, date(2026, 12, 25), None, None),
    ]
    assert catalog.entries.list_(EntryKind.TARGETS).select(TARGETS.names()).rows() == [(None, "region", "north", 0.995)]
    assert catalog.entries.list_(EntryKind.SALES).select(SALES.names()).rows() == [
        ("a", None, None, None, None, 10.0),
        ("a", None, None, 5, None, 20.0),
    ]
    assert [one.table_name for one in catalog.imports.list_(3)] == ["sales", "targets", "special_hours"]


def test_entries_of_stores_and_labels_that_do_not_exist_are_rejected(
    sqlite_catalog: Catalog, lake: Lake, tmp_path: Path, now: datetime
) -> None:
    texts = {
        "targets.csv": "store_id,objective\ncafe,99\nzz,50\n",
        "more.csv": "label,value,objective\nregion,north,98\nregion,nroth,97\n",
        "stores.csv": "store_id,name,region\ncafe,Cafe,north\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    files = [InputFile.at(tmp_path / name) for name in texts]  # the file of the stores is the last one of the import
    given: dict[str, Any] = {"catalog": sqlite_catalog, "lake": lake, "now": now}
    done = {result.table: result for result in import_files(files, **given).tables}
    targets = done[ImportTable.TARGETS]
    assert (targets.accepted, targets.rejected) == (2, 2)
    assert [reject.reason for reject in targets.first_rejects] == [
        "there is no store 'zz'",
        "no store has a label 'region'; import a table of stores to give them labels",
    ]
    assert sqlite_catalog.stores.read_all().frame["store_id"].to_list() == ["cafe"]
    again = import_files(files[1:2], **given, options=ImportOptions(allow_unknown=True)).tables[0]
    assert (again.accepted, again.rejected) == (2, 0)
    refused = import_files(files[1:2], **given).tables[0].first_rejects[0].reason
    assert refused == "no store has region=nroth; the nearest is region=north"


def test_entries_are_imported_from_ndjson_and_parquet(tmp_path: Path, parse: Parse) -> None:
    lines = [
        '{"store_id": "a", "date": "2026-12-24", "start_time_local": null, "end_time_local": null}',
        '{"store_id": "a", "date": 5, "start_time_local": "09:00", "end_time_local": "10:00"}',
    ]
    (tmp_path / "f.ndjson").write_text("\n".join(lines))
    good, bad = parse(tmp_path / "f.ndjson")
    assert (good, [reason for *_, reason in bad]) == ([("a", None, None, EVE, None, None)], [f"date '5' {NO_DATE}"])
    (tmp_path / "f.ndjson").write_text('{"store_id": "a", "objective": 99.5}\n{"store_id": 1.5, "objective": 1}\n')
    good, bad = parse(tmp_path / "f.ndjson")
    assert good == [("a", None, None, 0.995)]
    assert [reason for *_, reason in bad] == ["store_id must be text or a whole number, not 1.5"]
    frame = {"store_id": ["a"], "date": [EVE], "start_time_local": [time(9)], "end_time_local": [time(10)]}
    pl.DataFrame(frame).write_parquet(tmp_path / "f.parquet")
    assert parse(tmp_path / "f.parquet") == ([("a", None, None, EVE, 32_400, 36_000)], [])
    pl.DataFrame({"store_id": ["a"], "sales_per_hour": [12.25], "hour": [7]}).write_parquet(tmp_path / "f.parquet")
    assert parse(tmp_path / "f.parquet") == ([("a", None, None, None, 7, 12.25)], [])


def test_hours_valid_from_a_date_keep_the_earlier_ones(
    load: Load, sqlite_catalog: Catalog, lake: Lake, tmp_path: Path, now: datetime
) -> None:
    load("store_id,day,start_time_local,end_time_local\na,0,09:00,17:00\n")
    path = tmp_path / "dated.csv"
    path.write_text("store_id,day,start_time_local,end_time_local\na,0,10:00,17:00\nb,0,10:00,17:00\n")
    base = sqlite_catalog.stores.read_all().frame.rows()
    import_file(path, catalog=sqlite_catalog, lake=lake, now=now, valid_from=EVE)
    rows = sqlite_catalog.stores.read_all()
    assert rows.frame.rows() == [*base, ("b", None, None)]
    assert [row[:2] for row in rows.changes.versions.rows()] == [("a", EVE), ("b", EVE)]
    path.write_text("store_id,timezone\na,UTC\n")
    with pytest.raises(InvalidInputError, match="is a table of time zones; only weekly hours can be valid from a date"):
        import_file(path, catalog=sqlite_catalog, lake=lake, now=now, valid_from=EVE)


@pytest.fixture
def scoped(sqlite_catalog: Catalog) -> Catalog:
    sqlite_catalog.stores.replace(
        StoreChanges(labels=labels_frame({"a": {"owner": "acme"}, "b": {"owner": "bolt"}})), now=NOW
    )
    return sqlite_catalog


def test_scope_rejects_other_stores_and_labels(scoped: Catalog, lake: Lake, tmp_path: Path, now: datetime) -> None:
    given: dict[str, Any] = {"catalog": scoped, "lake": lake, "now": now, "scope": Scope(label=Label("owner", "acme"))}
    path = tmp_path / "f.csv"
    path.write_text("store_id,objective\na,99\nb,99\nnew,99\n")
    result = import_file(path, **given)
    assert (result.accepted, result.rejected) == (1, 2)
    assert [reject.reason for reject in result.first_rejects] == [
        "there is no store 'b' for this key",
        "there is no store 'new' for this key",
    ]
    path.write_text("label,value,objective\nowner,bolt,99\n")
    with pytest.raises(InvalidInputError, match="a key with a scope can import entries of stores only"):
        import_file(path, **given)
    assert scoped.entries.list_(EntryKind.TARGETS).select(TARGETS.names()).rows() == [("a", None, None, 0.99)]


def test_bodies_replace_entries(catalog: Catalog, now: datetime) -> None:
    known = labels_frame({"a": {"region": "north", "y": "x"}})
    catalog.stores.replace(StoreChanges(labels=known), now=now)
    csv = b"label,value,date,start_time_local,end_time_local\nregion,north,2026-12-24,,\nregion,north,x,,\n"
    reject = BulkReject(index=1, reason=f"date 'x' {NO_DATE}")
    assert replace_entries(EntryKind.SPECIAL_HOURS, csv, BulkFormat.CSV, catalog=catalog, now=now) == BulkChange(
        accepted=1, rejected=1, rejects=(reject,)
    )
    json = b'[{"store_id": "a", "sales_per_hour": 10.5, "weekday": 5, "hour": null}]'
    replace_entries(EntryKind.SALES, json, BulkFormat.JSON, catalog=catalog, now=now)
    replace_entries(
        EntryKind.TARGETS,
        b'[{"objective": "99%", "value": "x", "label": "y"}]',
        BulkFormat.JSON,
        catalog=catalog,
        now=now,
    )
    assert catalog.entries.list_(EntryKind.SPECIAL_HOURS).select(SPECIAL_ROWS.names()).rows() == [
        (None, "region", "north", EVE, None, None)
    ]
    assert catalog.entries.list_(EntryKind.SALES).select(SALES.names()).rows() == [("a", None, None, 5, None, 10.5)]
    assert catalog.entries.list_(EntryKind.TARGETS).select(TARGETS.names()).rows() == [(None, "y", "x", 0.99)]


def test_bodies_of_stores_and_labels_that_do_not_exist_are_rejected(catalog: Catalog, now: datetime) -> None:
    catalog.stores.replace(StoreChanges(labels=labels_frame({"cafe": {"region": "north"}})), now=now)
    given: dict[str, Any] = {"catalog": catalog, "now": now}
    csv = b"store_id,objective\ncaffe,99\ncafe,x\ncafe,98\ncaffe,97\n"
    change = replace_entries(EntryKind.TARGETS, csv, BulkFormat.CSV, **given)
    assert (change.accepted, [reject.index for reject in change.rejects]) == (1, [0, 1, 3])
    assert change.rejects[0].reason == "there is no store 'caffe'; the nearest is cafe"
    csv = b"label,value,objective\nregion,nroth,99\nregion,north,98\n"
    reason = "no store has region=nroth; the nearest is region=north"
    for allow_unknown, rejects in ((False, (BulkReject(index=0, reason=reason),)), (True, ())):
        change = replace_entries(EntryKind.TARGETS, csv, BulkFormat.CSV, allow_unknown=allow_unknown, **given)
        assert change.rejects == rejects
    assert catalog.stores.count() == 1


def test_bodies_in_a_scope_change_only_its_stores(scoped: Catalog, now: datetime) -> None:
    given: dict[str, Any] = {"catalog": scoped, "scope": Scope(label=Label("owner", "acme")), "now": now}
    change = replace_entries(EntryKind.TARGETS, b"store_id,objective\na,99\nb,99\n", BulkFormat.CSV, **given)
    assert change.rejects == (BulkReject(index=1, reason="there is no store 'b' for this key"),)
    with pytest.raises(InvalidInputError, match="not that of targets"):
        replace_entries(EntryKind.TARGETS, b"label,value,objective\nx,y,99\n", BulkFormat.CSV, **given)
    change = replace_entries(
        EntryKind.TARGETS, b'[{"label": "x", "value": "y", "objective": 99}]', BulkFormat.JSON, **given
    )
    assert change.rejects == (BulkReject(index=0, reason="store_id is empty"),)


def test_body_of_hours_may_be_valid_from_a_date(catalog: Catalog, now: datetime) -> None:
    body = b"store_id,day,start_time_local,end_time_local\na,0,09:00,17:00\n"
    replace_hours(body, BulkFormat.CSV, catalog=catalog, valid_from=EVE, now=now)
    assert [row[:2] for row in catalog.stores.read_all().changes.versions.rows()] == [("a", EVE)]
