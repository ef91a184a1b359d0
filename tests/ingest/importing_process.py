"""A process that imports a file and stops at a named point until it is killed; run by test_ingest_crash.py.

importing_process.py DATABASE_URL LAKE FILE POINT
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from storewatch.catalog import Catalog, ImportRepository, NewImport
from storewatch.ingest import ImportOptions, InputFile, import_files
from storewatch.lake import Lake


def reach(point: str) -> None:
    if point == sys.argv[4]:
        print(point, flush=True)
        sys.stdin.read()


class StoppingLake(Lake):
    def append(self, batches: Iterable[pl.DataFrame], **options: Any) -> int:
        def stopping() -> Iterator[pl.DataFrame]:
            yield from batches
            reach("all rows read")

        version = super().append(stopping(), **options)
        reach("lake committed")
        return version


class StoppingImports(ImportRepository):
    def create_all(self, new: Sequence[NewImport], **kwargs: Any) -> list[int]:
        def stopping(rejected_rows: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
            yield from rejected_rows
            reach("rejects written")

        ids = super().create_all([replace(each, rejected_rows=stopping(each.rejected_rows)) for each in new], **kwargs)
        reach("catalog committed")
        return ids


if __name__ == "__main__":
    catalog = Catalog.open(sys.argv[1])
    import_files(
        [InputFile.at(Path(sys.argv[3]))],
        catalog=replace(catalog, imports=StoppingImports(catalog.database)),
        lake=StoppingLake(sys.argv[2]),
        now=datetime.now(UTC),
        options=ImportOptions(progress=lambda *_: reach("first rows read")),
    )
