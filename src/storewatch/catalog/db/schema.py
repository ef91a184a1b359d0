"""The tables of the catalog.

A new table is three edits: the table here, a migration in `migrations/versions`, and HEAD. A test migrates an empty
database and compares it with this file.
"""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    false,
)
from sqlalchemy.sql import operators
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine

HEAD: Final = "0009"  # the revision of `migrations/versions` that this code reads and writes


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime with microseconds. SQLite stores no zone: its values are UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} names no instant: it has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class StoredText(TypeDecorator[str]):
    """A text. U+FFFD replaces NUL, which occurs in broken files and which PostgreSQL can neither store nor compare.

    No row is equal to a text with NUL, so a lookup never finds the row of the text with U+FFFD. `db.rows`, whose values
    are in one JSON parameter, calls `without_nul` itself.
    bytewise: PostgreSQL orders by the bytes of UTF-8 as SQLite does, whatever the locale of the database.
    """

    impl = Text
    cache_ok = True

    class Comparator(TypeDecorator.Comparator[str]):
        """Comparisons of a column of texts."""

        def operate(self, op: OperatorType, *other: Any, **options: Any) -> ColumnElement[Any]:
            if op in (operators.eq, operators.is_not_distinct_from) and isinstance(other[0], str) and "\0" in other[0]:
                return false()
            return super().operate(op, *other, **options)

    @property
    def comparator_factory(self) -> type[TypeDecorator.Comparator[str]]:  # type: ignore[override]
        return self.Comparator

    def __init__(self, *, bytewise: bool = False) -> None:
        super().__init__()
        self.bytewise = bytewise

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        return Text(collation="C") if self.bytewise and dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return None if value is None else without_nul(value)


def without_nul(text: str) -> str:
    """Return the text as it is stored."""
    return text.replace("\0", "\ufffd")


BIG_ID: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows only in an INTEGER PRIMARY KEY
TEXT: Final = StoredText()
BYTEWISE: Final = StoredText(bytewise=True)

metadata = MetaData()

# Distinct normalised weekly patterns, shared by stores: the public data has 1,800 for 11,000 stores.
weekly_hours = Table(
    "weekly_hours",
    metadata,
    Column("weekly_hours_id", BIG_ID, primary_key=True),
    Column("digest", TEXT, nullable=False, unique=True),  # SHA-256 of `intervals`, which are too long for an index
    Column("intervals", TEXT, nullable=False),  # JSON [{"start_s": ..., "end_s": ...}, ...]
)

# Every store that any input names. A null is a default of SEMANTICS 2 and 3: open 24x7, America/Chicago.
stores = Table(
    "stores",
    metadata,
    Column("store_id", BYTEWISE, primary_key=True),
    Column("weekly_hours_id", BIG_ID, ForeignKey("weekly_hours.weekly_hours_id")),
    Column("timezone", TEXT),
    Column("registered_at", Instant, nullable=False),
    sqlite_with_rowid=False,  # stored in the order of store_id, in which rows are read
)

