"""Commands that change the installation or export data are in the audit log; all others cannot change anything."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
import pytest
from sqlalchemy import select
from support.command_tree import all_commands
from typer.testing import CliRunner

import storewatch.cli
from storewatch.catalog import AuditFilter, NewClosure
from storewatch.catalog.db.schema import metadata
from storewatch.cli import app as command_line
from storewatch.cli.installations import changing, exporting, reading
from storewatch.domain.columns import OBSERVATIONS
from storewatch.domain.error_families import ReadOnlyError
from storewatch.domain.errors import InvalidInputError, UnknownClosureError
from storewatch.installation import Installation, open_installation
from storewatch.settings import Settings

Entry = tuple[str, str, str | None]
Command = tuple[str, tuple[str, ...]]  # its name, its arguments
SPAN: Final = ("--from", "2023-01-23T16:15Z", "--to", "2023-01-23T17:00Z")

# The commands in the order in which they are run, with their audit entries: action, object type, pattern of the id.
# The id of a closure or an annotation is the moment of its creation.
_MILLISECONDS: Final = r"1[0-9]{12}"
CHANGING: Final[dict[Command, list[Entry]]] = {
    ("import", ("polls.csv", "special_hours.csv")): [
        ("import.create", "import", "4"),
        ("import.create", "import", "5"),
    ],
    (
        "import",
        ("--map", "shop=store_id", "--map", "tz=timezone_str", "--save-map", "till", "till.csv"),
    ): [("mapping.save", "mapping", "till"), ("import.create", "import", "6")],
    ("key create", ("--name", "ops", "--role", "viewer")): [("key.create", "key", r"\S+")],
    ("schedule create", ("nightly", "--kind", "optimize", "--cron", "0 3 * * *")): [
        ("schedule.create", "schedule", "nightly")
    ],
    ("definition save", ("daily", "--by", "day")): [("definition.create", "definition", "daily")],
    ("definition save", ("daily", "--windows", "last_week")): [("definition.change", "definition", "daily")],
    ("closure add", ("--store-id", "cafe", *SPAN, "--reason", "works")): [("closure.create", "closure", _MILLISECONDS)],
    ("annotation add", ("--store-id", "cafe", *SPAN, "--cause", "power")): [
        ("annotation.create", "annotation", _MILLISECONDS)
    ],
    ("stores set", ("ghost", "--closed-on", "2030-01-01")): [("store.change", "store", "ghost")],
    ("stores rename", ("bar", "bistro")): [("store.rename", "store", "bar")],
    ("stores merge", ("bistro", "cafe")): [("store.merge", "store", "bistro")],
}
EXPORTING: Final[dict[Command, list[Entry]]] = {
    ("report", ("--output", "report.csv")): [("report.download", "report", "report.csv")],
    ("outages", ()): [("report.download", "report", "outages")],
    ("rates", ()): [("report.download", "report", "sampling")],
    ("doctor", ("--format", "json", "--output", "doctor.json")): [("report.download", "report", "doctor.json")],
    ("rejects", ("4",)): [("import.rejects", "import", "4")],
}
READING: Final[list[Command]] = [
    ("verify", ("report.csv",)),
    ("status", ()),
    ("check", ()),
    ("key list", ()),
    ("schedule list", ()),
    ("definition list", ()),
    ("definition show", ("daily",)),
    ("mapping list", ()),
    ("mapping show", ("till",)),
    ("closure list", ()),
    ("annotation list", ()),
    ("special-hours list", ()),
    ("retention", ("--observations", "1", "--dry-run")),
    ("imports list", ()),
    ("jobs list", ()),
    ("imports show", ("4",)),
    ("observations list", ("--store-id", "cafe")),
    ("stores list", ()),
    ("stores show", ("cafe",)),
    ("stores timeline", ("cafe",)),
    ("observations delete", ("--store-id", "cafe", *SPAN, "--dry-run")),
]
DELETING: Final[dict[Command, list[Entry]]] = {
    ("key revoke", ("KEY",)): [("key.revoke", "key", "KEY")],
    ("schedule delete", ("nightly",)): [("schedule.delete", "schedule", "nightly")],
    ("definition delete", ("daily",)): [("definition.delete", "definition", "daily")],
    ("mapping delete", ("till",)): [("mapping.delete", "mapping", "till")],
    ("closure delete", ("CLOSURE",)): [("closure.delete", "closure", "CLOSURE")],
    ("annotation delete", ("ANNOTATION",)): [("annotation.delete", "annotation", "ANNOTATION")],
    ("special-hours delete", ("--store-id", "cafe", "--date", "2023-01-23")): [
        ("special_hours.delete", "special_hours", "cafe")
    ],
    ("special-hours delete", ("--store-id", "cafe", "--date", "2023-01-24")): [],
    ("observations delete", ("--store-id", "cafe", "--at", "2023-01-23T14:30:00Z", "--yes")): [
        ("observations.delete", "observations", "cafe")
    ],
    ("imports undo", ("4",)): [("import.undo", "import", "4")],
    ("optimize", ()): [("lake.optimize", "lake", r"\d+")],
    ("retention", ("--observations", "1")): [("retention.apply", "lake", r"\d+")],
}
# They open no installation here: services and workers write the entries of their requests themselves.
WITHOUT: Final = {"serve", "worker", "simulate", "compile"}


@pytest.fixture
def home(labelled_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An installation with the scene; the current folder holds three files to import."""
    monkeypatch.chdir(tmp_path)
    Path("polls.csv").write_text(
        "store_id,status,timestamp_utc\ncafe,active,2023-01-23 14:30:00 UTC\ncafe,broken,now\n"
    )
    Path("special_hours.csv").write_text(
        "store_id,date,start_time_local,end_time_local\ncafe,2023-01-23,09:00:00,12:00:00\n"
    )
    Path("till.csv").write_text("shop,tz\ncafe,Europe/Berlin\n")
    return labelled_home


