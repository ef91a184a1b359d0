"""Commands that compute a report, and verify it by computing it again."""

from typing import Annotated

import typer

from storewatch.cli.home import Home
from storewatch.cli.output import Output
from storewatch.cli.report_options import report_command
from storewatch.cli.usage import read_number

commands = typer.Typer(rich_markup_mode=None)


@commands.command("report", cls=report_command())
def report(
    context: typer.Context,
    lake_version: Annotated[
        int | None, typer.Option(parser=read_number, help="Use the polls of an earlier lake version.", metavar="N")
    ] = None,
    output: Output = "-",
    home: Home = None,
) -> None:
    """Compute a report. Without options it is the classic one: up and down time of every store in the last hour, day
    and week. A manifest is written beside the file; `storewatch verify` reads it to compute the report again.

    \b
    Example: storewatch report --as-of 2023-01-25T18:13:22Z --output report.csv
    Example: storewatch report --windows last_month --by day --include outages --output reports/month.xlsx
    Example: storewatch report --definition weekly --label owner=acme --output reports/
    """
    from storewatch.cli.report_files import write_report

    write_report(context.obj, output, home, lake_version)


@commands.command("verify")
def verify(
    report: Annotated[
        str, typer.Argument(help="A file with its manifest beside it, or the id of a report.", metavar="REPORT")
    ],
    home: Home = None,
) -> None:
    """Compute a report again from the same inputs and check whether the file is the same.

    Exit code 0: identical. 1: not identical; the differences and the changes since then are printed.

    Example: storewatch verify reports/storewatch_2023-01-25_last-week.xlsx
    """
    from storewatch.cli.report_files import print_verification

    print_verification(report, home)
