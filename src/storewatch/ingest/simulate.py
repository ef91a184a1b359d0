"""Simulate realistic input files: polls, hours and other tables of a fleet of restaurants, most of them in the US."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import HOUR_US, instant_us
from storewatch.ingest import simulated_fleet as fleet

CLASSIC_FILES: Final = ("store_status.csv", "menu_hours.csv", "timezones.csv")
FILES: Final = (*CLASSIC_FILES, "stores.csv", "sales.csv", "targets.csv", "special_hours.csv")
END: Final = datetime(2023, 1, 25, 18, 13, 22, 479220, tzinfo=UTC)

# How much is simulated at a time, so that one million stores need no more memory than one thousand.
POLLS_AT_ONCE: Final = 1_000_000
STORES_AT_ONCE: Final = 50_000

SEEN: Final = 0.7
NEVER_POLLED: Final = 0.02
NEVER_ONLINE: Final = 0.015
DOWN_AT_START: Final = 0.06
# A Markov chain with two states and steps of an hour: outages are rare, more frequent at some stores, and last about
# four hours.
RECOVERS: Final = 0.25
MAX_DAYS: Final = 3_650
MAX_STORES: Final = 10_000_000

ZONES: Final = {
    "America/New_York": 0.46,
    "America/Los_Angeles": 0.18,
    "America/Chicago": 0.12,
    "America/Phoenix": 0.05,
    "America/Denver": 0.04,
    "America/Detroit": 0.02,
    "America/Indiana/Indianapolis": 0.01,
    "America/Boise": 0.01,
    "Pacific/Honolulu": 0.01,
    "Europe/London": 0.02,
    "Europe/Berlin": 0.01,
    "Asia/Beirut": 0.01,
    "Asia/Kolkata": 0.01,
    "America/St_Johns": 0.005,
    "Australia/Lord_Howe": 0.005,
    "": 0.04,  # no row: the default zone
}

_EVERY_DAY: Final = tuple(range(7))
_BUT_MONDAY: Final = tuple(range(1, 7))
# name: (share, whether opening times vary, days, (start, end) in hours of the local day); an end before its start is
# on the next day.
HOURS: Final = {
    "always, without rows": (0.15, False, (), ()),
    "all day, 00:00 to 00:00": (0.05, False, _EVERY_DAY, ((0.0, 0.0),)),
    "lunch to late": (0.35, True, _EVERY_DAY, ((11.0, 22.0),)),
    "lunch and dinner": (0.15, True, _EVERY_DAY, ((11.5, 14.0), (17.0, 22.5))),
    "bar over midnight": (0.1, True, _EVERY_DAY, ((18.0, 2.0),)),
    "until 23:59": (0.1, False, _EVERY_DAY, ((7.0, 24 - 1 / 60),)),
    "closed on Mondays": (0.1, True, _BUT_MONDAY, ((10.0, 21.0),)),
}


def simulate(
    out: Path,
    *,
    stores: int,
    days: float,
    seed: int,
    end: datetime = END,
    classic: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Write the files of a fleet into the folder `out`. The same arguments always write the same bytes.

    Returns the number of rows by file name, in the order in which the files should be imported.

    end: the instant of the newest poll. classic: write only CLASSIC_FILES, with the columns of the classic contract and
    without the planned events of the fleet. progress: called with the number of finished stores and of all stores.
    Raises InvalidInputError for a number of stores or days beyond the limits, and for a folder that cannot be written.
    """
    hours = round(days * 24) if 0 < days <= MAX_DAYS else 0
    if not 1 <= stores <= MAX_STORES or hours < 1:
        raise InvalidInputError(
            f"There must be between one and {MAX_STORES:,} stores, and between one hour and {MAX_DAYS:,} days."
        )
    paths = [out / name for name in (CLASSIC_FILES if classic else FILES)]
    rows = dict.fromkeys((path.name for path in paths), 0)
    at_once = max(1, min(STORES_AT_ONCE, POLLS_AT_ONCE // hours))
    end_us = instant_us(end)
    with _whole_files(out, paths) as files:
        for first in range(0, stores, at_once):
            numbers = np.arange(first, min(first + at_once, stores))
            tables = _tables(seed, numbers, hours, end_us, classic=classic)
            for file, (name, frame) in zip(files, tables.items(), strict=True):
                frame.write_csv(file, include_header=first == 0, datetime_format="%Y-%m-%d %H:%M:%S%.6f UTC")
                rows[name] += frame.height
            if progress:
                progress(first + len(numbers), stores)
    return rows


def _tables(
    seed: int, numbers: npt.NDArray[np.int64], hours: int, end_us: int, *, classic: bool
) -> dict[str, pl.DataFrame]:
    """Return the rows of each file for some stores. The rows of brands come with the first stores."""
    rng = np.random.default_rng((seed % 2**64, int(numbers[0])))
    store_ids = _store_ids(numbers, seed)
    polls = _polls(rng, numbers, hours, end_us)
    opening = _weekly_hours(rng, len(numbers))
    zones = pl.Series(list(ZONES)).gather(rng.choice(len(ZONES), len(numbers), p=_shares(ZONES.values())))
    tables = {
        "menu_hours.csv": _clock_texts(opening).select(store_ids.gather(opening["store"]), pl.exclude("store")),
        "timezones.csv": pl.DataFrame([store_ids, zones.alias("timezone_str")]).filter(zones != ""),
    }
    if not classic:
        simulated = fleet.SimulatedStores(numbers, store_ids, zones, end_us)
        stores = fleet.store_details(simulated)
        polls = fleet.with_events(rng, polls, opening, stores, simulated)
        of_brands = slice(None) if numbers[0] == 0 else slice(0)
        tables |= {
            "stores.csv": stores,
            "sales.csv": fleet.sales(rng, stores),
            "targets.csv": fleet.targets()[of_brands],
            "special_hours.csv": fleet.special_hours(end_us)[of_brands],
        }
    return {"store_status.csv": _status_texts(polls, store_ids)} | tables


@contextmanager
def _whole_files(out: Path, paths: list[Path]) -> Iterator[list[IO[bytes]]]:
    """Open files. They get their names only after all are written, the first file last."""
    parts = [path.with_name(f".{path.name}.part") for path in paths]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            yield [opened.enter_context(part.open("wb")) for part in parts]
        for part, path in reversed(list(zip(parts, paths, strict=True))):
            part.replace(path)
    except OSError as error:
        raise InvalidInputError(f"{out} cannot be written ({error.strerror}); choose another folder.") from error
    finally:
        for part in parts:
            with suppress(OSError):
                part.unlink()


def _store_ids(numbers: npt.NDArray[np.int64], seed: int) -> pl.Series:
    """Return distinct ids of up to 19 digits. Each step maps 63 bits one to one (as in splitmix64)."""
    mask = np.uint64(2**63 - 1)
    mixed = (numbers.astype(np.uint64) + np.uint64(seed % 2**32) * np.uint64(2**30) + np.uint64(1)) & mask
    for factor in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB):
        mixed = (mixed * np.uint64(factor)) & mask
        mixed ^= mixed >> np.uint64(31)
    return pl.Series("store_id", mixed).cast(pl.String)


def _polls(rng: np.random.Generator, numbers: npt.NDArray[np.int64], hours: int, end_us: int) -> pl.DataFrame:
    """Return store (index into `numbers`), observed_us and active of each poll, in random order."""
    shape = (len(numbers), hours)
    polled = (rng.random(shape) < SEEN) & (rng.random((shape[0], 1)) >= NEVER_POLLED)
    polled[numbers == 0, -1] = True
    polled_at = end_us + (np.arange(hours) - hours) * HOUR_US + rng.integers(0, HOUR_US, shape)
    polled_at[numbers == 0, -1] = end_us
    active = _active(rng, shape)
    active[rng.random(shape[0]) < NEVER_ONLINE] = False
    store, hour = np.nonzero(polled)
    order = rng.permutation(len(store))
    store, hour = store[order], hour[order]
    return pl.DataFrame(
        {"store": store, "observed_us": polled_at[store, hour], "active": active[store, hour]},
    )


def _status_texts(polls: pl.DataFrame, store_ids: pl.Series) -> pl.DataFrame:
    status = pl.when(pl.col("active")).then(pl.lit("active")).otherwise(pl.lit("inactive")).alias("status")
    observed_at = pl.col("observed_us").cast(pl.Datetime("us")).alias("timestamp_utc")
    return polls.select(
        store_ids.gather(polls["store"]), status, observed_at, pl.exclude("store", "active", "observed_us")
    )


def _active(rng: np.random.Generator, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    fails = rng.beta(0.6, 8, shape[0]) * 0.15
    up = rng.random(shape[0]) >= DOWN_AT_START
    active = np.empty(shape, np.bool_)
    for hour in range(shape[1]):
        dice = rng.random(shape[0])
        up = np.where(up, dice >= fails, dice < RECOVERS)
        active[:, hour] = up
    return active


def _weekly_hours(rng: np.random.Generator, stores: int) -> pl.DataFrame:
    """Return store (its index), day, start_s and end_s (seconds of the local day) of each session."""
    kinds = pl.DataFrame(
        [
            (kind, varies, day, round(start * 3600), round(end * 3600))
            for kind, (_, varies, days, spans) in enumerate(HOURS.values())
            for day in days
            for start, end in spans
        ],
        {"kind": pl.Int64, "varies": pl.Boolean, "day": pl.Int64, "start_s": pl.Int64, "end_s": pl.Int64},
        orient="row",
    )
    drawn = rng.choice(len(HOURS), stores, p=_shares(share for share, *_ in HOURS.values()))
    shift_s = rng.choice([-3600, -1800, -900, 0, 0, 0, 900, 1800], stores)
    rows = pl.DataFrame({"store": np.arange(stores), "kind": drawn, "shift_s": shift_s}).join(
        kinds, on="kind", maintain_order="left_right"
    )
    shift = pl.col("varies") * pl.col("shift_s")
    return rows.select("store", "day", pl.col("start_s") + shift, pl.col("end_s") + shift)


def _clock_texts(hours: pl.DataFrame) -> pl.DataFrame:
    return hours.select(
        "store",
        "day",
        *(
            (pl.col(f"{edge}_s") * 1_000_000_000).cast(pl.Time).dt.to_string("%H:%M:%S").alias(f"{edge}_time_local")
            for edge in ("start", "end")
        ),
    )


def _shares(parts: Iterable[float]) -> npt.NDArray[np.float64]:
    shares = np.array(list(parts), np.float64)
    total: np.float64 = shares.sum()
    return np.divide(shares, total)
