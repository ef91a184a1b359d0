"""Objectives and sales of stores and labels, and the saved reports."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from storewatch.catalog import Catalog, Definition, StoreChanges, Target, labels_frame
from storewatch.domain.columns import SALES, TARGETS
from storewatch.domain.enums import EntryKind
from storewatch.domain.labels import Label, Scope

NOW = datetime(2026, 11, 25, tzinfo=UTC)
LABELS = {
    "a": {"owner": "acme", "region": "north"},
    "b": {"owner": "acme", "region": "south"},
    "c": {"region": "south"},
    "d": {},
}


@pytest.fixture
def stores(catalog: Catalog) -> Catalog:
    catalog.stores.replace(StoreChanges(labels=labels_frame(LABELS)), now=NOW)
    return catalog


def put_targets(catalog: Catalog, *rows: tuple[Any, ...]) -> int:
    return catalog.entries.replace(EntryKind.TARGETS, pl.DataFrame(rows, TARGETS, orient="row"), NOW)


def put_sales(catalog: Catalog, *rows: tuple[Any, ...]) -> int:
    return catalog.entries.replace(EntryKind.SALES, pl.DataFrame(rows, SALES, orient="row"), NOW)


def test_target_of_a_store_goes_before_the_highest_of_its_labels(stores: Catalog) -> None:
    put_targets(
        stores,
        ("a", None, None, 0.9),
        (None, "owner", "acme", 0.995),
        (None, "region", "south", 0.999),
        (None, "region", "north", 1.0),
    )
    asked = pl.Series(["d", "a", "b", "c"])
    assert sorted(stores.entries.read_targets(asked).rows()) == [("a", 0.9), ("b", 0.999), ("c", 0.999)]
    assert stores.entries.read_targets(pl.Series(["c"])).rows() == [("c", 0.999)]


def test_version_moves_only_when_a_target_changed(stores: Catalog) -> None:
    changed = [
        put_targets(stores, *rows)
        for rows in (
            [("a", None, None, 0.9), ("a", None, None, 0.95), (None, "owner", "acme", 0.9)],
            [("a", None, None, 0.95)],
            [("a", None, None, 0.96)],
            [("new", None, None, 0.96)],
        )
    ]
    assert (changed, stores.version()) == ([2, 0, 2, 2], 4)
    assert stores.entries.list_(EntryKind.TARGETS).select(TARGETS.names()).sort(
        TARGETS.names(), nulls_last=True
    ).rows() == [
        ("a", None, None, 0.96),
        ("new", None, None, 0.96),
        (None, "owner", "acme", 0.9),
    ]
    assert [stores.entries.delete(EntryKind.TARGETS, Target(store_id="a")) for _ in range(2)] == [1, 0]
    assert stores.version() == 5


def test_sales_of_a_store_go_before_those_of_its_first_label(stores: Catalog) -> None:
    put_sales(
        stores,
        (None, "region", "north", None, None, 1.0),
        (None, "region", "south", None, None, 2.5),
        (None, "owner", "acme", 5, None, 30.0),
        (None, "owner", "acme", 5, 18, 40.0),
        ("b", None, None, None, None, 0.0),
    )
    found = stores.entries.read_sales(pl.Series(["a", "b", "c", "d"]))
    assert found.schema == pl.Schema({"store_id": pl.String, **dict(list(SALES.items())[3:])})
    assert sorted(found.rows(), key=str) == [
        ("a", 5, 18, 40.0),
        ("a", 5, None, 30.0),
        ("b", None, None, 0.0),
        ("c", None, None, 2.5),
    ]


def test_sales_of_a_target_are_replaced_whole_and_the_last_of_equal_rows_counts(stores: Catalog) -> None:
    assert put_sales(stores, ("a", None, None, 0, 9, 1.0), ("a", None, None, 0, 10, 2.0)) == 2
    assert put_sales(stores, ("a", None, None, 0, 9, 5.0), ("a", None, None, 0, 9, 1.0)) == 1
    assert stores.entries.list_(EntryKind.SALES, store_id="a").select(SALES.names()).rows() == [
        ("a", None, None, 0, 9, 1.0)
    ]
    assert stores.entries.list_(EntryKind.SALES, scope=Scope(label=Label("region", "south"))).is_empty()
    assert stores.entries.delete(EntryKind.SALES, Target(store_id="a")) == 1


def test_labels_of_all_stores(stores: Catalog) -> None:
    assert stores.labels.read_values("region").rows() == [("a", "north"), ("b", "south"), ("c", "south")]
    assert stores.labels.read_values("nothing").rows() == []
    expected = [(store_id, *pair) for store_id, labels in LABELS.items() for pair in sorted(labels.items())]
    assert stores.labels.read_all().rows() == expected


def test_definitions_are_kept_by_name(catalog: Catalog) -> None:
    weekly = Definition(name="weekly", parameters={"window": "last_week", "top": 10}, created_at=NOW, created_by="key")
    daily = Definition(name="daily", parameters={}, created_at=NOW)
    assert [catalog.definitions.replace(one) for one in (weekly, daily)] == [True, True]
    assert catalog.definitions.list_() == [daily, weekly]
    changed = replace(weekly, parameters={"window": "yesterday"})
    assert not catalog.definitions.replace(changed)
    assert (catalog.definitions.find("weekly"), catalog.definitions.find("x")) == (changed, None)
    assert [catalog.definitions.delete("weekly") for _ in range(2)] == [True, False]
    assert (catalog.definitions.list_(), catalog.version()) == ([daily], 0)
