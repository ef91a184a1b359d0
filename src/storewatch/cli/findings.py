"""Commands that print what a report found: outages, and stores whose polls contradict their hours."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from storewatch.cli.asking import OF_FINDINGS, Asked, read_asked, takes, with_format
from storewatch.cli.home import Home, installation, note, progress_bar
from storewatch.cli.output import Output, check_output, write_output
from storewatch.cli.tables import aligned, count, length, percent

if TYPE_CHECKING:
    import polars as pl

    from storewatch.reports.content import Content

MOST_ROWS: Final = 50
_COMMON: Final = ("as_of", "policy", "max_gap", "windows", "rolling", "timezone", "store_ids", "labels", "zone")
_FORMATS: Final = ("json", "ndjson", "wide_csv")


@takes(OF_FINDINGS, *_COMMON, "min_duration", "closures", "annotations", "format")
def outages(asked: Asked, output: Output = "-", home: Home = None) -> None:
    """List the outages of a window, the longest first, and outages of many stores that are one event.

    Without --windows it is the week before the newest poll. With --format (json, ndjson, wide_csv) all of them are
    written as data.

    \b
    Example: storewatch outages --min-duration 15m --label owner=acme
    Example: storewatch outages --windows yesterday --format wide_csv --output outages.csv
    """
    _run(_with_window(asked, "last_week"), "outages", output, home, _print_outages)


@takes(OF_FINDINGS, *_COMMON, "closures", "annotations", "format")
def doctor(asked: Asked, output: Output = "-", home: Home = None) -> None:
    """Tell which stores' polls contradict their hours, what would fit, and what that would do to the report.

    Nothing is changed. Without --windows it looks at the 30 days before the newest poll.

    \b
    Example: storewatch doctor --label owner=acme
    Example: storewatch doctor --format json --output doctor.json
    """
    _run(_with_window(asked, "last_30_days"), "doctor", output, home, _print_doctor)


def _with_window(asked: Asked, window: str) -> Asked:
    return asked if "windows" in asked else {"windows": [window], "rolling": True} | asked


def _run(
    asked: Asked, section: str, output: str, home: Path | None, show: "Callable[[Content], Iterable[str]]"
) -> None:
    from storewatch.app import compute_report
    from storewatch.errors import InvalidParameterError

    as_text = "format" not in asked and output == "-"
    wanted = asked | {"include": [section]}
    if "format" not in asked:
        wanted = wanted | {"format": "json"} if as_text else with_format(wanted, output)
    if wanted["format"] not in _FORMATS:
        raise InvalidParameterError(
            "format", f"This writes {', '.join(_FORMATS)}; for other forms: storewatch report --include {section}."
        )
    if wanted["format"] == "wide_csv":
        wanted["table"] = section
    check_output(output)
    with installation(home) as app, ExitStack() as computed:
        request = read_asked(wanted, app.catalog, output)
        with progress_bar(section) as progress:
            content = computed.enter_context(compute_report(app, request, progress))
        if as_text:
            for line in show(content):
                typer.echo(line)
        else:
            write_output(content, output)
        note(app, "report.download", "report", section if as_text else output)


def _print_outages(content: "Content") -> Iterator[str]:
    import polars as pl

    from storewatch.reports.request import TableName

    found, events, summed = (
        content.tables[name].read() for name in (TableName.OUTAGES, TableName.MASS_OUTAGES, TableName.SUMMARY)
    )
    for window in summed.iter_rows(named=True):
        yield _heading(content, window)
        ours = pl.col("window") == window["window"]
        yield from map(_event, events.filter(ours).iter_rows(named=True))
        yield from _longest(found.filter(ours))
        yield _totals(window)


def _heading(content: "Content", window: Mapping[str, Any]) -> str:
    policy = content.request.policy
    return (
        f"{window['window']}: {_utc(window['from_at'])} to {_utc(window['to_at'])} UTC, {window['stores']:,} stores, "
        f"policy {policy.name} ({length(policy.max_gap_us)})"
    )


def _event(event: Mapping[str, Any]) -> str:
    return (
        f"Together: {event['stores']:,} of the {event['label_stores']:,} stores with {event['label']}={event['value']} "
        f"went down between {_utc(event['first_start_at'])} and {_utc(event['last_start_at'])} UTC, the last until "
        f"{_utc(event['end_at'])}; {length(event['down_us'])} of down time in all."
    )


def _longest(found: "pl.DataFrame") -> Iterator[str]:
    if found.is_empty():
        return
    longest = found.sort("down_us", "store_id", "start_at", descending=[True, False, False]).head(MOST_ROWS)
    named = longest["name"].null_count() < longest.height
    rows = [
        (
            outage["store_id"],
            *([outage["name"] or ""] if named else []),
            f"{outage['start_local']:%Y-%m-%d %H:%M}{' or before' if outage['began_before'] else ''}",
            length(outage["down_us"]),
            outage["position"].replace("_", " "),
            outage["state"],
            outage["cause"] or "",
        )
        for outage in longest.iter_rows(named=True)
    ]
    header = ("store", *(["name"] if named else []), "start (local)", "down", "position", "state", "cause")
    yield from aligned(header, rows, right=(header.index("down"),))
    if found.height > MOST_ROWS:
        yield f"... and {found.height - MOST_ROWS:,} shorter ones; --format json, ndjson or wide_csv gives all."


def _totals(window: Mapping[str, Any]) -> str:
    if not window["outages"]:
        return "No outages."
    means = ", ".join(
        f"{name} {length(window[column])}"
        for name, column in (
            ("longest", "longest_outage_us"),
            ("mean", "mean_outage_us"),
            ("MTTR", "mttr_us"),
            ("MTBF", "mtbf_us"),
        )
        if window[column] is not None
    )
    return f"{count(window['outages'], 'outage')}, {length(window['down_us'])} of down time; {means} (business time)."


def _print_doctor(content: "Content") -> Iterator[str]:
    from storewatch.reports.request import TableName

    found = content.tables[TableName.DOCTOR].read()
    for finding in found.iter_rows(named=True):
        sure = percent(finding["confidence"], 0)
        yield f"{finding['store_id']}: {finding['finding'].replace('_', ' ')} ({sure} sure)"
        yield f"  evidence    {finding['evidence']}"
        yield f"  correction  {finding['correction']}"
        yield (
            f"  effect      availability {percent(finding['availability'])} -> "
            f"{percent(finding['availability_corrected'])}, down {length(finding['down_us'])} -> "
            f"{length(finding['down_corrected_us'])}"
        )
    first = content.tables[TableName.SUMMARY].read().row(0, named=True)
    stores = found["store_id"].n_unique()
    told = f"{count(found.height, 'finding')} on {stores:,} of" if stores else "Nothing contradicts the hours of the"
    yield (
        f"{told} {first['stores']:,} stores, {_utc(first['from_at'])} to {_utc(first['to_at'])} UTC"
        f"{'; nothing was changed' if stores else ''}."
    )


def _utc(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"
