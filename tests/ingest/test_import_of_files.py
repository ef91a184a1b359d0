"""Several tables in one file, several files of one table, folders, archives and workbooks."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import polars as pl
import pytest

from storewatch.catalog import Catalog, StoreFilter
from storewatch.domain.enums import EntryKind, ImportTable, Setting
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.labels import Label, Scope
from storewatch.ingest import Imported, InputFile, find_files, group_by_table
from storewatch.ingest.bulk import BulkFormat, replace_hours
from storewatch.ingest.inputs import MAX_MEMBERS
from storewatch.lake import Lake

Write = Callable[..., list[Path]]
Import = Callable[..., Imported]

HOURS = "store_id,dayOfWeek,start_time_local,end_time_local"
POLLS = "store_id,status,timestamp_utc"
AT = "2023-01-23 10:00:00 UTC"
DAY = 86_400


def counts(done: Imported) -> dict[str, tuple[int, int]]:
    return {str(table.table): (table.accepted, table.rejected) for table in done.tables}


def hours_of(catalog: Catalog) -> dict[str, list[tuple[int, int]] | None]:
    rows = catalog.stores.read_all()
    joined = rows.frame.join(rows.patterns, on="weekly_hours_id", how="left")
    return {
        store_id: None if spans is None else [(span["start_s"], span["end_s"]) for span in spans]
        for store_id, spans in joined.select("store_id", "intervals").iter_rows()
    }


def zones_of(catalog: Catalog) -> dict[str, str | None]:
    return dict(catalog.stores.read_all().frame.select("store_id", "timezone").iter_rows())


def labels_of(catalog: Catalog) -> dict[str, dict[str, str]]:
    return catalog.stores.list_(StoreFilter(), limit=100).labels


def test_every_table_of_a_header_is_imported_and_checked_separately(
    write: Write, import_paths: Import, sqlite_catalog: Catalog, lake: Lake
) -> None:
    text = (
        f"Unnamed: 0,{HOURS},timezone_str,comment\n"
        "0,a,0,09:00,17:00,Asia/Tokyo,x\n"
        "1,a,9,09:00,17:00,Asia/Tokyo,\n"
        "2,b,1,10:00,12:00,Mars/Base,\n"
        "3,c,2,10:00,12:00,,\n"
    )
    done = import_paths(*write(export__csv=text))
    assert counts(done) == {"weekly_hours": (3, 1), "timezones": (2, 1)}
    assert done.tables[0].ignored == ("Unnamed: 0", "comment")
    assert zones_of(sqlite_catalog) == {"a": "Asia/Tokyo", "b": None, "c": None}
    assert hours_of(sqlite_catalog)["b"] == [(DAY + 36_000, DAY + 43_200)]
    lines = [[(reject.line, reject.reason[:13]) for reject in table.first_rejects] for table in done.tables]
    assert lines == [[(3, "day '9' is no")], [(4, "time zone 'Ma")]]
    assert lake.snapshot().rows == 0


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_polls_and_zones_in_one_file_are_both_imported_in_every_format(
    form: str, write: Write, import_paths: Import, sqlite_catalog: Catalog, lake: Lake
) -> None:
    frame = pl.DataFrame(
        {"store_id": ["a", "b"], "status": ["active", "open"], "timestamp_utc": [AT, AT], "timezone": ["UTC", "UTC"]}
    )
    content = BytesIO()
    writer = {"csv": frame.write_csv, "ndjson": frame.write_ndjson, "parquet": frame.write_parquet}[form]
    writer(content)
    done = import_paths(*write(**{f"f__{form}": content.getvalue()}))
    assert counts(done) == {"observations": (1, 1), "timezones": (2, 0)}
    assert zones_of(sqlite_catalog) == {"a": "UTC", "b": "UTC"}
    assert lake.snapshot().rows == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p__csv", f"{POLLS},name,timezone\na,active,{AT},Caf\xe9,UTC\n".encode("latin-1")),
        (
            "p__ndjson",
            f'{{"store_id":"a","status":"active","timestamp_utc":"{AT}","name":[1],"timezone":"UTC"}}'.encode(),
        ),
    ],
)
def test_cell_that_cannot_be_read_rejects_the_row_of_its_table_only(
    name: str, text: bytes, write: Write, import_paths: Import, lake: Lake
) -> None:
    done = import_paths(*write(**{name: text}))
    assert counts(done) == {"observations": (1, 0), "timezones": (1, 0), "stores": (0, 1)}
    assert done.tables[2].first_rejects[0].reason in (
        "it is not valid UTF-8 text",
        "name must be text or a whole number, not [1]",
    )
    assert lake.snapshot().rows == 1


def test_stores_with_a_zone_and_a_target(write: Write, import_paths: Import, sqlite_catalog: Catalog) -> None:
    text = "store_id,name,brand,timezone_str,objective\na,Anker,acme,Asia/Tokyo,99\nb,Bar,,Nowhere,\n"
    done = import_paths(*write(stores__csv=text))
    assert counts(done) == {"timezones": (1, 1), "targets": (1, 0), "stores": (2, 0)}
    assert labels_of(sqlite_catalog) == {"a": {"name": "Anker", "brand": "acme"}, "b": {"name": "Bar"}}
    assert sqlite_catalog.entries.list_(EntryKind.TARGETS)["objective"].to_list() == [0.99]


def test_labels_beside_hours_are_those_that_a_store_has_once_and_others_are_kept(
    write: Write, import_paths: Import, sqlite_catalog: Catalog
) -> None:
    import_paths(*write(stores__csv="store_id,name,owner\na,Old,acme\n"))
    text = f"{HOURS},name,region,note\na,0,09:00,17:00,Anker,north,x\na,1,09:00,17:00,Anker,north,y\n"
    hours = import_paths(*write(hours__csv=text)).tables[0]
    assert labels_of(sqlite_catalog) == {"a": {"name": "Anker", "owner": "acme", "region": "north"}}
    assert hours.ignored == ()
    stores = sqlite_catalog.imports.list_(1)[0]
    assert (stores.table_name, stores.notes.ignored) == ("stores", ("note (it differs between the rows of a store)",))


def test_labels_beside_hours_may_have_any_type_of_parquet(
    write: Write, import_paths: Import, sqlite_catalog: Catalog
) -> None:
    content = BytesIO()
    columns = {"store_id": ["a"], "name": ["A"], "day": [1], "start_time_local": ["9:00"], "end_time_local": ["10:00"]}
    pl.DataFrame({**columns, "lat": [1.5], "tags": [["x"]], "__index_level_0__": [0]}).write_parquet(content)
    done = import_paths(*write(f__parquet=content.getvalue()))
    assert done.tables[0].ignored == ("__index_level_0__",)
    assert labels_of(sqlite_catalog) == {"a": {"name": "A", "lat": "1.5"}}


def test_beside_polls_only_the_name_is_a_label(write: Write, import_paths: Import, sqlite_catalog: Catalog) -> None:
    done = import_paths(*write(p__csv=f"{POLLS},name,latency\na,active,{AT},Anker,12\n"))
    assert labels_of(sqlite_catalog) == {"a": {"name": "Anker"}}
    assert done.tables[0].ignored == ("latency",)


def test_part_files_are_one_import_and_replace_together(
    write: Write, import_paths: Import, sqlite_catalog: Catalog
) -> None:
    import_paths(*write(old__csv=f"{HOURS}\na,6,09:00,17:00\n"))
    parts = write(
        part_1__csv=f"{HOURS}\na,0,09:00,17:00\nb,9,x,y\n", part_2__csv=f"{HOURS}\na,1,09:00,17:00\na,8,x,y\n"
    )
    done = import_paths(*parts)
    (table,) = done.tables
    assert (table.files, table.accepted, table.rejected) == (tuple(map(str, parts)), 2, 2)
    assert hours_of(sqlite_catalog) == {"a": [(32_400, 61_200), (DAY + 32_400, DAY + 61_200)]}
    assert [(reject.file, reject.line) for reject in table.first_rejects] == [(str(parts[0]), 3), (str(parts[1]), 3)]
    listed = sqlite_catalog.imports.read_rejects(table.import_id)
    assert listed["file"].to_list() == [str(path) for path in parts]


def test_part_files_merge_with_a_date_too_and_in_every_table(
    write: Write, import_paths: Import, sqlite_catalog: Catalog
) -> None:
    first, second = write(p1__csv=f"{HOURS}\na,0,09:00,17:00\n", p2__csv=f"{HOURS}\na,1,09:00,17:00\n")
    import_paths(first, second, valid_from=date(2026, 12, 1))  # this adds the store a
    (version,) = sqlite_catalog.stores.read_all().changes.versions.rows()
    patterns = dict(sqlite_catalog.stores.read_all().patterns.iter_rows())
    assert len(patterns[version[2]]) == 2
    special = "store_id,date,start_time_local,end_time_local\na,2026-12-24,{}\n"
    sales = "store_id,sales_per_hour,weekday\na,10,{}\n"
    files = write(
        s1__csv=special.format("09:00,10:00"),
        s2__csv=special.format("11:00,12:00"),
        t1__csv=sales.format(0),
        t2__csv=sales.format(1),
    )
    done = import_paths(*files)
    assert counts(done) == {"special_hours": (2, 0), "sales": (2, 0)}
    assert sqlite_catalog.entries.list_(EntryKind.SPECIAL_HOURS).height == 2
    assert sqlite_catalog.entries.list_(EntryKind.SALES).height == 2


def test_bad_file_or_strict_reject_refuses_all_files(
    write: Write, import_paths: Import, sqlite_catalog: Catalog, lake: Lake
) -> None:
    polls, other, bad = write(
        a__csv=f"{POLLS}\na,active,{AT}\n", b__csv="x,y\n1,2\n", c__csv="store_id,timezone\na,UTC\nb,Mars\n"
    )
    with pytest.raises(InvalidInputError, match="not that of any table"):
        import_paths(polls, other)
    with pytest.raises(InvalidInputError, match="1 bad row, so nothing of them was imported"):
        import_paths(polls, bad, strict=True)
    assert (sqlite_catalog.imports.list_(), lake.snapshot().rows) == ([], 0)


def test_both_times_empty_is_closed_that_day(
    write: Write, import_paths: Import, sqlite_catalog: Catalog, now: datetime
) -> None:
    closed = "".join(f"c,{day},,\n" for day in range(7))
    import_paths(*write(hours__csv=f"{HOURS}\n{closed}a,0,09:00,17:00\na,1,,\n"))
    assert hours_of(sqlite_catalog) == {"a": [(32_400, 61_200)], "c": []}
    body = json.dumps([{"store_id": "a", "day": 0, "start_time_local": None, "end_time_local": ""}]).encode()
    replace_hours(body, BulkFormat.JSON, catalog=sqlite_catalog, now=now)
    assert hours_of(sqlite_catalog)["a"] == []


def test_store_with_only_rejected_rows_is_noted_until_corrected(
    write: Write, import_paths: Import, sqlite_catalog: Catalog, now: datetime
) -> None:
    text = f"{HOURS},timezone\na,0,9h,17h,Mars\nb,0,09:00,17:00,UTC\nb,1,9h,17h,UTC\n"
    import_paths(*write(f__csv=text, p__csv=f"{POLLS}\na,active,{AT}\n"))
    noted = sqlite_catalog.fallbacks.list_().select("store_id", "setting").rows()
    assert noted == [("a", Setting.TIMEZONE), ("a", Setting.WEEKLY_HOURS)]
    import_paths(*write(z__csv="store_id,timezone\na,UTC\n"))
    assert sqlite_catalog.fallbacks.list_()["setting"].to_list() == [Setting.WEEKLY_HOURS]
    body = f"{HOURS}\na,0,09:00,17:00\nnew,0,9h,17h\n".encode()
    replace_hours(body, BulkFormat.CSV, catalog=sqlite_catalog, now=now)
    assert sqlite_catalog.fallbacks.list_()["store_id"].to_list() == ["new"]


def test_rejected_rows_of_other_scopes_are_not_noted(
    write: Write, import_paths: Import, sqlite_catalog: Catalog
) -> None:
    import_paths(*write(s__csv="store_id,name,owner\na,A,acme\nb,B,bolt\n"))
    scope = Scope(label=Label("owner", "acme"))
    import_paths(*write(h__csv=f"{HOURS}\na,0,9h,17h\nb,0,9h,17h\n"), scope=scope)
    assert sqlite_catalog.fallbacks.list_()["store_id"].to_list() == ["a"]


def test_several_zones_of_a_store_are_named(write: Write, import_paths: Import, sqlite_catalog: Catalog) -> None:
    text = "store_id,timezone\na,UTC\nb,UTC\na,Asia/Tokyo\nb,UTC\n"
    (table,) = import_paths(*write(z__csv=text)).tables
    assert table.assumed == ("of several time zones of a store the last row counts: a",)
    assert zones_of(sqlite_catalog) == {"a": "Asia/Tokyo", "b": "UTC"}


def test_several_rows_of_labels_or_dates_of_a_store_are_named(write: Write, import_paths: Import) -> None:
    done = import_paths(
        *write(s__csv="store_id,name,opened_on\na,A,2023-01-02\nb,B,2023-01-02\na,AA,2023-01-03\nb,B,2023-01-02\n")
    )
    assert {table.table: table.assumed for table in done.tables} == {
        ImportTable.STORES: ("of several rows of labels of a store the last row counts: a",),
        ImportTable.OPENED_ON: ("of several dates of opened_on of a store the last row counts: a",),
    }


@pytest.mark.parametrize(
    ("first", "later", "reason"),
    [
        (
            "store_id,opened_on\na,2024-05-01\n",
            "store_id,closed_on\na,2024-01-01\nb,2024-01-01\n",
            "closed_on must be a date after opened_on, and the opened_on of this store is 2024-05-01",
        ),
        (
            "store_id,closed_on\na,2024-01-01\n",
            "store_id,opened_on\na,2024-01-01\nb,2024-01-01\n",
            "closed_on must be a date after opened_on, and the closed_on of this store is 2024-01-01",
        ),
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_dates_that_two_files_reverse_are_rejected(
    write: Write, import_paths: Import, first: str, later: str, reason: str, together: bool
) -> None:
    files = [*write(f__csv=first), *write(l__csv=later)]
    found = [import_paths(*files)] if together else [import_paths(file) for file in files]
    (table,) = [table for table in found[-1].tables if table.rejected]
    assert (table.accepted, [(one.line, one.reason) for one in table.first_rejects]) == (1, [(2, reason)])
    both = import_paths(*write(b__csv="store_id,opened_on,closed_on\na,2025-01-01,2025-02-01\n"))
    assert [(each.accepted, each.rejected) for each in both.tables] == [(1, 0), (1, 0)]


def test_stores_not_seen_before_are_counted(write: Write, import_paths: Import) -> None:
    polls, hours = write(p__csv=f"{POLLS}\na,active,{AT}\n", h__csv=f"{HOURS}\na,0,09:00,17:00\nz,0,09:00,17:00\n")
    done = import_paths(polls, hours)
    assert [(table.table, table.new_stores, table.new_store_ids) for table in done.tables] == [
        (ImportTable.OBSERVATIONS, 0, ()),
        (ImportTable.WEEKLY_HOURS, 1, ("z",)),
    ]
    (again,) = import_paths(*write(p__csv=f"{POLLS}\na,active,{AT}\nn,active,{AT}\n")).tables
    assert (again.new_stores, again.new_store_ids) == (1, ("n",))


def test_key_with_a_scope_imports_hours_but_not_the_names_beside_them(
    write: Write, import_paths: Import, sqlite_catalog: Catalog
) -> None:
    import_paths(*write(s__csv="store_id,name,owner\na,A,acme\n"))
    scope = Scope(label=Label("owner", "acme"))
    done = import_paths(*write(h__csv=f"{HOURS},name\na,0,09:00,17:00,Taken\n"), scope=scope)
    assert done.tables[0].ignored == ("name (a key with a scope cannot import labels)",)
    assert labels_of(sqlite_catalog)["a"]["name"] == "A"


def test_folder_includes_tsv_and_txt_and_names_left_out_files(
    write: Write, import_paths: Import, tmp_path: Path, lake: Lake
) -> None:
    write(
        a__tsv=f"{POLLS}\na,active,{AT}\n".replace(",", "\t"),
        b__txt=f"{POLLS}\nb,active,{AT}\n".replace(",", ";"),
        README__txt="What these files are.\n",
        notes__docx="x",
    )
    (tmp_path / "in" / "old").mkdir()
    found = find_files([tmp_path / "in"])
    assert [Path(name).name for name in found.left_out] == ["notes.docx", "old"]
    done = import_paths(tmp_path / "in")
    assert counts(done) == {"observations": (2, 0)}
    assert [line.split(":")[0] for line in done.left_out] == [str(tmp_path / "in" / "README.txt")]
    assert lake.snapshot().store_ids().to_list() == ["a", "b"]


def zipped(**members: str | bytes) -> bytes:
    content = BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", ".").replace("--", "/"), text)
    return content.getvalue()


def test_zip_is_imported_like_a_folder(
    write: Write, import_paths: Import, sqlite_catalog: Catalog, tmp_path: Path
) -> None:
    content = zipped(
        **{"..--..--h1__csv": f"{HOURS}\na,0,09:00,17:00\na,9,x,y\n", "in--h2__tsv": f"{HOURS}\na,1,09:00,17:00\n"},
        notes__pdf=b"%PDF",
        inner__zip=zipped(x__csv="a"),
    )
    (path,) = write(all__zip=content)
    done = import_paths(path)
    (table,) = done.tables
    assert hours_of(sqlite_catalog) == {"a": [(32_400, 61_200), (DAY + 32_400, DAY + 61_200)]}
    assert table.first_rejects[0].file == f"{path}/../../h1.csv"
    assert done.left_out == (f"{path}/notes.pdf", f"{path}/inner.zip")
    assert not list(tmp_path.parent.rglob("h1.csv"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (zipped(a__csv=b"0" * (80 << 20)), "unpacks to more than 67,108,864 bytes"),
        (zipped(**{f"{number}__csv": "x" for number in range(MAX_MEMBERS + 1)}), "holds 1,001 files"),
        (zipped(**{"x" * 60_000 + f"{number}.csv": "" for number in range(40)}), "holds too many files"),
        (zipped(notes__pdf="x"), "holds no file to import"),
        (zipped(a__csv=POLLS)[:-30], "damaged or protected zip"),
        (zipped(), "holds no file to import"),
    ],
)
def test_suspicious_zip_is_refused(content: bytes, reason: str, write: Write, import_paths: Import) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        import_paths(*write(all__zip=content))


def workbook(**sheets: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    content = BytesIO()
    book.save(content)
    return content.getvalue()


def test_sheets_of_a_workbook_are_tables(
    write: Write, import_paths: Import, sqlite_catalog: Catalog, lake: Lake
) -> None:
    utc = datetime(2023, 1, 23, 10, tzinfo=UTC)
    content = workbook(
        Polls=[POLLS.split(","), ["a", "active", utc.replace(tzinfo=None)], [8_419_537_941_919_820_000, "active", AT]],
        Hours=[[], HOURS.split(","), ["a", 0, time(9), timedelta(hours=24)], ["a", 1.0, "09:00", time(17)], ["a", 2]],
        Notes=[["Remember", "this"], ["x", 1]],
    )
    (path,) = write(book__xlsx=content)
    done = import_paths(path)
    assert counts(done) == {"observations": (1, 1), "weekly_hours": (3, 0)}
    polls = done.tables[0]
    assert (polls.first_rejects[0].file, polls.first_rejects[0].line) == (f"{path}/Polls", 3)
    assert "8419537941919820000, of which Excel keeps the first 15 digits only" in polls.first_rejects[0].reason
    assert hours_of(sqlite_catalog)["a"] == [(32_400, DAY), (DAY + 32_400, DAY + 61_200)]
    assert lake.snapshot().read(0, 2**61)["observed_at"].to_list() == [utc]
    assert [line.split(":")[0] for line in done.left_out] == [f"{path}/Notes"]


def test_date_cells_of_a_workbook_are_dates(write: Write, import_paths: Import, sqlite_catalog: Catalog) -> None:
    content = workbook(
        Dates=[["store_id", "opened_on", "closed_on"], ["a", date(2023, 1, 2), date(2023, 3, 5)]],
        Special=[
            ["store_id", "date", "start_time_local", "end_time_local"],
            ["a", date(2023, 2, 1), time(9), time(12)],
        ],
    )
    (path,) = write(book__xlsx=content)
    assert counts(import_paths(path)) == {"opened_on": (1, 0), "closed_on": (1, 0), "special_hours": (1, 0)}
    lives = sqlite_catalog.stores.select(["a"]).changes.lives
    assert lives.rows() == [("a", date(2023, 1, 2), date(2023, 3, 5))]
    assert counts(import_paths(*write(dates__csv="store_id,opened_on\na,2023-01-02 05:00:00\n"))) == {
        "opened_on": (0, 1)
    }


def test_uploads_of_the_same_table_are_grouped(write: Write) -> None:
    names = write(
        a__csv=f"{HOURS}\n",
        b__csv=f"{POLLS}\n",
        c__csv=f"{HOURS},timezone\n",
        d__csv="store_id,timezone\n",
        e__csv="x\n",
    )
    files = [InputFile.at(path) for path in names]
    assert group_by_table(files) == [[files[0], files[2], files[3]], [files[1]], [files[4]]]


def test_row_of_a_store_that_closes_before_it_opens_is_rejected(
    write: Write, import_paths: Import, sqlite_catalog: Catalog
) -> None:
    rows = "a,2023-02-01,2023-01-01\nb,2023-01-05,2023-01-05\nc,2023-01-05,2023-01-06\nd,,2023-01-06\n"
    done = import_paths(*write(dates__csv=f"store_id,opened_on,closed_on\n{rows}"))
    assert counts(done) == {"opened_on": (1, 2), "closed_on": (2, 2)}
    reasons = {reject.reason for table in done.tables for reject in table.first_rejects}
    assert reasons == {"closed_on must be a date after opened_on"}
    lives = sqlite_catalog.stores.select(["a", "b", "c", "d"]).changes.lives
    assert lives.rows() == [("c", date(2023, 1, 5), date(2023, 1, 6)), ("d", None, date(2023, 1, 6))]


def test_dates_in_business_are_columns_of_stores_and_no_labels(
    write: Write, import_paths: Import, sqlite_catalog: Catalog
) -> None:
    stores = "store_id,name,region,opened_on,closed_on\na,A,north,2023-01-02,\nb,B,south,,2023-03-05\nc,C,x,soon,\n"
    done = import_paths(*write(stores__csv=stores))
    assert counts(done) == {"opened_on": (1, 1), "closed_on": (1, 0), "stores": (3, 0)}
    rows = sqlite_catalog.stores.select(["a", "b", "c"])
    assert rows.changes.lives.rows() == [("a", date(2023, 1, 2), None), ("b", None, date(2023, 3, 5))]
    assert rows.labels["a"] == {"name": "A", "region": "north"}
    import_paths(*write(dates__csv="store_id,closed_on\na,2024-01-01\nb,2024-01-01\n"))
    last = date(2024, 1, 1)
    lives = sqlite_catalog.stores.select(["a", "b"]).changes.lives
    assert lives.rows() == [("a", date(2023, 1, 2), last), ("b", None, last)]


def test_ndjson_keys_that_only_later_objects_name_are_columns(
    write: Write, import_paths: Import, sqlite_catalog: Catalog
) -> None:
    poll = {"timestamp_utc": "2023-01-18T12:00:00Z", "status": "active"}
    rows = [
        {"store_id": "a"} | poll,
        {"store_id": "b", "timezone_str": "Asia/Tokyo"} | poll,
        {"store_id": "c", "foo": 1} | poll,
    ]
    done = import_paths(*write(polls__ndjson="".join(json.dumps(row) + "\n" for row in rows)))
    assert counts(done) == {"observations": (3, 0), "timezones": (1, 0)}
    assert [table.ignored for table in done.tables if table.ignored] == [("foo",)]
    assert zones_of(sqlite_catalog) == {"a": None, "b": "Asia/Tokyo", "c": None}
