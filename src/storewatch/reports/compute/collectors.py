"""Collectors: how the figures of a report are computed shard by shard and merged.

A collector is an immutable description, made from a ReportContext. `collect` computes one shard and depends on nothing
but the collector and the shard; `merge` puts the parts together. Collectors and parts can be pickled, so shards may be
computed in any order and in other processes, with the same result to the byte.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import uuid4

import numpy as np
import polars as pl

from storewatch.domain.columns import Int64s
from storewatch.domain.enums import ReportTable, Section
from storewatch.reports.compute.content import ContentTable, StoredRows, store_rows
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.shards import SHARD_ROWS, Progress, Shard, Shards

# The parts of one collector beyond this size wait in files for the merge. Totals of 1 M stores in three windows take
# 96 MB; the minutes of a feed over three years take 25 MB in each shard.
PARTS_IN_MEMORY_BYTES: Final = 128 * 1024**2

Values_co = TypeVar("Values_co", covariant=True)
Result_co = TypeVar("Result_co", covariant=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class Part(Generic[Values_co]):
    """The figures of one collector for the stores [first, last) of one shard.

    values: small figures (arrays, numbers, or dataclasses and sequences of them). rows: rows of the collector's long
    table in its schema, None without one.
    """

    first: int
    last: int
    values: Values_co
    rows: pl.DataFrame | StoredRows | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class SectionResult:
    """The columns and tables of one section.

    store_columns: for the table of stores: S x W rows, all windows of a store in turn. summary_columns: for the
    summary: W rows. of_groups: makes columns for the groups of stores of a window from the places of their stores, one
    row a window. fill_in: for tables of other sections, a function that completes rows when they are read. facts: for
    the header of the report.
    """

    store_columns: pl.DataFrame = field(default_factory=pl.DataFrame)
    summary_columns: pl.DataFrame = field(default_factory=pl.DataFrame)
    tables: Mapping[ReportTable, ContentTable] = field(default_factory=dict)
    of_groups: Callable[[Int64s], pl.DataFrame] | None = None
    fill_in: Mapping[ReportTable, Callable[[pl.DataFrame], pl.DataFrame]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


class Collector(Protocol[Result_co]):
    """Computes one kind of figures.

    lookaround_us: how far beyond the windows, on both sides, observations and sessions are needed. cells: results that
    are held for each store while a shard is computed.
    """

    @property
    def lookaround_us(self) -> int: ...

    @property
    def cells(self) -> int: ...

    def collect(self, shard: Shard) -> Part[Any]:
        """Compute the figures of a shard with at least one store."""
        ...

    def merge(self, parts: Iterable[Part[Any]]) -> Result_co:
        """Merge the parts of all shards. parts: in the order of the shards, can be read once."""
        ...


SectionCollector = Collector[SectionResult]


class Parts:
    """The parts of one collector until they are merged.

    Rows of long tables go to files of `folder` at once, and so do parts beyond `in_memory_bytes`, so that memory does
    not grow with the number of shards. Without a folder everything stays in memory.
    """

    def __init__(self, folder: Path | None, in_memory_bytes: int = PARTS_IN_MEMORY_BYTES) -> None:
        self._folder, self._in_memory_bytes = folder, in_memory_bytes
        self._parts: dict[int, Part[Any] | Path] = {}
        self._bytes = 0

    def add(self, number: int, part: Part[Any]) -> None:
        """Store the part of a shard. number: of the shard."""
        if self._folder is None:
            self._parts[number] = part
            return
        if isinstance(part.rows, pl.DataFrame):
            part = replace(part, rows=store_rows(part.rows, self._folder))
        self._bytes += _size_of(part.values)
        if self._bytes <= self._in_memory_bytes:
            self._parts[number] = part
            return
        file = self._folder / f"{uuid4().hex}.part"
        file.write_bytes(pickle.dumps(part, pickle.HIGHEST_PROTOCOL))
        self._parts[number] = file

    def in_order(self) -> Iterator[Part[Any]]:
        """Return the parts in the order of their shards; each is released once it has been read."""
        for number in sorted(self._parts):
            part = self._parts.pop(number)
            if isinstance(part, Path):
                yield pickle.loads(part.read_bytes())  # noqa: S301 - written above, in this report's own folder
                part.unlink()
            else:
                yield part


def collect_and_merge(
    context: ReportContext,
    collectors: Sequence[Collector[Any]],
    progress: Progress | None = None,
    shard_rows: int = SHARD_ROWS,
) -> list[Any]:
    """Compute all shards of a report, one after the other, and return the result of each collector."""
    shards = report_shards(context, collectors, shard_rows)
    kept = [Parts(context.folder) for _ in collectors]
    for number in range(len(shards)):
        shard = shards.read(number)
        if shard.first < shard.last:
            for collector, parts in zip(collectors, kept, strict=True):
                parts.add(number, collector.collect(shard))
        if progress is not None:
            progress(number + 1, len(shards))
    return [collector.merge(parts.in_order()) for collector, parts in zip(collectors, kept, strict=True)]


def report_shards(context: ReportContext, collectors: Sequence[Collector[Any]], shard_rows: int = SHARD_ROWS) -> Shards:
    """Cut the stores of a report into shards that suit its collectors."""
    return Shards.of(
        context.inputs,
        *computed_range(context, collectors),
        cells=sum(each.cells for each in collectors),
        shard_rows=shard_rows,
        detailed=not {Section.OUTAGES, Section.REASONS}.isdisjoint(context.request.include),
    )


def computed_range(context: ReportContext, collectors: Sequence[Collector[Any]]) -> tuple[int, int]:
    """Return the range `[from, to)` that these collectors compute, in microseconds."""
    spans_us = context.compared_spans_us
    around_us = max(each.lookaround_us for each in collectors)
    return int(spans_us.min()) - around_us, int(spans_us.max()) + around_us


def _size_of(values: Any) -> int:
    """Return the bytes that arrays and frames in the values of a part take."""
    if isinstance(values, np.ndarray):
        return values.nbytes
    if isinstance(values, pl.DataFrame):
        return int(values.estimated_size())
    if is_dataclass(values):
        return sum(_size_of(getattr(values, each.name)) for each in fields(values))
    return sum(map(_size_of, values)) if isinstance(values, list | tuple) else 0
