from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import polars as pl
import pytest
from sqlalchemy import event

from storewatch.catalog import Catalog, ImportRecord, StoreChanges, StoreFilter, StoreRows, labels_frame
from storewatch.catalog.db.rows import BATCH_ROWS
from storewatch.domain.columns import PATTERNS
from storewatch.domain.enums import StoreOrder
from storewatch.domain.labels import Label, Scope

NOW = datetime(2023, 1, 25, tzinfo=UTC)
RECORD = ImportRecord(file="f.csv", table_name="stores", rows=1, accepted=1, rejected=0)
MONDAY = {"start_s": 0, "end_s": 86_400}

CHAIN = {
    "a1": {"name": "Zum Anker", "owner": "acme", "region": "north"},
    "a2": {"name": "über Eck", "owner": "acme", "region": "south"},
    "B1": {"name": "Anker 100%", "owner": "bolt", "region": "north"},
    "b_2": {"owner": "bolt"},
    "c": {},
}


def put(catalog: Catalog, labels: dict[str, dict[str, str]]) -> int:
    return catalog.stores.replace(StoreChanges(labels=labels_frame(labels)), now=NOW)


def ids(rows: StoreRows) -> list[str]:
    return rows.frame["store_id"].to_list()


def known(catalog: Catalog) -> dict[str, dict[str, str]]:
    rows = catalog.stores.list_(StoreFilter(), limit=100)
    return {store_id: rows.labels.get(store_id, {}) for store_id in ids(rows)}


@contextmanager
def counted_queries(catalog: Catalog) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(catalog.database._engine, "before_cursor_execute", note)
    yield statements
    event.remove(catalog.database._engine, "before_cursor_execute", note)


def zoned(catalog: Catalog, **zones: str | None) -> None:
    rows = list(zones.items())
    catalog.stores.replace(
        StoreChanges(zones=pl.DataFrame(rows, {"store_id": pl.String, "timezone": pl.String}, orient="row")), now=NOW
    )


def test_labels_register_their_stores(catalog: Catalog) -> None:
    put(catalog, CHAIN)
    assert known(catalog) == CHAIN


def test_labels_replace_those_of_the_stores_named(catalog: Catalog) -> None:
    put(catalog, CHAIN)
    put(catalog, {"a1": {"owner": "bolt", "channel": "web"}, "a2": {}, "d": {"x": "y"}})
    assert known(catalog) == CHAIN | {"a1": {"owner": "bolt", "channel": "web"}, "a2": {}, "d": {"x": "y"}}


def test_labels_of_a_store_twice_are_the_last_ones(catalog: Catalog) -> None:
    put_frame = pl.concat([labels_frame({"a": {"owner": "acme"}}), labels_frame({"a": {"region": "north"}})])
    catalog.imports.create(RECORD, changes=StoreChanges(labels=put_frame), now=NOW)
    assert known(catalog) == {"a": {"region": "north"}}


def test_version_moves_only_when_a_label_changed(catalog: Catalog) -> None:
    versions = []
    for labels in ({"a": {}}, {"a": {}}, {"a": {"x": "1"}}, {"a": {"x": "1"}}, {"a": {"x": "2"}}, {"a": {}}, {}):
        put(catalog, labels)
        versions.append(catalog.version())
    assert versions == [1, 1, 2, 2, 3, 4, 4]


def test_labels_are_kept_to_the_letter(catalog: Catalog) -> None:
    labels = {"a": {"x": "'; DROP TABLE stores; --"}, 'q"': {"y.z-1_": "é\\ %s :x 🏪"}, "n": {"x": "null"}}
    put(catalog, labels)
    assert known(catalog) == labels


