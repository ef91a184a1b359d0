"""Read the same texts with the same result in every format of file, and in pushed and bulk bodies."""

import csv
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, Final

import openpyxl
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.importing import import_file

from storewatch.catalog import Catalog
from storewatch.domain.enums import PushFormat
from storewatch.ingest import ImportResult
from storewatch.ingest.bulk import BulkFormat, replace_hours
from storewatch.ingest.inputs import InputFile
from storewatch.ingest.pushed import check_pushed, read_pushed
from storewatch.ingest.tables import check_observations
from storewatch.lake import Lake

Frame = pl.DataFrame
NOW: Final = datetime(2023, 1, 25, 19, tzinfo=UTC)
DAY_S: Final = 86_400


def delimited(frame: Frame, delimiter: str = ",") -> str:
    text = StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(frame.rows())
    return text.getvalue()


def workbook(frame: Frame) -> bytes:
    book, content = openpyxl.Workbook(), BytesIO()
    sheet = book.worksheets[0]
    sheet.append(frame.columns)
    for row in frame.rows():
        sheet.append(row)
    book.save(content)
    return content.getvalue()


def written(frame: Frame, write: str) -> bytes:
    content = BytesIO()
    getattr(frame, write)(content)
    return content.getvalue()


FORMS: Final[dict[str, Callable[[Frame], bytes]]] = {
    "f.csv": lambda frame: delimited(frame).encode(),
    "f.tsv": lambda frame: delimited(frame, "\t").encode(),
    "utf16.csv": lambda frame: delimited(frame).encode("utf-16"),
    "utf16be.tsv": lambda frame: ("\ufeff" + delimited(frame, "\t")).encode("utf-16-be"),
    "f.ndjson": lambda frame: written(frame, "write_ndjson"),
    "f.parquet": lambda frame: written(frame, "write_parquet"),
    "f.xlsx": workbook,
}
PUSHES: Final[dict[PushFormat, Callable[[Frame], bytes]]] = {
    PushFormat.CSV: FORMS["f.csv"],
    PushFormat.JSON: lambda frame: json.dumps(frame.to_dicts()).encode(),
    PushFormat.NDJSON: FORMS["f.ndjson"],
    PushFormat.PARQUET: FORMS["f.parquet"],
    PushFormat.ARROW: lambda frame: written(frame, "write_ipc_stream"),
}
BULKS: Final = {BulkFormat.CSV: PUSHES[PushFormat.CSV], BulkFormat.JSON: PUSHES[PushFormat.JSON]}

# day, start, end; then the openings in seconds of the week, None where the row is rejected.
HOURS: Final[Sequence[tuple[str, str, str, list[tuple[int, int]] | None]]] = [
    ("1.0", "09:00", "17:00", [(DAY_S + 32_400, DAY_S + 61_200)]),
    ("01", "0900", "1700", [(DAY_S + 32_400, DAY_S + 61_200)]),
    ("Tu", "9 AM", "5 PM", [(DAY_S + 32_400, DAY_S + 61_200)]),
    ("mardi", "18:00-26:00", "", [(DAY_S + 64_800, 2 * DAY_S + 7_200)]),
    (
        "Sat\u2013Sun",
        "10:00",
        "12:00",
        [(5 * DAY_S + 36_000, 5 * DAY_S + 43_200), (6 * DAY_S + 36_000, 6 * DAY_S + 43_200)],
    ),
    ("Mon-Wed", "Open 24 hours", "", [(0, 3 * DAY_S)]),
    ("0", "-", "-", []),
    ("Mon", "Closed", "-", []),
    ("0", "900", "1700", None),
    ("0", "n/a", "n/a", None),
    ("0-4", "09:00", "17:00", None),
    ("di", "09:00", "17:00", None),
]
INSTANTS: Final = [
    ("2023-01-23 9:05:00", "2023-01-23T09:05:00"),
    ("2023-01-23T09:05:00.5+01:00", "2023-01-23T08:05:00.500000"),
    ("Mon, 23 Jan 2023 09:05:00 GMT", "2023-01-23T09:05:00"),
    ("2023-01-23 09:05:00 +0000 UTC", "2023-01-23T09:05:00"),
    ("1674464700", "2023-01-23T09:05:00"),
    ("1674464700000", "2023-01-23T09:05:00"),
    ("03/04/2023", None),
    ("16744647", None),
]


def openings(catalog: Catalog) -> dict[str, list[tuple[int, int]]]:
    rows = catalog.stores.read_all()
    joined = rows.frame.join(rows.patterns, on="weekly_hours_id")
    return {
        store_id: [(span["start_s"], span["end_s"]) for span in spans]
        for store_id, spans in joined.select("store_id", "intervals").iter_rows()
    }


def hours_frame() -> Frame:
    rows = [(f"s{number}", *row[:3]) for number, row in enumerate(HOURS)]
    return Frame(rows, ["store_id", "day", "start_time_local", "end_time_local"], orient="row")


