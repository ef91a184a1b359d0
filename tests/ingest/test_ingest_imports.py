"""Import a file into the catalog and the lake: all good rows or nothing."""

import gzip
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from support.importing import import_file

from storewatch.catalog import Catalog, FinishedImport
from storewatch.domain.columns import OBSERVATIONS
from storewatch.domain.enums import ImportTable
from storewatch.domain.errors import InvalidInputError
from storewatch.ingest import ImportResult, Reject, find_files
from storewatch.lake import Lake
from storewatch.stores.following import follow_lake

Load = Callable[..., ImportResult]
Polls = Callable[[], list[tuple[str, str, str]]]

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
HEADER = "store_id,status,timestamp_utc"
OPEN = "status 'open' is neither active nor inactive"


def test_import_on_each_database_stores_the_good_rows_and_the_rejects(
    catalog: Catalog, lake: Lake, polls: Polls, tmp_path: Path, now: datetime
) -> None:
    path = tmp_path / "polls.csv"
    path.write_text(f"{HEADER}\nb,active,2023-01-22T10:00Z\nc,open,2023-01-22T10:00Z\na,inactive,2023-01-22T10:00Z\n")
    seen: list[tuple[int, int]] = []
    result = import_file(
        path, catalog=catalog, lake=lake, now=now, progress=lambda done, total: seen.append((done, total))
    )
    reject = Reject(line=3, row="c,open,2023-01-22T10:00Z", reason=OPEN, file=str(path))
    assert result == ImportResult(
        import_id=result.import_id,
        files=(str(path),),
        table=ImportTable.OBSERVATIONS,
        rows=3,
        accepted=2,
        rejected=1,
        first_rejects=(reject,),
        rejects_kept=1,
    )
    assert seen == [(path.stat().st_size, path.stat().st_size)]
    at = "2023-01-22T10:00:00+00:00"
    assert polls() == [("a", at, "inactive"), ("b", at, "active")]
    assert catalog.stores.read_all().frame["store_id"].to_list() == ["a", "b"]
    assert catalog.imports.read_rejects(result.import_id).rows() == [
        (reject.line, reject.row, reject.reason, reject.file)
    ]
    [finished] = catalog.imports.list_()
    assert finished.import_key is not None
    assert [replace(finished, import_key=None)] == [
        FinishedImport(
            import_id=result.import_id,
            file=str(path),
            table_name="observations",
            imported_at=now,
            rows=3,
            accepted=2,
            rejected=1,
            lake_version=lake.snapshot().version,
        )
    ]
    assert catalog.stores.lake_version_known() == lake.snapshot().version


def test_import_of_the_same_file_again_changes_nothing(
    load: Load, polls: Polls, sqlite_catalog: Catalog, now: datetime
) -> None:
    files = [
        f"{HEADER}\na,active,2023-01-22T10:00Z\na,inactive,2023-01-22T11:00Z\n",
        "store_id,day,start_time_local,end_time_local\na,0,09:00,17:00\nb,1,22:00,02:00\n",
        "store_id,timezone_str\na,Asia/Beirut\nc,UTC\n",
    ]
    for text in files:
        load(text)
    before = (polls(), sqlite_catalog.stores.read_all())
    for text in files:
        load(text, now=now + timedelta(days=1))
    after = (polls(), sqlite_catalog.stores.read_all())
    assert before[0] == after[0]
    assert before[1].catalog_version == after[1].catalog_version
    assert before[1].frame.equals(after[1].frame)
    assert before[1].patterns.equals(after[1].patterns)


def test_later_status_of_the_same_poll_counts_within_and_between_files(load: Load, polls: Polls, now: datetime) -> None:
    at = "2023-01-22T10:00:00+00:00"
    load(f"{HEADER}\na,active,{at}\na,inactive,{at}\nb,inactive,{at}\nb,active,{at}\n")
    assert polls() == [("a", at, "inactive"), ("b", at, "active")]
    load(f"{HEADER}\na,active,{at}\n", now=now + timedelta(seconds=1))
    assert polls() == [("a", at, "active"), ("b", at, "active")]


