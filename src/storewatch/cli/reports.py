"""Commands that compute reports."""

import shutil
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from storewatch.cli.home import Home, installation, progress_bar


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
    format_: Annotated[FormatName, typer.Option("--format", help="csv (classic) or json.")] = FormatName.CSV,
    home: Home = None,
) -> None:
    """Compute the classic report: up and down time of every store in the last hour, day and week.

    Example: storewatch report --as-of 2023-01-25T18:13:22Z --output report.csv
    """
    from storewatch.app import compute_report
    from storewatch.reports.request import ReportFormat, ReportRequest, choose_policy, parse_instant
    from storewatch.reports.runs import write_file

    request = ReportRequest(
        as_of=parse_instant(as_of) if as_of else None,
        policy=choose_policy(policy, max_gap),
        format=ReportFormat(format_),
    )
    with installation(home) as app, progress_bar("report") as progress:
        figures = compute_report(app, request, progress)
    if output != "-":
        write_file(figures, request, Path(output))
        typer.echo(f"{figures.stores.height:,} stores written to {output}", err=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report"
        write_file(figures, request, file)
        with file.open("rb") as written:
            shutil.copyfileobj(written, sys.stdout.buffer)
