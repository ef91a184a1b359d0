"""Collect the rows of one table from all files of an import: check them, keep the good rows and reject the others."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Final

import polars as pl

from storewatch.catalog import StoreChanges
from storewatch.domain.columns import ENTRIES, LABELS, LIVES, TIMEZONES, WEEKLY_HOURS
from storewatch.domain.enums import EntryKind, ImportTable, Setting
from storewatch.domain.plurals import first_ids
from storewatch.engine.opening.weekly import weekly_intervals
from storewatch.ingest.blocks import Block
from storewatch.ingest.cells import CheckedRows, check_isolating_errors, is_empty
from storewatch.ingest.headers import FoundTable
from storewatch.ingest.rejected_stores import merge_rejected, rejected_stores, unnamed_rows
from storewatch.ingest.rejects import Rejects
from storewatch.ingest.scopes import (
    Allowed,
    UnknownTargets,
    reject_outside_scope,
    reject_reversed_dates,
    reject_unknown_targets,
)
from storewatch.ingest.weekdays import WeekdayNotation

SETTINGS: Final = {ImportTable.WEEKLY_HOURS: Setting.WEEKLY_HOURS, ImportTable.TIMEZONES: Setting.TIMEZONE}

_LABEL: Final = pl.Schema({"store_id": pl.String, "label": pl.String, "value": pl.String})


class TableImport:
    """One table of an import. It collects rows while the files are read, and returns the changes of the catalog.

    accepted: number of good rows. files: names of files with this table. ignored: columns that belong to no table.
    assumed: sentences about how values were read. weekdays: the notation of weekdays, for a table that has them.
    other_dates: for a table of opened_on or closed_on, returns store_id and the other date of stores, from the catalog
    and the files.
    """

    def __init__(self, name: ImportTable, title: str, rejects: Rejects) -> None:
        self.name, self.title, self.rejects = name, title, rejects
        self.accepted = 0
        self.files: dict[str, None] = {}
        self.ignored: dict[str, None] = {}
        self.assumed: dict[str, None] = {}
        self.weekdays: WeekdayNotation | None = None
        self.other_dates: Callable[[], pl.DataFrame] | None = None
        self._goods: list[pl.DataFrame] = []
        self._joined_labels: dict[tuple[str, ...], list[pl.DataFrame]] = {}
        self._rejected: list[pl.DataFrame] = []
        self._unnamed = 0

    @property
    def rows(self) -> int:
        """The number of rows, good and rejected."""
        return self.accepted + self.rejects.count

    def read(
        self,
        block: Block,
        found: FoundTable,
        file: str,
        *,
        now: datetime,
        allowed: Allowed | None,
        unknown: UnknownTargets,
    ) -> pl.DataFrame:
        """Check the rows of a block and reject the bad ones. Return the good rows. Keep them too, except polls.

        file: the name of the file. now: the time of the import. allowed: returns the ids that may be written; None:
        all may. unknown: finds targets of entries that do not exist. It is not asked if other tables share the rows,
        because these add the store.
        """
        columns = block.columns.select(columns_of(found, block))
        if self.weekdays is not None:
            block = self.weekdays.apply(replace(block, columns=columns))
            columns = block.columns
        checked = _check_joined(found, block, now, allowed) if found.is_joined else _check(found, columns, now, allowed)
        if found.table.is_of_entries and not found.is_joined:
            checked = reject_unknown_targets(checked, columns, unknown)
        if self.other_dates is not None and checked.good.height:
            checked = reject_reversed_dates(checked, columns, self.other_dates())
        self.assumed.update(dict.fromkeys(checked.assumed))
        self.rejects.add_block(block, checked.bad, file)
        self.accepted += checked.good.height
        if self.name in SETTINGS and (checked.bad.height or block.broken.height):
            stores, unnamed = rejected_stores(block, checked.bad, allowed)
            self._rejected.append(stores)
            self._unnamed += unnamed
        if self.name is ImportTable.WEEKLY_HOURS:
            self._goods.append(checked.good.unique())
        elif self.name is ImportTable.TIMEZONES:
            self._goods.append(checked.good.unique(keep="last", maintain_order=True))
        elif found.keeps_labels:
            names = tuple(name for name in found.positions if name != "store_id")
            self._joined_labels.setdefault(names, []).append(_exploded(checked.good))
        elif self.name is not ImportTable.OBSERVATIONS:
            self._goods.append(checked.good)
        return checked.good

    def changes(self, valid_from: date | None) -> StoreChanges:
        """Return the changes of the catalog by the kept rows. valid_from: the first local date of weekly hours."""
        if self.name is ImportTable.WEEKLY_HOURS:
            rows = pl.concat([WEEKLY_HOURS.to_frame(), *self._goods]).unique()
            return StoreChanges(hours=weekly_intervals(rows), hours_from=valid_from, rejected=self._settings())
        if self.name is ImportTable.TIMEZONES:
            zones = pl.concat([TIMEZONES.to_frame(), *self._goods]).unique(keep="last", maintain_order=True)
            self._note_differing("time zones", zones)
            return StoreChanges(zones=zones, rejected=self._settings())
        if self.name is ImportTable.STORES:
            updates = tuple(self._label_updates())
            labels = pl.concat([LABELS.to_frame(), *self._goods])
            self.assumed.update(dict.fromkeys(differing_labels(labels)))
            return StoreChanges(labels=labels, label_updates=updates)
        if self.name in (ImportTable.OPENED_ON, ImportTable.CLOSED_ON):
            dates = self.life_dates()
            self._note_differing(f"dates of {self.name.value}", dates.unique(maintain_order=True))
            return StoreChanges(lives={self.name.value: dates})
        kind = EntryKind(self.name.value)
        return StoreChanges(entries={kind: pl.concat([ENTRIES[kind].to_frame(), *self._goods])})

    def life_dates(self) -> pl.DataFrame:
        """Return store_id and the date of the kept rows of a table of opened_on or closed_on."""
        column = self.name.value
        schema = pl.Schema({"store_id": pl.String(), column: LIVES[column]})
        return pl.concat([schema.to_frame(), *self._goods])

    def labels(self) -> pl.DataFrame:
        """Return the distinct pairs of label and value in the kept rows of a table of stores."""
        if self.name is not ImportTable.STORES:
            return pl.DataFrame(schema={"label": pl.String, "value": pl.String})
        plain = [_exploded(each) for each in self._goods]
        joined = [each for frames in self._joined_labels.values() for each in frames]
        return pl.concat([_LABEL.to_frame(), *plain, *joined]).select("label", "value").unique()

    def store_ids(self) -> pl.Series:
        """Return the distinct ids of the stores in the kept rows."""
        frames = [*self._goods, *(frame for frames in self._joined_labels.values() for frame in frames)]
        ids = [frame["store_id"].drop_nulls().unique() for frame in frames if "store_id" in frame.columns]
        return pl.concat([pl.Series("store_id", dtype=pl.String), *ids]).unique(maintain_order=True)

    def only_rejected(self) -> pl.DataFrame:
        """Return REJECTED_STORES of the stores whose hours or zones were all rejected."""
        rejected = merge_rejected(self._rejected)
        return rejected.join(self.store_ids().to_frame(), on="store_id", how="anti", maintain_order="left")

    def _note_differing(self, what: str, rows: pl.DataFrame) -> None:
        self.assumed.update(dict.fromkeys(_differing(what, rows)))

    def _settings(self) -> dict[Setting, pl.DataFrame]:
        self.assumed.update(dict.fromkeys(unnamed_rows(self._unnamed, self.title)))
        return {SETTINGS[self.name]: self.only_rejected()}

    def _label_updates(self) -> Iterator[tuple[tuple[str, ...], pl.DataFrame]]:
        """Yield names of labels, and LABELS of the stores, for each set of label columns beside another table.

        A store may have many rows there. A column that differs between the rows of a store describes the rows, so it is
        not a label. Of `name` the last row counts.
        """
        for names, frames in self._joined_labels.items():
            pairs = pl.concat(frames).unique(maintain_order=True, keep="last")
            differing = pairs.filter(pl.col("value") != "", pl.struct("store_id", "label").is_duplicated())[
                "label"
            ].unique()
            dropped = [name for name in names if name != "name" and name in differing]
            self.ignored.update(dict.fromkeys(f"{name} (it differs between the rows of a store)" for name in dropped))
            kept = tuple(name for name in names if name not in dropped)
            latest = pairs.filter(pl.col("label").is_in(kept) | (pl.col("label") == "")).unique(
                ["store_id", "label"], keep="last", maintain_order=True
            )
            some = pl.struct("label", "value").filter(pl.col("label") != "")
            yield kept, latest.group_by("store_id", maintain_order=True).agg(labels=some).cast(LABELS)


def differing_labels(labels: pl.DataFrame) -> Iterator[str]:
    """Yield a sentence if stores have several rows of LABELS that differ."""
    several = labels.filter(pl.col("store_id").is_duplicated())
    as_text = pl.col("labels").list.eval(pl.element().struct.json_encode()).list.join(",")
    yield from _differing("rows of labels", several.select("store_id", as_text).unique(maintain_order=True))


def _differing(what: str, rows: pl.DataFrame) -> Iterator[str]:
    """Yield a sentence if stores have several of some distinct rows. what: the plural of such a row."""
    stores = rows.filter(pl.col("store_id").is_duplicated())["store_id"].unique(maintain_order=True)
    if stores.len():
        yield f"of several {what} of a store the last row counts: {first_ids(list(stores))}"


def _check(found: FoundTable, columns: pl.DataFrame, now: datetime, allowed: Allowed | None) -> CheckedRows:
    checked = check_isolating_errors(lambda part: found.table.check(part, now), columns)
    return checked if allowed is None else reject_outside_scope(checked, columns, allowed)


def columns_of(found: FoundTable, block: Block) -> list[str]:
    """Return the columns of a table in a block, including those that appear only after the first rows of the file."""
    late = [name for name in found.table.late if name in block.columns.columns]
    return list(dict.fromkeys((*found.positions, *late)))


def _check_joined(found: FoundTable, block: Block, now: datetime, allowed: Allowed | None) -> CheckedRows:
    """Check the rows of one table in a file of several tables. Rows without a value of the table are skipped.

    In a join of tables, many rows have no match in one of them. A row with an unreadable cell of the table is rejected.
    """
    names = columns_of(found, block)
    columns = block.columns.select(names)
    unreadable = block.unreadable.filter(pl.col("column").is_in(names))
    unreadable = unreadable.unique("row", keep="first", maintain_order=True).select("row", "reason")
    filled = [
        ~is_empty(name) if dtype == pl.String else pl.col(name).is_not_null()
        for name, dtype in columns.select(found.own_columns()).schema.items()
    ]
    is_filled = columns.select(pl.any_horizontal(filled)).to_series()
    numbers = pl.int_range(columns.height, dtype=pl.Int64, eager=True)
    rows = numbers.filter(is_filled & ~numbers.is_in(unreadable["row"].implode()))
    checked = _check(found, columns[rows], now, allowed)
    bad = checked.bad.with_columns(row=rows.gather(checked.bad["row"]))
    return replace(checked, bad=pl.concat([bad, unreadable]).sort("row"))


def _exploded(labels: pl.DataFrame) -> pl.DataFrame:
    """Return distinct rows of store_id, label and value. A store without labels has one row with empty texts."""
    pairs = labels.explode("labels", empty_as_null=True, keep_nulls=True).unnest("labels").fill_null("")
    return pairs.select(_LABEL.names()).unique(maintain_order=True, keep="last")
