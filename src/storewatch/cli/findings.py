"""Commands that print findings of a report: outages, and stores with polls that contradict their hours."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from storewatch.cli.home import Home, exporting, prepare_engine, progress_bar
from storewatch.cli.output import Output, check_output, warn, write_output
from storewatch.cli.report_options import OptionValues, read_report_request, report_command, with_format
from storewatch.cli.tables import aligned, percent
from storewatch.domain.clock_words import duration_words
from storewatch.domain.enums import ReportTable
from storewatch.domain.errors import InvalidParameterError
from storewatch.domain.instants import MINUTE_US, SECOND_US, instant_of
from storewatch.domain.plurals import counted

if TYPE_CHECKING:
    import polars as pl

    from storewatch.reports.compute.content import Content

MOST_ROWS: Final = 50
MOST_SILENCES: Final = 3
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
_WHY: Final = ("inactive_polls", "reason", "reason_polls")
_FORMATS: Final = ("json", "ndjson", "wide_csv")


def outages(context: typer.Context, output: Output = "-", home: Home = None) -> None:
    """List the outages of a window, the longest first, and outages that many stores had together.

    Without --windows the window is rolling_7_days, the 7 x 24 hours before the newest poll. With --format (json,
    ndjson, wide_csv) all outages are written as data.

    \b
    Example: storewatch outages --min-duration 15m --label owner=acme
    Example: storewatch outages --windows yesterday --format wide_csv --output outages.csv
    """
    _run(_with_window(context.obj, "rolling_7_days"), "outages", output, home, _print_outages)


def doctor(context: typer.Context, output: Output = "-", home: Home = None) -> None:
    """List the stores with polls that contradict their hours, the hours that would fit, and the effect on the report.

    Nothing is changed. The polls of the 31 days before the newest poll are examined, as in reports. The effect is that
    on the first window; without --windows it is rolling_30_days. After the findings
    come the stores that have no polls, no hours, or a default or older value because their rows were rejected.

    \b
    Example: storewatch doctor --label owner=acme
    Example: storewatch doctor --format json --output doctor.json
    """
    _run(_with_window(context.obj, "rolling_30_days"), "doctor", output, home, _print_doctor)


def rates(context: typer.Context, output: Output = "-", home: Home = None) -> None:
    """Show how often stores go down and how long for, how sure that is, and what more polls would tell.

    The rates are of all stores, and of each group with --group-by, from the polls of the last 31 days. The table of
    polls is of a typical store in one window, without --windows rolling_7_days.

    \b
    Example: storewatch rates --group-by brand
    Example: storewatch rates --labels owner=acme --format json --output rates.json
    """
    _run(_with_window(context.obj, "rolling_7_days"), "sampling", output, home, _print_rates, table="rates")


def _with_window(options: OptionValues, window: str) -> OptionValues:
    return options if "windows" in options else {"windows": [window]} | options


def _run(
    options: OptionValues,
    section: str,
    output: str,
    home: Path | None,
    show: "Callable[[Content], Iterable[str]]",
    *,
    table: str | None = None,
) -> None:
    """Compute a report with one section; print it in words, or write it as data. table: that of wide_csv."""
    from storewatch.installation import compute_report

    as_text = "format" not in options and output == "-"
    wanted = options | {"include": [section]}
    if "format" not in options:
        wanted = wanted | {"format": "json"} if as_text else with_format(wanted, output)
    if wanted["format"] not in _FORMATS:
        raise InvalidParameterError(
            "format",
            f"This command writes {', '.join(_FORMATS)}; for other formats: storewatch report --include {section}.",
        )
    if wanted["format"] == "wide_csv":
        wanted["table"] = table or section
    check_output(output)
    with exporting(home, "report.download", "report") as (installation, audit), ExitStack() as computed:
        request = read_report_request(wanted, installation.catalog, output)
        prepare_engine()
        with progress_bar(section) as progress:
            content = computed.enter_context(compute_report(installation, request, progress))
        warn(content)
        if as_text:
            for line in show(content):
                typer.echo(line)
        else:
            write_output(content, output)
        audit.done(section if as_text else output)


def _print_outages(content: "Content") -> Iterator[str]:
    import polars as pl

    tables = ReportTable.OUTAGES, ReportTable.MASS_OUTAGES, ReportTable.BLIND_SPOTS, ReportTable.SUMMARY
    found, events, spots, summed = (content.tables[name].read() for name in tables)
    for window in summed.iter_rows(named=True):
        yield _heading(content, window)
        of_window = pl.col("window") == window["window"]
        yield from _silences(window, spots.filter(of_window))
        yield from map(_event, events.filter(of_window).iter_rows(named=True))
        yield from _longest(found.filter(of_window))
        yield _totals(window)


def _heading(content: "Content", window: Mapping[str, Any]) -> str:
    policy, stores = content.request.chosen_policy, counted(window["stores"], "store")
    return (
        f"{window['window']}: {_utc(window['from_at'])} to {_utc(window['to_at'])} UTC, {stores}, "
        f"policy {policy.name} ({duration_words(policy.max_gap_us)})"
    )


def _silences(window: Mapping[str, Any], spots: "pl.DataFrame") -> Iterator[str]:
    if window["stores"] and not window["feed_judged_us"]:
        yield "Too few stores are open at the same time to know whether the feed was silent."
    longest = spots.sort(spots["end_at"] - spots["start_at"], descending=True, maintain_order=True).head(MOST_SILENCES)
    for spot in longest.sort("start_at").iter_rows(named=True):
        yield (
            f"The feed was silent from {_utc(spot['start_at'])} to {_utc(spot['end_at'])} UTC "
            f"({percent(spot['unpolled_share'], 0)} of stores unpolled): outages in that time may be the feed's, not "
            f"the stores'."
        )
    if spots.height > MOST_SILENCES:
        yield f"... and {counted(spots.height - MOST_SILENCES, 'shorter silence')}; see blind_seconds of each outage."


def _event(event: Mapping[str, Any]) -> str:
    return (
        f"Together: {event['stores']:,} of the {event['label_stores']:,} stores with {event['label']}={event['value']} "
        f"went down between {_utc(event['first_start_at'])} and {_utc(event['last_start_at'])} UTC, the last until "
        f"{_utc(event['end_at'])}; {duration_words(event['down_us'])} of down time in all."
    )


def _longest(found: "pl.DataFrame") -> Iterator[str]:
    from storewatch.stores.reasons import reason_words

    if found.is_empty():
        return
    longest = found.sort("down_us", "store_id", "start_at", descending=[True, False, False]).head(MOST_ROWS)
    named = longest["name"].null_count() < longest.height
    explained = longest["reason"].null_count() < longest.height
    why = ["inactive polls"] if explained else []
    rows = [
        (
            outage["store_id"],
            *([outage["name"] or ""] if named else []),
            f"{outage['start_local']:%Y-%m-%d %H:%M}{' or before' if outage['began_before'] else ''}",
            duration_words(outage["down_us"]),
            outage["position"].replace("_", " "),
            outage["state"],
            outage["cause"] or "",
            *([reason_words(*(outage[name] for name in _WHY))] if explained else []),
        )
        for outage in longest.iter_rows(named=True)
    ]
    header = ("store", *(["name"] if named else []), "start (local)", "down", "position", "state", "cause", *why)
    yield from aligned(header, rows, right=(header.index("down"),))
    if found.height > MOST_ROWS:
        yield f"... and {found.height - MOST_ROWS:,} shorter ones; --format json, ndjson or wide_csv lists all."


def _totals(window: Mapping[str, Any]) -> str:
    if not window["outages"]:
        return "No outages."
    means = ", ".join(
        f"{name} {duration_words(window[column])}"
        for name, column in (
            ("longest", "longest_outage_us"),
            ("mean", "mean_outage_us"),
            ("MTTR", "mttr_us"),
            ("MTBF", "mtbf_us"),
        )
        if window[column] is not None
    )
    down = f"{duration_words(window['down_us'])} of down time"
    return f"{counted(window['outages'], 'outage')}, {down}; {means} (business time)."


def _print_rates(content: "Content") -> Iterator[str]:
    found, sampling = content.tables[ReportTable.RATES].read(), content.facts["sampling"]
    rows = [
        (
            "all stores" if row["group"] is None else row["group"],
            f"{row['stores']:,}",
            f"{row['changes']:,}",
            _hours_between(row["down_per_hour"]),
            _limits(row["down_per_hour_to"], row["down_per_hour_from"], _hours_between),
            _outage_length(row["up_per_hour"]),
            _limits(row["up_per_hour_to"], row["up_per_hour_from"], _outage_length),
            percent(row["long_run_availability"]) if row["down_per_hour"] else "",
        )
        for row in found.iter_rows(named=True)
    ]
    header = ("group", "stores", "changes", "down every", "95 % sure", "outage of", "95 % sure", "up in the long run")
    yield from aligned(header, rows, right=(1, 2, 3, 4, 5, 6, 7))
    if "missing" in sampling:
        yield sampling["missing"]
    if "polling" in sampling:
        yield ""
        yield f"With other polls, for a store with {sampling['typical_known_hours']:.0f} known hours in the window:"
        polling = [
            (
                duration_words(row["minutes_between_polls"] * MINUTE_US),
                f"± {100 * row['half_width']:.2f} points",
                percent(row["outages_seen"], 0),
            )
            for row in sampling["polling"]
        ]
        yield from aligned(("a poll every", "availability", "outages seen"), polling, right=(0, 1, 2))
        needed_us = round(sampling["minutes_between_polls_for_0.1_points"] * 60) * SECOND_US
        yield f"For ± 0.10 points a store would have to be polled every {duration_words(needed_us)}."


def _hours_between(per_hour: float | None) -> str:
    return "" if per_hour is None else f"{1 / per_hour:,.1f} h"


def _outage_length(per_hour: float | None) -> str:
    return "" if per_hour is None else duration_words(max(round(60 / per_hour), 1) * MINUTE_US)


def _limits(low: float | None, high: float | None, write: "Callable[[float | None], str]") -> str:
    return "" if low is None else f"{write(low)} to {write(high)}"


def _print_doctor(content: "Content") -> Iterator[str]:
    from storewatch.reports.exports.wording import doctor_rule

    found = content.tables[ReportTable.DOCTOR].read()
    for finding in found.iter_rows(named=True):
        what = finding["finding"].replace("_", " ")
        if finding["store_id"] is None:
            yield f"all stores: {what}"
            yield f"  evidence    {finding['evidence']}"
            continue
        name = f" ({finding['name']})" if finding["name"] else ""
        yield f"{finding['store_id']}{name}: {what} ({percent(finding['confidence'], 0)} sure)"
        yield f"  evidence    {finding['evidence']}"
        yield f"  correction  {finding['correction'] or 'none known'}"
        if finding["correction"] is not None:
            yield _effect(finding)
    of_stores = found.drop_nulls("store_id")
    findings = f"{counted(of_stores.height, 'finding')} on {of_stores['store_id'].n_unique():,} of "
    if of_stores.is_empty():
        findings = "Nothing contradicts the hours of the "
    as_of = instant_of(content.as_of_us)
    yield (
        f"{findings}{counted(content.stores, 'store')}{'' if of_stores.is_empty() else '; nothing was changed'}. "
        f"{doctor_rule()} Here as_of is {_utc(as_of)} UTC."
    )
    first = content.tables[ReportTable.SUMMARY].read().row(0, named=True)
    if not of_stores.is_empty():
        yield f"Effects are those on {first['window']}, {_utc(first['from_at'])} to {_utc(first['to_at'])} UTC."
    if content.input_gaps is not None:
        yield from content.input_gaps.lines()


def _effect(finding: Mapping[str, Any]) -> str:
    lengths = ", ".join(
        f"{name} {duration_words(finding[f'{column}_us'])} -> {duration_words(finding[f'{column}_corrected_us'])}"
        for name, column in (("open", "business"), ("down", "down"))
    )
    before, after = percent(finding["availability"]), percent(finding["availability_corrected"])
    return f"  effect      availability {before} -> {after}, {lengths}"


def _utc(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"
