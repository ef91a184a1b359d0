"""Reports with sections on stores as the naive twin knows them, through a real catalog and a real lake."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from reference.naive import Store
from support.scene import settings_in

from storewatch.catalog import Catalog, NewAnnotation, NewClosure, StoreChanges, labels_frame
from storewatch.domain.columns import OBSERVATIONS, SALES, TIMEZONES, WEEKLY_HOURS
from storewatch.domain.enums import EntryKind, ReportTable
from storewatch.domain.instants import instant_of, parse_instant
from storewatch.engine.opening.weekly import weekly_intervals
from storewatch.installation import open_installation
from storewatch.reports.assembly import compute_content
from storewatch.reports.compute.collectors import SectionCollector, SectionResult, collect_and_merge
from storewatch.reports.compute.content import Content
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.shards import SHARD_ROWS, ReportInputs, resolve_as_of
from storewatch.reports.request.request import ReportRequest, read_request
from storewatch.stores.evidence import StoreList
from storewatch.stores.following import followed_snapshot

NOW = datetime(2026, 11, 25, tzinfo=UTC)
Labels = dict[str, dict[str, str]]
# (store_id, instant in microseconds) -> reason and source of the poll.
Details = Mapping[tuple[str, int], tuple[str | None, str | None]]


def report_on(
    folder: Path,
    stores: Mapping[str, Store],
    *,
    as_of: str | None = None,
    labels: Labels | None = None,
    sales: Sequence[tuple[Any, ...]] = (),
    notes: Sequence[NewAnnotation] = (),
    details: Details | None = None,
    shard_rows: int = SHARD_ROWS,
    **asked: Any,
) -> Content:
    """Compute a report on stores in a new installation. sales: rows of SALES; notes: annotations."""
    with report_inputs(folder, stores, as_of, labels or {}, sales, notes, asked, details) as (catalog, request, inputs):
        chosen = inputs.store_list.store_ids
        in_shards = partial(collect_and_merge, shard_rows=shard_rows)
        context = ReportContext.of(request, inputs, folder=None)
        return compute_content(context, chosen, catalog=catalog, compute_shards=in_shards)


def collected(
    folder: Path,
    stores: Mapping[str, Store],
    make: Callable[[ReportContext], SectionCollector],
    *,
    as_of: str,
    shard_rows: int,
    **asked: Any,
) -> SectionResult:
    """Compute one section on all shards of the stores."""
    with report_inputs(folder, stores, as_of, {}, (), (), asked) as (_, request, inputs):
        context = ReportContext.of(request, inputs, None)
        [result] = collect_and_merge(context, [make(context)], shard_rows=shard_rows)
        return result


@contextmanager
def report_inputs(
    folder: Path,
    stores: Mapping[str, Store],
    as_of: str | None,
    labels: Labels,
    sales: Sequence[tuple[Any, ...]],
    notes: Sequence[NewAnnotation],
    asked: Mapping[str, Any],
    details: Details | None = None,
) -> Iterator[tuple[Catalog, ReportRequest, ReportInputs]]:
    with open_installation(settings_in(folder)) as app:
        _put_stores(app.catalog, stores, labels)
        for store_id, store in stores.items():
            for start_us, end_us in store.closures:
                stretch = {"start_at": instant_of(start_us), "end_at": instant_of(end_us)}
                app.catalog.closures.create(NewClosure(store_id=store_id, reason="", created_at=NOW, **stretch))
        for batch in _observations(stores):
            app.lake.append([batch if details is None else _with_details(batch, details)])
        app.catalog.entries.replace(EntryKind.SALES, pl.DataFrame(list(sales), SALES, orient="row"), NOW)
        for each in notes:
            app.catalog.annotations.create(each)
        snapshot = followed_snapshot(app.catalog, app.lake, NOW, None)
        request = read_request({"format": "json", **asked}, as_of=parse_instant(as_of) if as_of else None)
        inputs = ReportInputs(
            store_list=StoreList.read(app.catalog),
            snapshot=snapshot,
            as_of_us=resolve_as_of(request, snapshot),
            policy=request.chosen_policy,
            closures=request.closures,
            annotations=request.annotations,
            sources=request.sources,
        )
        yield app.catalog, request, inputs


def rows_of(content: Content, table: ReportTable, *columns: str) -> list[tuple[Any, ...]]:
    return content.tables[table].read().select(columns).rows()


def annotation(store_id: str, start: str, end: str, cause: str, **fields: Any) -> NewAnnotation:
    stretch = {"start_at": parse_instant(start), "end_at": parse_instant(end)}
    return NewAnnotation(**{"store_id": store_id, "cause": cause, "created_at": NOW} | stretch | fields)


def _put_stores(catalog: Catalog, stores: Mapping[str, Store], labels: Labels) -> None:
    rows = [(name, row.day, row.start_s, row.end_s) for name, store in stores.items() for row in store.rows]
    catalog.stores.replace(
        StoreChanges(
            hours=weekly_intervals(pl.DataFrame(rows, WEEKLY_HOURS, orient="row")),
            zones=pl.DataFrame([(name, store.timezone) for name, store in stores.items()], TIMEZONES, orient="row"),
            labels=labels_frame(labels),
            lives={column: _life_dates(stores, column) for column in ("opened_on", "closed_on")},
        ),
        now=NOW,
    )


def _life_dates(stores: Mapping[str, Store], column: str) -> pl.DataFrame:
    rows = [(name, getattr(store, column)) for name, store in stores.items()]
    return pl.DataFrame(rows, {"store_id": pl.String, column: pl.Date}, orient="row").drop_nulls()


def _with_details(observations: pl.DataFrame, details: Details) -> pl.DataFrame:
    keys = zip(observations["store_id"], observations["observed_at"].to_physical(), strict=True)
    found = [details.get(key, (None, None)) for key in keys]
    columns = {
        name: pl.Series([each[at] for each in found], dtype=pl.String) for at, name in enumerate(("reason", "source"))
    }
    return observations.with_columns(**columns)


def _observations(stores: Mapping[str, Store]) -> list[pl.DataFrame]:
    """Return batches of observations, repeats in the next batch: the lake keeps each instant of one append once."""
    rows = [
        (name, instant_of(seen.observed_us), seen.active, instant_of(seen.loaded_us))
        for name, store in stores.items()
        for seen in store.observations
    ]
    frame = pl.DataFrame(rows, OBSERVATIONS, orient="row")
    numbered = frame.with_columns(repeat=pl.int_range(pl.len()).over("store_id", "observed_at")).sort("repeat")
    return numbered.partition_by("repeat", maintain_order=True, include_key=False)