# Stores for which an import rejected all rows of hours or of the time zone. The store need not exist yet. A row is
# deleted when the setting is written.
fallbacks = Table(
    "fallbacks",
    metadata,
    Column("store_id", BYTEWISE, primary_key=True),
    Column("setting", TEXT, primary_key=True),  # weekly_hours, timezone
    Column("reason", TEXT, nullable=False),  # of the first rejected row
    Column("rejected_rows", Integer, nullable=False, server_default="1"),
    Column("noted_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

# One row. A change of stores, hours or zones locks it first, so changes happen one after another.
catalog_state = Table(
    "catalog_state",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="catalog_state_one_row"), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("lake_version_known", BigInteger, nullable=False),
)

imports = Table(
    "imports",
    metadata,
    Column("import_id", BIG_ID, primary_key=True),
    Column("file", TEXT, nullable=False),
    Column("table_name", TEXT, nullable=False),
    Column("imported_at", Instant, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("accepted", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("lake_version", BigInteger),
    Column("import_key", BigInteger, index=True),  # of its observations in the lake
    Column("undone_at", Instant),
    Column("job_id", TEXT),  # null where a command imported the file without a job
    Column("notes", JSON),  # what was assumed and ignored; null in imports of earlier versions
    Index("imports_by_job", "job_id", "table_name", unique=True),
)

# The states that an import changed, to undo it: Parquet of key, before and after (catalog.import_states).
import_states = Table(
    "import_states",
    metadata,
    Column("import_id", BIG_ID, ForeignKey("imports.import_id"), primary_key=True),
    Column("subject", TEXT, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

rejects = Table(
    "rejects",
    metadata,
    Column("reject_id", BIG_ID, primary_key=True),
    Column("import_id", BIG_ID, ForeignKey("imports.import_id"), nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("row", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("file", TEXT),  # null in imports of earlier versions, which had one file
    Index("rejects_by_import", "import_id", "reject_id"),
)

# Everything that runs in the background: reports, imports, optimize, retention (`kind`). The kind decides what
# parameters and result hold.
jobs = Table(
    "jobs",
    metadata,
    Column("job_id", TEXT, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),  # queued, running, complete, failed, cancelled
    Column("parameters", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", TEXT),  # key_id; null where no key was required
    Column("scope_label", TEXT),  # the scope of the creator, and so of the job
    Column("scope_value", TEXT),
    # What the job names (job_names), if its creator had a scope; null for such jobs of releases that did not record it.
    Column("names_id", TEXT, index=True),
    Column("request_id", TEXT),  # of the request that created the job, for the logs
    Column("retry_at", Instant),  # a queued job that failed before waits until then
    Column("worker_id", TEXT, index=True),  # the worker that runs the job; null unless running
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("progress", Float, nullable=False),  # 0 ... 1
    Column("attempts", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("fingerprint", TEXT, index=True),  # of a complete report: reports with equal fingerprints share a file
    Column("result", JSON),
    Column("error", TEXT),
    Index("jobs_by_state", "state", "kind"),
    Index("jobs_by_kind", "kind", "created_at", "job_id"),
)

# The stores and labels that jobs of a scope name; a row names one or the other, and the other columns are empty.
job_names = Table(
    "job_names",
    metadata,
    Column("names_id", TEXT, primary_key=True),  # the same for all jobs that name the same
    Column("store_id", BYTEWISE, primary_key=True),
    Column("label", TEXT, primary_key=True),
    Column("value", TEXT, primary_key=True),  # empty: all values of the label
    sqlite_with_rowid=False,
)

# The processes that run jobs, by their last heartbeat.
workers = Table(
    "workers",
    metadata,
    Column("worker_id", TEXT, primary_key=True),
    Column("host", TEXT, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("beat_at", Instant, nullable=False),
)

schedules = Table(
    "schedules",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("cron", TEXT, nullable=False),
    Column("timezone", TEXT, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", TEXT),
    Column("last_run_at", Instant),
)

store_labels = Table(
    "store_labels",
    metadata,
    Column("store_id", BYTEWISE, ForeignKey("stores.store_id", ondelete="CASCADE"), primary_key=True),
    Column("label", BYTEWISE, primary_key=True),
    Column("value", BYTEWISE, nullable=False),
    Index("store_labels_by_value", "label", "value", "store_id"),
    sqlite_with_rowid=False,
)

# A key is stored as the SHA-256 of its whole text. `key_id` is the public part of the text, which names the key.
api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", TEXT, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("role", TEXT, nullable=False),
    Column("sha256", TEXT, nullable=False, unique=True),
    Column("scope_label", TEXT),
    Column("scope_value", TEXT),
    Column("created_at", Instant, nullable=False),
    Column("created_by", TEXT),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
)

# Append-only: triggers refuse every change.
audit = Table(
    "audit",
    metadata,
    Column("audit_id", BIG_ID, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("actor_id", TEXT),
    Column("actor_name", TEXT, nullable=False),
    Column("address", TEXT, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("object_type", TEXT, nullable=False),
    Column("object_id", TEXT),
    Column("outcome", TEXT, nullable=False),
    Column("request_id", TEXT),
    Column("detail", JSON),
)

# Weekly hours from a local date on. Before the first date of a store, stores.weekly_hours_id holds.
hours_versions = Table(
    "hours_versions",
    metadata,
    Column("store_id", BYTEWISE, ForeignKey("stores.store_id", ondelete="CASCADE"), primary_key=True),
    Column("valid_from", Date, primary_key=True),
    Column("weekly_hours_id", BIG_ID, ForeignKey("weekly_hours.weekly_hours_id")),
    sqlite_with_rowid=False,
)


# The local dates between which a store is in business, [opened_on, closed_on); a store without a row always is.
store_lives = Table(
    "store_lives",
    metadata,
    Column("store_id", BYTEWISE, ForeignKey("stores.store_id", ondelete="CASCADE"), primary_key=True),
    Column("opened_on", Date),
    Column("closed_on", Date),
    sqlite_with_rowid=False,
)


def _target() -> tuple[Column[str], ...]:
    """Return the columns of a target: a store, or the stores that carry label=value. All null: all stores."""
    return (
        Column("store_id", BYTEWISE, ForeignKey("stores.store_id", ondelete="CASCADE")),
        Column("label", BYTEWISE),
        Column("value", BYTEWISE),
    )


# Several rows a date, in seconds of the date as in domain.columns.SPECIAL_HOURS. A closed date: one row, null times.
special_hours = Table(
    "special_hours",
    metadata,
    Column("special_hours_id", BIG_ID, primary_key=True),
    *_target(),
    Column("date", Date, nullable=False),
    Column("start_s", Integer),
    Column("end_s", Integer),
    Index("special_hours_by_store", "store_id", "date"),
    Index("special_hours_by_label", "label", "value", "date"),
)

# Ids of closures and annotations are the milliseconds of their creation (`rows.timed_id`).
closures = Table(
    "closures",
    metadata,
    Column("closure_id", BIG_ID, primary_key=True),
    *_target(),
    Column("start_at", Instant, nullable=False),
    Column("end_at", Instant, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("created_by", TEXT),
    Column("created_at", Instant, nullable=False),
    Index("closures_by_store", "store_id"),
    Index("closures_by_label", "label", "value"),
    sqlite_autoincrement=True,
)

annotations = Table(
    "annotations",
    metadata,
    Column("annotation_id", BIG_ID, primary_key=True),
    Column("store_id", BYTEWISE, ForeignKey("stores.store_id", ondelete="CASCADE"), nullable=False),
    Column("start_at", Instant, nullable=False),
    Column("end_at", Instant, nullable=False),
    Column("cause", TEXT, nullable=False),
    Column("note", TEXT),
    Column("reclassify_as", TEXT),  # down, planned, unknown, not_an_outage; null: down
    Column("created_by", TEXT),
    Column("created_at", Instant, nullable=False),
    Index("annotations_by_store", "store_id"),
    sqlite_autoincrement=True,
)

targets = Table(
    "targets",
    metadata,
    Column("target_id", BIG_ID, primary_key=True),
    *_target(),
    Column("objective", Float, nullable=False),  # of the availability, 0 < objective <= 1
    Index("targets_by_store", "store_id"),
    Index("targets_by_label", "label", "value"),
)

# A null weekday or hour holds for all of them.
sales = Table(
    "sales",
    metadata,
    Column("sale_id", BIG_ID, primary_key=True),
    *_target(),
    Column("weekday", Integer),  # 0 = Monday ... 6 = Sunday
    Column("hour", Integer),  # 0 ... 23, of the store's clock
    Column("amount_per_hour", Float, nullable=False),
    Index("sales_by_store", "store_id"),
    Index("sales_by_label", "label", "value"),
)

column_mappings = Table(
    "column_mappings",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("columns", JSON, nullable=False),
    Column("created_by", TEXT),
    Column("created_at", Instant, nullable=False),
)

report_definitions = Table(
    "report_definitions",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("parameters", JSON, nullable=False),
    Column("created_by", TEXT),
    Column("created_at", Instant, nullable=False),
)