EXPECTED_HOURS: Final = {f"s{number}": row[3] for number, row in enumerate(HOURS) if row[3] is not None}
REJECTED_ROWS: Final = [number for number, row in enumerate(HOURS) if row[3] is None]


@pytest.fixture
def import_paths(tmp_path: Path, sqlite_catalog: Catalog, lake: Lake) -> Callable[[str, Frame], ImportResult]:
    """Import a frame as a file of some format."""

    def run(form: str, frame: Frame) -> ImportResult:
        path = tmp_path / form
        path.write_bytes(FORMS[form](frame))
        file = InputFile(path=path, name=form, sheet="Sheet" if form.endswith("xlsx") else None)
        return import_file(file, catalog=sqlite_catalog, lake=lake, now=NOW)

    return run


@pytest.mark.parametrize("form", FORMS)
def test_hours_mean_the_same_in_every_form(
    form: str, import_paths: Callable[[str, Frame], ImportResult], sqlite_catalog: Catalog
) -> None:
    done = import_paths(form, hours_frame())
    assert openings(sqlite_catalog) == EXPECTED_HOURS
    assert (done.accepted, done.rejected) == (
        11,
        len(REJECTED_ROWS),
    )  # a row with several days counts once for each day


@pytest.mark.parametrize("form", BULKS)
def test_hours_mean_the_same_in_a_bulk_body(form: BulkFormat, sqlite_catalog: Catalog) -> None:
    done = replace_hours(BULKS[form](hours_frame()), form, catalog=sqlite_catalog, now=NOW)
    assert openings(sqlite_catalog) == EXPECTED_HOURS
    assert [reject.index for reject in done.rejects] == REJECTED_ROWS


def polls_frame(texts: Sequence[str]) -> Frame:
    ids = [f"s{number}" for number in range(len(texts))]
    return Frame({"store_id": ids, "status": ["active"] * len(ids), "timestamp_utc": texts})


@pytest.mark.parametrize("form", FORMS)
def test_instants_mean_the_same_in_every_form(
    form: str, import_paths: Callable[[str, Frame], ImportResult], polls: Callable[[], list[tuple[str, str, str]]]
) -> None:
    import_paths(form, polls_frame([text for text, _ in INSTANTS]))
    expected = [(f"s{number}", f"{at}+00:00", "active") for number, (_, at) in enumerate(INSTANTS) if at is not None]
    assert polls() == expected


@pytest.mark.parametrize("form", PUSHES)
def test_instants_mean_the_same_in_a_push(form: PushFormat, sqlite_catalog: Catalog) -> None:
    body = PUSHES[form](polls_frame([text for text, _ in INSTANTS]))
    good, (result,) = check_pushed([read_pushed(body, form)], NOW, sqlite_catalog.stores.filter_ids)
    assert [at.replace(tzinfo=None).isoformat() for at in good["observed_at"]] == [at for _, at in INSTANTS if at]
    assert [reject.index for reject in result.rejects] == [n for n, (_, at) in enumerate(INSTANTS) if at is None]


@pytest.mark.parametrize("form", FORMS)
def test_dates_of_a_store_mean_the_same_in_every_form(
    form: str, import_paths: Callable[[str, Frame], ImportResult], sqlite_catalog: Catalog
) -> None:
    texts = ["2023-01-05", "2023-01-05 00:00:00", "2023-01-05 09:00:00", "05.01.2023"]
    done = import_paths(form, Frame({"store_id": [*"abcd"], "opened_on": texts}))
    assert (done.accepted, done.rejected) == (2, 2)


@pytest.mark.parametrize("dtype", [pl.Date(), pl.Datetime("us"), pl.Datetime("ns", "UTC"), pl.Datetime("ms")])
@pytest.mark.parametrize("column", ["opened_on", "closed_on"])
def test_dates_of_a_store_may_have_any_type_of_dates_in_parquet(
    dtype: Any, column: str, import_paths: Callable[[str, Frame], ImportResult], sqlite_catalog: Catalog
) -> None:
    days = pl.Series([datetime(2023, 1, 5), datetime(2023, 1, 6)]).cast(pl.Datetime("us"))  # noqa: DTZ001 - a local date
    days = (
        days.cast(dtype) if getattr(dtype, "time_zone", None) is None else days.dt.replace_time_zone("UTC").cast(dtype)
    )
    done = import_paths("f.parquet", Frame({"store_id": ["a", "b"], column: days}))
    assert (done.accepted, done.rejected) == (2, 0)


@settings(max_examples=15)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12), min_size=1, max_size=8))
def test_any_pushed_instant_is_read_as_in_files(texts: list[str]) -> None:
    frame = polls_frame(texts)
    direct = check_observations(frame.rename({"timestamp_utc": "observed_at"}), NOW)
    for form, write in PUSHES.items():
        good, _ = check_pushed([read_pushed(write(frame), form)], NOW, lambda ids, _: ids)
        assert good.rows() == direct.good.rows()
