"""Commands that compute reports."""

import shutil
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storewatch.cli.home import Home, installation, note, progress_bar
from storewatch.errors import InvalidInputError

if TYPE_CHECKING:
    from storewatch.reports.figures import Figures
    from storewatch.reports.request import ReportRequest


class PolicyName(StrEnum):
    """How far a poll speaks for the time around it."""

    FILL = "fill"
    OBSERVED = "observed"


class FormatName(StrEnum):
    """The forms of a report."""

    CSV = "csv"
    JSON = "json"


def report(
    as_of: Annotated[str | None, typer.Option(help="The report's now [default: the newest poll].", metavar="T")] = None,
    policy: Annotated[PolicyName, typer.Option(help="How far a poll speaks for the time around it.")] = PolicyName.FILL,
    max_gap: Annotated[
        str | None, typer.Option(help="Longest reach of a poll [default: fill 7d, observed 3h].", metavar="3h")
    ] = None,
    output: Annotated[str, typer.Option(help="Where to write; - is standard output.", metavar="FILE")] = "-",
    lake_version: Annotated[
        int | None, typer.Option(min=0, help="Use the polls of an earlier lake version.", metavar="N")
    ] = None,
    format_: Annotated[FormatName, typer.Option("--format", help="csv (classic) or json.")] = FormatName.CSV,
    home: Home = None,
) -> None:
    """Compute the classic report: up and down time of every store in the last hour, day and week.

    Example: storewatch report --as-of 2023-01-25T18:13:22Z --output report.csv
    """
    from storewatch.app import compute_report
    from storewatch.reports.request import ReportFormat, ReportRequest, choose_policy, parse_instant

    request = ReportRequest(
        as_of=parse_instant(as_of) if as_of else None,
        policy=choose_policy(policy, max_gap),
        format=ReportFormat(format_),
    )
    check_output(output)
    with installation(home) as app, progress_bar("report") as progress:
        figures = compute_report(app, request, progress, lake_version)
        note(app, "report.download", "report", output)
    write_output(figures, request, output)
    if output != "-":
        typer.echo(f"{figures.stores.height:,} stores written to {output}", err=True)


def check_output(output: str) -> None:
    """Refuse what cannot be written before any work is done."""
    file = Path(output)
    if output == "-" and sys.stdout is None:
        raise InvalidInputError("Standard output is closed; name a file with --output.")
    if not output or file.is_dir():
        raise InvalidInputError(f"{output or 'An empty name'} is not a file; name one with --output.")
    if not file.parent.is_dir():
        raise InvalidInputError(f"There is no folder {file.parent}; create it or name another file with --output.")


def write_output(figures: "Figures", request: "ReportRequest", output: str) -> None:
    """Write a file whole or not at all, through links and with its mode; standard output and devices as a stream."""
    from storewatch.reports.runs import write_file

    file = Path(output).resolve()
    try:
        if output != "-" and (file.is_file() or not file.exists()):
            write_file(figures, request, file)
            return
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder) / "report"
            write_file(figures, request, whole)
            with whole.open("rb") as written:
                if output == "-":
                    shutil.copyfileobj(written, sys.stdout.buffer)
                    sys.stdout.flush()
                else:
                    with file.open("wb") as stream:
                        shutil.copyfileobj(written, stream)
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "Standard output" if output == "-" else output
        raise InvalidInputError(f"{name} cannot be written ({error.strerror}); choose another file.") from error
