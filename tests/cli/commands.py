"""Commands on an installation: what they print, and their audit entries."""

import subprocess
from pathlib import Path

from support.command_line import run_command

from storewatch.catalog import AuditFilter
from storewatch.installation import open_installation
from storewatch.settings import Settings


def storewatch(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run_command(*arguments, home=home)


def printed(home: Path, *arguments: str | Path) -> list[str]:
    """Run a command, check that it succeeds, and return the lines that it printed."""
    done = storewatch(home, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def mistake(home: Path, *arguments: str | Path) -> str:
    """Run a command with a mistake of the user, and return its error message."""
    done = storewatch(home, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    return done.stderr.removeprefix("storewatch: ").removesuffix("\n")


def noted(home: Path) -> list[tuple[str, str | None]]:
    """Return the actions and objects in the audit log, the oldest first."""
    with open_installation(Settings.from_environment(home, {})) as app:
        newest_first = app.catalog.audit.list_(AuditFilter(), limit=100)
        return [(entry.action, entry.object_id) for entry in reversed(newest_first)]
