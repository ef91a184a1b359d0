import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from storewatch.catalog import Catalog, FinishedImport, ImportRecord, StoreChanges
from storewatch.domain.columns import FILE_REJECTS

NOW = datetime(2023, 1, 25, 18, 13, 22, 479_220, tzinfo=UTC)
RECORD = ImportRecord(
    file="zones.csv",
    table_name="timezones",
    rows=12,
    accepted=9,
    rejected=3,
)
ZONES = pl.DataFrame({"store_id": ["a"], "timezone": ["Asia/Beirut"]})

IMPORT_AND_HANG = """
import sys
from datetime import UTC, datetime
import polars as pl
from storewatch.catalog import Catalog, ImportRecord, StoreChanges

now = datetime.now(UTC)
record = ImportRecord(file="f", table_name="timezones", rows=2, accepted=1, rejected=1)
zones = pl.DataFrame({"store_id": ["a", "b"], "timezone": ["UTC", "UTC"]})

def rejected_rows():
    yield pl.DataFrame({"line": [2], "row": ["x"], "reason": ["y"], "file": ["f"]})
    print("inside", flush=True)
    sys.stdin.read()

Catalog.open(sys.argv[1]).imports.create(record, rejected_rows(), changes=StoreChanges(zones=zones), now=now)
"""


def rejects(*rows: tuple[int, str, str], file: str = "zones.csv") -> pl.DataFrame:
    return pl.DataFrame([(*row, file) for row in rows], schema=FILE_REJECTS, orient="row")


def test_imports_are_listed_newest_first(catalog: Catalog) -> None:
    catalog.imports.create(RECORD, changes=StoreChanges(zones=ZONES), now=NOW)
    polls = replace(RECORD, file="polls.csv", table_name="observations")
    catalog.imports.create(
        polls, changes=StoreChanges(store_ids=pl.Series(["b"]), lake_version=4, expected=-1), now=NOW
    )
    first = FinishedImport(**vars(RECORD), import_id=1, imported_at=NOW, lake_version=None)
    second = FinishedImport(**vars(polls), import_id=2, imported_at=NOW, lake_version=4)
    assert catalog.imports.list_() == [second, first]
    assert catalog.imports.list_(limit=1) == [second]
    assert (catalog.stores.lake_version_known(), catalog.stores.read_all().frame["store_id"].to_list()) == (
        4,
        ["a", "b"],
    )


def test_import_instants_come_back_in_utc(catalog: Catalog) -> None:
    catalog.imports.create(RECORD, now=NOW.astimezone(timezone(timedelta(hours=-5))))
    [finished] = catalog.imports.list_()
    assert (finished.imported_at, finished.imported_at.tzinfo) == (NOW, UTC)


def test_import_at_a_naive_time_is_refused(catalog: Catalog) -> None:
    with pytest.raises(Exception, match="has no time zone"):
        catalog.imports.create(RECORD, now=NOW.replace(tzinfo=None))


def test_rejects_come_back_by_file_and_line(catalog: Catalog) -> None:
    batches = [
        rejects((7, "seven", "bad day"), (9, 'n,"\n', "bad time")),
        rejects((3, "", "empty id"), file="more.csv"),
        rejects(),
    ]
    import_id = catalog.imports.create(RECORD, batches, now=NOW)
    catalog.imports.create(RECORD, [rejects((1, "other", "import"))], now=NOW)
    assert_frame_equal(
        catalog.imports.read_rejects(import_id),
        pl.concat(batches),
    )
    assert_frame_equal(catalog.imports.read_rejects(import_id, limit=1), rejects((7, "seven", "bad day")))
    assert_frame_equal(catalog.imports.read_rejects(import_id + 99), rejects())


def test_rejects_of_a_binary_file_are_kept_readable(catalog: Catalog) -> None:
    import_id = catalog.imports.create(RECORD, [rejects((1, "PK\0\3\0", "no columns"))], now=NOW)
    assert_frame_equal(catalog.imports.read_rejects(import_id), rejects((1, "PK\ufffd\3\ufffd", "no columns")))


def test_import_that_fails_half_way_leaves_nothing(catalog: Catalog) -> None:
    def broken() -> Iterator[pl.DataFrame]:
        yield rejects((1, "row", "reason"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        catalog.imports.create(RECORD, broken(), changes=StoreChanges(zones=ZONES), now=NOW)
    assert (catalog.imports.list_(), catalog.version(), catalog.stores.read_all().frame.height) == ([], 0, 0)
    assert_frame_equal(catalog.imports.read_rejects(1), rejects())


def test_import_is_invisible_and_blocks_no_reader_until_committed(catalog: Catalog) -> None:
    seen = []

    def look() -> Iterator[pl.DataFrame]:
        yield rejects((1, "row", "reason"))
        seen.append((catalog.imports.list_(), catalog.version(), catalog.imports.read_rejects(1).height))

    catalog.imports.create(RECORD, look(), changes=StoreChanges(zones=ZONES), now=NOW)
    assert seen == [([], 0, 0)]
    assert (len(catalog.imports.list_()), catalog.version(), catalog.imports.read_rejects(1).height) == (1, 1, 1)


def test_import_killed_inside_its_transaction_leaves_the_previous_state(catalog: Catalog, database_url: str) -> None:
    catalog.imports.create(RECORD, changes=StoreChanges(zones=ZONES), now=NOW)
    before = (catalog.imports.list_(), catalog.version(), catalog.stores.read_all().frame.rows())
    command = [sys.executable, "-c", IMPORT_AND_HANG, database_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "inside\n"
        process.kill()
    assert (catalog.imports.list_(), catalog.version(), catalog.stores.read_all().frame.rows()) == before
    assert catalog.stores.register(pl.Series(["b"]), now=NOW) == 1
