"""Write the golden files of the forms again: `python tests/reports/exports/renew_golden.py`. Then read what changed."""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from content_scene import empty_content, plain_content, whole_content
from test_export_excel import dump, written

from storewatch.domain.enums import ReportFormat, ReportTable
from storewatch.reports.exports import WRITERS

GOLDEN = Path(__file__).with_name("golden")

if __name__ == "__main__":
    for make in (whole_content, plain_content, empty_content):
        for form in (ReportFormat.JSON, ReportFormat.NDJSON):
            WRITERS[form](make(format=form), GOLDEN / f"{make.__name__}.{form}")
    for table in ReportTable:
        WRITERS[ReportFormat.WIDE_CSV](
            whole_content(format=ReportFormat.WIDE_CSV, table=table), GOLDEN / f"{table}.csv"
        )
    with tempfile.TemporaryDirectory() as folder:
        cells = dump(written(whole_content(format=ReportFormat.XLSX), Path(folder)))
        (GOLDEN / "whole_content.xlsx.json").write_text(json.dumps(cells, indent=1, ensure_ascii=False) + "\n")
