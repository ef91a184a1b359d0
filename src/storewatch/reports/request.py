"""What a report is asked for, and the windows it covers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from storewatch.engine.availability import FILL, POLICIES, Policy
from storewatch.engine.columns import DAY_US, HOUR_US
from storewatch.errors import InvalidInputError

# The rolling windows of the classic report: their names, and how far each reaches back from as_of (SEMANTICS 15).
CLASSIC_WINDOWS: Final = {"last_hour": HOUR_US, "last_day": DAY_US, "last_week": 7 * DAY_US}

_DURATION = re.compile(r"(\d{1,9})\s*(s|m|min|h|d|w)", re.IGNORECASE)
_UNIT_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


class ReportFormat(StrEnum):
    """The forms in which a report can be written."""

    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """A report as it is asked for.

    as_of: None means the newest observation in the data. store_ids: None means every store; labels: pairs of label and
    value that a store must carry, all of them.
    """

    as_of: datetime | None = None
    policy: Policy = FILL
    format: ReportFormat = ReportFormat.CSV
    store_ids: tuple[str, ...] | None = None
    labels: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.as_of is not None and not _EARLIEST <= self.as_of <= _LATEST:
            raise InvalidInputError("as_of must lie between the years 1970 and 9000.")

    def parameters(self) -> dict[str, Any]:
        """Give the request as JSON that `from_parameters` reads back."""
        return {
            "as_of": format_instant(self.as_of) if self.as_of else None,
            "policy": self.policy.name,
            "max_gap_us": self.policy.max_gap_us,
            "format": self.format.value,
            "store_ids": None if self.store_ids is None else list(self.store_ids),
            "labels": dict(self.labels),
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "ReportRequest":
        as_of = parameters["as_of"]
        return cls(
            as_of=parse_instant(as_of) if as_of else None,
            policy=Policy(name=parameters["policy"], max_gap_us=parameters["max_gap_us"]),
            format=ReportFormat(parameters["format"]),
            store_ids=None if parameters.get("store_ids") is None else tuple(parameters["store_ids"]),
            labels=tuple(parameters.get("labels", {}).items()),
        )


def read_request(asked: Mapping[str, Any]) -> ReportRequest:
    """Read a report as people ask for it: policy, max_gap, store_ids, labels, format, each if it is there.

    Raises InvalidInputError for anything else.
    """
    known = ("policy", "max_gap", "store_ids", "labels", "format")
    if unknown := sorted(asked.keys() - set(known)):
        raise InvalidInputError(f"A report does not take {', '.join(unknown)}; it takes {', '.join(known)}.")
    store_ids, labels, max_gap = asked.get("store_ids"), asked.get("labels") or {}, asked.get("max_gap")
    if store_ids is not None and not (isinstance(store_ids, list) and store_ids and _are_texts(store_ids)):
        raise InvalidInputError("store_ids must be a list of store ids.")
    if not (isinstance(labels, dict) and _are_texts([*labels, *labels.values()])):
        raise InvalidInputError("labels must be an object of labels and their values.")
    if asked.get("format", "csv") not in list(ReportFormat):
        raise InvalidInputError(f"There is no format {asked['format']!r}; use one of {', '.join(ReportFormat)}.")
    return ReportRequest(
        policy=choose_policy(str(asked.get("policy", FILL.name)), None if max_gap is None else str(max_gap)),
        format=ReportFormat(asked.get("format", "csv")),
        store_ids=None if store_ids is None else tuple(dict.fromkeys(store_ids)),
        labels=tuple(sorted(labels.items())),
    )


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) and "\0" not in value for value in values)


def choose_policy(name: str, max_gap: str | None = None) -> Policy:
    """Give the named policy, with its own max_gap or another one such as `3h` (SEMANTICS 10)."""
    if name not in POLICIES:
        raise InvalidInputError(f"There is no policy {name!r}; use one of {', '.join(sorted(POLICIES))}.")
    if max_gap is None:
        return POLICIES[name]
    return Policy(name=name, max_gap_us=parse_duration(max_gap) // timedelta(microseconds=1))


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `90m`, `3h`, `7d` (s, m, h, d, w)."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise InvalidInputError(f"{text!r} is not a duration; write a number and a unit, such as 90m, 3h or 7d.")
    try:
        return timedelta(seconds=int(match[1]) * _UNIT_SECONDS[match[2].lower()])
    except OverflowError:
        raise InvalidInputError(f"{text!r} is longer than any report; write something such as 3h or 7d.") from None


def parse_instant(text: str) -> datetime:
    """Read an instant: ISO 8601, or as in the public data set (`2023-01-25 18:13:22.47922 UTC`); no zone means UTC."""
    stripped = text.strip().removesuffix("UTC").strip()
    try:
        instant = datetime.fromisoformat(stripped)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInputError(
            f"{text!r} is not an instant; write it as 2023-01-25T18:13:22Z, with a zone or in UTC."
        ) from None


def format_instant(instant: datetime) -> str:
    """Write an instant as RFC 3339 in UTC, with microseconds only where there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
