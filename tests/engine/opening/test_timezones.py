"""The engine knows exactly the zones of the tzdata wheel, and every offset change of each."""

import os
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from itertools import pairwise

import pytest
import tzdata
from reference.naive import zone_of

from storewatch.domain.instants import DAY_SECONDS, SECOND_US
from storewatch.domain.timezones import DEFAULT_TIMEZONE, TZDATA_VERSION, timezone_named
from storewatch.domain.windows_zones import WINDOWS_ZONES
from storewatch.engine.opening.zones import offset_changes

FROM_S = int(datetime(1970, 1, 4, tzinfo=UTC).timestamp())
TABLES_END_S = int(datetime(2037, 1, 1, tzinfo=UTC).timestamp())
TO_S = int(datetime(2041, 1, 1, tzinfo=UTC).timestamp())

# One of each hemisphere, of no change, of half an hour, of midnight, of Ramadan, of negative summer time.
RULES_FOREVER = (
    "America/New_York",
    "America/Santiago",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Asia/Beirut",
    "Africa/Casablanca",
    "Europe/Dublin",
    "America/Nuuk",
    "Pacific/Chatham",
)


@cache
def names() -> list[str]:
    return [name for name in (resources.files(tzdata) / "zones").read_text().split() if name != "Factory"]


@cache
def tables() -> dict[bytes, str]:
    """The different TZif files, each with one of its names."""
    folder = resources.files(tzdata) / "zoneinfo"
    return {folder.joinpath(*name.split("/")).read_bytes(): name for name in reversed(names())}


def table_changes(tzif: bytes) -> list[tuple[int, int]]:
    """The instants at which the UTC offset changes, and the new offset, in seconds (RFC 9636, 64-bit block)."""

    def counts(at: int) -> tuple[int, ...]:
        assert tzif[at : at + 4] == b"TZif"
        return struct.unpack(">6l", tzif[at + 20 : at + 44])

    isut, isstd, leap, times, types, chars = counts(0)
    at = 44 + times * 5 + types * 6 + chars + leap * 8 + isstd + isut
    *_, times, types, _ = counts(at)
    at += 44
    instants = struct.unpack_from(f">{times}q", tzif, at)
    kinds = struct.unpack_from(f">{times}B", tzif, at + times * 8)
    offsets = [struct.unpack_from(">l", tzif, at + times * 9 + kind * 6)[0] for kind in range(types)]
    after = [offsets[kind] for kind in kinds]
    return [
        (instant, new) for instant, old, new in zip(instants, [offsets[0], *after], after, strict=False) if old != new
    ]


def engine_changes(zone: str, from_s: int, to_s: int) -> list[tuple[int, int]]:
    """The engine's changes in whole UTC days around `[from_s, to_s)`, without its opening entry."""
    starts_us, offsets_us = offset_changes(zone, from_s // DAY_SECONDS, -(-to_s // DAY_SECONDS))
    return list(zip((starts_us[1:] // SECOND_US).tolist(), (offsets_us[1:] // SECOND_US).tolist(), strict=True))


def walked_changes(zone: str, from_s: int, to_s: int) -> Iterator[tuple[int, int]]:
    """Every change that a walk in steps of a quarter of an hour meets; all changes after 2037 fall on such a step."""
    info, known = zone_of(zone), None
    for instant_s in range(from_s, to_s, 900):
        offset = datetime.fromtimestamp(instant_s, info).utcoffset()
        if known is not None and offset != known:
            yield instant_s, offset // timedelta(seconds=1)
        known = offset


def test_every_name_of_the_wheel_is_a_zone_in_any_case() -> None:
    assert [name for name in names() if {*map(timezone_named, (name, name.lower(), name.upper()))} != {name}] == []
    assert len(names()) > 590


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "..",
        "/",
        "Factory",
        "Mars/Base",
        "America",
        "America/",
        "/America/Chicago",
        "America//Chicago",
        "America/./Chicago",
        "America/Chicago\n",
        " America/Chicago",
        "America/Chicago\0",
        "\0",
        "../etc/passwd",
        "../zones",
        "America/../../zones",
        "/etc/localtime",
        "posixrules",
        "localtime",
        "tzdata.zi",
        "__init__.py",
        "CST6CDT,M3.2.0,M11.1.0",
        "+01:00",
        "UTC+5:30",
        "UTC+15",
        "UTC-13",
        "UTC+\u0665",
        "CST",
        "IST",
        "Ä" * 10_000,
    ],
)
def test_anything_else_is_no_zone(name: str) -> None:
    assert timezone_named(name) is None


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("utc", "UTC"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        ("UTC+5", "Etc/GMT-5"),
        ("GMT-03:00", "Etc/GMT+3"),
        ("utc +14", "Etc/GMT-14"),
        ("UTC-0", "Etc/GMT+0"),
        ("Central Standard Time", "America/Chicago"),
        ("w. europe standard time", "Europe/Berlin"),
    ],
)
def test_other_names_of_zones(text: str, zone: str) -> None:
    assert timezone_named(text) == zone


def test_zones_of_windows_are_of_the_wheel() -> None:
    assert {*WINDOWS_ZONES.values()} <= {*names()}


def test_default_timezone_is_one() -> None:
    assert timezone_named(DEFAULT_TIMEZONE) == DEFAULT_TIMEZONE
    assert tzdata.IANA_VERSION == TZDATA_VERSION


def test_offset_changes_never_twice_in_a_day_of_any_zone() -> None:
    """The engine samples offsets once a UTC day, so a change that a second one undoes on the same day would be lost."""
    crowded = {
        name: [(a, b) for (a, _), (b, _) in pairwise(table_changes(tzif)) if a // DAY_SECONDS == (b - 1) // DAY_SECONDS]
        for tzif, name in tables().items()
    }
    assert {name: found for name, found in crowded.items() if found} == {}


def test_offset_changes_of_every_zone_as_in_its_table() -> None:
    """Compare around every change of 1970-2036; a thorough run compares all these years at once."""
    wrong = []
    for tzif, zone in tables().items():
        expected = [change for change in table_changes(tzif) if FROM_S <= change[0] < TABLES_END_S]
        if os.environ.get("STOREWATCH_HYPOTHESIS") == "thorough":
            found = engine_changes(zone, FROM_S, TABLES_END_S)
        else:
            found = [change for at, _ in expected for change in engine_changes(zone, at - 1, at + 1)]
        if found != expected:
            wrong.append((zone, set(found) ^ set(expected)))
    assert wrong == []


@pytest.mark.parametrize("zone", RULES_FOREVER)
def test_offset_changes_until_2040(zone: str) -> None:
    begin_s = int(datetime(2036, 1, 1, tzinfo=UTC).timestamp())
    assert engine_changes(zone, begin_s, TO_S) == list(walked_changes(zone, begin_s, TO_S))
