from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import polars as pl
from polars.testing import assert_frame_equal
from sqlalchemy import select

from storewatch.catalog import Catalog, ImportRecord, StoreChanges
from storewatch.catalog.db import schema
from storewatch.domain.columns import CLOSURES, HOURS_VERSIONS, PATTERNS, RECLASSIFICATIONS, SPECIAL_HOURS, STORES

NOW = datetime(2023, 1, 25, 18, 13, 22, 479_220, tzinfo=UTC)
RECORD = ImportRecord(file="f.csv", table_name="weekly_hours", rows=1, accepted=1, rejected=0)
NINE_TO_FIVE = (32_400, 61_200)
ALL_MONDAY = (0, 86_400)


def hours(of_stores: Mapping[str, Sequence[tuple[int, int]]]) -> pl.DataFrame:
    rows = [(store_id, [{"start_s": s, "end_s": e} for s, e in pattern]) for store_id, pattern in of_stores.items()]
    schema = {"store_id": pl.String, "intervals": PATTERNS["intervals"]}
    return pl.DataFrame(rows, schema=schema, orient="row")


def zones(rows: Sequence[tuple[str, str]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"store_id": pl.String, "timezone": pl.String}, orient="row")


def ids(*store_ids: str) -> pl.Series:
    return pl.Series("store_id", store_ids, dtype=pl.String)


def known(catalog: Catalog) -> dict[str, tuple[list[tuple[int, int]] | None, str | None]]:
    """Return the stores of the catalog as plain objects: store -> (weekly intervals, zone)."""
    rows = catalog.stores.read_all()
    intervals = {key: [(i["start_s"], i["end_s"]) for i in value] for key, value in rows.patterns.iter_rows()}
    intervals[None] = None
    return {store_id: (intervals[hours_id], timezone) for store_id, hours_id, timezone in rows.frame.iter_rows()}


def test_catalog_starts_empty(catalog: Catalog) -> None:
    rows = catalog.stores.read_all()
    assert (rows.catalog_version, catalog.version(), catalog.stores.lake_version_known(), rows.labels) == (0, 0, -1, {})
    assert_frame_equal(rows.frame, STORES.to_frame())
    assert_frame_equal(rows.patterns, PATTERNS.to_frame())
    assert_frame_equal(rows.changes.versions, HOURS_VERSIONS.to_frame())
    assert_frame_equal(rows.changes.special, SPECIAL_HOURS.to_frame())
    assert_frame_equal(rows.changes.closures, CLOSURES.to_frame())
    assert_frame_equal(rows.reclassifications, RECLASSIFICATIONS.to_frame())


def test_register_stores_adds_only_the_missing(catalog: Catalog) -> None:
    assert catalog.stores.register(ids("b", "a", "b"), now=NOW) == 2
    assert catalog.stores.register(ids("c", "a"), now=NOW) == 1
    assert known(catalog) == {"a": (None, None), "b": (None, None), "c": (None, None)}


def test_register_stores_counts_over_batches(catalog: Catalog) -> None:
    many = pl.int_range(50_001, eager=True).cast(pl.String)
    assert catalog.stores.register(many, now=NOW) == 50_001
    assert catalog.stores.register(many, now=NOW) == 0
    assert catalog.stores.read_all().frame["store_id"].equals(many.sort())


def test_version_moves_only_when_something_changed(catalog: Catalog) -> None:
    versions = [catalog.version()]
    for change in (
        {"store_ids": ids("a")},
        {"store_ids": ids("a")},
        {"store_ids": ids()},
        {"hours": hours({"a": [NINE_TO_FIVE]})},
        {"hours": hours({"a": [NINE_TO_FIVE]})},
        {"zones": zones([("a", "Asia/Beirut")])},
        {"zones": zones([("a", "Asia/Beirut")])},
        {"zones": zones([("a", "America/Boise")]), "hours": hours({"a": [ALL_MONDAY]})},
    ):
        catalog.imports.create(RECORD, changes=StoreChanges(**change), now=NOW)
        versions.append(catalog.version())
    assert versions == [0, 1, 1, 1, 2, 2, 3, 3, 4]


def test_hours_replace_those_of_the_stores_named(catalog: Catalog) -> None:
    catalog.imports.create(
        RECORD, changes=StoreChanges(hours=hours({"a": [NINE_TO_FIVE], "b": [NINE_TO_FIVE]})), now=NOW
    )
    catalog.imports.create(
        RECORD, changes=StoreChanges(hours=hours({"b": [ALL_MONDAY, (90_000, 99_000)], "c": [NINE_TO_FIVE]})), now=NOW
    )
    assert known(catalog) == {
        "a": ([NINE_TO_FIVE], None),
        "b": ([ALL_MONDAY, (90_000, 99_000)], None),
        "c": ([NINE_TO_FIVE], None),
    }


