"""The policies: how long before and after it a poll decides the status (SEMANTICS 10)."""

from dataclasses import dataclass
from typing import Final

from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import DAY_US, HOUR_US, parse_duration_us

# Instants are far from the ends of int64 (year 1 ... 9999), so adding a gap never overflows.
MAX_GAP_LIMIT_US: Final = 366 * DAY_US


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How long before and after it an observation decides the status: max_gap_us (SEMANTICS 10)."""

    name: str
    max_gap_us: int

    def __post_init__(self) -> None:
        if not 0 < self.max_gap_us <= MAX_GAP_LIMIT_US:
            raise InvalidInputError("max_gap must be longer than 0 and at most 366 days, such as 3h or 7d.")


FILL: Final = Policy(name="fill", max_gap_us=7 * DAY_US)
OBSERVED: Final = Policy(name="observed", max_gap_us=3 * HOUR_US)
POLICIES: Final = {policy.name: policy for policy in (FILL, OBSERVED)}


def choose_policy(name: str, max_gap: str | None = None) -> Policy:
    """Return the named policy, with its default max_gap or another duration such as `3h`. Raises InvalidInputError."""
    if name not in POLICIES:
        raise InvalidInputError(f"There is no policy {name!r}; use one of {', '.join(sorted(POLICIES))}.")
    if max_gap is None:
        return POLICIES[name]
    return Policy(name=name, max_gap_us=parse_duration_us(max_gap))
