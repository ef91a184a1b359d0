"""The other processes of the tests of a lake: `python lake_process.py ROLE URL ARGUMENT`."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from storewatch.domain.columns import OBSERVATIONS
from storewatch.domain.instants import DAY_US
from storewatch.lake import Lake

START_US = 1_673_913_600_000_000
NOW = datetime(2023, 1, 19, 12, tzinfo=UTC)
ROWS = 40
APPENDS = 25
EVERYTHING = (-(2**63), 2**63 - 1)


def batch(writer: str, number: int) -> pl.DataFrame:
    """ROWS observations over four days that no other batch has."""
    return pl.DataFrame(
        {
            "store_id": [f"{writer}-{number}-{row}" for row in range(ROWS)],
            "observed_at": [START_US + row * DAY_US // 10 for row in range(ROWS)],
            "active": [True] * ROWS,
            "loaded_at": [START_US + 10 * DAY_US] * ROWS,
        }
    ).cast(OBSERVATIONS)


def append(lake: Lake, writer: str) -> None:
    for number in range(APPENDS):
        lake.append([batch(writer, number)])
        print(number, flush=True)


def append_slowly(lake: Lake, writer: str) -> None:
    """Append in one commit of many runs, and print the progress."""

    def batches() -> Iterator[pl.DataFrame]:
        for number in range(APPENDS):
            print(number, flush=True)
            yield batch(writer, number)

    lake.append(batches())
    print("committed", flush=True)


def read(lake: Lake, done: str) -> None:
    """Read until the file `done` is there; every batch must be complete, and none must vanish."""
    known: set[str] = set()
    while not Path(done).exists():
        seen = lake.snapshot().read(*EVERYTHING).unique(["store_id", "observed_at"])
        batches = seen.group_by(pl.col("store_id").str.replace(r"-\d+$", "")).len()
        assert batches["len"].eq(ROWS).all(), batches
        found = set(batches["store_id"])
        assert known <= found, known - found
        known = found
    print(len(known), flush=True)


def optimize(lake: Lake, done: str) -> None:
    while not Path(done).exists():
        lake.optimize(now=NOW, retention=timedelta(days=7))
    print(lake.snapshot().version, flush=True)


if __name__ == "__main__":
    _, role, url, argument = sys.argv
    roles = {"append": append, "append_slowly": append_slowly, "read": read, "optimize": optimize}
    roles[role](Lake(url, rows_at_once=ROWS), argument)
