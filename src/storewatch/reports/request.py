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
    """A report as it is asked for; as_of None means the newest observation in the data."""

    as_of: datetime | None = None
    policy: Policy = FILL
    format: ReportFormat = ReportFormat.CSV

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
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "ReportRequest":
        as_of = parameters["as_of"]
        return cls(
            as_of=parse_instant(as_of) if as_of else None,
            policy=Policy(name=parameters["policy"], max_gap_us=parameters["max_gap_us"]),
            format=ReportFormat(parameters["format"]),
        )


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
