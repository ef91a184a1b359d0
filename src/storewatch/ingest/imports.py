"""Files of every table into the catalog and the lake."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import Final
from uuid import uuid4

import polars as pl

from storewatch import telemetry
from storewatch.catalog import Catalog, ImportNotes, ImportRecord, NewImport, StoreChanges, TargetKey
from storewatch.domain.columns import TARGET_KEY
from storewatch.domain.enums import EntryKind, ImportTable, WeekdayCounting
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.ingest.headers import Header, recognise
from storewatch.ingest.inputs import InputFile, join_names, unpack_files
from storewatch.ingest.rejects import Reject, Rejects
from storewatch.ingest.table_imports import TableImport
from storewatch.ingest.undoing import import_key
from storewatch.ingest.weekdays import WEEKDAY_COLUMNS, WEEKDAY_TABLES, find_weekday_notation
from storewatch.lake import Lake
from storewatch.stores.following import follow_lake

# Of the stores that were not known before.
SHOWN_STORES: Final = 10

_OTHER_DATE: Final = {
    ImportTable.OPENED_ON: ImportTable.CLOSED_ON,
    ImportTable.CLOSED_ON: ImportTable.OPENED_ON,
}

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How files are imported.

    strict: refuse all files when there is any bad row. valid_from: the local date from which weekly hours hold, where
    earlier ones are kept; without it they replace all. scope: only stores with this label may be written, and neither
    labels nor entries of labels. job_id: of the job that imports them. progress: called with the bytes read and the
    bytes of all files. loaded_at: when they were accepted, as `Lake.loading_at` returned it then; None: now.
    allow_unknown: accept entries of labels that no store carries yet. weekdays: how they are counted; None: as the
    numbers in the files show. columns: the fields that columns of other names hold. on_rejects: called with frames of
    all rejected rows (FILE_REJECTS), of which the catalog keeps only the first.
    """

    strict: bool = False
    valid_from: date | None = None
    scope: Scope = ALL_STORES
    job_id: str | None = None
    progress: Progress | None = None
    loaded_at: datetime | None = None
    allow_unknown: bool = False
    weekdays: WeekdayCounting | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    on_rejects: Callable[[pl.DataFrame], None] | None = None


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """What became of one table of some files: rows = accepted + rejected; blank lines are no rows.

    assumed: sentences about how the files were read. ignored: columns that belong to no table. new_stores: how many
    stores were not known before, of polls only if there were stores at all; new_store_ids: the first of them.
    rejects_kept: how many rejected rows the catalog keeps.
    """

    import_id: int
    files: tuple[str, ...]
    table: ImportTable
    rows: int
    accepted: int
    rejected: int
    first_rejects: tuple[Reject, ...]
    assumed: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    new_stores: int = 0
    new_store_ids: tuple[str, ...] = ()
    rejects_kept: int = 0

    @property
    def file(self) -> str:
        """The names of the files as one text."""
        return join_names(self.files)


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The tables that some files carried. left_out: files and sheets that were not read, with the reason if any."""

    tables: tuple[ImportResult, ...]
    left_out: tuple[str, ...]


def import_files(
    files: Sequence[InputFile], *, catalog: Catalog, lake: Lake, now: datetime, options: ImportOptions | None = None
) -> Imported:
    """Import files: all of their good rows become visible, or none.

    Each file is read once for all tables that its header carries. The rows of a table in several files are one import:
    they replace together what was there. Raises InvalidInputError when any file is refused; then nothing has changed.
    """
    options = options or ImportOptions()
    follow_lake(catalog, lake, now)
    with unpack_files(files) as found:
        parts, no_tables = _recognised_parts(found.files, options)
        reading = _ImportRun(parts, options, now, catalog)
        return Imported(tables=reading.store(catalog, lake), left_out=(*found.left_out, *no_tables))


def group_by_table(files: Sequence[InputFile], options: ImportOptions | None = None) -> list[list[InputFile]]:
    """Group files so that those that carry the same table are together; a file that is no table is by itself."""
    options = options or ImportOptions()
    groups: list[tuple[set[ImportTable], list[int]]] = []
    for number, file in enumerate(files):
        try:
            with unpack_files([file]) as found:
                parts, _ = _recognised_parts(found.files, options)
            tables = {found.table.name for part in parts for found in part.header.tables}
        except InvalidInputError:
            tables = set()
        same = [group for group in groups if group[0] & tables]
        groups = [group for group in groups if group not in same]
        numbers = [number, *(one for _, members in same for one in members)]
        groups.append((tables.union(*(each for each, _ in same)), sorted(numbers)))
    return [[files[number] for number in members] for members in sorted(members for _, members in groups)]


@dataclass(frozen=True, kw_only=True)
class _RecognisedFile:
    """A file whose header was recognised."""

    file: InputFile
    header: Header
    total_bytes: int


class _ImportRun:
    """Reads every file once and gathers the rows of each table."""

    def __init__(
        self, parts: Sequence[_RecognisedFile], options: ImportOptions, now: datetime, catalog: Catalog
    ) -> None:
        # Entries come last: they may be of stores and labels that the other files bring.
        self._parts = sorted(parts, key=lambda part: any(found.table.is_of_entries for found in part.header.tables))
        self._options, self._now, self._catalog = options, now, catalog
        scope = options.scope
        self._allowed = partial(catalog.stores.filter_ids, scope=scope) if scope.is_limited else None
        self._tables: dict[ImportTable, TableImport] = {}
        for part in parts:
            for found in part.header.tables:
                table = self._tables.get(found.table.name)
                if table is None:
                    table = TableImport(found.table.name, found.table.title, Rejects(on_rejects=options.on_rejects))
                    self._tables[found.table.name] = table
                table.files[part.file.name] = None
                # Once for a file: the columns are ignored by all of its tables.
                if found is part.header.tables[0]:
                    table.ignored.update(dict.fromkeys(part.header.ignored))
                    table.assumed.update(dict.fromkeys(part.header.assumed))
        self._polled = pl.Series("store_id", dtype=pl.String)
        if self._tables.keys() & {*_OTHER_DATE}:
            self._lives = catalog.stores.read_lives()
        for name in self._tables.keys() & {*_OTHER_DATE}:
            self._tables[name].other_dates = partial(self._dates, _OTHER_DATE[name])

    def store(self, catalog: Catalog, lake: Lake) -> tuple[ImportResult, ...]:
        """Read all files, then commit the polls to the lake and everything else to the catalog."""
        changes: dict[ImportTable, StoreChanges] = {}
        self._read_weekdays()
        known = catalog.stores.lake_version_known()
        if ImportTable.OBSERVATIONS in self._tables:
            key = import_key(self._now, self._options.job_id or uuid4().hex)
            # Of two rows with the same store and time the later one wins: all have the same loaded_at.
            loaded_at = self._options.loaded_at or lake.loading_at(self._now)
            batches = (polls.with_columns(loaded_at=pl.lit(loaded_at)) for polls in self._polls())
            version = lake.append(batches, import_key=key)
            # Only if nobody else committed in between does the catalog know all of this version.
            expected = known if version == known + 1 else None
            changes[ImportTable.OBSERVATIONS] = StoreChanges(
                store_ids=self._polled, lake_version=version, expected=expected
            )
            polls = self._tables[ImportTable.OBSERVATIONS]
            telemetry.OBSERVATIONS.labels("import", "accepted").inc(polls.accepted)
            telemetry.OBSERVATIONS.labels("import", "rejected").inc(polls.rejects.count)
        else:
            key = None
            for _ in self._polls():
                pass
        for name, table in self._tables.items():
            if name is not ImportTable.OBSERVATIONS:
                changes[name] = table.changes(self._options.valid_from)
        notes = {name: self._notes(table, catalog) for name, table in self._tables.items()}
        new = [
            NewImport(record=self._record(table, notes[name], key), rejected_rows=table.rejects, changes=changes[name])
            for name, table in self._tables.items()
        ]
        ids = catalog.imports.create_all(new, now=self._now)
        return tuple(
            _result(import_id, table, notes[name])
            for import_id, (name, table) in zip(ids, self._tables.items(), strict=True)
        )

    def _read_weekdays(self) -> None:
        """Decide for each table how its weekdays are counted, from all of its files: they may be parts of one."""
        for name in self._tables.keys() & {*WEEKDAY_TABLES}:
            table = self._tables[name]
            table.weekdays = find_weekday_notation(_weekdays(self._parts, name), self._options.weekdays)
            table.assumed.update(dict.fromkeys(table.weekdays.assumed))

    def _notes(self, table: TableImport, catalog: Catalog) -> ImportNotes:
        new = self._new_stores(table, catalog)
        return ImportNotes(
            assumed=tuple(table.assumed),
            ignored=tuple(table.ignored),
            new_stores=new.len(),
            new_store_ids=tuple(new.head(SHOWN_STORES)),
        )

    def _new_stores(self, table: TableImport, catalog: Catalog) -> pl.Series:
        """Return the ids that the catalog does not know yet, nor any poll of the same files."""
        if table.name is ImportTable.OBSERVATIONS:
            ids = self._polled if catalog.stores.count() else self._polled.clear()
        else:
            ids = table.store_ids()
            ids = ids.filter(~ids.is_in(self._polled.implode()))
        if ids.is_empty():
            return ids
        known = catalog.stores.filter_ids(ids, ALL_STORES)
        return ids.filter(~ids.is_in(known.implode())).sort()

    def _polls(self) -> Iterator[pl.DataFrame]:
        """Read every file; yield the good polls and gather the rows of the other tables."""
        total, done = sum(part.total_bytes for part in self._parts), 0
        for part in self._parts:
            with part.file.open() as reader:
                for block in reader.blocks(part.header.positions(), joined=len(part.header.tables) > 1):
                    if self._options.progress:
                        self._options.progress(done + block.done_bytes, total)
                    for found in part.header.tables:
                        good = self._tables[found.table.name].read(
                            block, found, part.file.name, now=self._now, allowed=self._allowed, unknown=self._unknown
                        )
                        if found.table.name is ImportTable.OBSERVATIONS and good.height and not self._is_refused():
                            self._polled = pl.concat([self._polled, good["store_id"].unique()]).unique()
                            yield good
            done += part.total_bytes
        if self._is_refused():
            raise InvalidInputError(self._refusal())

    def _dates(self, name: ImportTable) -> pl.DataFrame:
        """Return store_id and the opened_on or closed_on of stores: of the files read so far, else of the catalog."""
        read = [self._tables[name].dates()] if name in self._tables else []
        dates = pl.concat([self._lives.select("store_id", name.value).drop_nulls(), *read])
        return dates.unique("store_id", keep="last")

    def _unknown(self, targets: pl.DataFrame) -> dict[TargetKey, str]:
        """Return the targets of entries that neither the catalog nor the files read so far have, with the reason."""
        of_files = [table for table in self._tables.values() if table.name.value not in list(EntryKind)]
        ids = pl.concat([self._polled, *(table.store_ids() for table in of_files)])
        labels = pl.concat([TARGET_KEY.to_frame().select("label", "value"), *(table.labels() for table in of_files)])
        missing = targets.filter(~pl.col("store_id").fill_null("").is_in(ids.implode())).join(
            labels, on=["label", "value"], how="anti", maintain_order="left"
        )
        return self._catalog.names.unknown_targets(missing, allow_unknown=self._options.allow_unknown)

    def _is_refused(self) -> bool:
        return self._options.strict and any(table.rejects.count for table in self._tables.values())

    def _refusal(self) -> str:
        refused = [table for table in self._tables.values() if table.rejects.count]
        files = list(dict.fromkeys(file for table in refused for file in table.files))
        shown = "\n".join(
            (f"{reject.file} " if len(files) > 1 else "") + f"line {reject.line}: {reject.reason}: {reject.row}"
            for table in refused
            for reject in table.rejects.first
        )
        count = sum(table.rejects.count for table in refused)
        it = "them" if len(self._parts) > 1 else "it"
        return f"{join_names(files)}: {count:,} bad rows, so nothing of {it} was imported (--strict). First:\n{shown}"

    def _record(self, table: TableImport, notes: ImportNotes, key: int | None) -> ImportRecord:
        return ImportRecord(
            file=join_names(table.files),
            table_name=table.name,
            rows=table.rows,
            accepted=table.accepted,
            rejected=table.rejects.count,
            job_id=self._options.job_id,
            notes=notes,
            import_key=key if table.name is ImportTable.OBSERVATIONS else None,
        )


def _recognised_parts(files: Sequence[InputFile], options: ImportOptions) -> tuple[list[_RecognisedFile], list[str]]:
    """Read the headers of files; return the tables among them, and what is left out because it is none.

    Raises InvalidInputError when a file cannot be imported with these options.
    """
    parts: list[_RecognisedFile] = []
    left_out: list[str] = []
    for file in files:
        try:
            part = _recognised(file, options.columns)
        except InvalidInputError as error:
            if not file.is_optional:
                raise
            left_out.append(str(error))
            continue
        parts.append(_within_options(part, options))
    if not parts:
        raise InvalidInputError("\n".join(left_out) or "There is no file to import.")
    return parts, left_out


def _recognised(file: InputFile, columns: Mapping[str, str]) -> _RecognisedFile:
    with file.open() as reader:
        header = recognise(file.name, reader.names, columns)
        return _RecognisedFile(file=file, header=header, total_bytes=reader.total_bytes)


def _within_options(part: _RecognisedFile, options: ImportOptions) -> _RecognisedFile:
    file, tables = part.file.name, [found.table for found in part.header.tables]
    if options.scope.is_limited:
        part = replace(part, header=_within_limits(file, part.header))
    if options.valid_from is not None and not any(table.name is ImportTable.WEEKLY_HOURS for table in tables):
        raise InvalidInputError(
            f"{file} is a table of {tables[0].title}; only weekly hours are valid from a date. Import it without one."
        )
    return part


def _within_limits(file: str, header: Header) -> Header:
    """Leave out labels that stand beside another table; refuse what a key with a scope cannot import."""
    stores = [found for found in header.tables if found.table.name is ImportTable.STORES]
    if any(not found.keeps_labels for found in stores):
        raise InvalidInputError(f"{file} is a table of stores; a key with a scope cannot import labels.")
    if any("label" in found.table.columns for found in header.tables):
        raise InvalidInputError(f"{file} is of labels; a key with a scope can import entries of stores only.")
    tables = tuple(found for found in header.tables if found not in stores)
    labels = (name for found in stores for name in found.positions if name != "store_id")
    return Header(
        tables=tables,
        ignored=(*header.ignored, *(f"{name} (a key with a scope cannot import labels)" for name in labels)),
        assumed=header.assumed,
    )


def _weekdays(parts: Sequence[_RecognisedFile], table: ImportTable) -> Iterator[pl.Series]:
    """Yield the weekdays of a table, block by block; the files that have any are read once for them."""
    for part in parts:
        for found in part.header.tables:
            places = {name: found.positions[name] for name in WEEKDAY_COLUMNS if name in found.positions}
            if found.table.name is table and places:
                with part.file.open() as reader:
                    for block in reader.blocks(places):
                        yield from block.columns.get_columns()


def _result(import_id: int, table: TableImport, notes: ImportNotes) -> ImportResult:
    return ImportResult(
        import_id=import_id,
        files=tuple(table.files),
        table=table.name,
        rows=table.rows,
        accepted=table.accepted,
        rejected=table.rejects.count,
        first_rejects=table.rejects.first,
        rejects_kept=table.rejects.kept,
        assumed=notes.assumed,
        ignored=notes.ignored,
        new_stores=notes.new_stores,
        new_store_ids=notes.new_store_ids,
    )
