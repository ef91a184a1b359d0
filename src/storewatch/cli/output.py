"""The option --output of the commands that write reports, and its checks."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from storewatch.domain.errors import InvalidInputError, InvalidParameterError

if TYPE_CHECKING:
    from storewatch.reports.compute.content import Content

Output = Annotated[
    str,
    typer.Option(
        help="A file, or a folder in which the file is named after the report; - is standard output.", metavar="FILE"
    ),
]
_BINARY: Final = ("xlsx", "pdf", "parquet")


def check_output(output: str) -> None:
    """Check that the output can be written, before any work is done."""
    file = Path(output)
    if output == "-" and sys.stdout is None:
        raise InvalidInputError("Standard output is closed; name a file with --output.")
    if not output:
        raise InvalidInputError("An empty name is not a file; name one with --output.")
    folder = file if output.endswith("/") else file.parent
    if not folder.is_dir():
        raise InvalidInputError(f"There is no folder {folder}; create it or name another file with --output.")


def check_form(form: str, output: str) -> None:
    """Check that a binary format is not written to a terminal."""
    if output == "-" and form in _BINARY and sys.stdout.isatty():
        raise InvalidParameterError("output", f"{form} cannot be shown on a terminal; name a file with --output.")


def warn(content: "Content") -> None:
    """Print the warning that as_of does not fit the polls, if there is one, to standard error."""
    if content.clock_warning is not None:
        typer.echo(f"Warning: {content.clock_warning.text}", err=True)
