"""Find gaps of the inputs: stores without polls, polled stores without hours, stores whose rows were rejected."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import polars as pl

from storewatch.catalog import Catalog
from storewatch.domain.enums import Setting
from storewatch.domain.plurals import counted, first_ids
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.lake import Snapshot

# How many ids of each kind the answers in JSON have.
LISTED: Final = 100
# A spreadsheet keeps 15 digits of a number and writes zeros for the others.
KEPT_DIGITS: Final = 15
_MOST_COMPARED: Final = 10_000
_LONG_NUMBER: Final = r"^[0-9]{16,255}$"
_SCIENTIFIC: Final = re.compile(r"([0-9])(?:[.,]([0-9]{1,20}))?[eE]\+?([0-9]{1,3})")


@dataclass(frozen=True, kw_only=True)
class InputGaps:
    """Stores for which an input is missing or was rejected: their numbers and their first ids.

    named: stores in hours, zones or labels; unpolled: those of them without polls. polled: stores with polls; hourless:
    those of them without hours. alike: pairs of an unpolled id and a polled one that agree in their first 15 digits.
    default_hours, default_zone: stores that have the default because their rows were rejected; older_hours, older_zone:
    stores that keep the older value because all of their new rows were rejected.
    """

    named: int
    unpolled: int
    unpolled_ids: tuple[str, ...]
    polled: int
    hourless: int
    hourless_ids: tuple[str, ...]
    alike: tuple[tuple[str, str], ...]
    default_hours: tuple[str, ...]
    default_zone: tuple[str, ...]
    older_hours: tuple[str, ...]
    older_zone: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Return a sentence for each gap."""
        if self.polled and self.unpolled:
            named, ids = counted(self.named, "store"), first_ids(self.unpolled_ids, self.unpolled)
            yield f"{self.unpolled:,} of the {named} in hours, zones or labels {_have(self.unpolled)} no polls: {ids}"
        if self.hourless:
            polled, ids = counted(self.polled, "polled store"), first_ids(self.hourless_ids, self.hourless)
            yield f"{self.hourless:,} of the {polled} {_have(self.hourless)} no hours (open 24x7): {ids}"
        if self.alike:
            unpolled_id, polled_id = self.alike[0]
            yield (
                f"likely cause: {len(self.alike):,} of the ids without polls agree with a polled id in their first "
                f"{KEPT_DIGITS} digits only, as after a spreadsheet: {unpolled_id} and {polled_id}"
            )
        for default, older, what, value in (
            (self.default_hours, self.older_hours, "hours", "open 24x7"),
            (self.default_zone, self.older_zone, "time zone", DEFAULT_TIMEZONE),
        ):
            if default:
                yield f"without {what} because the rows were rejected, so taken as {value}: {first_ids(default)}"
            if older:
                yield f"with the older {what} because all new rows were rejected: {first_ids(older)}"

    def as_json(self) -> dict[str, Any]:
        """Return the counts, at most LISTED ids of each kind, and the sentences, as reports in JSON have them."""
        return {
            "stores_named": self.named,
            "stores_polled": self.polled,
            "without_polls": _listed(self.unpolled_ids, self.unpolled),
            "without_hours": _listed(self.hourless_ids, self.hourless),
            "alike_in_15_digits": [{"store_id": named, "polled_id": polled} for named, polled in self.alike[:LISTED]],
            "default_hours_after_rejects": _listed(self.default_hours),
            "default_timezone_after_rejects": _listed(self.default_zone),
            "older_hours_after_rejects": _listed(self.older_hours),
            "older_timezone_after_rejects": _listed(self.older_zone),
            "text": list(self.lines()),
        }


def _listed(ids: Sequence[str], count: int | None = None) -> dict[str, Any]:
    return {"stores": len(ids) if count is None else count, "store_ids": list(ids[:LISTED])}


def find_gaps(catalog: Catalog, snapshot: Snapshot, among: pl.Series | None = None) -> InputGaps:
    """Compare the stores of the catalog with those polled up to a version of the lake. among: ids of stores; None: all.

    Without `among`, stores whose rows were rejected count even if no other input names them.
    """
    stores, polled, fallbacks = catalog.stores.read_inputs(), snapshot.store_ids(), catalog.fallbacks.list_()
    if among is not None:
        stores, fallbacks = (each.filter(pl.col("store_id").is_in(among.implode())) for each in (stores, fallbacks))
        polled = polled.filter(polled.is_in(among.implode()))
    has_polls = stores["store_id"].is_in(polled.implode())
    unpolled = stores.filter(~has_polls, pl.col("is_named"))["store_id"]
    # A store that was polled but is not in the catalog yet has no hours either.
    with_hours = stores.filter("has_hours")["store_id"]
    hourless = polled.filter(~polled.is_in(with_hours.implode()))
    return InputGaps(
        named=int(stores["is_named"].sum()),
        unpolled=unpolled.len(),
        unpolled_ids=tuple(unpolled.head(LISTED)),
        polled=polled.len(),
        hourless=hourless.len(),
        hourless_ids=tuple(hourless.head(LISTED)),
        alike=tuple(find_alike(unpolled.head(_MOST_COMPARED), polled)),
        default_hours=_rejected(fallbacks, Setting.WEEKLY_HOURS, keeps_older=False),
        default_zone=_rejected(fallbacks, Setting.TIMEZONE, keeps_older=False),
        older_hours=_rejected(fallbacks, Setting.WEEKLY_HOURS, keeps_older=True),
        older_zone=_rejected(fallbacks, Setting.TIMEZONE, keeps_older=True),
    )


def _rejected(fallbacks: pl.DataFrame, setting: Setting, *, keeps_older: bool) -> tuple[str, ...]:
    return tuple(
        fallbacks.filter(pl.col("setting") == setting, pl.col("keeps_older") == pl.lit(keeps_older))["store_id"]
    )


def find_alike(unpolled: pl.Series, polled: pl.Series) -> list[tuple[str, str]]:
    """Return pairs of ids that differ only in the digits that a spreadsheet loses."""
    long = _long_numbers(unpolled).join(_long_numbers(polled), on=["length", "digits"], how="inner", suffix="_polled")
    pairs = dict(long.select("store_id", "store_id_polled").sort("store_id").iter_rows())
    for store_id in unpolled.to_list():
        found = _SCIENTIFIC.fullmatch(store_id)
        if found is not None and (match := _rounded_from(found, polled)) is not None:
            pairs[store_id] = match
    return list(pairs.items())


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _long_numbers(ids: pl.Series) -> pl.DataFrame:
    """Return store_id, length and the first digits of the ids that are numbers too long for a spreadsheet."""
    store_id = pl.col("store_id")
    return (
        ids.rename("store_id")
        .to_frame()
        .filter(store_id.str.contains(_LONG_NUMBER))
        .select("store_id", length=store_id.str.len_bytes(), digits=store_id.str.slice(0, KEPT_DIGITS))
    )


def _rounded_from(found: re.Match[str], polled: pl.Series) -> str | None:
    """Return a polled id that is shown as this number in scientific notation."""
    decimals, exponent = found[2] or "", int(found[3])
    if exponent < len(decimals):
        return None
    number, step = int(Decimal(f"{found[1]}.{decimals or 0}").scaleb(exponent)), 10 ** (exponent - len(decimals))
    candidates = polled.filter((polled.str.len_bytes() == exponent + 1) & polled.str.contains(r"^[0-9]+$"))
    return next((one for one in candidates.to_list() if abs(int(one) - number) <= step), None)
