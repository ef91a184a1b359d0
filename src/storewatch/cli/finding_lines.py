"""Compute outages, rates of failure and contradictions of hours; print them in words, or write them as data."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
import typer

from storewatch.cli.installations import exporting
from storewatch.cli.output import check_output, warn
from storewatch.cli.progress import prepare_engine, progress_bar
from storewatch.cli.report_files import read_report_request, write_output
from storewatch.cli.report_options import OptionValues, with_format
from storewatch.cli.tables import aligned, percent
from storewatch.domain.clock_words import duration_words
from storewatch.domain.enums import ReportTable
from storewatch.domain.errors import InvalidParameterError
from storewatch.domain.instants import MINUTE_US, SECOND_US, instant_of
from storewatch.domain.plurals import counted, first_ids
from storewatch.installation import compute_report
from storewatch.reports.compute.content import Content
from storewatch.reports.exports.wording import doctor_rule
from storewatch.stores.reasons import reason_words

MOST_ROWS: Final = 50
MOST_SILENCES: Final = 3
_WHY: Final = ("inactive_polls", "reason", "reason_polls")
_FORMATS: Final = ("json", "ndjson", "wide_csv")


def write_findings(
    options: OptionValues,
    section: str,
    output: str,
    home: Path | None,
    *,
    table: str | None = None,
) -> None:
    """Compute a report with one section; print it in words, or write it as data. table: that of wide_csv."""
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
            for line in _LINES[section](content):
                typer.echo(line)
        else:
            write_output(content, output)
        audit.done(section if as_text else output)


def _print_outages(content: "Content") -> Iterator[str]:
    tables = ReportTable.OUTAGES, ReportTable.MASS_OUTAGES, ReportTable.BLIND_SPOTS, ReportTable.SUMMARY
    found, events, spots, summed = (content.tables[name].read() for name in tables)
    for window in summed.iter_rows(named=True):
        yield _heading(content, window)
        of_window = pl.col("window") == window["window"]
        yield from _silences(window, spots.filter(of_window))
        yield from _together(events.filter(of_window))
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


def _together(events: pl.DataFrame) -> Iterator[str]:
    """List mass outages, each once: under the label that fits best, with the other labels named."""
    # Neither a label of nearly all stores nor one of a few stores fits best.
    fit = events["stores"] ** 2 / events["label_stores"]
    most_first = events.sort(fit, descending=True, maintain_order=True)
    listed: list[tuple[dict[str, Any], list[str]]] = []
    for event in most_first.iter_rows(named=True):
        same = next((labels for first, labels in listed if _is_same(event, first)), None)
        if same is None:
            listed.append((event, []))
        else:
            same.append(f"{event['label']}={event['value']}")
    for event, labels in sorted(listed, key=lambda each: each[0]["first_start_at"]):
        others = f" Stores of {first_ids(labels)} were among them." if labels else ""
        yield (
            f"Together: {event['stores']:,} of the {event['label_stores']:,} stores with "
            f"{event['label']}={event['value']} went down between {_utc(event['first_start_at'])} and "
            f"{_utc(event['last_start_at'])} UTC, the last until {_utc(event['end_at'])}; "
            f"{duration_words(event['down_us'])} of down time in all.{others}"
        )


def _is_same(event: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether at least half of the stores of an event went down in the other one, while it began."""
    begins_in_it = (
        event["first_start_at"] <= other["last_start_at"] and other["first_start_at"] <= event["last_start_at"]
    )
    return begins_in_it and 2 * len({*event["store_ids"]} & {*other["store_ids"]}) >= len(event["store_ids"])


def _longest(found: "pl.DataFrame") -> Iterator[str]:
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


_LINES: Final[Mapping[str, Callable[[Content], Iterable[str]]]] = {
    "outages": _print_outages,
    "doctor": _print_doctor,
    "sampling": _print_rates,
}
