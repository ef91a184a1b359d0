"""Changes of the weekly hours of stores: dated versions, special hours of one date, closures, and store lives."""

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from storewatch.domain.columns import CLOSURES, HOURS_VERSIONS, LIVES, SPECIAL_HOURS

# The kinds of rows in a set of changes, and what `first`, `second` and `third` hold:
VERSION: Final = 0  # first day, weekly_hours_id
SPECIAL: Final = 1  # day, start_s, end_s
CLOSURE: Final = 2  # start and end in us
LIFE: Final = 3  # first day in business (null: no first day), first day out of business (null: none)

_CHANGE_SETS: Final = pl.Schema(
    {"change_set": pl.UInt32, "kind": pl.Int8, "first": pl.Int64, "second": pl.Int64, "third": pl.Int64}
)


@dataclass(frozen=True, kw_only=True)
class HoursChanges:
    """Changes of the weekly hours of stores: frames of columns.HOURS_VERSIONS, SPECIAL_HOURS, CLOSURES and LIVES."""

    versions: pl.DataFrame
    special: pl.DataFrame
    closures: pl.DataFrame
    lives: pl.DataFrame = field(default_factory=LIVES.to_frame)

    @property
    def is_empty(self) -> bool:
        return all(rows.is_empty() for rows in (self.versions, self.special, self.closures, self.lives))


NO_CHANGES: Final = HoursChanges(
    versions=HOURS_VERSIONS.to_frame(), special=SPECIAL_HOURS.to_frame(), closures=CLOSURES.to_frame()
)


def number_change_sets(stores: pl.DataFrame, changes: HoursChanges) -> tuple[pl.Series, pl.DataFrame]:
    """Number the distinct sets of changes that stores have.

    stores: one row a store; store_id is required if there are changes.
    Returns the change_set of each store (null: no changes), and the rows of the sets: change_set, kind (VERSION,
    SPECIAL, CLOSURE or LIFE), first, second, third.
    """
    content = ["kind", "first", "second", "third"]
    if changes.is_empty:
        none = pl.Series("change_set", [None], pl.UInt32).new_from_index(0, stores.height)
        return none, _CHANGE_SETS.to_frame()
    no_third = pl.lit(None, pl.Int64)
    rows = pl.concat(
        [
            _change_rows(VERSION, changes.versions, pl.col("valid_from"), pl.col("weekly_hours_id"), no_third),
            _change_rows(SPECIAL, changes.special, pl.col("date"), pl.col("start_s"), pl.col("end_s")),
            _change_rows(CLOSURE, changes.closures, pl.col("start_at"), pl.col("end_at"), no_third),
            _change_rows(LIFE, changes.lives, pl.col("opened_on"), pl.col("closed_on"), no_third),
        ]
    )
    distinct = rows.select(content).unique().with_row_index("row")
    row_sets = rows.join(distinct, on=content, nulls_equal=True).sort("row").group_by("store_id").agg(pl.col("row"))
    sets = row_sets.select("row").unique().with_row_index("change_set")
    of_stores = stores.select("store_id").join(
        row_sets.join(sets, on="row"), on="store_id", how="left", maintain_order="left"
    )
    return of_stores["change_set"], sets.explode("row").join(distinct, on="row").drop("row")


def _change_rows(kind: int, frame: pl.DataFrame, *columns: pl.Expr) -> pl.DataFrame:
    named = zip(("first", "second", "third"), columns, strict=True)
    return frame.select(
        "store_id", pl.lit(kind, pl.Int8).alias("kind"), *(column.cast(pl.Int64).alias(name) for name, column in named)
    )
