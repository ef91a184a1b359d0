"""Read weekdays in the notations of files: names, or numbers that count from Monday or Sunday."""

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
from storewatch.ingest.weekday_names import languages_of, meanings, normalise_name

# The columns of weekdays, in the tables that have one. In other tables a column of this name is a label.
WEEKDAY_COLUMNS: Final[tuple[str, ...]] = ("day", "weekday")
WEEKDAY_TABLES: Final = (ImportTable.WEEKLY_HOURS, ImportTable.SALES)

# Also 01 and 1.0. pandas writes 1.0 if another cell of the column is empty.
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
    """The notation of the weekdays in the files of an import.

    counting: how numbers count days. names: name in lower case -> the days (0 = Monday) that it may mean, each with a
    language. assumed: sentences about what the caller did not choose.
    """

    counting: WeekdayCounting
    names: Mapping[str, Mapping[int, str]] = field(default_factory=meanings)
    assumed: tuple[str, ...] = ()

    def apply(self, block: Block) -> Block:
        """Return the block with weekdays as 0 (Monday) to 6 (Sunday).

        A row with several days (`Mon-Fri`) becomes a row for each of them. A text that is not a weekday is kept, and
        the check of the rows rejects it.
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
        """Return the days of a text as digits. If it has none, return the text, with the reason if there is one."""
        number = _NUMBER.fullmatch(text)
        if number is None:
            days = [self._range(part) for part in text.split(",")]
            if None in days:
                return [self._with_reason(text)]
            return list(dict.fromkeys(str(day) for each in days for day in each or ()))
        if number[1] in _DAY_OF[self.counting]:
            return [str(_DAY_OF[self.counting][number[1]])]
        # The text is returned with a reason, because a bare digit would be read as one of 0 to 6.
        is_digit = number[1] in _DAY_OF[WeekdayCounting.SUNDAY0]
        return [f"{text} (weekdays are {_WORDS[self.counting]} here)" if is_digit else text]

    def _range(self, text: str) -> list[int] | None:
        """Return the days of a name, or of two names with a dash between them. Return None for any other text."""
        names = _names_in(text)
        days = [next(iter(self.names[name])) for name in names if len(self.names[name]) == 1]
        if len(days) != len(names) or not days or len(names) == 2 == len({*days}) + 1:
            return None
        first, last = days[0], days[-1]
        return [(first + ahead) % 7 for ahead in range((last - first) % 7 + 1)]

    def _with_reason(self, text: str) -> str:
        """Return a text that is not a weekday, with the reason in brackets if there is one."""
        for part in text.split(","):
            for name in _names_in(part):
                if len(self.names[name]) > 1:
                    days = ", ".join(f"{WEEKDAYS[day]} in {language}" for day, language in self.names[name].items())
                    return f"{text} ({name} is {days})"
        return f"{text} (only names can be a range)" if _NUMBERS.fullmatch(text) else text


def find_weekday_notation(columns: Iterable[pl.Series], counting: WeekdayCounting | None = None) -> WeekdayNotation:
    """Return the notation of the weekdays in some columns of texts. counting: of numbers; None: decided by the numbers.

    If there is a 7 and no 0, numbers are read as ISO 8601; otherwise 0 is Monday (SEMANTICS 2). If there are both, rows
    with a 7 are rejected. A name that can mean two days is read if all names of the columns belong to languages in
    which it means one day.
    """
    found: set[str] = set()
    for column in columns:
        found.update(clean_ids(column.unique()).drop_nulls())
    names, of_names = _read_names(found)
    decided, of_numbers = _read_numbers(found) if counting is None else (counting, None)
    assumed = tuple(sentence for sentence in (of_numbers, of_names) if sentence is not None)
    return WeekdayNotation(counting=decided, names=names, assumed=assumed)


def _read_numbers(found: Iterable[str]) -> tuple[WeekdayCounting, str | None]:
    """Return how the numbers count days, and a sentence about what was assumed, if anything was."""
    digits = {number[1] for text in found if (number := _NUMBER.fullmatch(text))}
    counting = WeekdayCounting.MONDAY0
    read_as = f"weekdays were read as {_WORDS[counting]}"
    if not digits & {*"01234567"}:
        return counting, None
    if "7" in digits and "0" not in digits:
        iso = WeekdayCounting.ISO
        return iso, f"weekdays were read as {_WORDS[iso]}, because there is a 7 and no 0"
    if "0" in digits:
        both = f"{read_as}; 7 was rejected, because there is also a 0: choose with --weekdays (over HTTP: ?weekdays=)"
        return counting, both if "7" in digits else None
    return counting, f"{read_as}; there is no 0 or 7 that confirms this: choose with --weekdays (over HTTP: ?weekdays=)"


def _read_names(found: Iterable[str]) -> tuple[Mapping[str, Mapping[int, str]], str | None]:
    """Return the days that names may mean, and a sentence if only the languages of all names decide between days."""
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
    """Return the name of a weekday in a text, or the two names around a dash. Return nothing for any other text."""
    known, text = meanings(), text.strip()
    if normalise_name(text) in known:
        return [normalise_name(text)]
    for dash in _DASH.finditer(text):  # the name segunda-feira has a dash
        names = [normalise_name(side.strip()) for side in (text[: dash.start()], text[dash.end() :])]
        if all(name in known for name in names):
            return names
    return []
