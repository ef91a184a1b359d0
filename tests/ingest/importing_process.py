"""A process that imports a file and stops at a named point until it is killed; run by test_ingest_crash.py.

importing_process.py DATABASE_URL LAKE FILE POINT
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from storewatch.catalog import Catalog, ImportRecord, ImportRepository
from storewatch.ingest import import_file
from storewatch.lake import Lake


def reach(point: str) -> None:
    if point == sys.argv[4]:
        print(point, flush=True)
        sys.stdin.read()


class StoppingLake(Lake):
    def append(self, batches: Iterable[pl.DataFrame]) -> int:
        def stopping() -> Iterator[pl.DataFrame]:
            yield from batches
            reach("all rows read")

        version = super().append(stopping())
        reach("lake committed")
        return version


class StoppingImports(ImportRepository):
    def create(self, record: ImportRecord, rejected_rows: Iterable[pl.DataFrame] = (), **kwargs: Any) -> int:
        def stopping() -> Iterator[pl.DataFrame]:
            yield from rejected_rows
            reach("rejects written")

        import_id = super().create(record, stopping(), **kwargs)
        reach("catalog committed")
        return import_id


if __name__ == "__main__":
    catalog = Catalog.open(sys.argv[1])
    import_file(
        Path(sys.argv[3]),
        catalog=replace(catalog, imports=StoppingImports(catalog.database)),
        lake=StoppingLake(sys.argv[2]),
        now=datetime.now(UTC),
        progress=lambda *_: reach("first rows read"),
    )
