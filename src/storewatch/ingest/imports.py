"""Import files of all tables into the catalog and the lake."""

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
from storewatch.domain.plurals import counted
from storewatch.ingest.headers import Header, recognise
from storewatch.ingest.inputs import InputFile, join_names, unpack_files
from storewatch.ingest.rejects import Reject, Rejects
from storewatch.ingest.table_imports import TableImport
from storewatch.ingest.undoing import import_key
from storewatch.ingest.weekdays import WEEKDAY_COLUMNS, WEEKDAY_TABLES, find_weekday_notation
from storewatch.lake import Lake
from storewatch.stores.following import follow_lake

# How many of the new stores are named.
SHOWN_STORES: Final = 10

_OTHER_DATE: Final = {
    ImportTable.OPENED_ON: ImportTable.CLOSED_ON,
    ImportTable.CLOSED_ON: ImportTable.OPENED_ON,
}

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """Options of an import.

    strict: refuse all files if any row is bad. valid_from: the local date from which weekly hours hold; earlier hours
    are kept. Without it the new hours replace all hours. scope: only stores with this label may be written, and neither
    labels nor entries of labels. job_id: the job of the import. progress: called with the bytes read and the bytes of
    all files. loaded_at: when the files were accepted, from `Lake.loading_at`; None: now. allow_unknown: accept entries
    of labels that no store carries yet. weekdays: how numbers count weekdays; None: the numbers in the files decide.
    columns: mapping of columns with other names. on_rejects: called with frames of all rejected rows (FILE_REJECTS),
    of which the catalog keeps only the first.
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
    """The result of an import for one table. rows = accepted + rejected; blank lines are not counted.

    assumed: sentences about how the files were read. ignored: columns that belong to no table. new_stores: the number
    of stores that were not known before; for polls 0 if the catalog had no stores. new_store_ids: the first of them.
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
    """The result of an import, one entry for each table. left_out: files and sheets that were not read, and why."""

    tables: tuple[ImportResult, ...]
    left_out: tuple[str, ...]


def import_files(
    files: Sequence[InputFile], *, catalog: Catalog, lake: Lake, now: datetime, options: ImportOptions | None = None
) -> Imported:
    """Import files. Either all of their good rows become visible, or none.

    Each file is read once for all tables in its header. The rows of a table in several files are one import, and
    together they replace the rows that were there. Raises InvalidInputError when any file is refused; then nothing has
    changed.
    """
    options = options or ImportOptions()
    follow_lake(catalog, lake, now)
    with unpack_files(files) as found:
        recognised_files, no_tables = _recognise_files(found.files, options)
        run = _ImportRun(recognised_files, options, now, catalog)
        return Imported(tables=run.store(catalog, lake), left_out=(*found.left_out, *no_tables))


def group_by_table(files: Sequence[InputFile], options: ImportOptions | None = None) -> list[list[InputFile]]:
    """Group files with the same tables. A file that is not a table is a group of its own."""
    options = options or ImportOptions()
    groups: list[tuple[set[ImportTable], list[int]]] = []
    for number, file in enumerate(files):
        try:
            with unpack_files([file]) as found:
                recognised_files, _ = _recognise_files(found.files, options)
            tables = {found.table.name for recognised in recognised_files for found in recognised.header.tables}
        except InvalidInputError:
            tables = set()
        same = [group for group in groups if group[0] & tables]
        groups = [group for group in groups if group not in same]
        numbers = [number, *(one for _, members in same for one in members)]
        groups.append((tables.union(*(each for each, _ in same)), sorted(numbers)))
    return [[files[number] for number in members] for members in sorted(members for _, members in groups)]


@dataclass(frozen=True, kw_only=True)
class _RecognisedFile:
    """A file with its recognised header. names: its column names, those that only later rows have among them."""

    file: InputFile
    names: tuple[str, ...]
    header: Header
    total_bytes: int


