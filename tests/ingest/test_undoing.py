"""Undo imports: their polls are removed from the lake, and the rows of the catalog are restored."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from support.importing import import_file

from storewatch.catalog import UNDO_KEPT, Catalog, EntryKind, StoreChanges, labels_frame
from storewatch.domain.columns import PATTERNS
from storewatch.domain.enums import PushFormat, Setting
from storewatch.domain.errors import ImportChangedError, ImportNotKeptError, UnknownImportError
from storewatch.ingest import ImportResult
from storewatch.ingest.ingestion import Ingestion
from storewatch.ingest.pushed import read_pushed
from storewatch.ingest.undoing import Undone, forget_old_imports, import_key, undo_imports
from storewatch.lake import Lake

NOW = datetime(2023, 1, 25, 19, tzinfo=UTC)
POLLS = "store_id,status,timestamp_utc\n"
HOURS = "store_id,day,start_time_local,end_time_local\n"
ZONES = "store_id,timezone_str\n"
Load = Callable[..., ImportResult]
Polls = Callable[[], list[tuple[str, str, str]]]


def poll(store_id: str, status: str = "active", hour: int = 12) -> str:
    return f"{store_id},{status},2023-01-25 {hour}:00:00 UTC\n"


@pytest.fixture
def undo(sqlite_catalog: Catalog, lake: Lake) -> Callable[..., Undone]:
    def run(*imports: ImportResult) -> Undone:
        return undo_imports([each.import_id for each in imports], catalog=sqlite_catalog, lake=lake, now=NOW)

    return run


Undo = Callable[..., Undone]


def known(catalog: Catalog) -> tuple[object, ...]:
    """Return everything that imports write."""
    rows = catalog.stores.read_all()
    entries = [sorted(catalog.entries.list_(kind).drop(pl.first()).rows(), key=str) for kind in EntryKind]
    versions = rows.changes.versions.rows()
    return rows.frame.rows(), versions, rows.changes.lives.rows(), catalog.labels.read_all().rows(), entries


def test_undo_removes_polls_in_one_commit_and_their_new_stores(
    load: Load, undo: Undo, polls: Polls, lake: Lake, sqlite_catalog: Catalog
) -> None:
    load(POLLS + poll("a") + poll("b"))
    before = polls(), known(sqlite_catalog)
    wrong = load(POLLS + poll("a", hour=13) + poll("typo"))
    version = lake.snapshot().version
    assert undo(wrong) == Undone(observations=2, restored=0, lake_version=version + 1, is_new=True)
    assert (polls(), known(sqlite_catalog)) == before
    assert not undo(wrong).is_new
    assert sqlite_catalog.imports.list_()[0].undone_at == NOW


@pytest.mark.parametrize("optimized", [False, True])
def test_undo_restores_the_replaced_status(load: Load, undo: Undo, polls: Polls, lake: Lake, optimized: bool) -> None:
    load(POLLS + poll("a") + poll("b"))
    wrong = load(POLLS + poll("a", "inactive"))
    if optimized:
        lake.optimize(now=NOW + timedelta(days=2))
    assert undo(wrong).restored == 1
    assert polls()[0] == ("a", "2023-01-25T12:00:00+00:00", "active")


def test_polls_pushed_after_the_import_stay(
    load: Load, undo: Undo, polls: Polls, lake: Lake, sqlite_catalog: Catalog
) -> None:
    wrong = load(POLLS + poll("a") + poll("b"))
    ingestion = Ingestion(catalog=sqlite_catalog, lake=lake, clock=lambda: NOW)
    body = b'{"store_id": "a", "observed_at": "2023-01-25T12:00:00Z", "status": "active"}'
    ingestion.submit(read_pushed(body, PushFormat.JSON)).result()
    ingestion.stop()
    lake.optimize(now=NOW + timedelta(days=2))
    assert undo(wrong).observations == 1
    assert polls() == [("a", "2023-01-25T12:00:00+00:00", "active")]


def test_same_file_imported_twice_is_undone_in_either_order(load: Load, undo: Undo, polls: Polls) -> None:
    for first in (0, 1):
        both = [load(POLLS + poll("a")), load(POLLS + poll("a"))]
        undo(both[first])
        assert len(polls()) == 1
        undo(both[1 - first])
        assert polls() == []


@pytest.mark.parametrize(
    ("earlier", "wrong"),
    [
        (ZONES + "a,Europe/Berlin\nb,Asia/Tokyo\n", ZONES + "a,Asia/Beirut\nc,UTC\n"),
        (HOURS + "a,0,09:00,17:00\na,1,09:00,17:00\n", HOURS + "a,0,10:00,18:00\nc,0,10:00,18:00\n"),
        ("store_id,name,owner\na,Café,acme\nb,Bar,acme\n", "store_id,name\na,Coffee\nc,New\n"),
        (
            "store_id,date,start_time_local,end_time_local\na,2023-12-24,09:00,12:00\na,2023-12-25,,\n",
            "store_id,date,start_time_local,end_time_local\na,2023-12-24,,\nc,2023-12-26,10:00,11:00\n",
        ),
        ("label,value,objective\nowner,acme,99.9\n", "label,value,objective\nowner,acme,90\nowner,other,80\n"),
        ("store_id,weekday,hour,sales_per_hour\na,0,12,10.25\n", "store_id,sales_per_hour\na,20.5\nc,1\n"),
        ("store_id,closed_on\na,2023-05-01\n", "store_id,closed_on\na,2023-06-01\nc,2023-06-01\n"),
    ],
    ids=["zones", "hours", "stores", "special hours", "targets", "sales", "closing dates"],
)
def test_catalog_returns_to_what_it_was(
    load: Load, undo: Undo, sqlite_catalog: Catalog, earlier: str, wrong: str
) -> None:
    if any(column in earlier for column in ("date,", "objective", "sales")):  # entries are of stores that exist
        load("store_id,name,owner\na,,acme\nc,,other\n")
    load(earlier)
    before = known(sqlite_catalog)
    second = load(wrong)
    assert known(sqlite_catalog) != before
    assert undo(second) == Undone(observations=0, restored=0, lake_version=None, is_new=True)
    assert known(sqlite_catalog) == before


def test_undo_removes_hours_with_a_date(
    load: Load, undo: Undo, sqlite_catalog: Catalog, lake: Lake, tmp_path: Path
) -> None:
    load(HOURS + "a,0,09:00,17:00\n")
    before = known(sqlite_catalog)
    file = tmp_path / "new.csv"
    file.write_text(HOURS + "a,0,11:00,12:00\n")
    dated = import_file(file, catalog=sqlite_catalog, lake=lake, now=NOW, valid_from=date(2023, 2, 1))
    undo(dated)
    assert known(sqlite_catalog) == before


def test_undo_is_refused_with_the_later_import(load: Load, undo: Undo, sqlite_catalog: Catalog) -> None:
    first, second = load(ZONES + "a,Europe/Berlin\nb,UTC\n"), load(ZONES + "a,Europe/Berlin\n")
    after = known(sqlite_catalog)
    with pytest.raises(ImportChangedError, match=rf"timezones of 'a' were written later by import {second.import_id}"):
        undo(first)
    assert known(sqlite_catalog) == after
    undo(second)
    undo(first)
    assert sqlite_catalog.stores.count() == 0


def test_undo_is_refused_after_another_change(load: Load, undo: Undo, sqlite_catalog: Catalog) -> None:
    labelled = load("store_id,name\na,Café\nb,Bar\n")
    sqlite_catalog.stores.replace(StoreChanges(labels=labels_frame({"a": {"name": "Coffee"}})), now=NOW)
    with pytest.raises(ImportChangedError, match="stores of 'a' were written later by another change"):
        undo(labelled)


def fallbacks(catalog: Catalog) -> list[tuple[object, ...]]:
    return catalog.fallbacks.list_().rows()


@pytest.mark.parametrize(("good", "bad"), [(HOURS + "a,0,09:00,17:00\n", "9h"), (ZONES + "a,UTC\n", "Mars")])
def test_undo_restores_the_stores_whose_rows_were_rejected(
    load: Load, undo: Undo, sqlite_catalog: Catalog, good: str, bad: str
) -> None:
    rejected = good.replace("09:00" if bad == "9h" else "UTC", bad)
    first = load(rejected)
    noted = fallbacks(sqlite_catalog)
    assert [(row[0], row[-1]) for row in noted] == [("a", False)]
    second = load(good)
    assert fallbacks(sqlite_catalog) == []
    third = load(rejected.replace(bad, f"{bad}x"))
    assert [(row[0], row[-1]) for row in fallbacks(sqlite_catalog)] == [("a", True)]
    undo(third)
    assert fallbacks(sqlite_catalog) == []
    undo(second)
    assert fallbacks(sqlite_catalog) == noted
    undo(first)
    assert fallbacks(sqlite_catalog) == []


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (1, 2, 0)])
def test_store_whose_rows_several_imports_rejected_is_named_until_the_last_undo(
    load: Load, undo: Undo, sqlite_catalog: Catalog, order: tuple[int, ...]
) -> None:
    imports = [load(HOURS + f"a,0,{hour}h,17h\n") for hour in (7, 8, 9)]
    for number in order[:-1]:
        undo(imports[number])
        assert [row[0] for row in fallbacks(sqlite_catalog)] == ["a"]
    undo(imports[order[-1]])
    assert fallbacks(sqlite_catalog) == []


def test_undo_keeps_what_was_set_after_the_import(load: Load, undo: Undo, sqlite_catalog: Catalog) -> None:
    rejected = load(HOURS + "a,0,9h,17h\nb,0,09:00,17:00\n")
    hours = pl.DataFrame({"store_id": ["a"], "intervals": [[]]}, schema_overrides={"intervals": PATTERNS["intervals"]})
    sqlite_catalog.stores.replace(StoreChanges(hours=hours), now=NOW)
    again = StoreChanges(
        rejected={Setting.WEEKLY_HOURS: pl.DataFrame({"store_id": ["a"], "reason": ["later"], "rejected_rows": [1]})}
    )
    sqlite_catalog.stores.replace(again, now=NOW)
    undo(rejected)
    assert fallbacks(sqlite_catalog) == [("a", "weekly_hours", "later", 1, True)]


def test_undo_that_was_killed_after_its_commit_to_the_lake_is_completed(
    load: Load, undo: Undo, polls: Polls, lake: Lake, sqlite_catalog: Catalog
) -> None:
    wrong = load(POLLS + poll("a"))
    found = sqlite_catalog.imports.find(wrong.import_id)
    assert found is not None
    assert found.import_key is not None
    lake.undo(found.import_key, sqlite_catalog.undos.is_undone)
    assert undo(wrong) == Undone(observations=0, restored=0, lake_version=None, is_new=True)
    assert (polls(), sqlite_catalog.stores.count()) == ([], 0)


def test_import_is_undone_within_its_time_only(
    load: Load, undo: Undo, sqlite_catalog: Catalog, lake: Lake, tmp_path: Path
) -> None:
    load(POLLS + poll("a"))
    old = load(POLLS + poll("a", "inactive"))
    assert forget_old_imports(sqlite_catalog, lake, NOW) == 0
    load(ZONES + "z,UTC\n", now=NOW + UNDO_KEPT + timedelta(days=1))
    with pytest.raises(ImportNotKeptError):
        undo(old)
    assert forget_old_imports(sqlite_catalog, lake, NOW + UNDO_KEPT + timedelta(days=1)) == 1
    assert list((tmp_path / "lake" / "_overwritten").iterdir()) == []


def test_unknown_import_is_named(undo: Undo, sqlite_catalog: Catalog, lake: Lake) -> None:
    with pytest.raises(UnknownImportError, match="77"):
        undo_imports([77], catalog=sqlite_catalog, lake=lake, now=NOW)


def test_key_of_an_import_is_the_same_for_each_attempt() -> None:
    assert import_key(NOW, "job") == import_key(NOW, "job")
    assert import_key(NOW, "job") != import_key(NOW, "other")
    assert import_key(NOW, "other") < import_key(NOW + timedelta(milliseconds=1), "job") < 2**63


def test_catalog_of_any_database_is_undone(catalog: Catalog, lake: Lake, tmp_path: Path) -> None:
    file = tmp_path / "zones.csv"
    before = known(catalog)
    ids = []
    for text in (ZONES + "a,UTC\n", HOURS + "a,0,09:00,17:00\n", POLLS + poll("b")):
        file.write_text(text)
        ids.append(import_file(file, catalog=catalog, lake=lake, now=NOW).import_id)
    undo_imports(ids, catalog=catalog, lake=lake, now=NOW)
    assert known(catalog) == before
