"""Open the installation of a command for reading, for an export or for a change; show progress bars."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from storewatch.domain.errors import InvalidInputError
from storewatch.settings import Settings

if TYPE_CHECKING:
    from storewatch.catalog import Catalog
    from storewatch.installation import Installation

HOME_HELP: Final = "Folder of the data [env: STOREWATCH_HOME; default: storewatch-data]."


def use_home(home: Path | None) -> Path | None:
    """Use a --home in this process as if STOREWATCH_HOME were set to this folder."""
    if home is not None:
        os.environ["STOREWATCH_HOME"] = str(home)
    return home


Home = Annotated[Path | None, typer.Option("--home", help=HOME_HELP, metavar="DIR", callback=use_home)]

Progress = Callable[[int, int], None]


class AuditTrail:
    """The audit entries of one command.

    action, object_type: what the entries hold, such as `closure.create` and `closure`.
    """

    def __init__(self, catalog: "Catalog", action: str, object_type: str) -> None:
        self._catalog = catalog
        self._action = action
        self._object_type = object_type
        self._is_complete = False

    def done(self, object_id: str, *, action: str | None = None, object_type: str | None = None) -> None:
        """Write the entry for an object that was changed or read. A command of several objects calls this for each."""
        self._append(object_id, action or self._action, object_type or self._object_type)

    def nothing_done(self) -> None:
        """Record that nothing was changed, so that no entry is due."""
        self._is_complete = True

    def complete(self) -> None:
        """Write an entry without an object id if the command has written none."""
        if not self._is_complete:
            self._append(None, self._action, self._object_type)

    def _append(self, object_id: str | None, action: str, object_type: str) -> None:
        from storewatch.access.audit import from_command_line

        self._is_complete = True
        self._catalog.audit.append([from_command_line(action, object_type, object_id, datetime.now(UTC))])


@contextmanager
def reading(home: Path | None) -> "Iterator[Installation]":
    """Open the installation of a command that changes nothing. Changes raise a ReadOnlyError."""
    with _opened(home, read_only=True) as installation:
        yield installation


@contextmanager
def exporting(home: Path | None, action: str, object_type: str) -> "Iterator[tuple[Installation, AuditTrail]]":
    """Open the installation of a command that only reads, and whose output the audit log records.

    Changes raise a ReadOnlyError. The audit entry is written when the block ends without an error.
    """
    with _opened(home, read_only=True) as installation, _audited(installation, action, object_type) as trail:
        yield installation, trail


@contextmanager
def changing(
    home: Path | None, action: str, object_type: str, *, creates: bool = False
) -> "Iterator[tuple[Installation, AuditTrail]]":
    """Open the installation of a command that changes it.

    When the block ends without an error, an audit entry is written, unless the block wrote its own ones or called
    `nothing_done`. creates: create the installation if there is none.
    """
    with (
        _opened(home, read_only=False, creates=creates) as installation,
        _audited(installation, action, object_type) as trail,
    ):
        yield installation, trail


@contextmanager
def _opened(home: Path | None, *, read_only: bool, creates: bool = False) -> "Iterator[Installation]":
    from storewatch.installation import open_installation

    settings = Settings.from_environment(home)
    # With a database outside the home folder, the database shows whether there is an installation.
    if not creates and settings.has_database_in_home and not settings.home.exists():
        raise InvalidInputError(
            f"There is no installation in {settings.home}: the folder does not exist. Name the folder of the data with "
            "--home or STOREWATCH_HOME; `storewatch import` and `storewatch serve` create it."
        )
    with open_installation(settings, read_only=read_only) as installation:
        yield installation


@contextmanager
def _audited(installation: "Installation", action: str, object_type: str) -> Iterator[AuditTrail]:
    trail = AuditTrail(installation.catalog, action, object_type)
    yield trail
    trail.complete()


def author() -> str:
    """Return the name of the user of this machine, as the audit log shows it."""
    from storewatch.access.audit import command_line_author

    return command_line_author()


@contextmanager
def progress_bar(label: str) -> Iterator[Progress | None]:
    """Show a progress bar on a terminal and yield the function that moves it; yield None in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance


def prepare_engine() -> None:
    """Compile the engine, with a message and a progress bar, if that was not done since the installation."""
    from storewatch.engine import compiling

    if compiling.load_first_kernel(lambda: typer.echo(compiling.announcement(), err=True)):
        with progress_bar("compile") as progress:
            compiling.compile_kernels(progress)


def prepare_all_kernels() -> None:
    """Compile the engine as `prepare_engine` does, and load every kernel."""
    from storewatch.engine import compiling

    prepare_engine()
    compiling.compile_kernels()
