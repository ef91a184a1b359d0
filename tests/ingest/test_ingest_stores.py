"""Import stores.csv: its header, its valid rows, and the effect on labels."""

from collections.abc import Callable
from pathlib import Path

import pytest

from storewatch.catalog import Catalog, StoreFilter
from storewatch.domain.errors import InvalidInputError
from storewatch.ingest import ImportResult
from storewatch.ingest.headers import recognise

Parse = Callable[..., tuple[list[tuple[object, ...]], list[tuple[int, str, str]]]]
Load = Callable[..., ImportResult]


def labels(catalog: Catalog) -> dict[str, dict[str, str]]:
    return catalog.stores.list_(StoreFilter(), limit=100).labels


@pytest.fixture
def rows(tmp_path: Path, parse: Parse) -> Callable[[str], tuple[list[tuple[str, dict[str, str]]], list[str]]]:
    """Return the good rows of a file with this text, and the reasons for the rejected rows."""

    def read(text: str, name: str = "stores.csv") -> tuple[list[tuple[str, dict[str, str]]], list[str]]:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        good, bad = parse(path)
        return [(row[0], {pair["label"]: pair["value"] for pair in row[1]}) for row in good], [why for *_, why in bad]

    return read


@pytest.mark.parametrize(
    ("header", "positions"),
    [
        (["store_id", "name"], {"store_id": 0, "name": 1}),
        (["Region ", "NAME", " Store_ID", "x.y-z_1"], {"store_id": 2, "name": 1, "region": 0, "x.y-z_1": 3}),
        (["store_id", "name", "", "brand", " "], {"store_id": 0, "name": 1, "brand": 3}),
        (
            ["store_id", "name", "row", "reason", "labels"],
            {"store_id": 0, "name": 1, "row": 2, "reason": 3, "labels": 4},
        ),
    ],
)
def test_header_of_stores_is_recognised(header: list[str], positions: dict[str, int]) -> None:
    (found,) = recognise("f", header).tables
    assert (found.table.name, found.positions) == ("stores", positions)


@pytest.mark.parametrize(
    ("header", "tables", "labels", "ignored"),
    [
        ("store_id,name,status,timestamp_utc,brand", "observations", {"name": 1}, ("brand",)),
        (
            "store_id,name,day,start_time_local,end_time_local,brand,Opening Note,Unnamed: 7,status",
            "weekly_hours",
            {"name": 1, "brand": 5},
            ("Opening Note", "Unnamed: 7", "status"),
        ),
        ("Unnamed: 0,store_id,name,timezone_str,brand", "timezones", {"name": 2, "brand": 4}, ("Unnamed: 0",)),
        (",store_id,name,timezone", "timezones", {"name": 2}, ("column 1 (no name)",)),
    ],
)
def test_labels_beside_another_table(
    header: str, tables: str, labels: dict[str, int], ignored: tuple[str, ...]
) -> None:
    found = recognise("f", header.split(","))
    names, stores = [each.table.name for each in found.tables], found.tables[-1]
    assert names == [tables, "stores"]
    assert {name: place for name, place in stores.positions.items() if name != "store_id"} == labels
    assert (stores.keeps_labels, found.ignored) == (tables != "timezones", ignored)


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (["store_id", "brand"], r"f: the header is not that of any table\. Found: store_id, brand"),
        (["id", "name"], r"not that of any table.*missing: store_id"),
        (["store_id", "name", "status"], r"mixes the table of stores with another table's status"),
        (["store_id", "name", "day", "start_time_local"], r"another table's start_time_local, day|another table's day"),
        (["store_id", "name", "Name"], "has the column name twice"),
        (["store_id", "name", "x", "X "], "has the column x twice"),
        (["store_id", "store_id", "name"], "has the column store_id twice"),
        (["store_id", "name", "a b"], "f: a b cannot be a label"),
        (["store_id", "name", "größe"], "größe cannot be a label"),
        (["store_id", "name", "x" * 65], "cannot be a label"),
        (["store_id", "name", "x\n"], None),
    ],
)
def test_header_that_does_not_fit_stores_is_refused(header: list[str], sentence: str | None) -> None:
    if sentence is None:  # white space around a name is removed
        assert recognise("f", header).positions() == {"store_id": 0, "name": 1, "x": 2}
        return
    with pytest.raises(InvalidInputError, match=sentence):
        recognise("f", header)


def test_rows_are_read_exactly_or_rejected(rows: Callable[..., object]) -> None:
    text = "\n".join(
        [
            "store_id,name,brand",
            "a,Zum Anker,acme",
            " b ,  trimmed ,",
            "c,,",
            'd,"Bar, ""1""",é🏪',
            ",nobody,x",
            f"e,{'n' * 256},{'x' * 257}",
            "f,a\tb,",
            "g,a\u0085b\u009fc,",
        ]
    )
    assert rows(text) == (
        [
            ("a", {"name": "Zum Anker", "brand": "acme"}),
            ("b", {"name": "trimmed"}),
            ("c", {}),
            ("d", {"name": 'Bar, "1"', "brand": "é🏪"}),
        ],
        [
            "store_id is empty",
            "the label brand has 257 characters: at most 256 are allowed",
            "the label name has control characters in it",
            "the label name has control characters in it",
        ],
    )


@pytest.mark.parametrize("name", ["stores.ndjson"])
def test_stores_are_imported_from_ndjson(rows: Callable[..., object], name: str) -> None:
    text = (
        '{"store_id": "a", "name": "A", "floor": 3}\n{"store_id": "b", "name": null}\n{"store_id": "c", "name": {}}\n'
    )
    assert rows(text, name) == (
        [("a", {"name": "A", "floor": "3"}), ("b", {})],
        ["name must be text or a whole number, not {}"],
    )


def test_import_replaces_the_labels_of_its_stores(load: Load, sqlite_catalog: Catalog) -> None:
    load("store_id,name,brand,region\na,A,acme,north\nb,B,bolt,south\n")
    result = load("store_id,name,owner\nb,B2,zed\nc,C,\n,x,y\nc,C2,last wins\n")
    assert (result.table, result.rows, result.accepted, result.rejected) == ("stores", 4, 3, 1)
    assert labels(sqlite_catalog) == {
        "a": {"brand": "acme", "name": "A", "region": "north"},
        "b": {"name": "B2", "owner": "zed"},
        "c": {"name": "C2", "owner": "last wins"},
    }


def test_import_of_the_same_stores_again_changes_nothing(load: Load, sqlite_catalog: Catalog) -> None:
    versions = []
    for _ in range(2):
        load("store_id,name\na,A\nb,\n")
        versions.append(sqlite_catalog.version())
    assert versions == [1, 1]
    assert sqlite_catalog.stores.read_all().frame["store_id"].to_list() == ["a", "b"]


def test_strict_import_with_a_bad_row_changes_nothing(load: Load, sqlite_catalog: Catalog) -> None:
    with pytest.raises(InvalidInputError, match="1 bad row, so nothing"):
        load("store_id,name\na,A\n,B\n", strict=True)
    assert sqlite_catalog.version() == 0
