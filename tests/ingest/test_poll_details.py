"""Store the reason and source of polls, from every format of pushes and files."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from support.importing import import_file

from storewatch.catalog import Catalog
from storewatch.domain.enums import PushFormat
from storewatch.domain.labels import ALL_STORES
from storewatch.ingest import ImportOptions, ImportResult, InputFile, import_files
from storewatch.ingest.ingestion import Ingestion
from storewatch.ingest.pushed import check_pushed, read_pushed
from storewatch.lake import Lake

NOW = datetime(2023, 1, 25, 19, tzinfo=UTC)
ROWS = [
    {"store_id": "a", "timestamp_utc": "2023-01-25 18:00:00 UTC", "status": "active"},
    {"store_id": "b", "timestamp_utc": "2023-01-25 18:00:00 UTC", "status": "inactive", "reason": " not found "},
    {
        "store_id": "c",
        "timestamp_utc": "2023-01-25 18:00:00 UTC",
        "status": "inactive",
        "source": "glovo",
        "reason": "",
    },
]
EXPECTED = [("a", True, None, None), ("b", False, "not found", None), ("c", False, None, "glovo")]
COLUMNS = ("store_id", "active", "reason", "source")


def in_form(form: PushFormat) -> bytes:
    frame = pl.DataFrame(
        ROWS, schema=dict.fromkeys(("store_id", "timestamp_utc", "status", "reason", "source"), pl.String)
    )
    body = io.BytesIO()
    match form:
        case PushFormat.JSON:
            body.write(json.dumps(ROWS).encode())
        case PushFormat.NDJSON:
            body.write("\n".join(map(json.dumps, ROWS)).encode())
        case PushFormat.CSV:
            frame.write_csv(body)
        case PushFormat.PARQUET:
            frame.with_columns(pl.col("reason").cast(pl.Categorical)).write_parquet(body)
        case PushFormat.ARROW:
            frame.write_ipc_stream(body)
    return body.getvalue()


def details_of(lake: Lake) -> list[tuple[object, ...]]:
    return lake.snapshot().read(-(2**62), 2**62, detailed=True).select(COLUMNS).sort("store_id").rows()


@pytest.mark.parametrize("form", list(PushFormat))
def test_pushed_in_every_form(form: PushFormat) -> None:
    good, [checked] = check_pushed([read_pushed(in_form(form), form, ALL_STORES)], NOW, lambda ids, _: ids)
    assert (checked.accepted, good.select(COLUMNS).rows()) == (3, EXPECTED)


@pytest.mark.parametrize("form", [PushFormat.NDJSON, PushFormat.CSV, PushFormat.PARQUET])
def test_imported_in_every_form(form: PushFormat, tmp_path: Path, sqlite_catalog: Catalog, lake: Lake) -> None:
    file = tmp_path / f"polls.{form}"
    file.write_bytes(in_form(form))
    import_file(file, catalog=sqlite_catalog, lake=lake, now=NOW)
    assert details_of(lake) == EXPECTED


def test_requests_with_and_without_details_share_a_commit(sqlite_catalog: Catalog, lake: Lake) -> None:
    ingestion = Ingestion(catalog=sqlite_catalog, lake=lake, clock=lambda: NOW)
    bodies = [json.dumps(row).encode() for row in ROWS]
    futures = [ingestion.submit(read_pushed(body, PushFormat.JSON)) for body in bodies]
    assert [future.result().accepted for future in futures] == [1, 1, 1]
    ingestion.stop()
    assert details_of(lake) == EXPECTED


def test_files_with_and_without_details_are_one_import(tmp_path: Path, sqlite_catalog: Catalog, lake: Lake) -> None:
    texts = ("store_id,status,timestamp_utc{0}\na,active,2023-01-25 18:00:00 UTC{1}\n").format
    paths = [tmp_path / name for name in ("0.csv", "1.csv", "2.csv", "3.ndjson")]
    paths[0].write_text(texts("", ""))
    paths[1].write_text(texts(",source", ",glovo").replace("a,active", "c,inactive"))
    paths[2].write_text(texts(",reason", ",not found").replace("a,active", "b,inactive"))
    paths[3].write_text(json.dumps(ROWS[0]))
    files = [InputFile.at(path) for path in paths]
    (done,) = import_files(files, catalog=sqlite_catalog, lake=lake, now=NOW, options=ImportOptions()).tables
    assert (done.accepted, details_of(lake)) == (4, EXPECTED)


def test_file_without_details_leaves_them_unknown(load: Callable[..., ImportResult], lake: Lake) -> None:
    load("store_id,status,timestamp_utc\na,active,2023-01-25 18:00:00 UTC\n")
    assert details_of(lake) == [("a", True, None, None)]
    assert not lake.snapshot().has_details(-(2**62), 2**62)


def test_reason_that_is_too_long_is_rejected_with_its_row(load: Callable[..., ImportResult], lake: Lake) -> None:
    rows = "".join(
        f"{store},inactive,2023-01-25 18:00:00 UTC,{'x' * length}\n" for store, length in (("a", 200), ("b", 201))
    )
    done = load("store_id,status,timestamp_utc,reason\n" + rows)
    assert (done.accepted, [reject.reason for reject in done.first_rejects]) == (
        1,
        ["reason is longer than 200 characters"],
    )
    assert lake.snapshot().has_details(-(2**62), 2**62)


def test_later_import_after_the_clock_was_set_back_counts(
    load: Callable[..., ImportResult], lake: Lake, polls: Callable[[], list[tuple[str, str, str]]]
) -> None:
    header = "store_id,status,timestamp_utc\n"
    load(f"{header}a,active,2022-01-25 18:00:00 UTC\n")
    load(f"{header}a,inactive,2022-01-25 18:00:00 UTC\n", now=datetime(2022, 6, 1, tzinfo=UTC))
    assert polls() == [("a", "2022-01-25T18:00:00+00:00", "inactive")]


def test_file_accepted_later_counts_in_any_order_of_import(
    tmp_path: Path, sqlite_catalog: Catalog, lake: Lake, polls: Callable[[], list[tuple[str, str, str]]]
) -> None:
    accepted = [("active", lake.loading_at(NOW)), ("inactive", lake.loading_at(NOW))]
    for status, loaded_at in reversed(accepted):
        file = tmp_path / "polls.csv"
        file.write_text(f"store_id,status,timestamp_utc\na,{status},2022-01-25 18:00:00 UTC\n")
        import_file(file, catalog=sqlite_catalog, lake=lake, now=NOW, loaded_at=loaded_at)
    assert polls() == [("a", "2022-01-25T18:00:00+00:00", "inactive")]