class _ImportRun:
    """One call of `import_files`: reads each file once, collects the rows of each table, and stores all of them."""

    def __init__(
        self, recognised_files: Sequence[_RecognisedFile], options: ImportOptions, now: datetime, catalog: Catalog
    ) -> None:
        # Entries are read last, because their stores and labels may be new in the other files.
        self._files = sorted(
            recognised_files,
            key=lambda recognised: any(found.table.is_of_entries for found in recognised.header.tables),
        )
        self._options, self._now, self._catalog = options, now, catalog
        scope = options.scope
        self._allowed = partial(catalog.stores.filter_ids, scope=scope) if scope.is_limited else None
        self._tables: dict[ImportTable, TableImport] = {}
        for recognised in recognised_files:
            for found in recognised.header.tables:
                table = self._tables.get(found.table.name)
                if table is None:
                    table = TableImport(found.table.name, found.table.title, Rejects(on_rejects=options.on_rejects))
                    self._tables[found.table.name] = table
                table.files[recognised.file.name] = None
                # Once per file, because a column is ignored only if no table of the file has it.
                if found is recognised.header.tables[0]:
                    table.ignored.update(dict.fromkeys(recognised.header.ignored))
                    table.assumed.update(dict.fromkeys(recognised.header.assumed))
        self._polled = pl.Series("store_id", dtype=pl.String)
        if self._tables.keys() & {*_OTHER_DATE}:
            self._lives = catalog.stores.read_lives()
        for name in self._tables.keys() & {*_OTHER_DATE}:
            self._tables[name].other_dates = partial(self._life_dates, _OTHER_DATE[name])

    def store(self, catalog: Catalog, lake: Lake) -> tuple[ImportResult, ...]:
        """Read all files. Commit the polls to the lake, and then all other rows to the catalog."""
        changes: dict[ImportTable, StoreChanges] = {}
        self._read_weekdays()
        known = catalog.stores.lake_version_known()
        if ImportTable.OBSERVATIONS in self._tables:
            key = import_key(self._now, self._options.job_id or uuid4().hex)
            # With one loaded_at for all rows, the later of two rows with the same store and time counts.
            loaded_at = self._options.loaded_at or lake.loading_at(self._now)
            batches = (polls.with_columns(loaded_at=pl.lit(loaded_at)) for polls in self._polls())
            version = lake.append(batches, import_key=key)
            # The catalog knows all stores of this version only if no other writer committed in between.
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
        """Find the notation of weekdays of each table from all of its files, because these may be parts of one file."""
        for name in self._tables.keys() & {*WEEKDAY_TABLES}:
            table = self._tables[name]
            table.weekdays = find_weekday_notation(_weekdays(self._files, name), self._options.weekdays)
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
        """Return the ids that neither the catalog nor the polls of the same files have."""
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
        """Read all files. Yield the good polls, and keep the rows of the other tables."""
        total, done = sum(recognised.total_bytes for recognised in self._files), 0
        for recognised in self._files:
            with recognised.file.open(recognised.names) as reader:
                for block in reader.blocks(recognised.header.positions(), joined=len(recognised.header.tables) > 1):
                    if self._options.progress:
                        self._options.progress(done + block.done_bytes, total)
                    for found in recognised.header.tables:
                        good = self._tables[found.table.name].read(
                            block,
                            found,
                            recognised.file.name,
                            now=self._now,
                            allowed=self._allowed,
                            unknown=self._unknown,
                        )
                        if found.table.name is ImportTable.OBSERVATIONS and good.height and not self._is_refused():
                            self._polled = pl.concat([self._polled, good["store_id"].unique()]).unique()
                            yield good
            done += recognised.total_bytes
        if self._is_refused():
            raise InvalidInputError(self._refusal())

    def _life_dates(self, name: ImportTable) -> pl.DataFrame:
        """Return store_id and opened_on or closed_on of stores, from the files read so far or else from the catalog."""
        read = [self._tables[name].life_dates()] if name in self._tables else []
        dates = pl.concat([self._lives.select("store_id", name.value).drop_nulls(), *read])
        return dates.unique("store_id", keep="last")

    def _unknown(self, targets: pl.DataFrame) -> dict[TargetKey, str]:
        """Return the targets that neither the catalog nor the files read so far have, each with the reason."""
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
        bad_rows = counted(sum(table.rejects.count for table in refused), "bad row")
        it = "them" if len(self._files) > 1 else "it"
        return f"{join_names(files)}: {bad_rows}, so nothing of {it} was imported (--strict). First:\n{shown}"

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


def _recognise_files(files: Sequence[InputFile], options: ImportOptions) -> tuple[list[_RecognisedFile], list[str]]:
    """Recognise the headers of files. Return the files that are tables, and why other files are left out.

    Raises InvalidInputError when a file cannot be imported with these options.
    """
    recognised_files: list[_RecognisedFile] = []
    left_out: list[str] = []
    for file in files:
        try:
            recognised = _recognise_file(file, options.columns)
        except InvalidInputError as error:
            if not file.is_optional:
                raise
            left_out.append(str(error))
            continue
        recognised_files.append(_within_options(recognised, options))
    if not recognised_files:
        raise InvalidInputError("\n".join(left_out) or "There is no file to import.")
    return recognised_files, left_out


def _recognise_file(file: InputFile, columns: Mapping[str, str]) -> _RecognisedFile:
    with file.open() as reader:
        names = reader.names if reader.all_names is None else reader.all_names()
        header = recognise(file.name, names, columns)
        return _RecognisedFile(file=file, names=names, header=header, total_bytes=reader.total_bytes)


def _within_options(recognised: _RecognisedFile, options: ImportOptions) -> _RecognisedFile:
    file, tables = recognised.file.name, [found.table for found in recognised.header.tables]
    if options.scope.is_limited:
        recognised = replace(recognised, header=_within_limits(file, recognised.header))
    if options.valid_from is not None and not any(table.name is ImportTable.WEEKLY_HOURS for table in tables):
        raise InvalidInputError(
            f"{file} is a table of {tables[0].title}; only weekly hours can be valid from a date. Import it without a "
            "date."
        )
    return recognised


def _within_limits(file: str, header: Header) -> Header:
    """Return a header without labels beside another table.

    Raises InvalidInputError for tables that a key with a scope cannot import.
    """
    stores = [found for found in header.tables if found.table.name is ImportTable.STORES]
    if any(not found.keeps_labels for found in stores):
        raise InvalidInputError(f"{file} is a table of stores; a key with a scope cannot import labels.")
    if any("label" in found.table.columns for found in header.tables):
        raise InvalidInputError(f"{file} has entries of labels; a key with a scope can import entries of stores only.")
    tables = tuple(found for found in header.tables if found not in stores)
    labels = (name for found in stores for name in found.positions if name != "store_id")
    return Header(
        tables=tables,
        ignored=(*header.ignored, *(f"{name} (a key with a scope cannot import labels)" for name in labels)),
        assumed=header.assumed,
    )


def _weekdays(recognised_files: Sequence[_RecognisedFile], table: ImportTable) -> Iterator[pl.Series]:
    """Yield the weekday columns of a table, block by block. Files with such columns are read once for this."""
    for recognised in recognised_files:
        for found in recognised.header.tables:
            places = {name: found.positions[name] for name in WEEKDAY_COLUMNS if name in found.positions}
            if found.table.name is table and places:
                with recognised.file.open(recognised.names) as reader:
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
