"""Compute the content of a report: choose its stores, run its collectors, assemble its tables."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch import __version__
from storewatch.catalog import NAME, Catalog
from storewatch.domain.columns import INSTANT, Int64s
from storewatch.domain.enums import ReportFormat, ReportTable, Section, Setting, SettingSource, Status
from storewatch.domain.instants import DAY_US
from storewatch.domain.timezones import DEFAULT_TIMEZONE, TZDATA_VERSION
from storewatch.engine.evidence import evidence_range
from storewatch.engine.measures import measure, roll_up
from storewatch.reports.compute.buckets import BucketCollector
from storewatch.reports.compute.collectors import (
    Collector,
    SectionCollector,
    SectionResult,
    collect_and_merge,
    computed_range,
)
from storewatch.reports.compute.comparisons import (
    before_columns,
    group_table,
    peer_columns,
    spread_of,
    target_columns,
)
from storewatch.reports.compute.content import (
    ROWS_AT_ONCE,
    SPREAD,
    STORE_FIGURES,
    SUMMARY,
    Content,
    ContentTable,
    Versions,
    figures_frame,
)
from storewatch.reports.compute.context import ReportContext, label_values
from storewatch.reports.compute.grouping import groups_of, hours_in_force
from storewatch.reports.compute.last_polls import LastPollCollector
from storewatch.reports.compute.store_days import store_days
from storewatch.reports.compute.store_hours import store_hours
from storewatch.reports.compute.totals import TotalsCollector, WindowTotals
from storewatch.reports.request.request import ReportRequest
from storewatch.reports.sections import section_collectors
from storewatch.reports.sections.sampling import SamplingCollector, with_verdicts
from storewatch.stores.data_clock import ClockWarning, check_clock
from storewatch.stores.gaps import InputGaps, find_gaps


class ComputeShards(Protocol):
    """Computes all shards of a report, anywhere, and returns the result of each collector in their order."""

    def __call__(self, context: ReportContext, collectors: Sequence[Collector[Any]]) -> list[Any]: ...


@dataclass(frozen=True, kw_only=True)
class StoreDetails:
    """Details from the catalog about the stores of a report, in their order, without hours and zones.

    names: String, null without a name. peers: String, the value of the label by which stores are peers, null without a
    value; None where peers are not compared. objectives: float64[S], NaN without one; None where no store has one.
    """

    names: pl.Series
    peers: pl.Series | None
    objectives: npt.NDArray[np.float64] | None


def compute_content(
    context: ReportContext,
    chosen: pl.Series,
    *,
    catalog: Catalog,
    compute_shards: ComputeShards = collect_and_merge,
) -> Content:
    """Compute a report on the stores of the context whose ids are `chosen`; its other stores are only their peers."""
    request, inputs = context.request, context.inputs
    store_details = _store_details(context, catalog)
    in_report = np.ones(context.stores, bool)
    if len(chosen) < context.stores:
        in_report = inputs.store_list.store_ids.is_in(chosen.implode()).to_numpy()
    # Sections are about the stores that the report keeps. Which stores a choice by figures keeps is known only when
    # all totals are, so the sections then need a second pass over the shards.
    in_two_passes = request.with_outages or request.worst is not None or not in_report.all()
    sections = [] if in_two_passes else _bucket_and_section_collectors(context, catalog)
    collectors: list[Collector[Any]] = [TotalsCollector.of(context), LastPollCollector.of(context), *sections]
    totals, last_polls_us, *details = compute_shards(context, collectors)
    clock_warning = _clock_warning(context, collectors, in_report, last_polls_us)
    compared = _comparisons(store_details, totals)
    kept = _choose(request, in_report, totals.totals_us)
    if not kept.all():
        context = ReportContext.of(request, replace(inputs, store_list=inputs.store_list.at(kept)), context.folder)
        if compared.width:
            compared = compared.filter(pl.Series(np.repeat(kept, len(context.windows.names))))
        store_details = replace(store_details, names=store_details.names.filter(pl.Series(kept)))
    if in_two_passes and (sections := _bucket_and_section_collectors(context, catalog)):
        details = compute_shards(context, sections)
    results = [SectionResult(store_columns=compared), *details]
    tables = _tables(context, catalog, store_details, _kept_totals(totals, kept), results)
    is_sheet = context.stores == 1 and request.format is ReportFormat.PDF
    return Content(
        request=request,
        scope=inputs.scope,
        as_of_us=inputs.as_of_us,
        versions=Versions(
            lake=inputs.snapshot.version,
            catalog=inputs.store_list.catalog_version,
            tzdata=TZDATA_VERSION,
            software=__version__,
        ),
        stores=context.stores,
        clock_warning=clock_warning,
        input_gaps=_input_gaps(context, catalog, chooses=not kept.all()) if Section.DOCTOR in request.include else None,
        tables={name: tables[name] for name in request.tables},
        labels=_labels(context, catalog),
        facts={name: value for each in results for name, value in each.facts.items()},
        days=store_days(context) if is_sheet else {},
        hours=store_hours(context) if is_sheet else None,
    )


def _clock_warning(
    context: ReportContext,
    collectors: Sequence[Collector[Any]],
    in_report: npt.NDArray[np.bool_],
    last_polls_us: Int64s,
) -> ClockWarning | None:
    """Return the warning where as_of does not fit the polls of the stores asked for, and a window reaches its day."""
    inputs = context.inputs
    from_us, to_us = computed_range(context, collectors)
    if to_us <= inputs.as_of_us - DAY_US:
        return None
    read_from_us, read_end_us = evidence_range(from_us, to_us, as_of_us=inputs.as_of_us, policy=inputs.policy)
    covers_as_of = read_end_us > inputs.as_of_us
    store_ids = inputs.store_list.store_ids
    if not in_report.all():  # filtering 1 M ids takes a while
        store_ids = store_ids.filter(pl.Series(in_report))
    return check_clock(
        inputs.snapshot,
        inputs.as_of_us,
        store_ids,
        stores=None if len(store_ids) == inputs.store_list.known else store_ids.to_list(),
        last_us=last_polls_us[in_report] if covers_as_of else None,
        last_from_us=read_from_us if covers_as_of else None,
    )


def _input_gaps(context: ReportContext, catalog: Catalog, *, chooses: bool) -> InputGaps:
    """Return what the inputs of the stores of the report leave open. chooses: the report keeps some of its stores."""
    store_list = context.inputs.store_list
    is_whole = not (chooses or context.inputs.scope.is_limited) and len(store_list.store_ids) == store_list.known
    return find_gaps(catalog, context.inputs.snapshot, None if is_whole else context.store_ids)


def _bucket_and_section_collectors(context: ReportContext, catalog: Catalog) -> list[SectionCollector]:
    by, sections = context.request.trend_by, section_collectors(context, catalog)
    if by is None:
        return sections
    fleet = next((each.fleet for each in sections if isinstance(each, SamplingCollector)), None)
    return [BucketCollector.of(context, by, label_values(context, catalog, NAME), fleet), *sections]


def _kept_totals(totals: WindowTotals, kept: npt.NDArray[np.bool_]) -> WindowTotals:
    if kept.all():
        return totals
    before_us = None if totals.before_us is None else totals.before_us[kept]
    return WindowTotals(totals_us=totals.totals_us[kept], before_us=before_us)


def _tables(
    context: ReportContext,
    catalog: Catalog,
    store_details: StoreDetails,
    totals: WindowTotals,
    details: Sequence[SectionResult],
) -> dict[ReportTable, ContentTable]:
    extra = with_verdicts(pl.concat([each.store_columns for each in details], how="horizontal"))
    tables = {
        ReportTable.SUMMARY: _summary_table(context, totals, extra, details),
        ReportTable.STORES: _stores(context, store_details, totals.totals_us, extra),
    }
    if context.request.group_by is not None:
        groups = groups_of(context, catalog)
        more_columns = [each.of_groups for each in details if each.of_groups is not None]
        tables[ReportTable.GROUPS] = group_table(totals.totals_us, groups, context.windows.names, more_columns)
    for each in details:
        tables |= each.tables
    for each in details:
        for name, fill_in in each.fill_in.items():
            if name in tables:
                tables[name].fill_in = fill_in
    return tables


def _store_details(context: ReportContext, catalog: Catalog) -> StoreDetails:
    nothing = pl.Series("name", [None], dtype=pl.String).new_from_index(0, context.stores)
    if context.request.format is ReportFormat.CSV:  # seven columns have no room for any of it
        return StoreDetails(names=nothing, peers=None, objectives=None)
    request = context.request
    return StoreDetails(
        names=label_values(context, catalog, NAME),
        peers=None if request.peers is None else label_values(context, catalog, request.peers),
        objectives=_objectives(context, catalog),
    )


def _objectives(context: ReportContext, catalog: Catalog) -> npt.NDArray[np.float64] | None:
    own = catalog.entries.read_targets(context.store_ids)
    default = None if context.request.target is None else context.request.target / 100
    if own.is_empty() and default is None:
        return None
    joined = context.store_ids.to_frame().join(own, on="store_id", how="left", maintain_order="left")["objective"]
    values: npt.NDArray[np.float64] = joined.fill_null(float("nan") if default is None else default).to_numpy()
    return values


def _labels(context: ReportContext, catalog: Catalog) -> dict[str, str]:
    if context.stores != 1:
        return {}
    ids = context.store_ids.to_list()
    return catalog.stores.select(ids).labels.get(ids[0], {})


def _comparisons(store_details: StoreDetails, totals: WindowTotals) -> pl.DataFrame:
    columns = []
    if store_details.objectives is not None:
        columns.append(target_columns(totals.totals_us, store_details.objectives))
    if totals.before_us is not None:
        columns.append(before_columns(totals.totals_us, totals.before_us))
    if store_details.peers is not None:
        columns.append(peer_columns(totals.totals_us, store_details.peers))
    return pl.concat(columns, how="horizontal") if columns else pl.DataFrame()


def _choose(request: ReportRequest, in_report: npt.NDArray[np.bool_], totals_us: Int64s) -> npt.NDArray[np.bool_]:
    """Return which stores the report keeps: requested, with down time in any window, worst in the first: bool[S]."""
    kept = in_report.copy()
    if request.with_outages:
        kept &= (totals_us[..., Status.DOWN] > 0).any(axis=1)
    if request.worst is not None:
        first_us = totals_us[:, 0]
        availability = measure(first_us).availability
        # Of stores with equal availability, the one that was down longer comes first, then by store_id. Stores without
        # availability come last.
        order = np.lexsort((-first_us[:, Status.DOWN], np.where(np.isnan(availability), 2, availability), ~kept))
        worst = np.zeros(len(kept), bool)
        worst[order[: request.worst]] = True
        kept &= worst
    return kept


def _summary_table(
    context: ReportContext, totals: WindowTotals, extra: pl.DataFrame, details: Sequence[SectionResult]
) -> ContentTable:
    names = context.windows.names
    summed = [roll_up(totals.totals_us[:, number]) for number in range(len(names))]
    sums_us = np.array([each.totals_us for each in summed])
    spans_us = context.windows.spans_us
    parts = [
        pl.DataFrame(
            {
                "window": names,
                "from_at": spans_us[:, :, 0].min(axis=0),
                "to_at": spans_us[:, :, 1].max(axis=0),
                "stores": [context.stores] * len(names),
            },
            schema_overrides={"from_at": INSTANT, "to_at": INSTANT},
        ),
        figures_frame(sums_us),
        pl.DataFrame([spread_of(each) for each in summed], schema=SPREAD),
    ]
    if totals.before_us is not None:
        parts.append(before_columns(sums_us, totals.before_us.sum(axis=0)))
    if "target_met" in extra.columns:
        judged = extra["target_met"].reshape((context.stores, len(names)))
        met = [judged.arr.get(number) for number in range(len(names))]
        parts.append(
            pl.DataFrame(
                {"stores_with_target": [each.count() for each in met], "stores_on_target": [each.sum() for each in met]}
            )
        )
    parts += [each.summary_columns for each in details]
    frame = pl.concat([part for part in parts if part.width], how="horizontal")
    table = ContentTable(schema=pl.Schema({**SUMMARY, **{name: frame.schema[name] for name in frame.columns}}))
    table.append(frame)
    return table


def _stores(
    context: ReportContext, store_details: StoreDetails, totals_us: Int64s, extra: pl.DataFrame
) -> ContentTable:
    """Return the table of stores. Its rows are made when they are written, some stores at a time."""
    table = ContentTable(schema=pl.Schema({**STORE_FIGURES, **extra.schema}))
    windows = len(context.windows.names)
    hours_ids = hours_in_force(context)
    at_once = max(1, ROWS_AT_ONCE // windows)
    for first in range(0, context.stores, at_once):
        last = min(first + at_once, context.stores)

        def make(first: int = first, last: int = last) -> pl.DataFrame:
            rows = [
                _store_figures(context, store_details, hours_ids, first, last),
                figures_frame(totals_us[first:last].reshape(-1, len(Status))),
            ]
            if extra.width:
                rows.append(extra.slice(first * windows, (last - first) * windows))
            return pl.concat(rows, how="horizontal").select(table.schema.names())

        table.append_later(make, (last - first) * windows)
    return table


def _source(value: pl.Expr, fallbacks: pl.DataFrame, setting: Setting) -> pl.Expr:
    """Return the SettingSource of a setting; `value` is null where the default holds."""
    rejected = fallbacks.filter(pl.col("setting") == setting, ~pl.col("keeps_older"))["store_id"]
    default = pl.when(pl.col("store_id").is_in(rejected.implode())).then(pl.lit(SettingSource.REJECTED.value))
    return (
        pl.when(value.is_not_null())
        .then(pl.lit(SettingSource.GIVEN.value))
        .otherwise(default.otherwise(pl.lit(SettingSource.DEFAULT.value)))
    )


def _store_figures(
    context: ReportContext, store_details: StoreDetails, hours_ids: pl.Series, first: int, last: int
) -> pl.DataFrame:
    names = context.windows.names
    store_list = context.inputs.store_list
    spans_us = context.windows.spans_us[store_list.calendars.zone_of[first:last]].reshape(-1, 2)
    stores = store_list.frame[first:last].select(
        "store_id",
        store_details.names[first:last].alias("name"),
        pl.col("timezone").fill_null(DEFAULT_TIMEZONE),
        timezone_source=_source(pl.col("timezone"), store_list.fallbacks, Setting.TIMEZONE),
        hours_source=_source(pl.lit(hours_ids[first:last]), store_list.fallbacks, Setting.WEEKLY_HOURS),
    )
    return stores[np.repeat(np.arange(last - first), len(names))].with_columns(
        pl.Series("window", list(names) * (last - first), dtype=pl.String),
        pl.Series("from_at", spans_us[:, 0]).cast(INSTANT),
        pl.Series("to_at", spans_us[:, 1]).cast(INSTANT),
    )
