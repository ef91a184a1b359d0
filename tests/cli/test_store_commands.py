"""Commands that list and show stores, and set their fields."""

from pathlib import Path

import pytest
from commands import mistake, printed


@pytest.mark.parametrize(
    ("options", "stores"),
    [
        ((), ["bar", "cafe", "ghost"]),
        (("--label", "owner=acme"), ["bar", "cafe"]),
        (("--zone", "America/New_York"), ["cafe"]),
        (("--state", "up"), ["bar"]),
        (("--search", "AF"), ["cafe"]),
        (("--prefix", "gh"), ["ghost"]),
        (("--sort", "-store_id"), ["ghost", "cafe", "bar"]),
    ],
)
def test_list_has_the_filters_of_the_api(labelled_home: Path, options: tuple[str, ...], stores: list[str]) -> None:
    _, *rows = printed(labelled_home, "stores", "list", *options)
    assert [row.split()[0] for row in rows] == stores


def test_list_shows_state_last_poll_and_zone(labelled_home: Path) -> None:
    assert printed(labelled_home, "stores", "list", "--limit", "2") == [
        "store  state   last poll             time zone         name",
        "bar    up      2023-01-23T18:00:00Z  America/Chicago",
        "cafe   closed  2023-01-23T17:30:00Z  America/New_York",
        "... and more; list them with --limit, or narrow the list with --search, --prefix, --label, --zone, --state",
    ]


def test_list_without_any_store_prints_that(labelled_home: Path) -> None:
    assert printed(labelled_home, "stores", "list", "--prefix", "nobody") == ["No store fits."]


def test_store_that_is_out_of_business_is_listed_if_wanted(labelled_home: Path) -> None:
    printed(labelled_home, "stores", "set", "cafe", "--closed-on", "2023-01-10")
    assert len(printed(labelled_home, "stores", "list")) == 3
    assert len(printed(labelled_home, "stores", "list", "--out-of-business")) == 4


def test_show_describes_a_store_after_set(labelled_home: Path) -> None:
    assert printed(labelled_home, "stores", "show", "cafe") == [
        "store:        cafe",
        "state:        closed at 2023-01-23T18:00:00Z",
        "last poll:    2023-01-23T17:30:00Z",
        "time zone:    America/New_York (given)",
        "label owner:  acme",
        "hours:        (given)",
        "  Mon:        09:00 to 12:00",
    ]
    hours = ("--hours", "mon 09:00-12:00", "--hours", "mon 14:00-18:00", "--hours", "fri 10:00-02:00")
    labels = ("--label", "owner=", "--label", "city=Köln")
    assert printed(labelled_home, "stores", "set", "cafe", *hours, *labels, "--timezone", "Europe/Berlin") == [
        "cafe changed"
    ]
    assert printed(labelled_home, "stores", "set", "cafe", "--hours", "closed", "--valid-from", "2026-12-01") == [
        "cafe changed"
    ]
    assert printed(labelled_home, "stores", "show", "cafe")[3:] == [
        "time zone:       Europe/Berlin (given)",
        "label city:      Köln",
        "hours:           (given)",
        "  Mon:           09:00 to 12:00, 14:00 to 18:00",
        "  Fri:           10:00 to 24:00",
        "  Sat:           00:00 to 02:00",
        "from 2026-12-01: other weekly hours",
    ]
    printed(labelled_home, "stores", "set", "cafe", "--hours", "none", "--timezone", "none")
    assert printed(labelled_home, "stores", "show", "cafe")[3:7] == [
        "time zone:    America/Chicago (default)",
        "label city:   Köln",
        "hours:        (default)",
        "  every day:  open all day",
    ]


def test_timeline_shows_spans_and_figures(labelled_home: Path) -> None:
    day = ("--from", "2023-01-23T05:00:00Z", "--to", "2023-01-24T05:00:00Z")
    assert printed(labelled_home, "stores", "timeline", "cafe", *day, "--policy", "fill") == [
        "from                  to                    status  length",
        "2023-01-23T14:00:00Z  2023-01-23T16:15:00Z  up      2 h 15 min",
        "2023-01-23T16:15:00Z  2023-01-23T17:00:00Z  down    45 min",
        "3 polls; up 2 h 15 min, down 45 min; availability 75.00 %, coverage 100.00 %",
    ]
    assert printed(labelled_home, "stores", "timeline", "ghost", *day)[-1] == (
        "0 polls; unknown 23 h; availability unknown, coverage 0.00 %"
    )
    assert printed(labelled_home, "stores", "timeline", "cafe", *day, "--include", "sampling")[-1] == (
        "No interval: Polls changed between active and inactive 2 times in 31 days; rates need 200 changes."
    )
    night = ("--from", "2023-01-23T05:00:00Z", "--to", "2023-01-23T06:00:00Z")
    assert printed(labelled_home, "stores", "timeline", "cafe", *night) == [
        "from  to  status  length",
        "0 polls; no business time; availability unknown, coverage unknown",
    ]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("list", "--label", "owner=acne"), "--label: No store has owner=acne; the nearest is owner=acme."),
        (("list", "--zone", "Mars"), "--zone: 'Mars' is not a time zone; write an IANA name such as Europe/Berlin."),
        (("set", "cafe", "--hours", "mon"), "--hours: 'mon' is no opening; write it as 'mon 09:00-17:00'."),
        (("set", "cafe", "--label", "owner"), "--label: 'owner' is not a label; write it as label=value"),
        (("set", "cafe", "--timezone", "Mars"), "--timezone: 'Mars' is not a time zone; write"),
        (("set", "cafe", "--closed-on", "none", "--valid-from", "2026-12-01"), "--valid-from: Only weekly hours can"),
        (("timeline", "cafe", "--max-gap", "x"), "--max-gap: 'x' is not a duration; write a number and a unit"),
        (("timeline", "cafe", "--source", "nobody"), "--source: No poll has a source; leave out the sources."),
        (("show", "cafee"), "There is no store with the id 'cafee'; the nearest is cafe."),
    ],
)
def test_mistakes_are_named(labelled_home: Path, command: tuple[str, ...], sentence: str) -> None:
    assert mistake(labelled_home, "stores", *command).startswith(sentence)
