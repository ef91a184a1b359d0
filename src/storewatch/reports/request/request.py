"""What a report is asked for: one set of names, on the command line, over HTTP, in definitions and in schedules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

from storewatch.domain.enums import AnnotationMode, Breakdown, ClosureMode, Paper, ReportFormat, ReportTable, Section
from storewatch.domain.errors import InvalidInputError, InvalidParameterError
from storewatch.domain.instants import format_instant, parse_duration, parse_instant
from storewatch.domain.labels import Label
from storewatch.domain.policies import FILL, POLICIES, Policy, choose_policy
from storewatch.domain.timezones import is_timezone

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
MAX_WINDOWS: Final = 10

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """A report as it is asked for; the default is the classic one on the data of the moment.

    as_of: None means the newest observation in the data. store_ids: None means every store; labels: pairs of label and
    value that a store must carry, all of them; zone: only stores of this zone. with_outages, worst: of these, only
    those with down time, or the N with the lowest availability in the first window. windows: names or intervals as
    `windows` reads them, none is the classic three; timezone: on whose clock, None is each store's own. by: what
    windows are split into. group_by: a label, `timezone` or `hours`. peers: the label whose stores are compared.
    target: percent, for stores without one of their own. table: the one that a form with one table holds.
    """

    as_of: datetime | None = None
    policy: Policy = FILL
    format: ReportFormat = ReportFormat.CSV
    store_ids: tuple[str, ...] | None = None
    labels: tuple[Label, ...] = ()
    zone: str | None = None
    with_outages: bool = False
    worst: int | None = None
    windows: tuple[str, ...] = ()
    rolling: bool = False
    timezone: str | None = None
    by: Breakdown | None = None
    group_by: str | None = None
    compare_before: bool = False
    peers: str | None = None
    target: float | None = None
    include: tuple[Section, ...] = ()
    min_duration: str | None = None
    closures: ClosureMode = ClosureMode.HONOUR
    annotations: AnnotationMode = AnnotationMode.APPLY
    table: ReportTable = ReportTable.STORES
    paper: Paper = Paper.A4

    def __post_init__(self) -> None:
        if self.as_of is not None and not _EARLIEST <= self.as_of <= _LATEST:
            raise InvalidParameterError("as_of", "as_of must lie between the years 1970 and 9000.")
        if self.format is ReportFormat.CSV and self._exceeds_classic():
            raise InvalidParameterError(
                "format", "csv is the classic seven columns of the classic windows; for more ask for wide_csv."
            )
        if self.table is not ReportTable.STORES and not self.format.holds_one_table:
            raise InvalidParameterError("table", f"{self.format} holds every table; table is for wide_csv and parquet.")
        if self.table not in self.tables:
            raise InvalidParameterError("table", f"{self.table} is not among this report's: {', '.join(self.tables)}.")
        if self.rolling and not self.windows:
            raise InvalidParameterError("rolling", "rolling says how to read windows; name some.")

    @property
    def tables(self) -> tuple[ReportTable, ...]:
        """The tables that this report has."""
        asked = {
            ReportTable.GROUPS: self.group_by is not None,
            ReportTable.BUCKETS: self.by is not None,
            ReportTable.TREND: self.by is not None,
            ReportTable.OUTAGES: Section.OUTAGES in self.include,
            ReportTable.MASS_OUTAGES: Section.OUTAGES in self.include,
            ReportTable.PATTERN: Section.PATTERNS in self.include,
            ReportTable.BLIND_SPOTS: not {Section.OUTAGES, Section.QUALITY}.isdisjoint(self.include),
            ReportTable.DOCTOR: Section.DOCTOR in self.include,
        }
        return ReportTable.SUMMARY, ReportTable.STORES, *(table for table, wanted in asked.items() if wanted)

    @property
    def min_duration_us(self) -> int:
        return 0 if self.min_duration is None else parse_duration(self.min_duration) // timedelta(microseconds=1)

    def parameters(self) -> dict[str, Any]:
        """Give the request as JSON that `from_parameters` reads back; what is left at its default is left out."""
        kept = {name: value for name, value in vars(self).items() if value != getattr(ReportRequest, name)}
        kept |= {
            "as_of": format_instant(self.as_of) if self.as_of else None,
            "policy": self.policy.name,
            "max_gap_us": self.policy.max_gap_us,
            "format": self.format.value,
            "store_ids": None if self.store_ids is None else list(self.store_ids),
            "labels": dict(self.labels),
        }
        return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "ReportRequest":
        as_of = parameters["as_of"]
        asked = {name: value for name, value in parameters.items() if name not in ("as_of", "policy", "max_gap_us")}
        policy = Policy(name=parameters["policy"], max_gap_us=parameters["max_gap_us"])
        return read_request(asked, as_of=parse_instant(as_of) if as_of else None, policy=policy)

    def _exceeds_classic(self) -> bool:
        more = self.windows, self.by, self.group_by, self.compare_before, self.peers, self.target, self.include
        return any(more)


def read_request(
    asked: Mapping[str, Any], *, as_of: datetime | None = None, policy: Policy | None = None
) -> ReportRequest:
    """Read a report as people ask for it, each member only if it is there (null: its default).

    policy: instead of its members policy and max_gap. Raises InvalidParameterError, which names the member.
    """
    asked = {name: value for name, value in asked.items() if value is not None}
    if unknown := sorted(asked.keys() - _MEMBERS.keys()):
        raise InvalidParameterError(
            unknown[0], f"A report does not take {', '.join(unknown)}; it takes {', '.join(_MEMBERS)}."
        )
    read = {name: _MEMBERS[name](name, value) for name, value in asked.items()}
    name, max_gap = read.pop("policy", FILL.name), read.pop("max_gap", None)
    if policy is None:
        with_field = "max_gap" if name in POLICIES else "policy"
        try:
            policy = choose_policy(name, max_gap)
        except InvalidInputError as error:
            raise InvalidParameterError(with_field, str(error)) from None
    return ReportRequest(as_of=as_of, policy=policy, **read)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidParameterError(name, f"{name} must be a text.")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidParameterError(name, f"{name} must be true or false.")
    return value


def _count(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidParameterError(name, f"{name} must be a whole number of at least 1.")
    return value


def _percent(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 < value <= 100:
        raise InvalidParameterError(name, f"{name} must be a percentage over 1 and up to 100; write 99.5 for 99.5 %.")
    return float(value)


def _duration(name: str, value: Any) -> str:
    try:
        parse_duration(_text(name, value))
    except InvalidInputError as error:
        raise InvalidParameterError(name, str(error)) from None
    return str(value)


def _zone(name: str, value: Any) -> str:
    if not is_timezone(_text(name, value)):
        raise InvalidParameterError(name, f"{value!r} is not a time zone; write an IANA name such as Europe/Berlin.")
    return str(value)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise InvalidParameterError(name, f"{name} must be a list with at least one text.")
    return tuple(dict.fromkeys(_text(name, each) for each in value))


def _windows(name: str, value: Any) -> tuple[str, ...]:
    from storewatch.reports.request.windows import check_window  # noqa: PLC0415 - it reads intervals with what is here

    windows = _texts(name, value) if value else ()
    if len(windows) > MAX_WINDOWS:
        raise InvalidParameterError(name, f"A report takes at most {MAX_WINDOWS} windows.")
    for window in windows:
        check_window(window)
    return windows


def _labels(name: str, value: Any) -> tuple[Label, ...]:
    if not isinstance(value, dict):
        raise InvalidParameterError(name, "labels must be an object of labels and their values.")
    return tuple(sorted(Label(_text(name, label), _text(name, of)) for label, of in value.items()))


def _one_of(kind: type[StrEnum]) -> Callable[[str, Any], StrEnum]:
    def read(name: str, value: Any) -> StrEnum:
        if value not in list(kind):
            raise InvalidParameterError(name, f"There is no {name} {value!r}; use one of {', '.join(kind)}.")
        return kind(value)

    return read


def _sections(name: str, value: Any) -> tuple[StrEnum, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidParameterError(name, f"{name} must be a list of {', '.join(Section)}.")
    return tuple(_one_of(Section)(name, each) for each in dict.fromkeys(value))


_MEMBERS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "policy": _text,
    "max_gap": _text,
    "store_ids": _texts,
    "labels": _labels,
    "zone": _zone,
    "with_outages": _flag,
    "worst": _count,
    "windows": _windows,
    "rolling": _flag,
    "timezone": _zone,
    "by": _one_of(Breakdown),
    "group_by": _text,
    "compare_before": _flag,
    "peers": _text,
    "target": _percent,
    "include": _sections,
    "min_duration": _duration,
    "closures": _one_of(ClosureMode),
    "annotations": _one_of(AnnotationMode),
    "format": _one_of(ReportFormat),
    "table": _one_of(ReportTable),
    "paper": _one_of(Paper),
}
