"""Every enumeration, defined once. The API and the database use the same values."""

from enum import IntEnum, StrEnum
from typing import Final


class Status(IntEnum):
    """The status of a store at an instant of its business time. PLANNED: closed by plan, or reclassified as planned."""

    DOWN = 0
    UP = 1
    UNKNOWN = 2
    PLANNED = 3


class StoreState(StrEnum):
    """The state of a store at an instant. Lists ordered by state use the order of the members: most urgent first."""

    DOWN = "down"
    UNKNOWN = "unknown"
    UP = "up"
    CLOSED = "closed"


class StoreOrder(StrEnum):
    """The orders of a list of stores; ties are ordered by store_id. Stores without a name or a poll come last."""

    ID = "store_id"
    ID_DOWN = "-store_id"
    NAME = "name"
    NAME_DOWN = "-name"
    LAST_POLL = "last_poll"
    LAST_POLL_DOWN = "-last_poll"
    STATE = "state"
    STATE_DOWN = "-state"


class PolicyName(StrEnum):
    """The policies that a request can name."""

    FILL = "fill"
    OBSERVED = "observed"


class SettingSource(StrEnum):
    """Where the hours or the time zone of a store come from. REJECTED: the default, as their rows were rejected."""

    GIVEN = "given"
    DEFAULT = "default"
    REJECTED = "rejected"


class Setting(StrEnum):
    """The settings of a store that have a default."""

    WEEKLY_HOURS = "weekly_hours"
    TIMEZONE = "timezone"


class WeekdayCounting(StrEnum):
    """How a file writes weekdays: as numbers, or as names."""

    ISO = "iso"
    MONDAY0 = "monday0"
    SUNDAY0 = "sunday0"
    NAMES = "names"


class ImportTable(StrEnum):
    """The tables that can be imported."""

    OBSERVATIONS = "observations"
    WEEKLY_HOURS = "weekly_hours"
    TIMEZONES = "timezones"
    STORES = "stores"
    OPENED_ON = "opened_on"
    CLOSED_ON = "closed_on"
    SPECIAL_HOURS = "special_hours"
    TARGETS = "targets"
    SALES = "sales"


class PushFormat(StrEnum):
    """The formats in which polls can be pushed. Each transport has its own names for them (HTTP: media types)."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"


class EntryKind(StrEnum):
    """The tables whose rows name a store or a label."""

    SPECIAL_HOURS = "special_hours"
    TARGETS = "targets"
    SALES = "sales"


class Reclassification(StrEnum):
    """What down time inside an annotation counts as. DOWN: it stays down, and no earlier annotation changes it."""

    DOWN = "down"
    PLANNED = "planned"
    UNKNOWN = "unknown"
    NOT_AN_OUTAGE = "not_an_outage"


class ClosureMode(StrEnum):
    """What planned closures do to the sessions they touch."""

    HONOUR = "honour"
    IGNORE = "ignore"
    EXCLUDE = "exclude"


class AnnotationMode(StrEnum):
    """Whether a report applies the reclassifications of annotations."""

    APPLY = "apply"
    IGNORE = "ignore"


class ReportFormat(StrEnum):
    """The forms in which a report can be written. csv: the classic seven columns."""

    CSV = "csv"
    WIDE_CSV = "wide_csv"
    JSON = "json"
    NDJSON = "ndjson"
    PARQUET = "parquet"
    XLSX = "xlsx"
    PDF = "pdf"

    @property
    def suffix(self) -> str:
        """The extension of the report's file, without the dot."""
        return "csv" if self is ReportFormat.WIDE_CSV else self.value

    @property
    def holds_one_table(self) -> bool:
        return self in (ReportFormat.WIDE_CSV, ReportFormat.PARQUET)

    @property
    def can_hold_one_table(self) -> bool:
        """Whether a request can choose the table."""
        return self.holds_one_table or self is ReportFormat.NDJSON


class ReportTable(StrEnum):
    """The tables of a report. A breakdown and sections add tables to those of every report."""

    SUMMARY = "summary"
    STORES = "stores"
    GROUPS = "groups"
    BUCKETS = "buckets"
    TREND = "trend"
    OUTAGES = "outages"
    MASS_OUTAGES = "mass_outages"
    PATTERN = "pattern"
    BLIND_SPOTS = "blind_spots"
    DOCTOR = "doctor"
    REASONS = "reasons"
    RATES = "rates"


class Breakdown(StrEnum):
    """The periods of local time into which a window is split."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Section(StrEnum):
    """The optional parts of a report."""

    OUTAGES = "outages"
    PATTERNS = "patterns"
    QUALITY = "quality"
    LOST_SALES = "lost_sales"
    DOCTOR = "doctor"
    REASONS = "reasons"
    SAMPLING = "sampling"


class Verdict(StrEnum):
    """Whether a target is met, judged by the interval of an availability."""

    MET = "met"
    MISSED = "missed"
    CANNOT_BE_TOLD = "cannot be told"


class OutagePosition(StrEnum):
    """Where in a session an outage lies. LATE_OPEN: from its opening on; EARLY_CLOSE: up to its closing."""

    LATE_OPEN = "late_open"
    EARLY_CLOSE = "early_close"
    MIDDLE = "middle"
    WHOLE = "whole"


class KeyState(StrEnum):
    """Whether an API key can be used."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Paper(StrEnum):
    """The size of a PDF's pages."""

    A4 = "a4"
    LETTER = "letter"


class Finding(StrEnum):
    """What the doctor finds wrong with the hours of a store."""

    LATE_OPEN = "late_open"
    EARLY_CLOSE = "early_close"
    OPENS_EARLIER = "opens_earlier"
    STAYS_OPEN = "stays_open"
    ACTIVE_OUTSIDE = "active_outside"
    WRONG_ZONE = "wrong_zone"


class JobKind(StrEnum):
    """What a job does."""

    REPORT = "report"
    IMPORT = "import"
    OPTIMIZE = "optimize"
    RETENTION = "retention"


class JobState(StrEnum):
    """queued -> running -> one of the others. An attempt that was interrupted goes back to queued."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED: Final = frozenset({JobState.COMPLETE, JobState.FAILED, JobState.CANCELLED})


class Role(StrEnum):
    """What a caller may do. Each role includes the roles before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, needed: "Role") -> bool:
        """Return whether a caller with this role may do what requires the role `needed`."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class AuditOutcome(StrEnum):
    """The outcome of an action in the audit log."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