def run(home: Path, command: Command) -> str:
    name, arguments = command
    result = CliRunner().invoke(
        command_line, [*name.split(), *arguments, "--home", str(home)], catch_exceptions=False, prog_name="storewatch"
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def opened(home: Path) -> Any:
    return open_installation(Settings.from_environment(home, {}), read_only=True)


def entries(home: Path) -> list[Entry]:
    """The entries of the audit log, the oldest first."""
    with opened(home) as installation:
        rows = installation.catalog.audit.list_(AuditFilter(), limit=100)
    assert {row.outcome for row in rows} <= {"done"}
    assert all(row.actor_name.endswith(" on the command line") for row in rows)
    return [(row.action, row.object_type, row.object_id) for row in reversed(rows)]


def content(home: Path) -> dict[str, Any]:
    """Every row of the catalog without the audit log, and the version of the lake."""
    with opened(home) as installation:
        with installation.catalog.database.reading() as connection:
            rows = {
                table.name: sorted(map(repr, connection.execute(select(table))))
                for table in metadata.sorted_tables
                if table.name != "audit"
            }
        return rows | {"lake": installation.lake.snapshot().version}


def assert_entries(written: Sequence[Entry], expected: Sequence[Entry]) -> None:
    assert [entry[:2] for entry in written] == [entry[:2] for entry in expected]
    for (_, _, object_id), (_, _, pattern) in zip(written, expected, strict=True):
        assert re.fullmatch(str(pattern), str(object_id))


def test_every_command_is_reading_exporting_or_changing() -> None:
    assert {name for name, _ in all_commands()} == WITHOUT | {
        name for name, _ in [*CHANGING, *EXPORTING, *READING, *DELETING]
    }


def test_commands_write_exactly_their_audit_entries(home: Path) -> None:
    ids: dict[str, str] = {}
    for command, expected in CHANGING.items():
        before = entries(home)
        run(home, command)
        written = entries(home)[len(before) :]
        assert_entries(written, expected)
        if command[0] in ("key create", "closure add", "annotation add"):
            ids[command[0].split()[0].upper()] = str(written[0][2])
    for command, expected in EXPORTING.items():
        before, unchanged = entries(home), content(home)
        run(home, command)
        assert_entries(entries(home)[len(before) :], expected)
        assert content(home) == unchanged
    for command in READING:
        before, unchanged = entries(home), content(home)
        assert run(home, command)
        assert (entries(home), content(home)) == (before, unchanged)
    for (name, arguments), expected in DELETING.items():
        before = entries(home)
        run(home, (name, tuple(ids.get(argument, argument) for argument in arguments)))
        made = [(action, kind, ids.get(str(object_id), object_id)) for action, kind, object_id in expected]
        assert_entries(entries(home)[len(before) :], made)


def assert_refuses_changes(installation: Installation) -> None:
    now = datetime(2023, 1, 24, tzinfo=UTC)
    closure = NewClosure(
        store_id="cafe",
        label=None,
        value=None,
        start_at=now,
        end_at=now.replace(hour=1),
        reason="works",
        created_at=now,
    )
    with pytest.raises(ReadOnlyError):
        installation.catalog.closures.create(closure)
    with pytest.raises(ReadOnlyError):
        installation.catalog.database.writing()
    with pytest.raises(ReadOnlyError):
        installation.lake.append([])
    with pytest.raises(ReadOnlyError):
        installation.lake.optimize(now=now)
    with pytest.raises(ReadOnlyError):
        installation.lake.compact()
    with pytest.raises(ReadOnlyError):
        installation.lake.tidy()
    with pytest.raises(ReadOnlyError):
        installation.lake.delete_before(date(2030, 1, 1))


def test_commands_that_read_cannot_change_anything(home: Path) -> None:
    unchanged = content(home)
    with reading(home) as installation:
        assert_refuses_changes(installation)
    with exporting(home, "report.download", "report") as (installation, _):
        assert_refuses_changes(installation)
    assert content(home) == unchanged


def test_reading_registers_stores_of_the_lake(home: Path) -> None:
    at = datetime(2023, 1, 23, 17, tzinfo=UTC)
    row = {"store_id": "kiosk", "observed_at": at, "active": True, "loaded_at": at}
    with open_installation(Settings.from_environment(home, {})) as installation:
        installation.lake.append([pl.DataFrame([row], schema=OBSERVATIONS)])
    assert "\nkiosk," in run(home, ("report", ()))


def test_an_entry_that_a_command_forgot_is_written(home: Path) -> None:
    before = entries(home)
    with changing(home, "closure.create", "closure"):
        pass
    with exporting(home, "report.download", "report"):
        pass
    assert entries(home)[len(before) :] == [("closure.create", "closure", None), ("report.download", "report", None)]


def test_no_entry_is_added_to_those_of_the_command(home: Path) -> None:
    before = entries(home)
    with changing(home, "import.create", "import") as (_, audit):
        audit.done("1")
        audit.done("2", action="import.replace")
    with changing(home, "closure.delete", "closure") as (_, audit):
        audit.nothing_done()
    assert entries(home)[len(before) :] == [("import.create", "import", "1"), ("import.replace", "import", "2")]


def test_commands_that_fail_have_done_nothing_and_leave_no_entries(home: Path) -> None:
    before = entries(home)
    Path("unknown.csv").write_text("this,that\n1,2\n", encoding="utf-8")
    with pytest.raises(InvalidInputError):
        run(home, ("import", ("polls.csv", "unknown.csv")))
    with pytest.raises(UnknownClosureError):
        run(home, ("closure delete", ("7",)))
    assert entries(home) == before


def test_only_one_file_opens_installations() -> None:
    """Check that no other file opens an installation: it could change data without an audit entry."""
    files = Path(str(storewatch.cli.__file__)).parent.glob("*.py")
    assert [file.name for file in files if "open_installation" in file.read_text(encoding="utf-8")] == [
        "installations.py"
    ]
