"""Commands as real processes, on an installation of a folder's own."""

import os
import subprocess
import sys
from pathlib import Path

from storewatch.catalog import AuditFilter
from storewatch.installation import open_installation
from storewatch.settings import Settings


def storewatch(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STOREWATCH_")}
    return subprocess.run(
        [sys.executable, "-m", "storewatch", *map(str, arguments)],
        env=environment | {"STOREWATCH_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def printed(home: Path, *arguments: str | Path) -> list[str]:
    """The lines that a command which succeeds prints."""
    done = storewatch(home, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def mistake(home: Path, *arguments: str | Path) -> str:
    """The one sentence of a command that the user got wrong."""
    done = storewatch(home, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    return done.stderr.removeprefix("storewatch: ").removesuffix("\n")


def noted(home: Path) -> list[tuple[str, str | None]]:
    """What the audit log says was done to what, the oldest first."""
    with open_installation(Settings.from_environment(home, {})) as app:
        newest_first = app.catalog.audit.list_(AuditFilter(), limit=100)
        return [(entry.action, entry.object_id) for entry in reversed(newest_first)]