def test_labels_of_more_stores_than_one_batch(catalog: Catalog) -> None:
    many = {f"{number:06}": {"number": str(number), "half": str(number % 2)} for number in range(BATCH_ROWS // 2 + 1)}
    put(catalog, many)
    put(catalog, {store_id: {"half": labels["half"]} for store_id, labels in many.items()})
    odd = catalog.stores.list_ids(StoreFilter(labels=(("half", "1"),)))
    assert odd.to_list() == [store_id for store_id, labels in many.items() if labels["half"] == "1"]
    assert catalog.stores.list_ids(StoreFilter(labels=(("number", "7"),))).is_empty()


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (StoreFilter(), ["B1", "a1", "a2", "b_2", "c"]),
        (StoreFilter(labels=(("owner", "acme"),)), ["a1", "a2"]),
        (StoreFilter(labels=(("owner", "acme"), ("region", "north"))), ["a1"]),
        (StoreFilter(labels=(("owner", "acme"), ("owner", "bolt"))), []),
        (StoreFilter(labels=(("owner", "ACME"),)), []),
        (StoreFilter(search="ANKER"), ["B1", "a1"]),
        (StoreFilter(search="Über"), ["a2"]),
        (StoreFilter(search="ÜBER"), ["a2"]),
        (StoreFilter(search="b"), ["B1", "a2", "b_2"]),
        (StoreFilter(search="0%"), ["B1"]),
        (StoreFilter(search="_"), ["b_2"]),
        (StoreFilter(search="acme"), []),
        (StoreFilter(search="anker", labels=(("owner", "bolt"),)), ["B1"]),
        (StoreFilter(prefix="b"), ["b_2"]),
        (StoreFilter(prefix="a", labels=(("region", "south"),)), ["a2"]),
        (StoreFilter(zone="Asia/Beirut"), ["a1"]),
        (StoreFilter(zone="America/Chicago"), ["B1", "a2", "b_2", "c"]),
        (StoreFilter(zone="Mars/Base"), []),
    ],
)
def test_list_is_filtered(catalog: Catalog, where: StoreFilter, found: list[str]) -> None:
    put(catalog, CHAIN)
    zoned(catalog, a1="Asia/Beirut", a2="America/Chicago")
    assert ids(catalog.stores.list_(where, limit=10)) == found
    assert catalog.stores.list_ids(where).to_list() == found


@pytest.mark.parametrize(
    ("order", "sorted_ids"),
    [
        (StoreOrder.ID, ["B1", "a1", "a2", "b_2", "c"]),
        (StoreOrder.ID_DOWN, ["c", "b_2", "a2", "a1", "B1"]),
        (StoreOrder.NAME, ["B1", "a1", "a2", "b_2", "c"]),
        (StoreOrder.NAME_DOWN, ["a2", "a1", "B1", "b_2", "c"]),
    ],
)
def test_pages_of_every_size_make_up_the_list(catalog: Catalog, order: StoreOrder, sorted_ids: list[str]) -> None:
    put(catalog, CHAIN)
    for limit in range(1, 7):
        found: list[str] = []
        after: tuple[str | None, ...] = ()
        while rows := ids(page := catalog.stores.list_(StoreFilter(), order=order, after=after, limit=limit)):
            found += rows
            last = rows[-1]
            after = (page.labels.get(last, {}).get("name"), last) if "name" in order else (last,)
        assert found == sorted_ids


@pytest.mark.parametrize("order", list(StoreOrder))
def test_page_takes_as_many_queries_for_one_store_as_for_three(catalog: Catalog, order: StoreOrder) -> None:
    put(catalog, {"a": {"name": "A", "x": "1"}})
    with counted_queries(catalog) as one:
        catalog.stores.list_(StoreFilter(labels=(("x", "1"),)), order=order, limit=10)
    put(catalog, {store_id: {"name": store_id, "x": "1"} for store_id in "abc"})
    with counted_queries(catalog) as three:
        page = catalog.stores.list_(StoreFilter(labels=(("x", "1"),)), order=order, limit=10)
    assert (len(ids(page)), len(three)) == (3, len(one))


def test_find_store_returns_only_its_own_details(catalog: Catalog) -> None:
    put(catalog, CHAIN)
    hours = pl.DataFrame(
        {"store_id": ["a1", "c"], "intervals": [[MONDAY], [MONDAY]]},
        {"store_id": pl.String, "intervals": PATTERNS["intervals"]},
    )
    catalog.stores.replace(StoreChanges(hours=hours), now=NOW)
    zoned(catalog, a1="Asia/Beirut")
    found = catalog.stores.find("a1", Scope(label=Label("owner", "acme")))
    assert found is not None
    assert found.frame.rows() == [("a1", found.patterns["weekly_hours_id"][0], "Asia/Beirut")]
    assert found.patterns["intervals"].to_list() == [[MONDAY]]
    assert (found.labels, found.catalog_version) == ({"a1": CHAIN["a1"]}, catalog.version())


