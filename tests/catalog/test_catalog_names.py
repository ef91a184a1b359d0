"""Names that do not exist are refused with the nearest ones, those of the caller's scope only."""

from datetime import UTC, datetime

import pytest

from storewatch.catalog import Catalog, StoreChanges, labels_frame
from storewatch.domain.errors import InvalidInputError, UnknownStoreError
from storewatch.domain.labels import Label, Scope

NOW = datetime(2026, 11, 25, tzinfo=UTC)
ACME = Scope(label=Label("owner", "acme"))


@pytest.fixture
def stores(catalog: Catalog) -> Catalog:
    of_stores = {f"shop-{number:04}": {"owner": "acme", "region": "north"} for number in range(3_000)}
    of_stores |= {"Cafe-1": {"owner": "bolt", "region": "south"}}
    catalog.stores.replace(StoreChanges(labels=labels_frame(of_stores)), now=NOW)
    return catalog


def test_names_that_exist_pass(stores: Catalog) -> None:
    stores.names.check_label(Label("owner", "acme"))
    stores.names.check_label_name("region", ACME)
    stores.names.require_stores(["Cafe-1", "shop-0001"])
    stores.names.require_stores([])


@pytest.mark.parametrize(
    ("label", "scope", "sentence"),
    [
        (Label("owner", "amce"), Scope(), "No store has owner=amce; the nearest is owner=acme."),
        (Label("owner", "bolt"), ACME, "No store has owner=bolt; the values of owner are acme."),
        (Label("onwer", "acme"), ACME, "No store has a label 'onwer'; the labels are owner, region."),
        (Label("region", "South"), Scope(), "No store has region=South; the nearest are region=south, region=north."),
    ],
)
def test_label_that_no_store_has_is_refused(stores: Catalog, label: Label, scope: Scope, sentence: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        stores.names.check_label(label, scope)
    assert str(raised.value) == sentence


@pytest.mark.parametrize(
    ("store_id", "scope", "nearest"),
    [
        ("cafe-1", Scope(), "Cafe-1"),
        ("cafe-1", ACME, None),
        ("shop-2999x", Scope(), "shop-2999"),  # beyond the first names that are compared
    ],
)
def test_store_that_does_not_exist_is_refused(
    stores: Catalog, store_id: str, scope: Scope, nearest: str | None
) -> None:
    with pytest.raises(UnknownStoreError) as raised:
        stores.names.require_stores(["shop-0000", store_id], scope)
    text = str(raised.value)
    assert text.startswith(f"There is no store with the id {store_id!r}")
    assert nearest is None or nearest in text
    assert ("Cafe" in text) == (nearest == "Cafe-1")
