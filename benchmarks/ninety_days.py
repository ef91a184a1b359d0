"""As a program: builds an installation of LONG_DAYS days of polls in the folder that is named."""

import shutil
import sys
from pathlib import Path

import polars as pl

from benchmarks.data import LONG_DAYS, LONG_POLLS, REAL_STORES
from benchmarks.measure import STOREWATCH, run


def build(folder: Path) -> None:
    """Simulate, keep LONG_POLLS of the polls, import and optimize; the CSV files are not kept."""
    shutil.rmtree(folder, ignore_errors=True)
    home, csv = folder / "home", folder / "csv"
    run(STOREWATCH, "simulate", "--classic", "--stores", str(REAL_STORES), "--days", str(LONG_DAYS), "--out", csv)
    polls = csv / "store_status.csv"
    pl.read_csv(polls).sample(LONG_POLLS, seed=1).write_csv(polls)
    run(STOREWATCH, "import", csv, "--home", home)
    run(STOREWATCH, "optimize", "--home", home)
    shutil.rmtree(csv)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
