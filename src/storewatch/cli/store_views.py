"""Commands that show stores: lists, one store, and one store over time."""

from math import isnan
from typing import Annotated, Final, Literal

import typer

from storewatch.catalog import StoreFilter, StoreRows
from storewatch.cli.home import Home
from storewatch.cli.installations import reading
from storewatch.cli.progress import prepare_engine
from storewatch.cli.tables import aligned, percent
from storewatch.cli.usage import MOST_LISTED
from storewatch.cli.values import naming, read_instant, read_label, read_zone
from storewatch.domain.clock_words import WEEKDAYS_SHORT, clock_words, duration_words
from storewatch.domain.columns import Float64s
from storewatch.domain.enums import AnnotationMode, ClosureMode, PolicyName, StoreOrder, StoreState
from storewatch.domain.instants import format_instant, instant_of
from storewatch.domain.plurals import counted
from storewatch.domain.policies import choose_policy
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.engine.opening.weekly import weekly_rows
from storewatch.engine.sampling import estimates
from storewatch.stores.current import StoreNow, describe
from storewatch.stores.poll_texts import requested_sources
from storewatch.stores.sources import check_sources
from storewatch.stores.timeline import HistoryQuery, Timeline, choose_range, store_timeline

StoreId = Annotated[str, typer.Argument(help="The store.", metavar="ID")]
_NAME: Final = "name"


