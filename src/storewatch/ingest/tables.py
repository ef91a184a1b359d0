"""The four tables as they come in: which one a header is, and which of its rows can be right.

Every check returns what is good in the house's own columns (engine.columns) and, for the other rows, what is wrong in
plain words. Nothing is guessed: SEMANTICS 1-4.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import polars as pl

from storewatch.catalog import LABELS
from storewatch.engine.columns import DAY_SECONDS, INSTANT, TIMEZONES, WEEKLY_HOURS
from storewatch.engine.opening import is_timezone
from storewatch.errors import InvalidInputError

MAX_ID_LENGTH: Final = 255
MAX_LABEL_LENGTH: Final = 256
LABEL_NAME: Final = "^[a-z0-9_.-]{1,64}$"
CLOCK_TOLERANCE: Final = timedelta(minutes=5)

_COMMON_INSTANT: Final = r"^\d{4}-\d\d-\d\d \d\d:\d\d:[0-5]\d\.\d{6} UTC$"
_COMMON_FORMAT: Final = "%Y-%m-%d %H:%M:%S.%6f UTC"
_ANY_INSTANT: Final = (
    r"(?i)^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::([0-5]\d)(?:[.,](\d+))?)?"
    r" ?(?:Z|UTC|GMT|([+-])([01]\d|2[0-3])(?::?([0-5]\d))?)?$"
)
_FIRST_INSTANT_US: Final = -62_135_596_800_000_000  # 0001-01-01, before which there are no dates in Python
_CLOCK: Final = r"^(\d{1,2}):([0-5]\d)(?::([0-5]\d))?$"


class TableName(StrEnum):
    OBSERVATIONS = "observations"
    WEEKLY_HOURS = "weekly_hours"
    TIMEZONES = "timezones"
    STORES = "stores"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """good: the rows that can be right, in file order; bad: `row` (number in the block) and `reason` of the others."""

    good: pl.DataFrame
    bad: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class Table:
    """columns: canonical name -> the names it has in the wild, lower case, the preferred one first."""

    name: TableName
    title: str
    columns: Mapping[str, tuple[str, ...]]
    check: Callable[[pl.DataFrame, datetime], Checked]

    def positions(self, names: Sequence[str]) -> dict[str, int]:
        """Where each column is in a header, as far as it is there."""
        return {
            column: names.index(alias)
            for column, aliases in self.columns.items()
            for alias in [next((alias for alias in aliases if alias in names), None)]
            if alias is not None
        }

    def wanted(self, columns: Iterable[str]) -> str:
        return ", ".join(
            first + (f" (or {', '.join(others)})" if others else "")
            for column, (first, *others) in self.columns.items()
            if column in columns
        )


def recognise(file: str, header: Sequence[str], only: TableName | None = None) -> tuple[Table, dict[str, int]]:
    """The table that has all its columns in a header, in any order and case, and their positions.

    Other columns are ignored; of two tables that fit, polls go before hours and hours before zones. Only of the table
    of stores they are wanted, as labels, so its header must not have a column of another table: that would be a label
    by mistake. only: the one table that will do. Raises InvalidInputError when none fits or a wanted column is there
    twice.
    """
    names = [name.strip().lower() for name in header]
    found = [(table, table.positions(names)) for table in TABLES if only in (None, table.name)]
    table, positions = max(found, key=lambda pair: (len(pair[1]) == len(pair[0].columns), len(pair[1])))
    if missing := [column for column in table.columns if column not in positions]:
        header_is = "none of the four tables" if only is None else f"not that of {table.title}"
        raise InvalidInputError(
            f"{file}: the header is {header_is}. Found: {_listed(header)}. Nearest is the table of "
            f"{table.title}, which wants {table.wanted(table.columns)}; missing: {table.wanted(missing)}."
        )
    if table.name is TableName.STORES:
        positions |= _label_positions(file, names)
    columns = {**{column: (column,) for column in positions}, **table.columns}
    for column, aliases in columns.items():
        if len([name for name in names if name in aliases]) > 1:
            raise InvalidInputError(f"{file}: the header names the column {column} twice. Found: {_listed(header)}.")
    return table, positions


def check_observations(columns: pl.DataFrame, now: datetime) -> Checked:
    """Text of store_id, observed_at and status -> store_id, observed_at, active."""
    latest = now + CLOCK_TOLERANCE
    found = columns["observed_at"]
    parsed = columns.select(
        _stripped("store_id"),
        (_instants(found) if found.dtype == pl.String else found.cast(INSTANT)).alias("observed_at"),
        _stripped("status").str.to_lowercase(),
    )
    observed_at, status = pl.col("observed_at"), pl.col("status")
    possible = observed_at.to_physical() >= _FIRST_INSTANT_US
    problems = [
        _id_problem(),
        pl.when(_is_empty("found")).then(pl.lit("the time is empty: want e.g. 2023-01-22 12:09:39.388884 UTC")),
        pl.when(~possible.fill_null(value=False)).then(
            pl.format("time {} is no time: want e.g. 2023-01-22 12:09:39.388884 UTC or ISO 8601", _quoted("found"))
        ),
        pl.when(observed_at > latest).then(
            pl.format("time {} is later than the clock of this import, {} UTC", _quoted("found"), _clock(now))
        ),
        pl.when(_is_empty("status")).then(pl.lit("status is empty: want active or inactive")),
        pl.format("status {} is neither active nor inactive", _quoted("status_found")),
    ]
    right = _is_id() & possible & (observed_at <= latest) & status.is_in(["active", "inactive"])
    originals = columns.select(found=pl.col("observed_at").cast(pl.String), status_found="status")
    return _split(parsed, right, problems, originals, ["store_id", "observed_at", (status == "active").alias("active")])


def check_hours(columns: pl.DataFrame, now: datetime) -> Checked:  # noqa: ARG001 - hours are not dated
    """Text of store_id, day and the two local times -> WEEKLY_HOURS."""
    day, start, end = _stripped("day"), _stripped("start_time_local"), _stripped("end_time_local")
    parsed = columns.select(
        _stripped("store_id"),
        pl.when(day.str.contains("^[0-6]$")).then(day).cast(pl.Int8).alias("day"),
        _seconds_of_day(start).alias("start_s"),
        _seconds_of_day(end).alias("end_s"),
    )
    start_s, end_s = pl.col("start_s"), pl.col("end_s")
    problems = [
        _id_problem(),
        pl.when(pl.col("day").is_null()).then(
            pl.format("day {} is not one of 0 (Monday) to 6 (Sunday)", _quoted("day_found"))
        ),
        pl.when((start_s < DAY_SECONDS).fill_null(value=False).not_()).then(
            pl.format("start_time_local {} is no time of day: want HH:MM:SS or HH:MM", _quoted("start_time_local"))
        ),
        pl.when(end_s.is_null()).then(
            pl.format(
                "end_time_local {} is no time of day: want HH:MM:SS or HH:MM, up to 24:00", _quoted("end_time_local")
            )
        ),
        pl.format(
            "start and end are both {}: want an end after the start, or 00:00:00 twice for the whole day",
            _quoted("start_time_local"),
        ),
    ]
    right = (
        _is_id()
        & pl.col("day").is_not_null()
        & (start_s < DAY_SECONDS)
        & end_s.is_not_null()
        & ((start_s != end_s) | (start_s == 0))
    )
    originals = columns.select(pl.col("day").alias("day_found"), "start_time_local", "end_time_local")
    return _split(parsed, right, problems, originals, list(WEEKLY_HOURS))


def check_zones(columns: pl.DataFrame, now: datetime) -> Checked:  # noqa: ARG001 - zones are not dated
    """Text of store_id and timezone -> TIMEZONES."""
    parsed = columns.select(_stripped("store_id"), _stripped("timezone"))
    names = parsed["timezone"].drop_nulls().unique()
    known = [name for name in names if is_timezone(name)]
    problems = [
        _id_problem(),
        pl.when(_is_empty("timezone")).then(pl.lit("the time zone is empty: want an IANA name, e.g. America/Chicago")),
        pl.format("time zone {} is unknown: want an IANA name, e.g. America/Chicago", _quoted("timezone")),
    ]
    right = _is_id() & pl.col("timezone").is_in(known)
    return _split(parsed, right, problems, pl.DataFrame(), list(TIMEZONES))


def check_stores(columns: pl.DataFrame, now: datetime) -> Checked:  # noqa: ARG001 - labels are not dated
    """Text of store_id and one column a label -> LABELS."""
    # Of 1 M rows with three labels 4 s less than by making the lists first.
    pairs = columns.drop("store_id").with_row_index("\0").unpivot(index="\0").rename({"\0": "row", "variable": "label"})
    return _check_pairs(columns["store_id"], pairs)


def check_labels(rows: pl.DataFrame) -> Checked:
    """LABELS as they were found -> LABELS: names in lower case, values trimmed, labels without a value left out."""
    numbered = rows.select("labels").with_row_index("row")
    pairs = numbered.explode("labels", empty_as_null=False, keep_nulls=False).unnest("labels")
    return _check_pairs(rows["store_id"], pairs)


def _check_pairs(store_ids: pl.Series, pairs: pl.DataFrame) -> Checked:
    """pairs: row (index into store_ids), label and value of all labels."""
    found = pairs.select("row", _stripped("label").str.to_lowercase(), _stripped("value")).filter(pl.col("value") != "")
    problems = found.select("row", problem=_label_problem()).drop_nulls().unique("row", keep="first")
    labels = found.group_by("row", maintain_order=True).agg(labels=pl.struct("label", "value"))
    parsed = (
        pl.DataFrame({"store_id": store_ids})
        .select(_stripped("store_id"))
        .with_row_index("row")
        .join(labels, on="row", how="left", maintain_order="left")
        .join(problems, on="row", how="left", maintain_order="left")
        .select("store_id", pl.col("labels").fill_null(pl.lit([], LABELS["labels"])), "problem")
    )
    right = _is_id() & pl.col("problem").is_null()
    return _split(parsed, right, [_id_problem(), pl.col("problem")], pl.DataFrame(), list(LABELS))


def _label_problem() -> pl.Expr:
    label, value = pl.col("label"), pl.col("value")
    shown, length = label.str.slice(0, 64), value.str.len_chars()
    too_long = pl.format(f"the label {{}} has {{}} characters: at most {MAX_LABEL_LENGTH} are allowed", shown, length)
    return (
        pl.when(~label.str.contains(LABEL_NAME))
        .then(pl.format("'{}' is no name for a label: want 1 to 64 of a-z, 0-9, _ . and -", shown))
        .when(pl.struct("row", "label").is_duplicated())
        .then(pl.format("the label {} is there twice", shown))
        .when(length > MAX_LABEL_LENGTH)
        .then(too_long)
        .when(value.str.contains(r"\p{Cc}"))
        .then(pl.format("the label {} has control characters in it", shown))
    )


OBSERVATIONS_TABLE: Final = Table(
    name=TableName.OBSERVATIONS,
    title="polls",
    columns={
        "store_id": ("store_id",),
        "observed_at": ("timestamp_utc", "observed_at", "timestamp"),
        "status": ("status",),
    },
    check=check_observations,
)

TABLES: Final = (
    OBSERVATIONS_TABLE,
    Table(
        name=TableName.WEEKLY_HOURS,
        title="weekly hours",
        columns={
            "store_id": ("store_id",),
            "day": ("day", "dayofweek", "day_of_week"),
            "start_time_local": ("start_time_local",),
            "end_time_local": ("end_time_local",),
        },
        check=check_hours,
    ),
    Table(
        name=TableName.TIMEZONES,
        title="time zones",
        columns={"store_id": ("store_id",), "timezone": ("timezone_str", "timezone")},
        check=check_zones,
    ),
    Table(
        name=TableName.STORES,
        title="stores",
        columns={"store_id": ("store_id",), "name": ("name",)},
        check=check_stores,
    ),
)


def _label_positions(file: str, names: Sequence[str]) -> dict[str, int]:
    """Where each label is in the header of a table of stores; a column without a name is none."""
    foreign = {alias for table in TABLES for aliases in table.columns.values() for alias in aliases}
    labels = {name: position for position, name in reversed(list(enumerate(names))) if name and name != "store_id"}
    if mixed := [name for name in labels if name in foreign - {"name"}]:
        raise InvalidInputError(
            f"{file}: the header mixes the table of stores with another table's {', '.join(mixed)}. Put them into a "
            "file of their own, or name the label otherwise."
        )
    if bad := [name for name in labels if not re.fullmatch(LABEL_NAME.strip("^$"), name)]:
        raise InvalidInputError(
            f"{file}: {_listed(bad)} cannot be a label. Name columns with 1 to 64 of a-z, 0-9, _ . and -."
        )
    return labels


def _split(
    parsed: pl.DataFrame,
    right: pl.Expr,
    problems: list[pl.Expr],
    originals: pl.DataFrame,
    output: Sequence[str | pl.Expr],
) -> Checked:
    """problems: expressions over `parsed` and `originals`; the first that is not null is the reason."""
    is_right = parsed.select(right.fill_null(value=False)).to_series()
    if is_right.all():
        return Checked(good=parsed.select(output), bad=pl.DataFrame(schema={"row": pl.Int64, "reason": pl.String}))
    wrong = pl.concat([parsed, originals], how="horizontal").with_row_index("row").filter(~is_right)
    return Checked(
        good=parsed.filter(is_right).select(output),
        bad=wrong.select(pl.col("row").cast(pl.Int64), pl.coalesce(problems).alias("reason")),
    )


def _instants(texts: pl.Series) -> pl.Series:
    """Instants of text; null where it is none.

    `2023-01-22 12:09:39.388884 UTC` at full speed; then ISO 8601, with `T` or a space, seconds and decimals optional,
    Z, UTC, an offset or nothing (= UTC). Digits beyond the microsecond are cut off.
    """
    texts = texts.str.strip_chars()
    instants = _parsed(texts)
    others = (instants.is_null() & texts.is_not_null()).arg_true()
    if others.is_empty():
        return instants
    parts = texts[others].str.extract_groups(_ANY_INSTANT).struct.unnest()
    date, minute, second, decimals, sign, hours, minutes = (pl.col(name) for name in parts.columns)
    micros = decimals.fill_null("").str.slice(0, 6).str.pad_end(6, "0")
    common = pl.concat_str(
        date, pl.lit(" "), minute, pl.lit(":"), second.fill_null("00"), pl.lit("."), micros, pl.lit(" UTC")
    )
    offset = hours.fill_null("0").cast(pl.Int64) * 60 + minutes.fill_null("0").cast(pl.Int64)
    ahead = pl.duration(minutes=pl.when(sign == "-").then(-offset).otherwise(offset))
    local = parts.select(common).to_series()
    return instants.scatter(others, parts.select(_parsed(local) - ahead).to_series())


def _parsed(texts: pl.Series) -> pl.Series:
    # The pattern first, because strptime also takes single digits, signs, any white space and second 60.
    frame = texts.to_frame("text")
    common = pl.when(pl.col("text").str.contains(_COMMON_INSTANT)).then(pl.col("text"))
    return frame.select(
        common.str.to_datetime(_COMMON_FORMAT, time_unit="us", strict=False).dt.replace_time_zone("UTC")
    ).to_series()


def _seconds_of_day(text: pl.Expr) -> pl.Expr:
    """0 to 86,400; null where the text is no time of day."""
    parts = text.str.extract_groups(_CLOCK).struct
    hours, minutes, seconds = (parts.field(name).fill_null("0").cast(pl.Int32) for name in "123")
    total = hours * 3600 + minutes * 60 + seconds
    return pl.when(text.str.contains(_CLOCK) & (total <= DAY_SECONDS)).then(total)


def _stripped(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars()


def _is_empty(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().fill_null("") == ""


def _is_id() -> pl.Expr:
    store_id = pl.col("store_id")
    # PostgreSQL has no NUL in text, and no reader of a report wants the others.
    return store_id.str.len_chars().is_between(1, MAX_ID_LENGTH) & ~store_id.str.contains(r"\p{Cc}")


def _id_problem() -> pl.Expr:
    store_id = pl.col("store_id")
    return (
        pl.when(_is_empty("store_id"))
        .then(pl.lit("store_id is empty"))
        .when(store_id.str.len_chars() > MAX_ID_LENGTH)
        .then(pl.format(f"store_id has {{}} characters: at most {MAX_ID_LENGTH} are allowed", store_id.str.len_chars()))
        .when(store_id.str.contains(r"\p{Cc}"))
        .then(pl.lit("store_id has control characters in it"))
    )


def _quoted(column: str) -> pl.Expr:
    text = pl.col(column).fill_null("")
    shown = pl.when(text.str.len_chars() > 60).then(text.str.slice(0, 60) + "…").otherwise(text)
    return pl.format("'{}'", shown)


def _clock(now: datetime) -> pl.Expr:
    return pl.lit(f"{now:%Y-%m-%d %H:%M:%S}")


def _listed(header: Sequence[str]) -> str:
    names = ["".join(c if c.isprintable() else "�" for c in name.strip())[:40] for name in header[:20]]
    return ", ".join(names) + (", …" if len(header) > 20 else "") or "nothing"
