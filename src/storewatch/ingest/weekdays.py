"""Weekdays as files write them: by name, or by numbers that count from one day or another."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import polars as pl

from storewatch.domain.clock_words import WEEKDAYS
from storewatch.domain.enums import ImportTable, WeekdayCounting
from storewatch.ingest.cells import clean_ids

# The columns that hold a weekday, in the tables that have one: elsewhere such a column is a label.
WEEKDAY_COLUMNS: Final[tuple[str, ...]] = ("day", "weekday")
WEEKDAY_TABLES: Final = (ImportTable.WEEKLY_HOURS, ImportTable.SALES)

# Three-letter forms of Danish, Dutch, English, French, German, Italian, Norwegian, Polish, Portuguese, Spanish and
# Swedish: no form means different days in two of them.
_SHORT_FORMS: Final = (
    "mon maa man mån pon seg lun",
    "tue tues die din tir tis wto ter mar",
    "wed weds mit woe ons śro qua mer mié mie",
    "thu thur thurs don tor czw qui gio jeu jue",
    "fri fre vri pią sex ven vie",
    "sat sam zat lør lör sob sáb sab",
    "sun son zon søn sön nie dom dim",
)
_NAMES: Final = {
    name: day
    for day, (long, short) in enumerate(zip(WEEKDAYS, _SHORT_FORMS, strict=True))
    for name in (long.lower(), *short.split())
}
_DAY_OF: Final = {
    WeekdayCounting.MONDAY0: {str(day): day for day in range(7)},
    WeekdayCounting.ISO: {str(day + 1): day for day in range(7)},
    # Cron writes Sunday as 0 and as 7.
    WeekdayCounting.SUNDAY0: {str(day): (day - 1) % 7 for day in range(8)},
    WeekdayCounting.NAMES: {},
}
_WORDS: Final = {
    WeekdayCounting.MONDAY0: "0 (Monday) to 6 (Sunday)",
    WeekdayCounting.ISO: "1 (Monday) to 7 (Sunday)",
    WeekdayCounting.SUNDAY0: "0 (Sunday) to 6 (Saturday)",
    WeekdayCounting.NAMES: "names",
}


@dataclass(frozen=True, kw_only=True)
class WeekdayReading:
    """How the weekdays of some files are read. assumed: a sentence about it, where it was not asked for."""

    counting: WeekdayCounting
    assumed: str | None = None

    def apply(self, columns: pl.DataFrame) -> pl.DataFrame:
        """Write the weekdays of a block as 0 (Monday) to 6 (Sunday). What is none stays as it is, and is rejected."""
        changes: list[pl.Series] = []
        for name in WEEKDAY_COLUMNS:
            if name in columns.columns:
                texts = clean_ids(columns[name])
                found = texts.drop_nulls().unique()
                changes.append(texts.replace({text: self._read(text) for text in found}))
        return columns.with_columns(changes)

    def _read(self, text: str) -> str:
        day = _DAY_OF[self.counting].get(text, _NAMES.get(text.lower().removesuffix(".")))
        if day is not None:
            return str(day)
        # A digit that is none here must not be taken for one that is.
        return (
            f"{text} (weekdays are {_WORDS[self.counting]} here)" if text in _DAY_OF[WeekdayCounting.SUNDAY0] else text
        )


def read_weekdays(columns: Iterable[pl.Series], asked: WeekdayCounting | None = None) -> WeekdayReading:
    """Decide how the weekdays in some columns are counted: as asked, or by the numbers that are there.

    A 7 and no 0 is ISO 8601; otherwise Monday is 0, as SEMANTICS 2 has it. With a 0 and a 7 the rows with a 7 are
    rejected: nobody knows how the others are counted.
    """
    if asked is not None:
        return WeekdayReading(counting=asked)
    found: set[str] = set()
    for column in columns:
        found.update(clean_ids(column.unique()).drop_nulls())
    if not found & {*"01234567"}:
        return WeekdayReading(counting=WeekdayCounting.MONDAY0)
    if "7" in found and "0" not in found:
        assumed = f"weekdays were read as {_WORDS[WeekdayCounting.ISO]}, because there is a 7 and no 0"
        return WeekdayReading(counting=WeekdayCounting.ISO, assumed=assumed)
    counting = WeekdayCounting.MONDAY0
    read_as = f"weekdays were read as {_WORDS[counting]}"
    if "0" in found:
        both = f"{read_as}; 7 was rejected, because there is a 0 too: choose with --weekdays"
        return WeekdayReading(counting=counting, assumed=both if "7" in found else None)
    neither = f"{read_as}; there is neither a 0 nor a 7 to show it: choose with --weekdays"
    return WeekdayReading(counting=counting, assumed=neither)
