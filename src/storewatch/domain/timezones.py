"""The time zones that storewatch knows: those of the pinned tzdata wheel; the system's own tables are never read."""

from functools import lru_cache
from pathlib import Path
from typing import Final

import tzdata

TZDATA_VERSION: Final[str] = tzdata.IANA_VERSION
DEFAULT_TIMEZONE: Final = "America/Chicago"  # of a store without one (SEMANTICS 3)

ZONES_FOLDER: Final = Path(tzdata.__file__).parent


@lru_cache(maxsize=1)
def _timezone_names() -> frozenset[str]:
    return frozenset((ZONES_FOLDER / "zones").read_text(encoding="ascii").split()) - {"Factory"}


def is_timezone(name: str) -> bool:
    """Return whether `name` is an IANA zone of the pinned tzdata wheel."""
    return name in _timezone_names()
