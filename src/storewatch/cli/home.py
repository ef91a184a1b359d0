"""Which installation a command works on, and how long work shows itself on a terminal."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from storewatch.settings import Settings

if TYPE_CHECKING:
    from storewatch.installation import Installation

HOME_HELP: Final = "Folder of the data [env: STOREWATCH_HOME; default: storewatch-data]."

Home = Annotated[Path | None, typer.Option("--home", help=HOME_HELP, metavar="DIR")]

Progress = Callable[[int, int], None]


def use_home(home: Path | None) -> None:
    """Let a --home given before the command stand for all of it."""
    if home is not None:
        os.environ["STOREWATCH_HOME"] = str(home)


@contextmanager
def installation(home: Path | None) -> "Iterator[Installation]":
    """Open the installation of a command."""
    from storewatch.installation import open_installation

    with open_installation(Settings.from_environment(home)) as app:
        yield app


def author(now: datetime) -> str:
    """Who the audit log says has done what a command does."""
    from storewatch.access.audit import from_command_line

    return from_command_line("", "", "", now).actor_name


def note(app: "Installation", action: str, object_type: str, object_id: str) -> None:
    """Write into the audit log what this command has done."""
    from storewatch.access.audit import from_command_line

    app.catalog.audit.append([from_command_line(action, object_type, object_id, datetime.now(UTC))])


@contextmanager
def progress_bar(label: str) -> Iterator[Progress | None]:
    """Show how far long work is on a terminal; give nothing to call in a pipe."""
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
