"""As a program: builds the million stores out of an installation and prints the seconds it took as JSON."""

import json
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from benchmarks.data import installation_at
from storewatch.catalog import ImportRecord, StoreChanges
from storewatch.installation import Installation, open_installation

MILLION: Final = 1_000_000
# Odd, so that multiplying by it modulo 2^63 maps distinct numbers to distinct, scattered ids of up to 19 digits.
_SCATTER: Final = 0x9E3779B97F4A7C15


def build_million(source: Path, home: Path) -> float:
    """Repeat the stores of the installation `source` under new ids until there are a million; return the seconds.

    Straight into the lake and the catalog, one copy in memory at a time.
    """
    shutil.rmtree(home, ignore_errors=True)
    begun, now = time.perf_counter(), datetime.now(UTC)
    with open_installation(installation_at(source)) as app:
        rows = app.catalog.stores.read_all()
        stores, weekly_hours = rows.frame, rows.patterns
        places = stores.select("store_id").with_row_index("place")
        polls = (
            app.lake.snapshot()
            .read(0, 2**62)
            .join(places, on="store_id")
            .select("place", "observed_at", "active", pl.lit(now).alias("loaded_at"))
        )
    with open_installation(installation_at(home)) as app:
        version = app.lake.append(_copies_of(polls, stores.height))
        _register(app, stores, weekly_hours, version, now)
    return time.perf_counter() - begun


def _copies_of(polls: pl.DataFrame, stores: int) -> Iterator[pl.DataFrame]:
    for first in range(0, MILLION, stores):
        ids = _new_ids(first, stores)
        kept = polls.filter(pl.col("place") < len(ids))
        yield kept.select(ids.gather(kept["place"]), "observed_at", "active", "loaded_at")


def _register(app: Installation, stores: pl.DataFrame, weekly_hours: pl.DataFrame, version: int, now: datetime) -> None:
    record = ImportRecord(file="million", table_name="timezones", rows=0, accepted=0, rejected=0)
    for first in range(0, MILLION, stores.height):
        ids = _new_ids(first, stores.height)
        copy = stores.head(len(ids)).with_columns(ids)
        app.catalog.imports.create(
            record,
            changes=StoreChanges(
                hours=copy.join(weekly_hours, on="weekly_hours_id").select("store_id", "intervals"),
                zones=copy.select("store_id", "timezone").drop_nulls(),
                store_ids=ids,
            ),
            now=now,
        )
    known, nothing = app.catalog.stores.lake_version_known(), pl.Series("store_id", dtype=pl.String)
    app.catalog.stores.register(nothing, lake_version=version, expected=known, now=now)


def _new_ids(first: int, stores: int) -> pl.Series:
    numbers = np.arange(first, min(first + stores, MILLION), dtype=np.uint64) + np.uint64(1)
    return pl.Series("store_id", (numbers * np.uint64(_SCATTER)) & np.uint64(2**63 - 1)).cast(pl.String)


if __name__ == "__main__":
    print(json.dumps({"seconds": build_million(Path(sys.argv[1]), Path(sys.argv[2]))}))
