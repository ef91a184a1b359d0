"""The time zones that storewatch knows: those of the pinned tzdata wheel; the system's own tables are never read."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

import tzdata

from storewatch.domain.windows_zones import WINDOWS_ZONES

TZDATA_VERSION: Final[str] = tzdata.IANA_VERSION
DEFAULT_TIMEZONE: Final = "America/Chicago"  # of a store without one (SEMANTICS 3)

ZONES_FOLDER: Final = Path(tzdata.__file__).parent

_OFFSET: Final = re.compile(r"(?:UTC|GMT) ?([+-])(0?[0-9]|1[0-4])(?::?00)?", re.IGNORECASE | re.ASCII)


@lru_cache(maxsize=1)
def _timezone_names() -> frozenset[str]:
    return frozenset((ZONES_FOLDER / "zones").read_text(encoding="ascii").split()) - {"Factory"}


@lru_cache(maxsize=1)
def _names_by_lower_case() -> dict[str, str]:
    windows = {name.lower(): zone for name, zone in WINDOWS_ZONES.items()}
    return windows | {name.lower(): name for name in _timezone_names()}


def timezone_named(text: str) -> str | None:
    """Return the IANA zone of the pinned tzdata wheel that a text names; None where it names none.

    A text can be an IANA name or a Windows name, in any case, or whole hours from UTC (`UTC+5`, `GMT-03:00`).
    Abbreviations such as CST, and offsets with minutes, name no zone: several zones could be meant.
    """
    if text in _timezone_names():
        return text
    if (named := _names_by_lower_case().get(text.lower())) is not None:
        return named
    offset = _OFFSET.fullmatch(text)
    if offset is None:
        return None
    # The signs of these zones are those of POSIX, in which west of Greenwich is positive.
    sign = "-" if offset[1] == "+" else "+"
    name = f"Etc/GMT{sign}{int(offset[2])}"
    return name if name in _timezone_names() else None
