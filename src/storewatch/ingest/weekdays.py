"""Weekdays as files write them: by name, or by numbers that count from one day or another."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import polars as pl

from storewatch.domain.clock_words import WEEKDAYS
from storewatch.domain.enums import ImportTable, WeekdayCounting
from storewatch.ingest.blocks import Block, RowNumbers
from storewatch.ingest.cells import clean_ids
from storewatch.ingest.weekday_names import languages_of, meanings, plain

# The columns that hold a weekday, in the tables that have one: elsewhere such a column is a label.
WEEKDAY_COLUMNS: Final[tuple[str, ...]] = ("day", "weekday")
WEEKDAY_TABLES: Final = (ImportTable.WEEKLY_HOURS, ImportTable.SALES)

# 01, and 1.0 as pandas writes it where a cell of the column is empty.
_NUMBER: Final = re.compile(r"0?([0-9])(?:\.0+)?")
_NUMBERS: Final = re.compile(r"[0-9]\s*[-\u2013\u2014]\s*[0-9]")
_DASH: Final = re.compile(r"[-\u2013\u2014]")
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
class WeekdayNotation:
    """How the weekdays of some files are read.

    names: the days that a name may mean, each with a language. assumed: sentences about what was not asked for.
    """

    counting: WeekdayCounting
    names: Mapping[str, Mapping[int, str]] = field(default_factory=meanings)
    assumed: tuple[str, ...] = ()

    def apply(self, block: Block) -> Block:
        """Write the weekdays of a block as 0 (Monday) to 6 (Sunday). What is none stays as it is, and is rejected.

        A row of several days (`Mon-Fri`) becomes a row for each of them.
        """
        for name in WEEKDAY_COLUMNS:
            if name in block.columns.columns:
                block = self._apply(block, name)
        return block

    def _apply(self, block: Block, name: str) -> Block:
        texts = clean_ids(block.columns[name])
        days = {text: self._read(text) for text in texts.drop_nulls().unique()}
        if all(len(found) == 1 for found in days.values()):
            read = texts.replace({text: found[0] for text, found in days.items()})
            return replace(block, columns=block.columns.with_columns(read))
        several = pl.DataFrame({name: [*days], "days": [*days.values()]}, {name: pl.String, "days": pl.List(pl.String)})
        rows = (
            texts.to_frame()
            .with_row_index("row")
            .join(several, on=name, how="left", maintain_order="left")
            .explode("days", empty_as_null=True, keep_nulls=True)
            .select(pl.col("row").cast(pl.Int64), pl.col("days").alias(name))
        )
        before = rows["row"].to_numpy()

        def origins(after: RowNumbers) -> tuple[RowNumbers, list[str]]:
            return block.origins(before[after])

        places = rows.select("row", place=pl.int_range(pl.len(), dtype=pl.Int64))
        unreadable = block.unreadable.join(places, on="row", maintain_order="left")
        return replace(
            block,
            columns=block.columns[before.astype(np.uint32)].with_columns(rows[name]),
            origins=origins,
            unreadable=unreadable.select(pl.col("place").alias("row"), "column", "reason"),
        )

    def _read(self, text: str) -> list[str]:
        """Return the days that a text means as digits, or the text with the reason why it means none."""
        number = _NUMBER.fullmatch(text)
        if number is None:
            days = [self._range(part) for part in text.split(",")]
            if None in days:
                return [self._refused(text)]
            return list(dict.fromkeys(str(day) for each in days for day in each or ()))
        if number[1] in _DAY_OF[self.counting]:
            return [str(_DAY_OF[self.counting][number[1]])]
        # A digit that is none here must not be taken for one that is.
        is_digit = number[1] in _DAY_OF[WeekdayCounting.SUNDAY0]
        return [f"{text} (weekdays are {_WORDS[self.counting]} here)" if is_digit else text]

    def _range(self, text: str) -> list[int] | None:
        """Return the days of a name, or of two names with a dash between them; None for any other text."""
        names = _names_in(text)
        days = [next(iter(self.names[name])) for name in names if len(self.names[name]) == 1]
        if len(days) != len(names) or not days or len(names) == 2 == len({*days}) + 1:
            return None
        first, last = days[0], days[-1]
        return [(first + ahead) % 7 for ahead in range((last - first) % 7 + 1)]

    def _refused(self, text: str) -> str:
        for part in text.split(","):
            for name in _names_in(part):
                if len(self.names[name]) > 1:
                    days = ", ".join(f"{WEEKDAYS[day]} in {language}" for day, language in self.names[name].items())
                    return f"{text} ({name} is {days})"
        return f"{text} (only names can be a range)" if _NUMBERS.fullmatch(text) else text


def read_weekdays(columns: Iterable[pl.Series], asked: WeekdayCounting | None = None) -> WeekdayNotation:
    """Decide how the weekdays in some columns are read: numbers as asked or as they show, names by their language.

    A 7 and no 0 is ISO 8601; otherwise Monday is 0, as SEMANTICS 2 has it. With a 0 and a 7 the rows with a 7 are
    rejected: nobody knows how the others are counted. A name that means two days is read where all names of the columns
    are of languages in which it means one.
    """
    found: set[str] = set()
    for column in columns:
        found.update(clean_ids(column.unique()).drop_nulls())
    names, of_names = _read_names(found)
    counting, of_numbers = _read_numbers(found) if asked is None else (asked, None)
    assumed = tuple(sentence for sentence in (of_numbers, of_names) if sentence is not None)
    return WeekdayNotation(counting=counting, names=names, assumed=assumed)


def _read_numbers(found: Iterable[str]) -> tuple[WeekdayCounting, str | None]:
    """Return how numbers are counted, and a sentence about what was assumed."""
    digits = {number[1] for text in found if (number := _NUMBER.fullmatch(text))}
    counting = WeekdayCounting.MONDAY0
    read_as = f"weekdays were read as {_WORDS[counting]}"
    if not digits & {*"01234567"}:
        return counting, None
    if "7" in digits and "0" not in digits:
        iso = WeekdayCounting.ISO
        return iso, f"weekdays were read as {_WORDS[iso]}, because there is a 7 and no 0"
    if "0" in digits:
        both = f"{read_as}; 7 was rejected, because there is a 0 too: choose with --weekdays"
        return counting, both if "7" in digits else None
    return counting, f"{read_as}; there is neither a 0 nor a 7 to show it: choose with --weekdays"


def _read_names(found: Iterable[str]) -> tuple[Mapping[str, Mapping[int, str]], str | None]:
    """Return what names mean, and a sentence where that shows in their languages only."""
    names = {name for text in found for part in text.split(",") for name in _names_in(part)}
    languages = languages_of(names)
    if not names or not languages:
        return meanings(), None
    of_languages = meanings(tuple(languages))
    shown = sorted(name for name in names if len(of_languages[name]) < len(meanings()[name]))
    if not shown:
        return of_languages, None
    (day, _), *_ = of_languages[shown[0]].items()
    return of_languages, f"weekdays were read as {' or '.join(languages)}: {shown[0]} is {WEEKDAYS[day]}"


def _names_in(text: str) -> list[str]:
    """Return the name of a weekday in a text, or the two with a dash between them; nothing where it is neither."""
    known, text = meanings(), text.strip()
    if plain(text) in known:
        return [plain(text)]
    for dash in _DASH.finditer(text):  # segunda-feira has one inside
        names = [plain(side.strip()) for side in (text[: dash.start()], text[dash.end() :])]
        if all(name in known for name in names):
            return names
    return []