@pytest.mark.parametrize(
    ("store_id", "scope"), [("nobody", Scope()), ("a1", Scope(label=Label("owner", "bolt"))), ("a\0", Scope())]
)
def test_store_that_is_not_there_or_not_in_scope_is_not_found(catalog: Catalog, store_id: str, scope: Scope) -> None:
    put(catalog, CHAIN)
    assert catalog.stores.find(store_id, scope) is None


def test_select_stores_returns_them_in_the_order_of_the_request(catalog: Catalog) -> None:
    put(catalog, CHAIN)
    assert ids(catalog.stores.select(["c", "a1", "nobody", "B1"])) == ["c", "a1", "B1"]
    assert ids(catalog.stores.select(["c", "a1", "B1"], Scope(label=Label("region", "north")))) == ["a1", "B1"]


def test_visible_ids_are_those_of_the_stores_with_the_label(catalog: Catalog) -> None:
    put(catalog, CHAIN)
    asked = pl.Series("store_id", ["nobody", "c", "B1", "a2"])
    assert catalog.stores.filter_ids(asked, Scope(label=Label("owner", "acme"))).to_list() == ["a2"]
    assert catalog.stores.filter_ids(asked, Scope(label=Label("owner", "nobody"))).to_list() == []


def test_create_store_makes_it_once(catalog: Catalog) -> None:
    assert catalog.stores.create("a", StoreChanges(labels=labels_frame({"a": {"x": "1"}})), now=NOW)
    assert not catalog.stores.create("a", StoreChanges(labels=labels_frame({"a": {"x": "2"}})), now=NOW)
    assert known(catalog) == {"a": {"x": "1"}}


def test_change_store_sets_and_removes_labels(catalog: Catalog) -> None:
    put(catalog, CHAIN)
    assert catalog.stores.update("a1", labels={"owner": "bolt", "region": None, "no": None, "new": "1"}, now=NOW)
    assert known(catalog) == CHAIN | {"a1": {"name": "Zum Anker", "owner": "bolt", "new": "1"}}


def test_change_store_back_to_the_defaults(catalog: Catalog) -> None:
    hours = pl.DataFrame(
        {"store_id": ["a"], "intervals": [[MONDAY]]}, {"store_id": pl.String, "intervals": PATTERNS["intervals"]}
    )
    zones = pl.DataFrame({"store_id": ["a"], "timezone": ["Asia/Beirut"]})
    catalog.stores.create("a", StoreChanges(hours=hours, zones=zones), now=NOW)
    nulls = [column.with_columns(pl.lit(None, column.dtypes[1]).alias(column.columns[1])) for column in (hours, zones)]
    assert catalog.stores.update("a", StoreChanges(hours=nulls[0], zones=nulls[1]), now=NOW)
    assert catalog.stores.read_all().frame.rows() == [("a", None, None)]


def test_change_of_a_store_that_is_not_there_or_not_in_scope_changes_nothing(catalog: Catalog) -> None:
    put(catalog, CHAIN)
    version = catalog.version()
    assert not catalog.stores.update("nobody", labels={"x": "1"}, now=NOW)
    assert not catalog.stores.update("a1", scope=Scope(label=Label("owner", "bolt")), labels={"x": "1"}, now=NOW)
    assert (known(catalog), catalog.version()) == (CHAIN, version)


def test_delete_store_forgets_its_labels(catalog: Catalog) -> None:
    put(catalog, CHAIN)
    version = catalog.version()
    assert catalog.stores.delete("a1", lake_version=-1)
    assert catalog.stores.delete("a1", lake_version=-1)
    assert catalog.version() == version + 1
    put(catalog, {"a1": {}})
    assert known(catalog) == CHAIN | {"a1": {}}


def test_delete_store_is_refused_when_the_lake_has_moved_on(catalog: Catalog) -> None:
    catalog.stores.register(pl.Series("store_id", ["a"]), lake_version=3, expected=-1, now=NOW)
    assert not catalog.stores.delete("a", lake_version=2)
    assert known(catalog) == {"a": {}}
