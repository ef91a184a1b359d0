"""Details of a simulated fleet (names, labels, sales, targets) and the events that its polls show."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.domain.instants import DAY_SECONDS, DAY_US, HOUR_US, instant_of
from storewatch.domain.timezones import DEFAULT_TIMEZONE

# brand: (name on the sign, average sales of a business hour, objective in percent)
BRANDS: Final = {
    "casa-verde": ("Casa Verde", 62.0, 99.0),
    "blue-kettle": ("Blue Kettle", 38.0, 97.0),
    "noodle-yard": ("Noodle Yard", 85.0, 99.5),
    "pita-point": ("Pita Point", 44.0, 98.0),
    "sunny-diner": ("Sunny Diner", 71.0, 95.0),
}
STREETS: Final = (
    *("Harbour Street", "Market Square", "Station Road", "Mill Lane", "Oak Avenue", "River Walk", "Park Row"),
    *("Church Hill", "King Street", "Bridge End", "Garden Way", "Lake View", "Union Street", "Old Town"),
    *("Elm Court", "North Gate", "College Green", "Sunset Drive", "Mason Street", "Foundry Lane"),
)
OWNERS: Final = ("rivera", "okafor", "lindqvist", "tanaka", "moreau", "santos", "weber", "novak", "haddad", "murphy")
REGIONS: Final = {
    "east": ("America/New_York", "America/Detroit", "America/Indiana/Indianapolis", "America/St_Johns"),
    "west": ("America/Los_Angeles", "America/Boise", "America/Phoenix", "America/Denver", "Pacific/Honolulu"),
    "central": ("America/Chicago", ""),
    "abroad": ("Europe/London", "Europe/Berlin", "Asia/Beirut", "Asia/Kolkata", "Australia/Lord_Howe"),
}
PLATFORMS: Final = ("ubereats", "doordash", "grubhub")
# The reason of an inactive poll within the hours a store keeps, drawn for each store and day.
REASONS: Final = {"paused by restaurant": 0.4, "paused by platform": 0.25, "error": 0.2, "not found": 0.05, "": 0.1}
OUT_OF_HOURS: Final = "out of hours"

# When no store was polled, and when all stores of a brand were down, in microseconds since the start of the UTC day of
# the newest poll.
SILENCE_US: Final = (-6 * DAY_US + 16 * HOUR_US, -6 * DAY_US + 19 * HOUR_US)
MASS_OUTAGE_US: Final = (-3 * DAY_US + 18 * HOUR_US, -3 * DAY_US + 22 * HOUR_US)
MASS_OUTAGE_BRAND: Final = "casa-verde"
MASS_REASON: Final = "error"

# Every 100th store from this number on keeps other hours than it publishes: seconds added to its openings and closings.
OTHER_HOURS: Final = {3: (7200, 0), 11: (0, -7200), 19: (0, 3 * 3600), 27: (3 * 3600, 3 * 3600)}
# Every 100th store from this number on was down from and to these hours before the newest poll.
LONG_OUTAGES_H: Final = {20: (-30, 1), 41: (-48, -24), 62: (-168, -50), 83: (-24 * 21, -24 * 12)}
# Every 100th store from this number on opened or closed for good so many days before the newest poll.
OPENED_DAYS: Final = (30, 15)
CLOSED_DAYS: Final = (70, 10)
EVERY: Final = 100


@dataclass(frozen=True)
class SimulatedStores:
    """Stores that are simulated together: their numbers, ids (Series store_id) and zones ("" without a row)."""

    numbers: npt.NDArray[np.int64]
    store_ids: pl.Series
    zones: pl.Series
    end_us: int

    def every(self, first: int) -> npt.NDArray[np.bool_]:
        """Return which stores are `first`, `first` + EVERY, `first` + 2 EVERY, …"""
        chosen: npt.NDArray[np.bool_] = self.numbers % EVERY == first
        return chosen


def store_details(simulated: SimulatedStores) -> pl.DataFrame:
    """Return the rows of stores.csv: id, name, the labels brand, region and owner, and dates in business."""
    numbers = simulated.numbers
    brands = list(BRANDS)
    brand = _mixed(numbers, 7) % len(brands)
    region_of = {zone: region for region, zones in REGIONS.items() for zone in zones}
    newest_day = instant_of(simulated.end_us).date()
    return pl.DataFrame(
        {
            "store_id": simulated.store_ids,
            "name": [
                f"{BRANDS[brands[index]][0]} {STREETS[number % len(STREETS)]} {1 + number // len(STREETS)}"
                for index, number in zip(brand.tolist(), numbers.tolist(), strict=True)
            ],
            "brand": pl.Series(brands).gather(brand),
            "region": simulated.zones.replace_strict(region_of),
            "owner": pl.Series(OWNERS).gather(_mixed(numbers, 17) % len(OWNERS)),
            "opened_on": _life_dates(simulated, OPENED_DAYS, newest_day),
            "closed_on": _life_dates(simulated, CLOSED_DAYS, newest_day),
        }
    )


def sales(rng: np.random.Generator, stores: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of sales.csv: the sales of an average business hour of each store. stores: of store_details."""
    mean = stores["brand"].replace_strict({brand: sales for brand, (_, sales, _) in BRANDS.items()})
    return stores.select("store_id", sales_per_hour=(mean * rng.uniform(0.6, 1.4, stores.height)).round(2))


