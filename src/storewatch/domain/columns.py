"""The names, dtypes and units of every table, written once.

Instants are UTC with microseconds; in arrays they are int64 microseconds since 1970-01-01T00:00Z (suffix `_us`).
Spans and windows are half open, `[start, end)`.
"""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.domain.enums import EntryKind

Int64s: TypeAlias = npt.NDArray[np.int64]
Float64s: TypeAlias = npt.NDArray[np.float64]
Int32s: TypeAlias = npt.NDArray[np.int32]
UInt8s: TypeAlias = npt.NDArray[np.uint8]

INSTANT: Final = pl.Datetime("us", "UTC")

# Observations, as ingest passes them to the lake and the lake returns them.
# `loaded_at` orders repeated observations of one (store_id, observed_at): the latest wins (SEMANTICS 1).
OBSERVATIONS: Final = pl.Schema(
    {"store_id": pl.String(), "observed_at": INSTANT, "active": pl.Boolean(), "loaded_at": INSTANT}
)

# Further columns of the lake; each may be null. reason and source are texts as they were sent (SEMANTICS 21).
# `import_key` names the import that loaded the observation; it is null for pushed observations.
DETAILS: Final = pl.Schema({"reason": pl.String, "source": pl.String, "import_key": pl.Int64})
DETAILED_OBSERVATIONS: Final = pl.Schema({**OBSERVATIONS, **DETAILS})

# Weekly hours as read: seconds of the local day; `day` 0 = Monday ... 6 = Sunday; `end_s` up to 86,400. Both times
# null: closed that day.
WEEKLY_HOURS: Final = pl.Schema({"store_id": pl.String, "day": pl.Int8, "start_s": pl.Int32, "end_s": pl.Int32})

TIMEZONES: Final = pl.Schema({"store_id": pl.String, "timezone": pl.String})

# Stores of the catalog; a null weekly_hours_id or timezone is the default (SEMANTICS 2 and 3).
STORES: Final = pl.Schema({"store_id": pl.String, "weekly_hours_id": pl.Int64, "timezone": pl.String})
# The weekly hours that a weekly_hours_id stands for, in seconds of the local week; empty: closed all week.
INTERVALS: Final = pl.List(pl.Struct({"start_s": pl.Int32, "end_s": pl.Int32}))
PATTERNS: Final = pl.Schema({"weekly_hours_id": pl.Int64(), "intervals": INTERVALS})

# All labels of each store; a store without any has an empty list.
LABELS: Final = pl.Schema(
    {"store_id": pl.String(), "labels": pl.List(pl.Struct({"label": pl.String, "value": pl.String}))}
)

# The next four are entries: each row is for a store_id, or for a label and its value. Hours: as in SPECIAL_HOURS below.
TARGET_KEY: Final = pl.Schema({"store_id": pl.String, "label": pl.String, "value": pl.String})
SPECIAL_ROWS: Final = pl.Schema({**TARGET_KEY, "date": pl.Date(), "start_s": pl.Int32(), "end_s": pl.Int32()})
TARGETS: Final = pl.Schema({**TARGET_KEY, "objective": pl.Float64()})
SALES: Final = pl.Schema({**TARGET_KEY, "weekday": pl.Int8(), "hour": pl.Int8(), "amount_per_hour": pl.Float64()})
ENTRIES: Final = {EntryKind.SPECIAL_HOURS: SPECIAL_ROWS, EntryKind.TARGETS: TARGETS, EntryKind.SALES: SALES}

# Rows that an import rejected: the 1-based line, the text of the row, and the reason.
REJECTS: Final = pl.Schema({"line": pl.Int64, "row": pl.String, "reason": pl.String})
# Rejected rows of an import, which may have several files.
FILE_REJECTS: Final = pl.Schema({**REJECTS, "file": pl.String()})

# Stores whose rows of a setting (Setting) were all rejected; reason: of the first. They keep the older value of the
# setting, or have the default where there is none. rejected_rows: how many rows of the store.
FALLBACKS: Final = pl.Schema(
    {
        "store_id": pl.String,
        "setting": pl.String,
        "reason": pl.String,
        "rejected_rows": pl.Int64,
        "keeps_older": pl.Boolean,
    }
)

# The next four change the weekly hours of stores (engine.opening.changes). Any order, no row twice.
# Hours that hold from the local date `valid_from` until the next version; a null weekly_hours_id is open 24x7.
HOURS_VERSIONS: Final = pl.Schema({"store_id": pl.String, "valid_from": pl.Date, "weekly_hours_id": pl.Int64})
# Hours that replace a local date: seconds of that date, end_s up to 172,800 (into the next day). Both null: closed.
SPECIAL_HOURS: Final = pl.Schema({"store_id": pl.String, "date": pl.Date, "start_s": pl.Int32, "end_s": pl.Int32})
# Planned closures, half open; they may overlap.
CLOSURES: Final = pl.Schema({"store_id": pl.String(), "start_at": INSTANT, "end_at": INSTANT})
# The local dates between which a store is in business: [opened_on, closed_on); null: without such an end. At most one
# row a store, and none for most.
LIVES: Final = pl.Schema({"store_id": pl.String(), "opened_on": pl.Date(), "closed_on": pl.Date()})
# The status that down time inside [start_at, end_at) counts as. Rows may overlap: the later row counts.
RECLASSIFICATIONS: Final = pl.Schema(
    {"store_id": pl.String(), "start_at": INSTANT, "end_at": INSTANT, "status": pl.UInt8()}
)
