"""Stores that have a default because their rows were rejected, on each database."""

from datetime import UTC, datetime

import polars as pl

from storewatch.catalog import Catalog, StoreChanges, labels_frame
from storewatch.domain.columns import PATTERNS
from storewatch.domain.enums import Setting
from storewatch.domain.labels import ALL_STORES, Label, Scope

NOW = datetime(2023, 1, 25, tzinfo=UTC)
INTERVALS = PATTERNS["intervals"]


def rejected(*store_ids: str) -> dict[Setting, pl.DataFrame]:
    rows = pl.DataFrame({"store_id": store_ids, "reason": ["bad"] * len(store_ids)})
    return dict.fromkeys(Setting, rows)


def hours(store_id: str, spans: list[dict[str, int]] | None) -> pl.DataFrame:
    return pl.DataFrame([(store_id, spans)], schema={"store_id": pl.String, "intervals": INTERVALS}, orient="row")


def noted(catalog: Catalog, scope: Scope = ALL_STORES) -> list[tuple[str, str]]:
    return catalog.fallbacks.list_(scope).select("store_id", "setting").rows()


def test_fallbacks_are_noted_once_shown_while_the_default_holds_and_forgotten(catalog: Catalog) -> None:
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
