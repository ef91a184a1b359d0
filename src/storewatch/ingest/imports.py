"""Files of every table into the catalog and the lake."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from storewatch import telemetry
from storewatch.catalog import Catalog, ImportRecord, StoreChanges
from storewatch.domain.columns import ENTRIES, LABELS, TIMEZONES, WEEKLY_HOURS
from storewatch.domain.enums import EntryKind, ImportTable
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.engine.opening.weekly import weekly_intervals
from storewatch.ingest.blocks import Source
from storewatch.ingest.cells import check_apart
from storewatch.ingest.formats import open_source
from storewatch.ingest.rejects import Reject, Rejects
from storewatch.ingest.scopes import Allowed, within_scope
from storewatch.ingest.tables import Table, recognise
from storewatch.lake import Lake
from storewatch.stores.following import follow_lake

SUFFIXES: Final = (".csv", ".ndjson", ".jsonl", ".parquet")

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """What became of a file: rows = accepted + rejected; blank lines are no rows."""

    import_id: int
    file: str
    table: ImportTable
    rows: int
    accepted: int
    rejected: int
    first_rejects: tuple[Reject, ...]


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Files as they are given, folders as the importable files right inside them, sorted; each file once.

    Folders inside folders are left alone: a lake may be one of them. Raises InvalidInputError when there is nothing.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            if not path.exists():
                raise InvalidInputError(f"{path}: there is no such file or folder.")
            found[path] = None
            continue
        inside = [file for file in sorted(path.iterdir()) if file.is_file() and _is_importable(file.name)]
        if not inside:
            raise InvalidInputError(
                f"{path} holds no file to import (*.csv, *.ndjson, *.jsonl, also .gz, or *.parquet)."
            )
        found.update(dict.fromkeys(inside))
    return list(found)


def import_file(
    path: Path,
    *,
    catalog: Catalog,
    lake: Lake,
    now: datetime,
    strict: bool = False,
    progress: Progress | None = None,
    name: str | None = None,
    job_id: str | None = None,
    scope: Scope = ALL_STORES,
    valid_from: date | None = None,
) -> ImportResult:
    """Import one file: all of its good rows become visible, or none.

    strict: refuse a file with any bad row. progress: called with the bytes read and the bytes of the file. name: what
    the file is called in the catalog, when not by its path. job_id: of the job that imports it. scope: only stores with
    this label may be written, and neither labels nor entries of labels. valid_from: the local date from which weekly
    hours hold, where earlier ones are kept; without it they replace all.

    Raises InvalidInputError when the file is refused; then nothing has changed.
    """
    follow_lake(catalog, lake, now)
    file = name or os.fsencode(path).decode(errors="replace")
    with open_source(path) as source, Rejects() as rejects:
        table, positions = recognise(file, source.names)
        if scope.is_limited and table.name is ImportTable.STORES:
            raise InvalidInputError(f"{file} is a table of stores; a key with a scope cannot import labels.")
        if scope.is_limited and "label" in table.columns:
            raise InvalidInputError(f"{file} is of labels; a key with a scope can import what is of stores only.")
        if valid_from is not None and table.name is not ImportTable.WEEKLY_HOURS:
            raise InvalidInputError(
                f"{file} is a table of {table.title}; only weekly hours are valid from a date. Import it without one."
            )
        reading = _Reading(
            file,
            source,
            table,
            positions,
            rejects,
            now=now,
            strict=strict,
            progress=progress,
            job_id=job_id,
            valid_from=valid_from,
            allowed=partial(catalog.stores.filter_ids, scope=scope) if scope.is_limited else None,
        )
        import_id = _IMPORTS[table.name](reading, catalog, lake)
        return ImportResult(
            import_id=import_id,
            file=file,
            table=table.name,
            rows=reading.accepted + rejects.count,
            accepted=reading.accepted,
            rejected=rejects.count,
            first_rejects=rejects.first,
        )


class _Reading:
    """The good rows of a file while it is read once, and the counts at its end."""

    def __init__(
        self,
        file: str,
        source: Source,
        table: Table,
        positions: dict[str, int],
        rejects: Rejects,
        *,
        now: datetime,
        strict: bool,
        progress: Progress | None,
        job_id: str | None,
        valid_from: date | None,
        allowed: Allowed | None,
    ) -> None:
        self.now, self.accepted, self.rejects, self.valid_from = now, 0, rejects, valid_from
        self._file, self._source, self._table, self._positions = file, source, table, positions
        self._strict, self._progress = strict, progress
        self._job_id, self._allowed = job_id, allowed

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for block in self._source.blocks(self._positions):
            checked = check_apart(lambda columns: self._table.check(columns, self.now), block.columns)
            if self._allowed is not None:
                checked = within_scope(checked, block.columns, self._allowed)
            self.rejects.add_block(block, checked.bad)
            self.accepted += checked.good.height
            if self._progress:
                self._progress(block.done_bytes, self._source.total_bytes)
            if checked.good.height and not (self._strict and self.rejects.count):
                yield checked.good
        if self._strict and self.rejects.count:
            raise InvalidInputError(self._refusal())

    def record(self) -> ImportRecord:
        return ImportRecord(
            file=self._file,
            table_name=self._table.name,
            rows=self.accepted + self.rejects.count,
            accepted=self.accepted,
            rejected=self.rejects.count,
            job_id=self._job_id,
        )

    def _refusal(self) -> str:
        shown = "\n".join(f"line {reject.line}: {reject.reason}: {reject.row}" for reject in self.rejects.first)
        return (
            f"{self._file}: {self.rejects.count:,} bad rows, so nothing of it was imported (--strict). First:\n{shown}"
        )


def _import_observations(reading: _Reading, catalog: Catalog, lake: Lake) -> int:
    store_ids = pl.Series("store_id", dtype=pl.String)

    def batches() -> Iterator[pl.DataFrame]:
        nonlocal store_ids
        for number, good in enumerate(reading):
            store_ids = pl.concat([store_ids, good["store_id"].unique()]).unique()
            # Of two rows with the same store and time in one file, the later one wins.
            yield good.with_columns(loaded_at=pl.lit(reading.now + timedelta(microseconds=number)))

    known = catalog.stores.lake_version_known()
    version = lake.append(batches())
    telemetry.OBSERVATIONS.labels("import", "accepted").inc(reading.accepted)
    telemetry.OBSERVATIONS.labels("import", "rejected").inc(reading.rejects.count)
    # Only if nobody else committed in between does the catalog know all of this version.
    expected = known if version == known + 1 else None
    return catalog.imports.create(
        reading.record(),
        reading.rejects,
        changes=StoreChanges(store_ids=store_ids, lake_version=version, expected=expected),
        now=reading.now,
    )


def _import_hours(reading: _Reading, catalog: Catalog, lake: Lake) -> int:  # noqa: ARG001 - one signature for all tables
    rows = pl.concat([WEEKLY_HOURS.to_frame(), *(good.unique() for good in reading)])
    hours = weekly_intervals(rows)
    return catalog.imports.create(
        reading.record(),
        reading.rejects,
        changes=StoreChanges(hours=hours, hours_from=reading.valid_from),
        now=reading.now,
    )


def _import_zones(reading: _Reading, catalog: Catalog, lake: Lake) -> int:  # noqa: ARG001 - one signature for all tables
    latest = (good.unique("store_id", keep="last", maintain_order=True) for good in reading)
    zones = pl.concat([TIMEZONES.to_frame(), *latest])
    return catalog.imports.create(reading.record(), reading.rejects, changes=StoreChanges(zones=zones), now=reading.now)


def _import_labels(reading: _Reading, catalog: Catalog, lake: Lake) -> int:  # noqa: ARG001 - one signature for all tables
    labels = pl.concat([LABELS.to_frame(), *reading])
    return catalog.imports.create(
        reading.record(), reading.rejects, changes=StoreChanges(labels=labels), now=reading.now
    )


def _import_entries(reading: _Reading, catalog: Catalog, lake: Lake, kind: EntryKind) -> int:  # noqa: ARG001 - one signature for all tables
    entries = {kind: pl.concat([ENTRIES[kind].to_frame(), *reading])}
    return catalog.imports.create(
        reading.record(), reading.rejects, changes=StoreChanges(entries=entries), now=reading.now
    )


_IMPORTS: Final[dict[ImportTable, Callable[[_Reading, Catalog, Lake], int]]] = {
    ImportTable.OBSERVATIONS: _import_observations,
    ImportTable.WEEKLY_HOURS: _import_hours,
    ImportTable.TIMEZONES: _import_zones,
    ImportTable.STORES: _import_labels,
    **{ImportTable(kind.value): partial(_import_entries, kind=kind) for kind in EntryKind},
}


def _is_importable(name: str) -> bool:
    plain = name.lower().removesuffix(".gz")
    return not name.startswith(".") and plain.endswith(SUFFIXES)
