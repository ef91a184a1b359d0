"""The tables that files and bodies can have: their columns, and the checks of their rows.

Each check returns the good rows in the columns of `domain.columns`, and for each bad row its number and the reason.
Nothing is guessed: see "Bad input" in docs/semantics.md.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from storewatch.domain.columns import INSTANT, LABELS, LIVES, TIMEZONES, WEEKLY_HOURS
from storewatch.domain.enums import EntryKind, ImportTable
from storewatch.domain.timezones import timezone_named
from storewatch.ingest.blocks import DETAIL_NAMES
from storewatch.ingest.cells import (
    CheckedRows,
    dates,
    id_problem,
    is_empty,
    is_id,
    pair_problem,
    quoted,
    split_rows,
    stripped,
    stripped_value,
)
from storewatch.ingest.entry_tables import check_sales, check_special_hours, check_targets
from storewatch.ingest.notations import are_opening_times, opening_problems, opening_times, read_instants
from storewatch.stores.poll_texts import with_known_reasons

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
MAX_DETAIL_LENGTH: Final = 200
_OBSERVED: Final = ("store_id", "observed_at")
DAY_NAMES: Final = ("day", "dayofweek", "day_of_week")

_FIRST_INSTANT_US: Final = -62_135_596_800_000_000  # 0001-01-01, the first date in Python


@dataclass(frozen=True, kw_only=True)
class TableSchema:
    """The columns of a table and the check of its rows.

    columns, optional: canonical name of each column -> its names in files, in lower case, the preferred name first. A
    header must have all of `columns`. check(columns, now): checks a frame with the canonical names. late: columns that
    are also checked if a block has them; in NDJSON, keys can appear after the first row.
    """

    name: ImportTable
    title: str
    columns: Mapping[str, tuple[str, ...]]
    check: Callable[[pl.DataFrame, datetime], CheckedRows]
    optional: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    late: tuple[str, ...] = ()

    @property
    def is_of_entries(self) -> bool:
        """Whether the rows are entries of the catalog, of stores or of labels."""
        return self.name.value in list(EntryKind)

    def positions(self, names: Sequence[str]) -> dict[str, int]:
        """Return canonical name -> position for the columns that a header has. names: the header in lower case."""
        return {
            column: names.index(alias)
            for column, aliases in {**self.columns, **self.optional}.items()
            for alias in [next((alias for alias in aliases if alias in names), None)]
            if alias is not None
        }

    def wanted(self, columns: Iterable[str]) -> str:
        """Return the names of columns, with their other names, as one text for messages."""
        return ", ".join(
            first + (f" (or {', '.join(others)})" if others else "")
            for column, (first, *others) in self.columns.items()
            if column in columns
        )


def check_observations(columns: pl.DataFrame, now: datetime) -> CheckedRows:
    """Check rows of polls. columns: texts of store_id, observed_at (or Datetimes), status and any of DETAIL_NAMES.

    Return the good rows with store_id, observed_at, active (Boolean) and the same details. An instant more than
    CLOCK_TOLERANCE after `now` is bad.
    """
    latest = now + CLOCK_TOLERANCE
    found = columns["observed_at"]
    times, units = read_instants(found) if found.dtype == pl.String else (found.cast(INSTANT), [])
    parsed = columns.select(
        stripped("store_id"),
        times.alias("observed_at"),
        stripped("status").str.to_lowercase(),
    )
    observed_at, status = pl.col("observed_at"), pl.col("status")
    details = [name for name in DETAIL_NAMES if name in columns.columns]
    if details:
        parsed = parsed.with_columns(
            columns.select(pl.when(~is_empty(name)).then(stripped(name)).alias(name) for name in details)
        )
    if "reason" in details:
        parsed = parsed.with_columns(with_known_reasons(parsed["reason"]))
    possible = observed_at.to_physical() >= _FIRST_INSTANT_US
    problems = [
        id_problem(),
        pl.when(is_empty("found")).then(pl.lit("the time is empty: write e.g. 2023-01-22 12:09:39.388884 UTC")),
        pl.when(~possible.fill_null(value=False)).then(
            pl.format("time {} cannot be read: write e.g. 2023-01-22 12:09:39.388884 UTC or ISO 8601", quoted("found"))
        ),
        pl.when(observed_at > latest).then(
            pl.format("time {} is later than the clock of this import, {} UTC", quoted("found"), _clock(now))
        ),
        pl.when(is_empty("status")).then(pl.lit("status is empty: write active or inactive")),
        *(
            pl.when(pl.col(name).str.len_chars() > MAX_DETAIL_LENGTH).then(
                pl.lit(f"{name} is longer than {MAX_DETAIL_LENGTH} characters")
            )
            for name in details
        ),
        pl.format("status {} is neither active nor inactive", quoted("status_found")),
    ]
    right = is_id() & possible & (observed_at <= latest) & status.is_in(["active", "inactive"])
    for name in details:
        right &= pl.col(name).str.len_chars().fill_null(0) <= MAX_DETAIL_LENGTH
    originals = columns.select(found=pl.col("observed_at").cast(pl.String), status_found="status")
    output: list[str | pl.Expr] = [*_OBSERVED, (status == "active").alias("active"), *details]
    return replace(split_rows(parsed, right, problems, originals, output), assumed=tuple(map(epoch_sentence, units)))


def epoch_sentence(unit: str) -> str:
    """Return a sentence about the unit of instants that are numbers."""
    return f"times that are numbers were read as {unit} since 1970"


def check_hours(columns: pl.DataFrame, now: datetime) -> CheckedRows:  # noqa: ARG001 - hours are not dated
    """Check rows of weekly hours. columns: texts of store_id, day (0 to 6) and the two local times.

    Return the good rows as WEEKLY_HOURS. If both times are empty, or Closed, the store is closed that day.
    """
    day = stripped("day")
    times = columns.select(stripped("start_time_local"), stripped("end_time_local"))
    parsed = columns.select(
        stripped("store_id"), pl.when(day.str.contains("^[0-6]$")).then(day).cast(pl.Int8).alias("day")
    ).with_columns(opening_times(*times))
    problems = [
        id_problem(),
        pl.when(pl.col("day").is_null()).then(
            pl.format("day {} is not one of 0 (Monday) to 6 (Sunday)", quoted("day_found"))
        ),
        *opening_problems(),
    ]
    right = is_id() & pl.col("day").is_not_null() & are_opening_times()
    originals = columns.select(pl.col("day").alias("day_found"), "start_time_local", "end_time_local")
    return split_rows(parsed, right, problems, originals, list(WEEKLY_HOURS))


def check_zones(columns: pl.DataFrame, now: datetime) -> CheckedRows:  # noqa: ARG001 - zones are not dated
    """Check rows of time zones. columns: texts of store_id and timezone. Return the good rows as TIMEZONES."""
    found = columns.select(stripped("store_id"), stripped("timezone"))
    zones = {name: timezone_named(name) for name in found["timezone"].drop_nulls().unique()}
    read = pl.col("timezone").replace_strict(zones, default=None, return_dtype=pl.String)
    parsed = found.with_columns(read)
    problems = [
        id_problem(),
        pl.when(is_empty("found")).then(pl.lit("the time zone is empty: write an IANA name, e.g. America/Chicago")),
        pl.format("time zone {} is unknown: write an IANA name, e.g. America/Chicago", quoted("found")),
    ]
    right = is_id() & pl.col("timezone").is_not_null()
    originals = found.select(found="timezone")
    assumed = (
        f"time zone {name} was read as {zone}"
        for name, zone in sorted(zones.items())
        if zone is not None and zone.lower() != name.lower()
    )
    return replace(split_rows(parsed, right, problems, originals, list(TIMEZONES)), assumed=tuple(assumed))


def check_dates_in_business(columns: pl.DataFrame, now: datetime) -> CheckedRows:  # noqa: ARG001 - any date is valid
    """Check rows of opening or closing dates. columns: texts of store_id and of opened_on or closed_on.

    Return the good rows with store_id and that date. If the other date is there too, it must fit: a store that would
    close before it opens is bad.
    """
    name, *others = (column for column in columns.columns if column in LIVES and column != "store_id")
    is_reversed = (pl.col("closed_on") <= pl.col("opened_on")).fill_null(value=False) if others else pl.lit(value=False)
    problems = [
        id_problem(),
        pl.when(is_empty("found")).then(pl.lit(f"{name} is empty: write a day from 1970 to 8999, e.g. 2026-12-24")),
        pl.when(is_reversed).then(pl.lit("closed_on must be a date after opened_on")),
        pl.format(f"{name} {{}} is not a date: write a day from 1970 to 8999, e.g. 2026-12-24", quoted("found")),
    ]
    right = is_id() & pl.col(name).is_not_null() & ~is_reversed
    parsed = columns.select(stripped("store_id"), *(dates(each) for each in (name, *others)))
    return split_rows(parsed, right, problems, columns.select(found=name), ["store_id", name])


def check_stores(columns: pl.DataFrame, now: datetime) -> CheckedRows:  # noqa: ARG001 - labels are not dated
    """Check rows of stores. columns: texts of store_id and one column per label. Return the good rows as LABELS."""
    # For 1 M rows with three labels this is 4 s faster than building the lists first.
    pairs = columns.drop("store_id").with_row_index("\0").unpivot(index="\0").rename({"\0": "row", "variable": "label"})
    return _check_pairs(columns["store_id"], pairs)


def check_labels(rows: pl.DataFrame) -> CheckedRows:
    """Check rows of LABELS with unchecked texts. Return the good rows as LABELS.

    Names become lower case, values are trimmed, and labels without a value are dropped.
    """
    numbered = rows.select("labels").with_row_index("row")
    pairs = numbered.explode("labels", empty_as_null=False, keep_nulls=False).unnest("labels")
    return _check_pairs(rows["store_id"], pairs)


def _check_pairs(store_ids: pl.Series, pairs: pl.DataFrame) -> CheckedRows:
    """Check the labels of stores. pairs: row (index into store_ids), label and value of each label."""
    found = pairs.select("row", stripped("label").str.to_lowercase(), stripped_value("value")).filter(
        pl.col("value") != ""
    )
    problems = found.select("row", problem=_label_problem()).drop_nulls().unique("row", keep="first")
    labels = found.group_by("row", maintain_order=True).agg(labels=pl.struct("label", "value"))
    parsed = (
        pl.DataFrame({"store_id": store_ids})
        .select(stripped("store_id"))
        .with_row_index("row")
        .join(labels, on="row", how="left", maintain_order="left")
        .join(problems, on="row", how="left", maintain_order="left")
        .select("store_id", pl.col("labels").fill_null(pl.lit([], LABELS["labels"])), "problem")
    )
    right = is_id() & pl.col("problem").is_null()
    return split_rows(parsed, right, [id_problem(), pl.col("problem")], pl.DataFrame(), list(LABELS))


def _label_problem() -> pl.Expr:
    twice = pl.when(pl.struct("row", "label").is_duplicated()).then(
        pl.format("the label {} occurs twice", pl.col("label").str.slice(0, 64))
    )
    return pl.coalesce(pair_problem(), twice)


def _entry_tables(
    name: ImportTable,
    title: str,
    columns: Mapping[str, tuple[str, ...]],
    check: Callable[[pl.DataFrame, datetime], CheckedRows],
    optional: Mapping[str, tuple[str, ...]] | None = None,
) -> tuple[TableSchema, TableSchema]:
    """Return the table of entries of stores, and the table of entries of labels."""
    return tuple(  # type: ignore[return-value]
        TableSchema(
            name=name,
            title=title + of_labels,
            columns={column: (column,) for column in target} | dict(columns),
            check=check,
            optional=optional or {},
        )
        for of_labels, target in (("", ("store_id",)), (" of labels", ("label", "value")))
    )


OBSERVATIONS_TABLE: Final = TableSchema(
    name=ImportTable.OBSERVATIONS,
    title="polls",
    columns={
        "store_id": ("store_id",),
        "observed_at": ("timestamp_utc", "observed_at", "timestamp"),
        "status": ("status",),
    },
    check=check_observations,
    optional={name: (name,) for name in DETAIL_NAMES},
    late=DETAIL_NAMES,
)

TABLES: Final = (
    OBSERVATIONS_TABLE,
    TableSchema(
        name=ImportTable.WEEKLY_HOURS,
        title="weekly hours",
        columns={
            "store_id": ("store_id",),
            "day": DAY_NAMES,
            "start_time_local": ("start_time_local",),
            "end_time_local": ("end_time_local",),
        },
        check=check_hours,
    ),
    TableSchema(
        name=ImportTable.TIMEZONES,
        title="time zones",
        columns={"store_id": ("store_id",), "timezone": ("timezone_str", "timezone")},
        check=check_zones,
    ),
    *_entry_tables(
        ImportTable.SPECIAL_HOURS,
        "special hours",
        {name: (name,) for name in ("date", "start_time_local", "end_time_local")},
        check_special_hours,
    ),
    *_entry_tables(ImportTable.TARGETS, "targets", {"objective": ("objective",)}, check_targets),
    *_entry_tables(
        ImportTable.SALES,
        "sales",
        {"amount_per_hour": ("sales_per_hour", "amount_per_hour")},
        check_sales,
        optional={"weekday": ("weekday", *DAY_NAMES), "hour": ("hour",)},
    ),
    *(
        TableSchema(
            name=name,
            title=title,
            columns={"store_id": ("store_id",), name.value: (name.value,)},
            check=check_dates_in_business,
            late=(other.value,),
        )
        for name, other, title in (
            (ImportTable.OPENED_ON, ImportTable.CLOSED_ON, "opening dates"),
            (ImportTable.CLOSED_ON, ImportTable.OPENED_ON, "closing dates"),
        )
    ),
    TableSchema(
        name=ImportTable.STORES,
        title="stores",
        columns={"store_id": ("store_id",), "name": ("name",)},
        check=check_stores,
    ),
)


def _clock(now: datetime) -> pl.Expr:
    return pl.lit(f"{now:%Y-%m-%d %H:%M:%S}")
