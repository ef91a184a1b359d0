"""Commands that print findings of a report: outages, and stores with polls that contradict their hours."""

from typing import Final

import typer

from storewatch.cli.home import Home
from storewatch.cli.output import Output
from storewatch.cli.report_options import OptionValues, report_command

commands = typer.Typer(rich_markup_mode=None)

_COMMON: Final = (
    *("as_of", "policy", "max_gap", "sources", "windows", "rolling", "timezone", "store_ids", "labels", "zone"),
    *("closures", "annotations", "format", "raw_text"),
)
_WORDS: Final = {"windows": "see above", "format": "in words; as data json, ndjson or wide_csv"}
DoctorCommand: Final = report_command(*_COMMON, texts=_WORDS)
RatesCommand: Final = report_command(
    *("as_of", "sources", "windows", "rolling", "store_ids", "labels", "zone", "group_by", "format", "raw_text"),
    texts=_WORDS,
)
OutagesCommand: Final = report_command(*_COMMON, "min_duration", texts=_WORDS)


@commands.command("outages", cls=OutagesCommand)
def outages(context: typer.Context, output: Output = "-", home: Home = None) -> None:
    """List the outages of a window, the longest first, and outages that many stores had together.

    Without --windows the window is rolling_7_days, the 7 x 24 hours before the newest poll. With --format (json,
    ndjson, wide_csv) all outages are written as data.

    \b
    Example: storewatch outages --min-duration 15m --label owner=acme
    Example: storewatch outages --windows yesterday --format wide_csv --output outages.csv
    """
    from storewatch.cli.finding_lines import write_findings

    write_findings(_with_window(context.obj, "rolling_7_days"), "outages", output, home)


@commands.command("doctor", cls=DoctorCommand)
def doctor(context: typer.Context, output: Output = "-", home: Home = None) -> None:
    """List the stores with polls that contradict their hours, the hours that would fit, and the effect on the report.

    Nothing is changed. The polls of the 31 days before the newest poll are examined, as in reports. The effect is that
    on the first window; without --windows it is rolling_30_days. After the findings
    come the stores that have no polls, no hours, or a default or older value because their rows were rejected.

    \b
    Example: storewatch doctor --label owner=acme
    Example: storewatch doctor --format json --output doctor.json
    """
    from storewatch.cli.finding_lines import write_findings

    write_findings(_with_window(context.obj, "rolling_30_days"), "doctor", output, home)


@commands.command("rates", cls=RatesCommand)
def rates(context: typer.Context, output: Output = "-", home: Home = None) -> None:
    """Show how often stores go down and how long for, how sure that is, and what more polls would tell.

    The rates are of all stores, and of each group with --group-by, from the polls of the last 31 days. The table of
    polls is of a typical store in one window, without --windows rolling_7_days.

    \b
    Example: storewatch rates --group-by brand
    Example: storewatch rates --labels owner=acme --format json --output rates.json
    """
    from storewatch.cli.finding_lines import write_findings

    write_findings(_with_window(context.obj, "rolling_7_days"), "sampling", output, home, table="rates")


def _with_window(options: OptionValues, window: str) -> OptionValues:
    return options if "windows" in options else {"windows": [window]} | options