def test_equal_hours_are_kept_once(catalog: Catalog) -> None:
    catalog.imports.create(
        RECORD, changes=StoreChanges(hours=hours({"a": [NINE_TO_FIVE], "b": [NINE_TO_FIVE]})), now=NOW
    )
    catalog.imports.create(RECORD, changes=StoreChanges(hours=hours({"c": [NINE_TO_FIVE]})), now=NOW)
    assert catalog.stores.read_all().patterns.height == 1


def test_zones_replace_those_of_the_stores_named(catalog: Catalog) -> None:
    catalog.imports.create(
        RECORD, changes=StoreChanges(zones=zones([("a", "Asia/Beirut"), ("b", "Asia/Beirut")])), now=NOW
    )
    catalog.imports.create(
        RECORD, changes=StoreChanges(zones=zones([("c", "UTC"), ("b", "UTC"), ("b", "America/Boise")])), now=NOW
    )
    assert known(catalog) == {"a": (None, "Asia/Beirut"), "b": (None, "America/Boise"), "c": (None, "UTC")}


def test_hours_and_zones_leave_each_other_alone(catalog: Catalog) -> None:
    catalog.imports.create(RECORD, changes=StoreChanges(hours=hours({"a": [NINE_TO_FIVE]})), now=NOW)
    catalog.imports.create(RECORD, changes=StoreChanges(zones=zones([("a", "UTC")])), now=NOW)
    catalog.imports.create(RECORD, changes=StoreChanges(hours=hours({"a": [ALL_MONDAY]})), now=NOW)
    assert known(catalog) == {"a": ([ALL_MONDAY], "UTC")}


def test_stores_are_ordered_bytewise(catalog: Catalog) -> None:
    names = ["Z", "a", "10", "9", "é", "z", "ß", "日本", "🏪", "A b", "a-b", "ab", " "]
    catalog.stores.register(ids(*names), now=NOW)
    assert catalog.stores.read_all().frame["store_id"].to_list() == sorted(names, key=str.encode)


def test_store_ids_are_kept_to_the_letter(catalog: Catalog) -> None:
    names = ["'; DROP TABLE stores; --", 'a"b', "a\\b", "a\nb", "\t", "%s", ":x", "null", "007", "7.0", "é", "e\u0301"]
    catalog.stores.register(ids(*names), now=NOW)
    assert set(catalog.stores.read_all().frame["store_id"]) == set(names)


def test_registered_at_is_the_instant_given(catalog: Catalog) -> None:
    catalog.stores.register(ids("a"), now=NOW)
    catalog.stores.register(ids("a"), now=NOW.replace(year=2024))
    with catalog.database.reading() as connection:
        assert connection.execute(select(schema.stores.c.registered_at)).all() == [(NOW,)]


def test_lake_version_known_moves_from_the_expected_one(catalog: Catalog) -> None:
    assert catalog.stores.register(ids("a"), lake_version=3, expected=-1, now=NOW) == 1
    assert (catalog.stores.lake_version_known(), catalog.version()) == (3, 1)
    catalog.stores.register(ids("a"), lake_version=5, expected=3, now=NOW)
    assert (catalog.stores.lake_version_known(), catalog.version()) == (5, 1)


def test_lake_version_known_stays_when_another_moved_it(catalog: Catalog) -> None:
    catalog.stores.register(ids("a"), lake_version=3, expected=-1, now=NOW)
    assert catalog.stores.register(ids("b"), lake_version=2, expected=-1, now=NOW) == 1
    assert (catalog.stores.lake_version_known(), sorted(known(catalog))) == (3, ["a", "b"])
    catalog.stores.register(ids("c"), lake_version=4, expected=None, now=NOW)
    assert (catalog.stores.lake_version_known(), sorted(known(catalog))) == (3, ["a", "b", "c"])


def test_register_stores_from_many_threads_counts_each_store_once(catalog: Catalog) -> None:
    batches = [
        pl.int_range(start, start + 400, eager=True).cast(pl.String).shuffle(start) for start in range(0, 800, 100)
    ]
    with ThreadPoolExecutor(8) as threads:
        new = list(threads.map(lambda batch: catalog.stores.register(batch, now=NOW), batches))
    assert sum(new) == catalog.stores.read_all().frame.height == 1100
    assert catalog.version() == sum(count > 0 for count in new)


def test_changes_of_the_same_stores_from_many_threads_wait_for_each_other(catalog: Catalog) -> None:
    names = pl.int_range(1000, eager=True).cast(pl.String).sort().to_list()

    def change(number: int) -> None:
        opening, zoned = (names[:500], names[500:]) if number % 2 else (names[500:], names[:500])
        catalog.imports.create(
            RECORD,
            changes=StoreChanges(
                hours=hours({name: [(number, number + 60)] for name in opening}),
                zones=zones([(name, f"Etc/GMT+{number}") for name in zoned]),
            ),
            now=NOW,
        )

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(change, range(8)))
    assert (catalog.version(), catalog.stores.read_all().frame.height) == (8, 1000)
