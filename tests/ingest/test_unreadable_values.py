"""Reject values that no parser can read, with a reason and without an effect on other rows."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from support.command_line import run_command

from storewatch.catalog import Catalog
from storewatch.catalog.stores import StoreRepository
from storewatch.domain.enums import PushFormat
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import parse_duration
from storewatch.domain.labels import Label, Scope
from storewatch.ingest.cells import MAX_BREAKING_ROWS, CheckedRows, check_isolating_errors
from storewatch.ingest.ingestion import Ingestion, IngestionLimits
from storewatch.ingest.pushed import check_pushed, read_pushed
from storewatch.ingest.tables import TABLES
from storewatch.lake import Lake

NOW = datetime(2023, 1, 25, 19, tzinfo=UTC)
# Digits 5 of Arabic, Devanagari and full width, a superscript, and one outside the basic plane.
DIGITS = "\u0665\u096b\uff15\u2075\U0001d7d3"


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
def test_foreign_digit_anywhere_is_rejected_and_never_raises(table: object, digit: str) -> None:
    texts = ["2023-01-23 15:00:00+05:00", "2023-01-25", "15:05:05", "5", "99.5", "9:05 AM", "1674486055", "UTC+5", "15"]
    cells = [text[:at] + digit + text[at + 1 :] for text in texts for at, letter in enumerate(text) if letter.isdigit()]
    names = [*table.columns, *table.optional]  # type: ignore[attr-defined]
    columns = pl.DataFrame({name: ["a"] * len(cells) if name in ("store_id", "label") else cells for name in names})
    checked = table.check(columns, NOW)  # type: ignore[attr-defined]
    # A name or a label's value may have such digits.
    is_text = "name" in names or not {
        "objective",
        "status",
        "day",
        "timezone",
        "date",
        "amount_per_hour",
        "opened_on",
        "closed_on",
    } & {*names}
    assert checked.good.height == (len(cells) if is_text else 0)
    assert checked.bad["reason"].null_count() == 0


def test_source_has_no_digit_class_of_all_scripts() -> None:
    for path in Path("src").rglob("*.py"):
        assert not re.search(r"""(?m)r[bf]?["'].*\\d""", path.read_text()), f"{path}: write [0-9], not \\d"


@pytest.mark.parametrize("text", ["5\u017f", "5 \uff2d\uff29\uff2e", "\u0665m"])
def test_duration_with_foreign_letters_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not a duration"):
        parse_duration(text)


def breaks_on(*broken: str) -> Callable[[pl.DataFrame], CheckedRows]:
    """Return a check of the column `text` that rejects `bad` and raises on some values."""

    def check(columns: pl.DataFrame) -> CheckedRows:
        if columns["text"].is_in(list(broken)).any():
            raise ValueError("a library's error")
        rows = columns.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
        bad = rows.filter(pl.col("text") == "bad").select("row", reason=pl.lit("bad"))
        return CheckedRows(good=columns.filter(pl.col("text") != "bad"), bad=bad)

    return check


def test_row_that_breaks_the_check_does_not_affect_other_rows() -> None:
    columns = pl.DataFrame({"text": ["a", "bad", "broken", "b", "bad", "c", "broken"]})
    checked = check_isolating_errors(breaks_on("broken"), columns)
    assert checked.good["text"].to_list() == ["a", "b", "c"]
    unread = "a value in it cannot be read"
    assert checked.bad.rows() == [(1, "bad"), (2, unread), (4, "bad"), (6, unread)]


def test_too_many_rows_that_break_the_check_are_refused_together() -> None:
    columns = pl.DataFrame({"text": ["broken"] * (MAX_BREAKING_ROWS + 1)})
    with pytest.raises(InvalidInputError, match="More than 100 rows cannot be read"):
        check_isolating_errors(breaks_on("broken"), columns)


def test_request_that_breaks_the_check_does_not_fail_others(sqlite_catalog: Catalog, lake: Lake) -> None:
    class BreakingStores(StoreRepository):
        def filter_ids(self, store_ids: pl.Series, scope: Scope) -> pl.Series:  # noqa: ARG002 - that of the real one
            if "poison" in store_ids:
                raise ValueError("a library's error")
            return store_ids

    catalog = replace(sqlite_catalog, stores=BreakingStores(sqlite_catalog.database))
    ingestion = Ingestion(catalog=catalog, lake=lake, clock=lambda: NOW, limits=IngestionLimits(wait_s=0.2))
    acme = Scope(label=Label("owner", "acme"))
    line = '{"store_id":"%s","observed_at":"2023-01-23T15:00:00Z","status":"active"}'
    bodies = [line % store for store in ("a", "b", "poison", "c")]
    futures = [ingestion.submit(read_pushed(body.encode(), PushFormat.JSON, acme)) for body in bodies]
    failed = [future for future in futures if future.exception(60) is not None]
    assert failed == [futures[2]]
    assert {future.result().lake_version for future in futures if future not in failed} == {1}
    ingestion.stop()


def test_bad_offset_fails_only_its_request(sqlite_catalog: Catalog) -> None:
    line = '{"store_id":"a","observed_at":"%s","status":"active"}'
    requests = [
        read_pushed((line % text).encode(), PushFormat.JSON)
        for text in ("2023-01-23T15:00:00Z", "2023-01-23T15:00:00+0\u0665:00", "2023-01-23T15:00:00\\ud800")
    ]
    good, results = check_pushed(requests, NOW, sqlite_catalog.stores.filter_ids)
    assert good.height == 1
    assert [(result.accepted, result.rejected) for result in results] == [(1, 0), (0, 1), (0, 1)]


def test_option_of_invalid_utf8_is_refused(tmp_path: Path) -> None:
    refused = run_command("closure", "list", "--store-id", "caf\udce9", home=tmp_path)
    assert (refused.returncode, refused.stderr) == (
        2,
        "storewatch: The argument 'caf\ufffd' is not valid UTF-8 text.\n",
    )