def _hours(catalog: Catalog) -> dict[str, list[tuple[int, int]] | None]:
    joined = catalog.stores.read_all().frame.join(catalog.stores.read_all().patterns, on="weekly_hours_id", how="left")
    return {
        store_id: None if spans is None else [(span["start_s"], span["end_s"]) for span in spans]
        for store_id, spans in joined.select("store_id", "intervals").iter_rows()
    }


def test_hours_replace_those_of_their_stores(load: Load, sqlite_catalog: Catalog) -> None:
    header = "store_id,dayOfWeek,start_time_local,end_time_local"
    load(f"{header}\na,0,09:00,12:00\na,0,12:00,17:00\nb,6,22:00,02:00\nc,0,00:00,00:00\n")
    first = {"a": [(9 * 3600, 17 * 3600)], "b": [(0, 7200), (6 * 86_400 + 22 * 3600, 7 * 86_400)], "c": [(0, 86_400)]}
    assert _hours(sqlite_catalog) == first
    # All hours of a are replaced. All rows of b are bad, so b keeps its hours. The good row of d is stored.
    result = load(f"{header}\na,1,10:00,23:59\nb,6,10:00,10:00\nd,1,10:00,11:00\nd,9,10:00,11:00\n")
    assert (result.table, result.rows, result.accepted, result.rejected) == (ImportTable.WEEKLY_HOURS, 4, 2, 2)
    replaced = {"a": [(86_400 + 36_000, 2 * 86_400)], "d": [(86_400 + 36_000, 86_400 + 39_600)]}
    assert _hours(sqlite_catalog) == {**first, **replaced}


def test_zones_replace_those_of_their_stores_and_the_later_row_counts(load: Load, sqlite_catalog: Catalog) -> None:
    load("store_id,timezone\na,UTC\nb,UTC\n")
    result = load("store_id,timezone_str\na,Asia/Beirut\na,Europe/Berlin\nb,Mars/Base\nc,UTC\n")
    assert (result.table, result.rows, result.accepted, result.rejected) == (ImportTable.TIMEZONES, 4, 3, 1)
    assert sqlite_catalog.stores.read_all().frame.select("store_id", "timezone").rows() == [
        ("a", "Europe/Berlin"),
        ("b", "UTC"),
        ("c", "UTC"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\na,active,2023-01-22T10:00Z\n" + "b,open,2023-01-22T10:00Z\n" * 4,
        "store_id,day,start_time_local,end_time_local\na,0,09:00,12:00\n" + "a,7,09:00,12:00\n" * 4,
        "store_id,timezone\na,UTC\n" + "b,Mars/Base\n" * 4,
    ],
)
def test_strict_refuses_a_file_with_any_reject_and_stores_nothing(
    text: str, load: Load, polls: Polls, sqlite_catalog: Catalog, lake: Lake, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        load(text, strict=True)
    sentence, *first = str(refusal.value).split("\n")
    assert sentence == f"{tmp_path / 'file.csv'}: 4 bad rows, so nothing of it was imported (--strict). First:"
    assert [line.split(":")[0] for line in first] == ["line 3", "line 4", "line 5"]
    assert (polls(), sqlite_catalog.stores.read_all().frame.height, sqlite_catalog.imports.list_()) == ([], 0, [])
    assert lake.snapshot().version == 0
    assert not list((tmp_path / "lake").rglob("*.parquet"))
    assert load("\n".join(text.split("\n")[:2]), strict=True).accepted == 1


def test_damage_at_the_end_of_a_file_refuses_all_of_it(
    sqlite_catalog: Catalog, lake: Lake, polls: Polls, tmp_path: Path, now: datetime
) -> None:
    rng = random.Random(1)
    rows = "".join(f"{rng.getrandbits(63)},active,2023-01-22T10:00Z\n" for _ in range(60_000))
    path = tmp_path / "polls.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER}\n{rows}".encode(), mtime=0)[:-5])
    with pytest.raises(InvalidInputError, match="damaged or truncated gzip"):
        import_file(path, catalog=sqlite_catalog, lake=lake, now=now)
    assert (polls(), sqlite_catalog.imports.list_(), lake.snapshot().version) == ([], [], 0)


