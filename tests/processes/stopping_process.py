"""A storewatch command that stops at a named point of an undo or a deletion, until it is killed.

stopping_process.py POINT ARGUMENTS...
"""

import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import polars as pl

import storewatch.catalog
import storewatch.lake
from storewatch.catalog import UndoRepository
from storewatch.cli import main
from storewatch.lake import Lake
from storewatch.lake.storage import Storage

POINT = sys.argv[1]
begun = threading.Event()


def reach(point: str) -> None:
    if point == POINT and begun.is_set():
        print(point, flush=True)
        threading.Event().wait()


class StoppingStorage(Storage):
    def commit(self, *args: Any, **kwargs: Any) -> int | None:
        reach("files written")
        version = super().commit(*args, **kwargs)
        reach("lake committed")
        return version


class StoppingLake(Lake):
    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._storage = StoppingStorage.at(url, None)

    def undo(self, *args: Any) -> Any:
        begun.set()
        return super().undo(*args)

    def delete(self, *args: Any) -> Any:
        begun.set()
        return super().delete(*args)


class StoppingUndos(UndoRepository):
    def undo(
        self, import_ids: Sequence[int], *, polled: Callable[[pl.Series], pl.Series], lake_version: int, now: datetime
    ) -> bool:
        def stopping(store_ids: pl.Series) -> pl.Series:
            reach("catalog changed")
            return polled(store_ids)

        done = super().undo(import_ids, polled=stopping, lake_version=lake_version, now=now)
        reach("catalog committed")
        return done


if __name__ == "__main__":
    # Only this process, which is to die, has the points.
    storewatch.lake.Lake = StoppingLake  # type: ignore[misc]
    storewatch.catalog.UndoRepository = StoppingUndos  # type: ignore[misc]
    sys.argv[:] = ["storewatch", *sys.argv[2:]]
    main()
