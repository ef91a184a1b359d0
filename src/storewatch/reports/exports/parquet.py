"""One table with every column as Parquet, written row group by row group."""

import json
import tempfile
from itertools import chain
from pathlib import Path

import polars as pl

from storewatch.domain.columns import INSTANT
from storewatch.domain.instants import instant_of
from storewatch.reports.compute.content import Content
from storewatch.reports.exports.columns import in_seconds
from storewatch.reports.exports.header import header, stamp, summary, totals


def write_parquet(content: Content, file: Path) -> None:
    """Write the requested table. Durations are Float64 seconds, instants are UTC.

    The report's header and totals are in the file's metadata, as JSON under `storewatch`. The header is also in the
    last columns of every row.
    """
    table = content.only_table
    report = header(content) | {"totals": totals(content)}
    with tempfile.TemporaryDirectory(prefix="storewatch-") as scratch:
        parts = []
        for number, rows in enumerate(chain([table.schema.to_frame()], table.frames())):
            parts.append(Path(scratch, f"{number:06}.arrow"))
            in_seconds(rows).write_ipc(parts[-1], compression="lz4")
        stamped = stamp(pl.scan_ipc(parts), content, summary(content)).with_columns(
            as_of=pl.lit(instant_of(content.as_of_us), INSTANT)  # the header has it as text
        )
        stamped.sink_parquet(file, row_group_size=50_000, metadata={"storewatch": json.dumps(report)})
