"""The data for the measurements, made once and kept in benchmarks/data."""

import sys
from pathlib import Path
from typing import Final

from benchmarks.measure import STOREWATCH, run
from storewatch.settings import Settings

DATA_DIR: Final = Path(__file__).parent / "data"
COMPLETE: Final = "complete.json"  # written last into a folder of data

REAL_STORES: Final = 14_089
LONG_DAYS: Final = 91
LONG_POLLS: Final = 16_000_000
REAL_DAYS: Final = 7.9  # 1.84 M polls at the simulator's rate, as many as the public data set has


def real_size_csv() -> Path:
    """Return the folder of three CSV files of the size of the public data set; simulate them if they are missing."""
    folder = DATA_DIR / "real-size"
    if not (folder / COMPLETE).is_file():
        run(
            STOREWATCH, "simulate", "--classic", "--stores", str(REAL_STORES), "--days", str(REAL_DAYS), "--out", folder
        )
        (folder / COMPLETE).write_text("{}")
    return folder


def ninety_days_home() -> Path:
    """Return the installation of LONG_DAYS days of the real stores, LONG_POLLS polls; build it if it is missing."""
    folder = DATA_DIR / "ninety-days"
    if not (folder / COMPLETE).is_file():
        run(sys.executable, "-m", "benchmarks.ninety_days", folder)
        (folder / COMPLETE).write_text("{}")
    return folder / "home"


def installation_at(home: Path) -> Settings:
    """Return the settings of an installation in a folder, whatever the environment variables are."""
    return Settings.from_environment(home, {})
