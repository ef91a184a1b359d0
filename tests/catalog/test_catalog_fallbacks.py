"""Stores that have a default because their rows were rejected, on each database."""

from datetime import UTC, datetime

import polars as pl
import pytest

from storewatch.catalog import Catalog, StoreChanges, labels_frame
from storewatch.domain.columns import PATTERNS
from storewatch.domain.enums import Setting
from storewatch.domain.labels import ALL_STORES, Label, Scope

NOW = datetime(2023, 1, 25, tzinfo=UTC)
INTERVALS = PATTERNS["intervals"]


def rejected(*store_ids: str) -> dict[Setting, pl.DataFrame]:
    rows = pl.DataFrame({"store_id": store_ids, "reason": ["bad"] * len(store_ids), "rejected_rows": len(store_ids)})
    return dict.fromkeys(Setting, rows)


def hours(store_id: str, spans: list[dict[str, int]] | None) -> pl.DataFrame:
    return pl.DataFrame([(store_id, spans)], schema={"store_id": pl.String, "intervals": INTERVALS}, orient="row")


def noted(catalog: Catalog, scope: Scope = ALL_STORES) -> list[tuple[str, str]]:
    return catalog.fallbacks.list_(scope).select("store_id", "setting").rows()


def test_fallbacks_are_noted_once_and_deleted_when_the_setting_is_written(catalog: Catalog) -> None:
    given = StoreChanges(hours=hours("b", []), rejected=rejected("a", "b"))
    for _ in range(2):
        catalog.stores.replace(given, now=NOW)
    version = catalog.version()
    assert noted(catalog) == [("a", "timezone"), ("a", "weekly_hours"), ("b", "timezone")]
    assert catalog.stores.read_all().fallbacks.height == 3
    assert catalog.stores.select(["b"]).fallbacks["setting"].to_list() == ["timezone"]
    zones = pl.DataFrame({"store_id": ["a", "b"], "timezone": [None, "UTC"]}, schema_overrides={"timezone": pl.String})
    catalog.stores.replace(StoreChanges(zones=zones, hours=hours("a", None)), now=NOW)
    assert (noted(catalog), catalog.version() > version) == ([], True)


def test_fallbacks_name_stores_that_keep_an_older_value(catalog: Catalog) -> None:
    zones = pl.DataFrame({"store_id": ["a"], "timezone": ["UTC"]})
    catalog.stores.replace(StoreChanges(zones=zones, hours=hours("b", [])), now=NOW)
    dated = StoreChanges(hours=hours("c", []), hours_from=NOW.date())
    catalog.stores.replace(dated, now=NOW)
    catalog.stores.replace(StoreChanges(rejected=rejected("a", "b", "c", "new")), now=NOW)
    found = catalog.fallbacks.list_().filter("keeps_older").select("store_id", "setting").rows()
    assert found == [("a", "timezone"), ("b", "weekly_hours"), ("c", "weekly_hours")]
    assert noted(catalog)[-2:] == [("new", "timezone"), ("new", "weekly_hours")]
    catalog.stores.replace(dated, now=NOW)
    assert ("c", "weekly_hours") not in noted(catalog)


@pytest.mark.parametrize(
    ("source", "target", "is_noted"),
    [
        ("bad", "none", True),
        ("none", "bad", True),
        ("good then bad", "none", True),
        ("none", "good then bad", True),
        ("good then bad", "good then bad", True),
        ("bad", "good", False),
        ("good", "bad", False),
        ("good", "good then bad", False),
    ],
)
def test_fallbacks_of_merged_stores(catalog: Catalog, source: str, target: str, is_noted: bool) -> None:
    catalog.stores.register(pl.Series(["a", "b"]), now=NOW)
    for store_id, kind in (("a", source), ("b", target)):
        if "good" in kind:
            catalog.stores.replace(StoreChanges(hours=hours(store_id, [])), now=NOW)
        if "bad" in kind:
            noting = {Setting.WEEKLY_HOURS: rejected(store_id)[Setting.WEEKLY_HOURS]}
            catalog.stores.replace(StoreChanges(rejected=noting), now=NOW)
    assert catalog.stores.merge("a", "b", lake_version=0, now=NOW)
    assert noted(catalog) == ([("b", "weekly_hours")] if is_noted else [])


def test_fallbacks_of_a_scope_are_those_of_its_stores(catalog: Catalog) -> None:
    labels = labels_frame({"a": {"owner": "acme"}, "b": {"owner": "bolt"}})
    catalog.stores.replace(StoreChanges(labels=labels, rejected=rejected("a", "b", "new")), now=NOW)
    assert len(noted(catalog)) == 6
    assert noted(catalog, Scope(label=Label("owner", "acme"))) == [("a", "timezone"), ("a", "weekly_hours")]


def test_inputs_of_stores_are_read(catalog: Catalog) -> None:
    changes = StoreChanges(
        hours=hours("h", []),
        zones=pl.DataFrame({"store_id": ["z"], "timezone": ["UTC"]}),
        labels=labels_frame({"l": {"name": "L"}}),
        store_ids=pl.Series(["p"]),
    )
    catalog.stores.replace(changes, now=NOW)
    assert catalog.stores.read_inputs().rows() == [
        ("h", True, True),
        ("l", False, True),
        ("p", False, False),
        ("z", False, True),
    ]