def targets() -> pl.DataFrame:
    """Return the rows of targets.csv: the availability in percent that each brand is to reach."""
    return pl.DataFrame(
        [("brand", brand, objective) for brand, (_, _, objective) in BRANDS.items()],
        ["label", "value", "objective"],
        orient="row",
    )


def special_hours(end_us: int) -> pl.DataFrame:
    """Return the rows of special_hours.csv: a brand closed for a day, and one with shorter hours on another day."""
    newest_day = instant_of(end_us).date()
    closed, shorter = newest_day - timedelta(days=9), newest_day - timedelta(days=4)
    return pl.DataFrame(
        [("noodle-yard", closed, None, None), ("sunny-diner", shorter, "10:00:00", "15:00:00")],
        {"value": pl.String, "date": pl.Date, "start_time_local": pl.String, "end_time_local": pl.String},
        orient="row",
    ).select(pl.lit("brand").alias("label"), pl.all())


def with_events(
    rng: np.random.Generator, polls: pl.DataFrame, hours: pl.DataFrame, stores: pl.DataFrame, simulated: SimulatedStores
) -> pl.DataFrame:
    """Return polls with the planned events of the fleet, and with the reason and source of each poll.

    polls: store (index in `simulated`), observed_us, active. hours: store, day, start_s, end_s. stores: from
    `store_details`. Polls during the silence of the feed, and of stores not in business, are dropped. The order stays.
    """
    of_newest_day = pl.col("observed_us") - simulated.end_us // DAY_US * DAY_US
    since = polls["observed_us"] - simulated.end_us
    polls = polls.filter(~of_newest_day.is_between(*SILENCE_US) & _in_business(since, polls["store"], simulated))
    since, store = polls["observed_us"] - simulated.end_us, polls["store"]
    in_mass_outage = polls.select(of_newest_day.is_between(*MASS_OUTAGE_US)).to_series()
    mass = (stores["brand"] == MASS_OUTAGE_BRAND).gather(store) & in_mass_outage
    open_ = _in_kept_hours(polls, hours, simulated)
    down = ~polls["active"] | mass | _long_outages(since, store, simulated)
    reason = pl.Series(list(REASONS)).gather(_drawn_reasons(rng, since, store, simulated))
    reason = pl.Series([MASS_REASON]).new_from_index(0, len(reason)).zip_with(mass, reason)
    reason = reason.zip_with(open_, pl.Series([OUT_OF_HOURS]).new_from_index(0, len(reason)))
    active = open_ & ~down
    return polls.with_columns(
        active=active,
        reason=reason.set(active | (reason == ""), None),
        source=pl.Series(PLATFORMS).gather(_mixed(simulated.numbers, 23) % len(PLATFORMS)).gather(store),
    )


def _mixed(numbers: npt.NDArray[np.int64], shift: int) -> npt.NDArray[np.int64]:
    """Return a number for each store that looks random. It depends only on the number of the store."""
    mixed: npt.NDArray[np.int64] = (
        (numbers.astype(np.uint64) + 1) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(20 + shift)
    ).astype(np.int64)
    return mixed


