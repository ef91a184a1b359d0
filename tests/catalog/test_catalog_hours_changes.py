"""Versions of weekly hours, special hours and closures: what is stored, and the hours of each store that result."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from storewatch.catalog import (
    Catalog,
    Closure,
    ImportRecord,
    NewClosure,
    StoreChanges,
    StoreFilter,
    Target,
    labels_frame,
)
from storewatch.catalog.db.rows import BATCH_ROWS
from storewatch.catalog.entries import _whole_entries
from storewatch.domain.columns import SPECIAL_ROWS
from storewatch.domain.enums import EntryKind
from storewatch.domain.errors import InvalidInputError, UnknownStoreError
from storewatch.domain.labels import Label, Scope

NOW = datetime(2026, 11, 25, 18, 13, 22, 479_220, tzinfo=UTC)
RECORD = ImportRecord(file="f.csv", table_name="weekly_hours", rows=1, accepted=1, rejected=0)
MORNING, EVENING = (0, 43_200), (43_200, 86_400)
DECEMBER, MARCH = date(2026, 12, 1), date(2027, 3, 1)
EVE, CHRISTMAS = date(2026, 12, 24), date(2026, 12, 25)
HOUR = timedelta(hours=1)

Rows = Iterable[tuple[str | None, str | None, str | None, date, int | None, int | None]]


def hours(**of_stores: tuple[int, int] | None) -> pl.DataFrame:
    span = pl.List(pl.Struct({"start_s": pl.Int32, "end_s": pl.Int32}))
    rows = [
        (store_id, None if spans is None else [{"start_s": spans[0], "end_s": spans[1]}])
        for store_id, spans in of_stores.items()
    ]
    return pl.DataFrame(rows, {"store_id": pl.String, "intervals": span}, orient="row")


def put_special(
    catalog: Catalog, *rows: tuple[str | None, str | None, str | None, date, int | None, int | None]
) -> int:
    return catalog.entries.replace(EntryKind.SPECIAL_HOURS, pl.DataFrame(rows, SPECIAL_ROWS, orient="row"), NOW)


def special(catalog: Catalog) -> list[tuple[Any, ...]]:
    return sorted(catalog.stores.read_all().changes.special.rows(), key=str)


def versions(catalog: Catalog) -> tuple[dict[str, tuple[int, int] | None], list[tuple[str, date, Any]]]:
    """The base of each store, and the dated versions."""
    rows = catalog.stores.read_all()
    spans = {key: (found[0]["start_s"], found[0]["end_s"]) for key, found in rows.patterns.iter_rows()}
    return (
        {store_id: spans.get(hours_id) for store_id, hours_id, _ in rows.frame.iter_rows()},
        [(store_id, first, spans.get(hours_id)) for store_id, first, hours_id in rows.changes.versions.rows()],
    )


def put_labels(catalog: Catalog, **labels: dict[str, str]) -> None:
    catalog.stores.replace(StoreChanges(labels=labels_frame(labels)), now=NOW)


def closure(**fields: Any) -> NewClosure:
    return NewClosure(**{"start_at": NOW, "end_at": NOW + HOUR, "reason": "works", "created_at": NOW} | fields)


def test_dated_hours_leave_the_earlier_ones_and_undated_ones_replace_all(catalog: Catalog) -> None:
    catalog.stores.replace(StoreChanges(hours=hours(a=MORNING, b=MORNING)), now=NOW)
    catalog.imports.create(
        RECORD, changes=StoreChanges(hours=hours(a=EVENING, c=EVENING), hours_from=DECEMBER), now=NOW
    )
    catalog.stores.replace(StoreChanges(hours=hours(a=None), hours_from=MARCH), now=NOW)
    assert versions(catalog) == (
        {"a": MORNING, "b": MORNING, "c": None},
        [("a", DECEMBER, EVENING), ("a", MARCH, None), ("c", DECEMBER, EVENING)],
    )
    catalog.stores.update("a", StoreChanges(hours=hours(a=MORNING), hours_from=DECEMBER), now=NOW)
    assert versions(catalog)[1] == [("a", DECEMBER, MORNING), ("a", MARCH, None), ("c", DECEMBER, EVENING)]
    catalog.stores.replace(StoreChanges(hours=hours(a=EVENING)), now=NOW)
    assert versions(catalog) == ({"a": EVENING, "b": MORNING, "c": None}, [("c", DECEMBER, EVENING)])


def test_version_moves_only_when_dated_hours_changed(catalog: Catalog) -> None:
    found = []
    for rows, first in (
        (MORNING, DECEMBER),
        (MORNING, DECEMBER),
        (EVENING, DECEMBER),
        (MORNING, MARCH),
        (None, None),
        (None, None),
    ):
        catalog.stores.replace(StoreChanges(hours=hours(a=rows), hours_from=first), now=NOW)
        found.append(catalog.version())
    assert found == [1, 1, 2, 3, 4, 4]


def test_created_store_may_have_dated_hours(catalog: Catalog) -> None:
    catalog.stores.create("a", StoreChanges(hours=hours(a=MORNING), hours_from=DECEMBER), now=NOW)
    assert versions(catalog) == ({"a": None}, [("a", DECEMBER, MORNING)])


def test_deleted_store_leaves_no_changes(catalog: Catalog) -> None:
    catalog.stores.replace(StoreChanges(hours=hours(a=MORNING), hours_from=DECEMBER), now=NOW)
    put_special(catalog, ("a", None, None, EVE, 0, 3600))
    catalog.closures.create(closure(store_id="a"))
    catalog.stores.delete("a", lake_version=-1)
    catalog.stores.register(pl.Series(["a"]), now=NOW)
    rows = catalog.stores.read_all()
    assert [frame.height for frame in (rows.changes.versions, rows.changes.special, rows.changes.closures)] == [0] * 3


def test_special_hours_of_a_date_replace_those_of_that_date_only(catalog: Catalog) -> None:
    put_special(catalog, ("a", None, None, EVE, 0, 3600), ("a", None, None, EVE, 7200, 90_000))
    put_special(catalog, ("a", None, None, CHRISTMAS, None, None), ("b", None, None, EVE, 0, 60))
    put_special(catalog, ("a", None, None, EVE, 7200, 90_000), ("a", None, None, EVE, 60, 120))
    assert special(catalog) == [
        ("a", EVE, 60, 120),
        ("a", EVE, 7200, 90_000),
        ("a", CHRISTMAS, None, None),
        ("b", EVE, 0, 60),
    ]


def test_version_moves_only_when_special_hours_changed(catalog: Catalog) -> None:
    row = ("a", None, None, EVE, 0, 3600)
    label = (None, "region", "north", CHRISTMAS, None, None)
    changed = [
        put_special(catalog, *rows) for rows in ([row, label], [row, row], [label], [(*row[:4], None, None)], [])
    ]
    assert (changed, catalog.version()) == ([3, 0, 0, 2, 0], 2)


def test_special_hours_of_a_label_are_of_those_who_carry_it(catalog: Catalog) -> None:
    put_labels(catalog, a={"region": "north"}, b={"region": "north"}, c={"region": "south"})
    put_special(catalog, (None, "region", "north", EVE, 0, 3600), (None, "region", "west", EVE, 0, 60))
    assert special(catalog) == [("a", EVE, 0, 3600), ("b", EVE, 0, 3600)]
    put_labels(catalog, a={}, c={"region": "north"})
    assert special(catalog) == [("b", EVE, 0, 3600), ("c", EVE, 0, 3600)]


def test_special_hours_of_a_store_go_before_those_of_its_labels(catalog: Catalog) -> None:
    put_labels(catalog, a={"region": "north"}, b={"region": "north"})
    put_special(
        catalog,
        (None, "region", "north", EVE, 0, 3600),
        (None, "region", "north", CHRISTMAS, 0, 3600),
        ("a", None, None, EVE, None, None),
    )
    assert special(catalog) == [
        ("a", EVE, None, None),
        ("a", CHRISTMAS, 0, 3600),
        ("b", EVE, 0, 3600),
        ("b", CHRISTMAS, 0, 3600),
    ]


def test_special_hours_of_several_labels_all_count_and_closed_counts_only_alone(catalog: Catalog) -> None:
    put_labels(catalog, a={"region": "north", "owner": "acme"}, b={"region": "north"}, c={"owner": "acme", "x": "y"})
    put_special(
        catalog,
        (None, "region", "north", EVE, None, None),
        (None, "owner", "acme", EVE, 0, 3600),
        (None, "x", "y", EVE, 0, 3600),
        (None, "x", "y", EVE, 7200, 9000),
    )
    assert special(catalog) == [
        ("a", EVE, 0, 3600),
        ("b", EVE, None, None),
        ("c", EVE, 0, 3600),
        ("c", EVE, 7200, 9000),
    ]


def test_special_hours_are_listed_and_deleted(catalog: Catalog) -> None:
    put_labels(catalog, a={"region": "north"}, b={"region": "south"})
    rows = [
        ("a", None, None, EVE, 0, 3600),
        ("a", None, None, CHRISTMAS, None, None),
        (None, "region", "north", EVE, 0, 60),
        (None, "region", "south", EVE, 0, 60),
    ]
    put_special(catalog, *rows)
    whole = catalog.entries.list_(EntryKind.SPECIAL_HOURS)
    assert sorted(whole.select(SPECIAL_ROWS.names()).rows(), key=str) == sorted(rows, key=str)
    first = catalog.entries.list_(EntryKind.SPECIAL_HOURS, limit=1)
    rest = catalog.entries.list_(EntryKind.SPECIAL_HOURS, after=first["place"][0])
    assert pl.concat([first, rest]).equals(whole)
    scoped = catalog.entries.list_(EntryKind.SPECIAL_HOURS, scope=Scope(label=Label("region", "south")))
    assert scoped.select(SPECIAL_ROWS.names()).rows() == [rows[3]]
    of_a = catalog.entries.list_(EntryKind.SPECIAL_HOURS, store_id="a")
    assert sorted(of_a.select(SPECIAL_ROWS.names()).rows(), key=str) == sorted(rows[:3], key=str)
    version = catalog.version()
    assert catalog.entries.delete(EntryKind.SPECIAL_HOURS, Target(store_id="a"), first=CHRISTMAS, last=MARCH) == 1
    assert (
        catalog.entries.delete(EntryKind.SPECIAL_HOURS, Target(label="region", value="south"), first=EVE, last=EVE) == 1
    )
    assert catalog.entries.delete(EntryKind.SPECIAL_HOURS, Target(store_id="b"), first=EVE, last=EVE) == 0
    assert (special(catalog), catalog.version()) == ([("a", EVE, 0, 3600)], version + 2)


def test_special_hours_of_more_stores_than_one_batch(catalog: Catalog) -> None:
    count = BATCH_ROWS // 2 + 10
    ids = pl.int_range(count, eager=True).cast(pl.String).alias("store_id").to_frame()
    blank = ids.with_columns(label=pl.lit(None, pl.String), value=pl.lit(None, pl.String), date=EVE)
    rows = pl.concat([blank.with_columns(start_s=start, end_s=start + 60) for start in (0, 600, 6000)])
    rows = rows.cast(dict(SPECIAL_ROWS)).sample(fraction=1, shuffle=True, seed=7)
    assert catalog.entries.replace(EntryKind.SPECIAL_HOURS, rows, NOW) == 4 * count
    assert catalog.entries.replace(EntryKind.SPECIAL_HOURS, rows, NOW) == 0
    assert catalog.stores.read_all().changes.special.height == 3 * count
    assert catalog.stores.find("7").changes.special.height == 3


def test_batches_hold_whole_entries() -> None:
    keys = pl.DataFrame({"key": sorted(number % 7 for number in range(3 * BATCH_ROWS))})
    batches = _whole_entries(keys, ["key"])
    assert pl.concat(batches).equals(keys)
    assert sum(batch["key"].n_unique() for batch in batches) == 7
    assert min(batch.height for batch in batches[:-1]) >= BATCH_ROWS
    assert _whole_entries(keys.clear(), ["key"]) == []


def test_closures_are_of_a_store_of_a_label_or_of_all(catalog: Catalog) -> None:
    put_labels(catalog, a={"region": "north"}, b={"region": "north"}, c={})
    for number, target in enumerate(({"store_id": "c"}, {"label": "region", "value": "north"}, {})):
        catalog.closures.create(closure(**target, end_at=NOW + HOUR * (number + 1)))
    expected = [
        ("a", NOW, NOW + 2 * HOUR),
        ("a", NOW, NOW + 3 * HOUR),
        ("b", NOW, NOW + 2 * HOUR),
        ("b", NOW, NOW + 3 * HOUR),
        ("c", NOW, NOW + HOUR),
        ("c", NOW, NOW + 3 * HOUR),
    ]
    assert sorted(catalog.stores.read_all().changes.closures.rows()) == expected
    page = catalog.stores.list_(StoreFilter(prefix="b"), limit=5)
    assert sorted(page.changes.closures.rows()) == expected[2:4]


def test_closures_are_listed_found_and_deleted(catalog: Catalog) -> None:
    put_labels(catalog, a={"region": "north"}, b={"region": "south", "x": "y"})
    local = NOW.astimezone(tz=None) - HOUR
    new = [
        closure(store_id="a", created_by="key", start_at=local),
        closure(label="region", value="south"),
        closure(reason="flood"),
        closure(label="x", value="y"),
    ]
    made = [catalog.closures.create(one) for one in new]
    assert made == [Closure(**vars(one), closure_id=kept.closure_id) for one, kept in zip(new, made, strict=True)]
    assert catalog.closures.list_() == made[::-1]
    assert catalog.closures.list_(before=made[2].closure_id, limit=1) == [made[1]]
    assert catalog.closures.list_(scope=Scope(label=Label("region", "north"))) == [made[2], made[0]]
    south = Scope(label=Label("region", "south"))  # a store of it carries x=y too
    assert catalog.closures.list_(scope=south) == [made[2], made[1]]
    assert catalog.closures.find(made[3].closure_id, south) is None
    assert catalog.closures.list_(store_id="a") == [made[2], made[0]]
    assert catalog.closures.find(made[0].closure_id) == made[0]
    assert catalog.closures.find(made[0].closure_id, Scope(label=Label("region", "south"))) is None
    version = catalog.version()
    assert [catalog.closures.delete(made[3].closure_id) for _ in range(2)] == [True, False]
    again = catalog.closures.create(replace(new[3], created_at=new[3].created_at + timedelta(milliseconds=9)))
    assert (again.closure_id > made[3].closure_id, catalog.version()) == (True, version + 2)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"end_at": NOW}, InvalidInputError),
        ({"store_id": "a", "label": "region", "value": "north"}, InvalidInputError),
        ({"label": "region"}, InvalidInputError),
        ({"store_id": "nobody"}, UnknownStoreError),
        ({"store_id": "b"}, UnknownStoreError),
    ],
)
def test_closure_that_cannot_be_is_refused(catalog: Catalog, fields: dict[str, Any], error: type[Exception]) -> None:
    put_labels(catalog, a={"region": "north"}, b={"region": "south"})
    with pytest.raises(error):
        catalog.closures.create(closure(**fields), Scope(label=Label("region", "north")))
    assert (catalog.closures.list_(), catalog.version()) == ([], 1)


def test_select_returns_the_changes_of_its_stores_only(catalog: Catalog) -> None:
    put_labels(catalog, a={"region": "north"}, b={"region": "north"})
    catalog.stores.replace(StoreChanges(hours=hours(a=MORNING, b=EVENING), hours_from=DECEMBER), now=NOW)
    put_special(catalog, (None, "region", "north", EVE, 0, 60), ("b", None, None, CHRISTMAS, 0, 60))
    catalog.closures.create(closure())
    found = catalog.stores.find("a")
    assert found is not None
    assert [row[:2] for row in found.changes.versions.rows()] == [("a", DECEMBER)]
    assert found.patterns["weekly_hours_id"].to_list() == found.changes.versions["weekly_hours_id"].to_list()
    assert found.changes.special.rows() == [("a", EVE, 0, 60)]
    assert found.changes.closures.rows() == [("a", NOW, NOW + HOUR)]
