"""All sections together: of no store, of some stores, beside each other."""

from pathlib import Path
from typing import Any

from reference.plain import row, store
from section_scene import report_on, rows_of

from storewatch.domain.enums import ReportTable, Section

WINDOW = "2023-01-23/2023-01-30"
ASKED: dict[str, Any] = {"windows": [WINDOW, "yesterday"], "include": list(Section), "as_of": "2023-02-01"}
STORES = {
    "always": store([], {"2023-01-24 10:00": "down", "2023-01-24 12:00": "up"}),
    "mondays": store([row(0, "09:00", "17:00")], {"2023-01-23 10:00": "up", "2023-01-23 12:00": "down"}),
    "never": store([], {}),
}


def test_report_on_no_store_has_every_table_empty(tmp_path: Path) -> None:
    content = report_on(tmp_path, {}, **ASKED)
    assert {name: table.height for name, table in content.tables.items()} == {
        ReportTable.SUMMARY: 2,
        ReportTable.STORES: 0,
        ReportTable.OUTAGES: 0,
        ReportTable.MASS_OUTAGES: 0,
        ReportTable.PATTERN: 2 * 168,
        ReportTable.BLIND_SPOTS: 0,
        ReportTable.DOCTOR: 0,
        ReportTable.REASONS: 0,
        ReportTable.RATES: 1,  # those of all stores
    }


def test_sections_are_the_same_alone_and_together(tmp_path: Path) -> None:
    together = report_on(tmp_path / "together", STORES, **ASKED)
    for section in Section:
        alone = report_on(tmp_path / section, STORES, **ASKED | {"include": [section]})
        for name, table in alone.tables.items():
            frame = table.read()
            assert together.tables[name].read().select(frame.columns).equals(frame)


def test_sections_are_of_the_stores_that_the_report_keeps(tmp_path: Path) -> None:
    content = report_on(tmp_path, STORES, worst=1, **ASKED)
    assert rows_of(content, ReportTable.STORES, "store_id", "outages", "polls") == [
        ("mondays", 1, 2),
        ("mondays", 0, 0),
    ]
    assert rows_of(content, ReportTable.SUMMARY, "outages", "polls") == [(1, 2), (0, 0)]
    assert rows_of(content, ReportTable.OUTAGES, "store_id") == [("mondays",)]