def list_stores(
    search: Annotated[str | None, typer.Option(help="A part of the id or the name.", metavar="TEXT")] = None,
    prefix: Annotated[str | None, typer.Option(help="The beginning of the id.", metavar="TEXT")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Only stores with this label (repeatable).", metavar="L=V")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="Only stores in this IANA time zone.", metavar="ZONE")] = None,
    state: Annotated[StoreState | None, typer.Option(help="Only stores in this state at the newest poll.")] = None,
    sort: Annotated[StoreOrder, typer.Option(help="The order; - means descending.")] = StoreOrder.ID,
    out_of_business: Annotated[
        bool, typer.Option("--out-of-business", help="Also stores that have not opened yet or have closed for good.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="List at most this many stores.")] = 1_000,
    home: Home = None,
) -> None:
    """List stores: their state at the newest poll, the last poll, the time zone and the name.

    \b
    Example: storewatch stores list --state down
    Example: storewatch stores list --label owner=acme --sort -last_poll
    """
    named = None if zone is None else read_zone(zone, "zone")
    labels = tuple(read_label(text, "label") for text in label or ())
    where = StoreFilter(labels=labels, search=search, prefix=prefix, zone=named)
    with reading(home) as installation:
        with naming("label"):
            for wanted in labels:
                installation.catalog.names.check_label(wanted)
        found = installation.stores.page(
            where, state=state, order=sort, out_of_business=out_of_business, limit=limit
        ).stores
    if not found:
        typer.echo("No store fits.")
        return
    header = ("store", "state", "last poll", "time zone", "name")
    for line in aligned(header, [_row(store) for store in found[:limit]]):
        typer.echo(line)
    if len(found) > limit:
        typer.echo(f"... and more; list them with --limit, or narrow the list with {', '.join(_FILTERS)}")


_FILTERS: Final = ("--search", "--prefix", "--label", "--zone", "--state")


def show_store(store_id: StoreId, home: Home = None) -> None:
    """Show a store: its state at the newest poll, its labels, time zone, hours, and what changes the hours.

    Example: storewatch stores show cafe
    """
    with reading(home) as installation:
        (store_id,) = installation.catalog.names.require_stores([store_id])
        rows, moment = installation.stores.read(store_id)
        store = describe(rows, moment)
    as_of = "" if moment.as_of_us is None else f" at {format_instant(instant_of(moment.as_of_us))}"
    lines = [
        ("store", store_id),
        ("state", f"{store.state}{as_of}"),
        ("last poll", _last_poll(store)),
        ("time zone", f"{store.timezone or DEFAULT_TIMEZONE} ({store.timezone_source})"),
        *(("opened on", str(day)) for day in (store.opened_on,) if day),
        *(("closed on", str(day)) for day in (store.closed_on,) if day),
        *((f"label {name}", value) for name, value in sorted(store.labels.items())),
        ("hours", f"({store.hours_source})"),
        *_hours(store.intervals),
        *_changed_hours(rows),
    ]
    width = max(12, *(len(name) for name, _ in lines)) + 2
    for name, value in lines:
        typer.echo(f"{name + ':':<{width}}{value}")


def show_timeline(
    store_id: StoreId,
    from_: Annotated[str | None, typer.Option("--from", help="Default: 7 days before --to.", metavar="T")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Default: the newest poll.", metavar="T")] = None,
    policy: Annotated[
        PolicyName, typer.Option(help="How far a poll counts for the time around it.")
    ] = PolicyName.OBSERVED,
    max_gap: Annotated[
        str | None, typer.Option(help="The longest time that one poll counts for, such as 90m.", metavar="3h")
    ] = None,
    closures: Annotated[ClosureMode, typer.Option(help="How planned closures count.")] = ClosureMode.HONOUR,
    annotations: Annotated[
        AnnotationMode, typer.Option(help="Whether down time counts as what an annotation says.")
    ] = AnnotationMode.APPLY,
    source: Annotated[
        list[str] | None, typer.Option(help="Count only polls of this source (repeatable).", metavar="SOURCE")
    ] = None,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Accept sources that no poll has yet.")
    ] = False,
    include: Annotated[Literal["sampling"] | None, typer.Option(help="sampling: how sure the availability is.")] = None,
    home: Home = None,
) -> None:
    """Show when a store was up, down or unknown in its business hours, and the figures of the range.

    \b
    Example: storewatch stores timeline cafe --from 2023-01-23T00:00:00Z --to 2023-01-24T00:00:00Z
    Example: storewatch stores timeline cafe --include sampling
    """
    begin, end = (None if text is None else read_instant(text, name) for text, name in ((from_, "from"), (to, "to")))
    with naming("max_gap"):
        chosen_policy = choose_policy(policy.value, max_gap)
    sources = requested_sources(source or [])
    with reading(home) as installation:
        (store_id,) = installation.catalog.names.require_stores([store_id])
        prepare_engine()
        rows, moment = installation.stores.read(store_id)
        if not allow_unknown:
            with naming("source"):
                check_sources(moment.snapshot, installation.catalog, sources)
        query = HistoryQuery(
            range=choose_range(begin, end, moment.as_of_us),
            policy=chosen_policy,
            closures=closures,
            annotations=annotations,
            sources=sources,
        )
        fleet = installation.reports.read_rates(moment, query) if include and moment.as_of_us is not None else None
        timeline = store_timeline(rows, moment, query, None if fleet is None else fleet.rates)
        _print_timeline(timeline)
        if timeline.moments is not None:
            typer.echo(_interval_words(timeline.moments))
        elif fleet is not None:
            typer.echo(f"No interval: {fleet.missing}")


def _print_timeline(timeline: "Timeline") -> None:
    spans = [
        (
            format_instant(instant_of(span.start_us)),
            format_instant(instant_of(span.end_us)),
            span.status.name.lower(),
            duration_words(span.end_us - span.start_us),
        )
        for span in timeline.spans
    ]
    for line in aligned(("from", "to", "status", "length"), spans):
        typer.echo(line)
    down_us, up_us, unknown_us, planned_us = map(int, timeline.totals_us[0])
    parts = {"up": up_us, "down": down_us, "unknown": unknown_us, "planned": planned_us}
    words = ", ".join(f"{name} {duration_words(length_us)}" for name, length_us in parts.items() if length_us)
    availability, coverage = _percent(timeline.measures.availability), _percent(timeline.measures.coverage)
    typer.echo(
        f"{counted(len(timeline.polls), 'poll')}; {words or 'no business time'}; "
        f"availability {availability}, coverage {coverage}"
    )


def _interval_words(moments: Float64s) -> str:
    found = estimates(moments)
    expected, least, most = (
        _percent(found[name]) for name in ("availability_expected", "availability_from", "availability_to")
    )
    unseen = found["unseen_outages_expected"][0]
    if isnan(unseen):
        return "No interval: no time is known."
    return f"expected availability {expected}, 95 % sure: {least} to {most}; {unseen:.2f} outages that no poll saw"


def _percent(ratios: Float64s) -> str:
    """Return the first ratio in words; NaN where there is nothing to divide by."""
    return percent(None if isnan(ratios[0]) else float(ratios[0]))


def _row(store: "StoreNow") -> tuple[str, ...]:
    zone = store.timezone or DEFAULT_TIMEZONE
    return store.store_id, store.state, _last_poll(store), zone, store.labels.get(_NAME, "")


def _last_poll(store: "StoreNow") -> str:
    return "" if store.last_poll_us is None else format_instant(instant_of(store.last_poll_us))


def _hours(intervals: tuple[tuple[int, int], ...] | None) -> list[tuple[str, str]]:
    """Return the weekly hours as lines of a day and its openings."""
    if intervals is None:
        return [("  every day", "open all day")]
    days: dict[str, list[str]] = {}
    for day, start_s, end_s in weekly_rows(intervals):
        days.setdefault(f"  {WEEKDAYS_SHORT[day]}", []).append(f"{clock_words(start_s)} to {clock_words(end_s)}")
    return [(day, ", ".join(openings)) for day, openings in days.items()] or [("  every day", "closed")]


def _changed_hours(rows: "StoreRows") -> list[tuple[str, str]]:
    versions, special = rows.changes.versions, rows.changes.special
    return [
        *((f"from {day}", "other weekly hours") for day in versions["valid_from"].sort()),
        *((str(day), "special hours") for day in special["date"].unique().sort()),
    ]
