import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from support.object_stores import running_object_store

from storewatch.domain.columns import OBSERVATIONS
from storewatch.lake import Lake

Frame = Callable[..., pl.DataFrame]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def observations() -> Frame:
    """Make OBSERVATIONS from rows (store_id, observed_at, active, loaded_at); times as ISO text in UTC."""

    def make(*rows: tuple[str, str, bool, str]) -> pl.DataFrame:
        def instant(text: str) -> datetime:
            return datetime.fromisoformat(text).replace(tzinfo=UTC)

        return pl.DataFrame(
            [(store, instant(seen), active, instant(loaded)) for store, seen, active, loaded in rows],
            schema=OBSERVATIONS,
            orient="row",
        )

    return make


@pytest.fixture(scope="session")
def random_observations() -> Callable[[int, int], pl.DataFrame]:
    """Make distinct observations of 50 stores over four days, from a seed."""

    def make(rows: int, seed: int) -> pl.DataFrame:
        rng = random.Random(seed)
        start_us = 1_673_913_600_000_000  # 2023-01-17
        return pl.DataFrame(
            {
                "store_id": [f"store-{rng.randrange(50)}" for _ in range(rows)],
                "observed_at": [start_us + us for us in rng.sample(range(4 * 86_400_000_000), rows)],
                "active": [rng.random() < 0.9 for _ in range(rows)],
                "loaded_at": [start_us + 10**12] * rows,
            },
            schema_overrides={"observed_at": pl.Int64, "loaded_at": pl.Int64},
        ).cast(OBSERVATIONS)

    return make


@pytest.fixture
def object_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run an S3 server with an empty bucket; its credentials are in the environment. Yields the URL of the bucket."""
    with running_object_store(tmp_path / "s3.log", bucket="polls") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield "s3://polls"
