"""The report as one JSON object per line: the header, then the rows of every table, each with the table's name."""

import json
from pathlib import Path

import polars as pl

from storewatch.reports.compute.content import Content
from storewatch.reports.exports.columns import in_json
from storewatch.reports.exports.header import header


def write_ndjson(content: Content, file: Path) -> None:
    """Write the lines frame by frame, the summary first. Figures are as in the JSON report."""
    with file.open("wb") as out:
        line = json.dumps({"table": "report"} | header(content), ensure_ascii=False)
        out.write(f"{line}\n".encode())
        for name in content.request.tables:
            for rows in content.tables[name].frames():
                in_json(rows).select(pl.lit(name.value).alias("table"), pl.all()).write_ndjson(out)