def test_file_of_bad_rows_only_is_recorded_without_a_commit_to_the_lake(
    load: Load, sqlite_catalog: Catalog, lake: Lake
) -> None:
    result = load(f"{HEADER}\n" + "a,open,2023-01-22T10:00Z\n" * 25_000)
    assert (result.rows, result.accepted, result.rejected, lake.snapshot().version) == (25_000, 0, 25_000, 0)
    listed = sqlite_catalog.imports.read_rejects(result.import_id, limit=30_000)
    assert listed["line"].to_list() == list(range(2, 25_002))
    assert sqlite_catalog.stores.read_all().frame.is_empty()


def test_follow_lake_registers_what_other_writers_appended(
    catalog: Catalog, lake: Lake, polls: Polls, tmp_path: Path, now: datetime
) -> None:
    def append(*store_ids: str) -> None:
        lake.append([pl.DataFrame([(store_id, now, True, now) for store_id in store_ids], OBSERVATIONS, orient="row")])

    assert follow_lake(catalog, lake, now) == 0
    append("b", "a")
    assert follow_lake(catalog, lake, now) == 2
    append("b", "c")
    path = tmp_path / "polls.csv"
    path.write_text(f"{HEADER}\nd,active,2023-01-22T10:00Z\n")
    import_file(path, catalog=catalog, lake=lake, now=now)
    assert catalog.stores.read_all().frame["store_id"].to_list() == ["a", "b", "c", "d"]
    assert (follow_lake(catalog, lake, now), catalog.stores.lake_version_known()) == (0, lake.snapshot().version)


def test_import_does_not_hide_a_commit_of_another_writer(
    sqlite_catalog: Catalog, lake: Lake, tmp_path: Path, now: datetime
) -> None:
    path = tmp_path / "polls.csv"
    path.write_text(f"{HEADER}\nd,active,2023-01-22T10:00Z\n")

    def append_meanwhile(done: int, total: int) -> None:
        lake.append([pl.DataFrame([("other", now, True, now)], OBSERVATIONS, orient="row")])

    import_file(path, catalog=sqlite_catalog, lake=lake, now=now, progress=append_meanwhile)
    assert follow_lake(sqlite_catalog, lake, now) == 1
    assert sqlite_catalog.stores.read_all().frame["store_id"].to_list() == ["d", "other"]
    assert sqlite_catalog.stores.lake_version_known() == lake.snapshot().version


def test_find_files_expands_folders_and_names_each_file_once(tmp_path: Path) -> None:
    for name in ["b.csv", "a.CSV.gz", "c.ndjson", "d.parquet", "e.jsonl.gz", "notes.txt", "f.csv.zip", ".hidden.csv"]:
        (tmp_path / name).touch()
    (tmp_path / "lake.parquet").mkdir()
    (tmp_path / "lake.parquet" / "part.parquet").touch()
    names = ["a.CSV.gz", "b.csv", "c.ndjson", "d.parquet", "e.jsonl.gz", "f.csv.zip"]
    inside = [tmp_path / name for name in names]
    notes = tmp_path / "notes.txt"
    found = find_files([notes, tmp_path, tmp_path / "b.csv"])
    assert [file.path for file in found.files] == [notes, *inside]
    assert [file.name for file in found.files] == [str(path) for path in (notes, *inside)]
    assert found.left_out == (str(tmp_path / ".hidden.csv"), f"{tmp_path / 'lake.parquet'}/")


def test_find_files_names_a_missing_path(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"none\.csv: there is no such file or folder"):
        find_files([tmp_path / "none.csv"])
    with pytest.raises(InvalidInputError, match="holds no file to import"):
        find_files([tmp_path])


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real files are not here")
def test_import_of_the_real_files(sqlite_catalog: Catalog, lake: Lake, polls: Polls) -> None:
    now = datetime.now(UTC)
    results = [import_file(path, catalog=sqlite_catalog, lake=lake, now=now) for path in sorted(SHARED.glob("*.csv"))]
    assert [(result.table, result.rows, result.rejected) for result in results] == [
        (ImportTable.WEEKLY_HOURS, 86_198, 0),
        (ImportTable.OBSERVATIONS, 5_032, 0),
        (ImportTable.TIMEZONES, 13_559, 0),
    ]
    lines = (SHARED / "store_status_sample.csv").read_text().splitlines()[1:]
    assert len(polls()) == len({tuple(line.split(",")[::2]) for line in lines})