def _life_dates(simulated: SimulatedStores, chosen: tuple[int, int], newest_day: date) -> pl.Series:
    first, days = chosen
    day = pl.Series([newest_day - timedelta(days=days)]).new_from_index(0, len(simulated.numbers))
    return day.set(~pl.Series(simulated.every(first)), None)


def _in_business(since: pl.Series, store: pl.Series, simulated: SimulatedStores) -> pl.Series:
    opened, closed = (pl.Series(simulated.every(first)).gather(store) for first, _ in (OPENED_DAYS, CLOSED_DAYS))
    return ~(opened & (since < -OPENED_DAYS[1] * DAY_US)) & ~(closed & (since > -CLOSED_DAYS[1] * DAY_US))


def _long_outages(since: pl.Series, store: pl.Series, simulated: SimulatedStores) -> pl.Series:
    down = pl.Series([False]).new_from_index(0, len(since))
    for first, (start_h, end_h) in LONG_OUTAGES_H.items():
        chosen = pl.Series(simulated.every(first)).gather(store)
        down |= chosen & since.is_between(start_h * HOUR_US, end_h * HOUR_US)
    return down


def _drawn_reasons(
    rng: np.random.Generator, since: pl.Series, store: pl.Series, simulated: SimulatedStores
) -> npt.NDArray[np.int64]:
    """Return the index in REASONS for each poll. It is the same for all polls of a store within 24 hours."""
    day = (since // DAY_US).to_numpy()
    shares = np.array(list(REASONS.values()))
    drawn = rng.choice(len(REASONS), (len(simulated.numbers), int(-day.min(initial=0)) + 1), p=shares / shares.sum())
    reasons: npt.NDArray[np.int64] = drawn[store.to_numpy(), -day]
    return reasons


def _in_kept_hours(polls: pl.DataFrame, hours: pl.DataFrame, simulated: SimulatedStores) -> pl.Series:
    """Return which polls are in the real opening hours of their store. A store without rows never closes."""
    kept = _kept_hours(hours, simulated)
    local = _local_times(polls, simulated)
    yesterday = local.with_columns(pl.col("day").sub(1) % 7, second=pl.col("second") + DAY_SECONDS)
    inside = (
        pl.concat([local, yesterday])
        .join(kept, on=["store", "day"])
        .filter(pl.col("second").is_between("start_s", "end_s", closed="left"))["row"]
    )
    open_ = ~polls["store"].is_in(kept["store"].unique().implode())
    flags = open_.to_numpy().copy()
    flags[inside.to_numpy()] = True
    return pl.Series(flags)


def _kept_hours(hours: pl.DataFrame, simulated: SimulatedStores) -> pl.DataFrame:
    """Return the real opening hours (store, day, start_s, end_s). Some stores differ from their published hours."""
    opens, closes = np.zeros(len(simulated.numbers), np.int64), np.zeros(len(simulated.numbers), np.int64)
    for first, (later_open, later_close) in OTHER_HOURS.items():
        chosen = simulated.every(first)
        opens[chosen], closes[chosen] = later_open, later_close
    start, end = pl.col("start_s"), pl.col("end_s")
    return hours.with_columns(end_s=pl.when(end <= start).then(end + DAY_SECONDS).otherwise(end)).with_columns(
        start + pl.Series(opens).gather(hours["store"]), end + pl.Series(closes).gather(hours["store"])
    )


def _local_times(polls: pl.DataFrame, simulated: SimulatedStores) -> pl.DataFrame:
    """Return row, store, day (0 = Monday) and second of the local day of each poll."""
    zones = simulated.zones.replace("", DEFAULT_TIMEZONE).gather(polls["store"])
    rows = polls.select("store", at=pl.from_epoch("observed_us", "us").dt.replace_time_zone("UTC"), zone=zones)
    parts = rows.with_row_index("row").partition_by("zone", as_dict=True, include_key=False)
    local = pl.concat(
        part.with_columns(pl.col("at").dt.convert_time_zone(str(zone)).dt.replace_time_zone(None))
        for (zone,), part in parts.items()
    )
    at = pl.col("at").dt
    second = at.hour().cast(pl.Int64) * 3600 + at.minute().cast(pl.Int64) * 60 + at.second()
    return local.select("row", "store", day=at.weekday().cast(pl.Int64) - 1, second=second)
