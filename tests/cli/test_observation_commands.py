"""Polls on the command line: with their reason and source, and wrong ones deleted."""

from pathlib import Path

import pytest
from commands import mistake, noted, printed, storewatch

POLLS = (
    "store_id,status,timestamp_utc,reason,source\n"
    "cafe,active,2023-03-01 10:00:00 UTC,,ubereats\n"
    "cafe,inactive,2023-03-01 11:00:00 UTC,paused by the restaurant,ubereats\n"
    "bar,active,2023-03-01 11:00:00 UTC,,\n"
    "bar,active,2025-03-01 11:00:00 UTC,,\n"
)
WRONG = "1 poll of 1 store (2025-03-01T11:00:00Z to 2025-03-01T11:00:00Z)"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    file = tmp_path / "polls.csv"
    file.write_text(POLLS)
    printed(tmp_path / "home", "import", file)
    return tmp_path / "home"


def test_polls_are_listed_with_their_reason_and_source(home: Path) -> None:
    assert printed(home, "observations", "list", "--store-id", "cafe") == [
        "observed at           status    reason                    source",
        "2023-03-01T10:00:00Z  active                              ubereats",
        "2023-03-01T11:00:00Z  inactive  paused by the restaurant  ubereats",
    ]
    assert len(printed(home, "observations", "list", "--store-id", "cafe", "--limit", "1")) == 3
    assert "nobody" in mistake(home, "observations", "list", "--store-id", "nobody")


def test_spellings_of_one_reason_and_source_are_one_in_a_report(home: Path, tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text(
        "store_id,status,timestamp_utc,reason,source\n"
        "cafe,inactive,2023-03-01 12:00:00 UTC,PAUSED_BY_RESTAURANT,UberEats\n"
        "cafe,inactive,2023-03-01 13:00:00 UTC,Kitchen_Fire,UBEREATS\n"
    )
    printed(home, "import", tmp_path / "more.csv")
    polls = [line.split("  ") for line in printed(home, "observations", "list", "--store-id", "cafe")[3:]]
    assert [[cell.strip() for cell in line if cell][2:] for line in polls] == [
        ["paused by the restaurant", "UberEats"],
        ["Kitchen_Fire", "UBEREATS"],
    ]
    asked = ("--windows", "2023-03-01", "--as-of", "2023-03-02T00:00:00Z", "--include", "reasons")
    shown = printed(home, "report", *asked, "--source", "uberEATS", "--format", "wide_csv", "--table", "reasons")
    names = shown[0].split(",")
    found = [dict(zip(names, line.split(","), strict=False)) for line in shown[1:]]
    assert [(each["reason"], each["inactive_polls"]) for each in found] == [
        ("paused by the restaurant", "2"),
        ("kitchen fire", "1"),
    ]


@pytest.mark.parametrize(
    "command", [("report",), ("outages",), ("doctor",), ("definition", "save", "mine")], ids=lambda command: command[0]
)
def test_source_that_no_poll_has_is_refused_by_commands(home: Path, command: tuple[str, ...]) -> None:
    sentence = "--sources: No poll has the source 'uber eat'; the nearest is ubereats."
    assert mistake(home, *command, "--source", "Uber_Eat") == sentence
    if command[0] in ("report", "definition"):
        assert storewatch(home, *command, "--source", "Uber_Eat", "--allow-unknown").returncode == 0
    assert storewatch(home, *command, "--source", "UBEREATS").returncode == 0


def test_one_wrong_poll_is_deleted_and_the_report_has_its_now_again(home: Path) -> None:
    wrong = ("observations", "delete", "--store-id", "bar", "--at", "2025-03-01T11:00:00Z")
    assert printed(home, *wrong, "--dry-run") == [f"{WRONG} would be deleted"]
    assert WRONG in mistake(home, *wrong)
    assert printed(home, *wrong, "--yes") == [f"{WRONG} deleted; lake version 2"]
    assert printed(home, *wrong, "--yes") == ["No polls found; nothing to delete."]
    assert noted(home)[-1] == ("observations.delete", "bar")
    assert any("2023-03-01T11:00:00Z" in line for line in printed(home, "status"))


def test_polls_of_a_range_and_of_a_file_are_deleted(home: Path, tmp_path: Path) -> None:
    keys = tmp_path / "wrong.csv"
    keys.write_text("store_id,timestamp_utc\nbar,2025-03-01 11:00:00 UTC\ncafe,2023-03-01 10:00:00 UTC\n")
    assert printed(home, "observations", "delete", "--keys", keys, "--yes")[0].startswith("2 polls of 2 stores")
    range_ = ("--from", "2023-03-01T00:00:00Z", "--to", "2023-03-02T00:00:00Z")
    assert printed(home, "observations", "delete", "--store-id", "cafe", *range_, "--yes")[0].startswith("1 poll")
    assert len(printed(home, "observations", "list", "--store-id", "cafe")) == 1


@pytest.mark.parametrize("written", ["\u200bcafe", "\u00a0cafe\u00a0", "cafe\u200f"])
def test_blanks_and_invisible_characters_around_an_id_do_not_count(home: Path, written: str) -> None:
    assert len(printed(home, "observations", "list", "--store-id", written)) == 3
    at = ("--at", "2023-03-01T10:00:00Z", "--yes")
    assert printed(home, "observations", "delete", "--store-id", written, *at)[0].startswith("1 poll of 1 store")
    printed(home, "stores", "set", written, "--opened-on", "2023-02-01")
    assert printed(home, "stores", "merge", written, "bar\u200b") == ["bar has the 1 poll of cafe"]
    assert "the nearest is bar" in mistake(home, "observations", "list", "--store-id", "\u200bba")


def test_file_with_a_row_that_names_no_poll_deletes_nothing(home: Path, tmp_path: Path) -> None:
    keys = tmp_path / "wrong.csv"
    keys.write_text("store_id,timestamp_utc\nbar,2025-03-01 11:00:00 UTC\ncafe,yesterday\n")
    assert "Line 3" in mistake(home, "observations", "delete", "--keys", keys, "--yes")
    assert len(printed(home, "observations", "list", "--store-id", "bar")) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--store-id", "cafe"],
        ["--store-id", "cafe", "--from", "2023-03-01T00:00:00Z"],
        ["--store-id", "cafe", "--from", "2023-03-02T00:00:00Z", "--to", "2023-03-01T00:00:00Z"],
        ["--store-id", "nobody", "--at", "2023-03-01T11:00:00Z"],
    ],
)
def test_deletion_names_its_polls(home: Path, arguments: list[str]) -> None:
    assert storewatch(home, "observations", "delete", *arguments, "--yes").returncode == 2


def test_import_is_listed_and_undone_once(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "zones.csv"
    file.write_text("store_id,timezone_str\ncafe,Europe/Berlin\n")
    printed(home, "import", file)
    header, newest, oldest = printed(home, "imports", "list")
    assert header.split() == ["import", "imported", "at", "table", "accepted", "rejected", "state", "file"]
    assert [line.split()[0] for line in (newest, oldest)] == ["2", "1"]
    assert printed(home, "imports", "show", "1")[-1] == "undo:         possible"
    assert printed(home, "imports", "undo", "1") == ["Import 1 undone: 4 polls removed, 0 restored"]
    assert printed(home, "imports", "undo", "1") == ["Import 1 was undone before; nothing to do."]
    assert noted(home)[-1] == ("import.undo", "1")
    assert "undone" in printed(home, "imports", "list")[2]
    assert "import with the id '9'" in mistake(home, "imports", "undo", "9")
