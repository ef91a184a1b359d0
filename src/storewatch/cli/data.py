"""Commands that import data, show the status, and maintain the lake."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from storewatch.access.audit import command_line_author
from storewatch.cli.home import Home
from storewatch.cli.installations import changing, exporting, reading
from storewatch.cli.progress import progress_bar
from storewatch.cli.usage import MOST_LISTED, read_number
from storewatch.cli.values import AllowUnknown, read_instant
from storewatch.domain.enums import WeekdayCounting
from storewatch.domain.errors import InvalidInputError, UnknownImportError
from storewatch.domain.plurals import counted, first_ids
from storewatch.ingest import ImportOptions, ImportResult, find_files, import_files
from storewatch.ingest.mappings import new_mapping, read_mapping, saved_columns
from storewatch.ingest.simulate import END
from storewatch.ingest.simulate import simulate as write
from storewatch.ingest.undoing import forget_old_imports
from storewatch.private_files import share
from storewatch.reports.exports.columns import safe_texts
from storewatch.stores.gaps import find_gaps
from storewatch.stores.status import read_status

commands = typer.Typer(rich_markup_mode=None)


@commands.command("import")
def import_paths(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of them.", metavar="PATH...")],
    strict: Annotated[bool, typer.Option("--strict", help="Import nothing if there is any bad row.")] = False,
    valid_from: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="The local date from which weekly hours apply; hours before it are kept. Without it they replace all.",
        ),
    ] = None,
    allow_unknown: AllowUnknown = False,
    weekdays: Annotated[
        WeekdayCounting | None,
        typer.Option(
            help="How weekdays are counted: iso (1 = Monday to 7), monday0, sunday0, or names. Default: iso where "
            "there is a 7 and no 0, otherwise monday0."
        ),
    ] = None,
    map_: Annotated[
        list[str],
        typer.Option(
            "--map",
            help="Which field a column of another name holds, such as tz=timezone_str. Repeatable.",
            metavar="COLUMN=FIELD",
        ),
    ] = [],  # noqa: B006 - Typer copies it
    mapping: Annotated[str | None, typer.Option(help="The name of a saved column mapping.", metavar="NAME")] = None,
    save_map: Annotated[
        str | None, typer.Option(help="Save the mapping of columns under this name, for --mapping.", metavar="NAME")
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(
            help="Write all rejected rows to this CSV file. The installation keeps the first 100,000 of a table.",
            metavar="FILE",
        ),
    ] = None,
    home: Home = None,
) -> None:
    """Import CSV, TSV, NDJSON, Parquet or Excel files, plain, .gz or in a .zip. The header decides what a file holds:

    \b
    polls          store_id, status, timestamp_utc; optional: reason, source
    weekly hours   store_id, dayOfWeek, start_time_local, end_time_local
    time zones     store_id, timezone_str
    stores         store_id, name; every further column is a label
    dates          store_id, opened_on: first local date in business; or closed_on: first date out of it
    special hours  store_id, date, start_time_local, end_time_local; no times: closed
    targets        store_id, objective; 99.5, 99.5% or 0.995 (numbers over 1 are percent)
    sales          store_id, sales_per_hour; optional: weekday (0 = Monday), hour

    Special hours, targets and sales may have label, value in place of store_id; the store, or a store with the label,
    must exist. A header may carry several tables. The files of one command are one import for each table: their rows
    together replace what was there. Bad rows are stored apart, with their reason; the good rows are imported together.
    Importing a file again changes nothing.

    The last lines list assumptions, ignored columns, rejected rows, files left out, and stores that only some inputs
    name.

    \b
    Example: storewatch import store_status.csv menu_hours.csv timezones.csv
    Example: storewatch import --valid-from 2026-12-01 menu_hours.csv
    Example: storewatch import --map open=start_time_local --map close=end_time_local --save-map till hours.csv
    """
    found = find_files(paths)
    with (
        changing(home, "import.create", "import", creates=True) as (installation, audit),
        _reject_writer(rejects) as write_rejects,
    ):
        now = datetime.now(UTC)
        known = None if mapping is None else saved_columns(mapping, installation.catalog)
        columns = read_mapping(map_, known)
        saved = None if save_map is None else new_mapping(save_map, columns, created_by=command_line_author(), now=now)
        with progress_bar("import") as progress:
            imported = import_files(
                found.files,
                catalog=installation.catalog,
                lake=installation.lake,
                now=now,
                options=ImportOptions(
                    weekdays=weekdays,
                    columns=columns,
                    strict=strict,
                    allow_unknown=allow_unknown,
                    progress=progress,
                    valid_from=None if valid_from is None else valid_from.date(),
                    on_rejects=write_rejects,
                ),
            )
        if saved is not None:
            installation.catalog.mappings.replace(saved)
            audit.done(saved.name, action="mapping.save", object_type="mapping")
        for result in imported.tables:
            audit.done(str(result.import_id))
            for line in _result_lines(result):
                typer.echo(line)
        for name in (*found.left_out, *imported.left_out):
            typer.echo(f"left out: {name}")
        for line in find_gaps(installation.catalog, installation.lake.snapshot()).lines():
            typer.echo(line)
    if not any(result.accepted for result in imported.tables):
        raise InvalidInputError("No row of these files was imported.")


@contextmanager
def _reject_writer(file: Path | None) -> "Iterator[Callable[[pl.DataFrame], None] | None]":
    """Yield a function that appends rejected rows to a new CSV file; None without a file."""
    if file is None:
        yield None
        return
    try:
        stream = file.open("wb")
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be written ({error.strerror}); choose another file.") from None
    share(file)
    with stream:
        stream.write(b"line,row,reason,file\n")
        yield lambda rows: _guarded(rows).write_csv(stream, include_header=False)


def _guarded(rejects: "pl.DataFrame") -> "pl.DataFrame":
    return rejects.select("line", *(safe_texts(pl.col(name)) for name in ("row", "reason", "file")))


def _result_lines(result: "ImportResult") -> Iterator[str]:
    yield f"{result.file}: {result.accepted:,} of {result.rows:,} rows of {result.table} imported"
    yield from (f"  assumed: {sentence}" for sentence in result.assumed)
    if result.ignored:
        yield f"  ignored: {', '.join(result.ignored)}"
    if result.new_stores:
        ids = first_ids(result.new_store_ids, result.new_stores)
        yield f"  {counted(result.new_stores, 'store')} not seen before: {ids}"
    if result.rejected:
        listed = "them" if result.rejected == result.rejects_kept else f"the first {result.rejects_kept:,}"
        yield f"  {result.rejected:,} rejected; storewatch rejects {result.import_id} lists {listed}. First:"
    for reject in result.first_rejects:
        file = f"{reject.file} " if len(result.files) > 1 else ""
        yield f"  {file}line {reject.line}: {reject.reason}: {reject.row[:200]}"


@commands.command("rejects")
def rejects(
    import_id: Annotated[
        int, typer.Argument(parser=read_number, help="The number that `import` printed.", metavar="IMPORT")
    ],
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="List at most this many rows.")] = 1_000,
    raw_text: Annotated[
        bool, typer.Option("--raw-text", help="For programs: no apostrophe before texts that begin like a formula.")
    ] = False,
    home: Home = None,
) -> None:
    """Write the rows that an import rejected as CSV: line, row, reason and file.

    A text that a spreadsheet would run as a formula, or that begins with an apostrophe, has one more apostrophe in
    front.

    Example: storewatch rejects 3 > rejects.csv
    """
    with exporting(home, "import.rejects", "import") as (installation, audit):
        if installation.catalog.imports.find(import_id) is None:
            raise UnknownImportError(str(import_id))
        rows = installation.catalog.imports.read_rejects(import_id, limit)
        audit.done(str(import_id))
    typer.echo((rows if raw_text else _guarded(rows)).write_csv(), nl=False)


@commands.command("optimize")
def optimize(home: Home = None) -> None:
    """Compact and sort the days that need it, drop repeated observations and delete files that are no longer read.

    Other processes can import, read and serve meanwhile.

    Example: storewatch optimize --home /srv/storewatch
    """
    with changing(home, "lake.optimize", "lake") as (installation, audit), progress_bar("optimize") as progress:
        now = datetime.now(UTC)
        forget_old_imports(installation.catalog, installation.lake, now)
        done = installation.lake.optimize(now=now, progress=progress)
        audit.done(str(done.version))
    typer.echo(
        f"{counted(done.days_rewritten, 'day')} sorted, {done.days_compacted} compacted; files {done.files_before} -> "
        f"{done.files_after}; {counted(done.files_vacuumed, 'old file')} removed; lake version {done.version}"
    )


@commands.command("status")
def status(home: Home = None) -> None:
    """Show the number of stores and polls, the days covered, the newest poll, the lake version and the size.

    Example: storewatch status
    """
    with reading(home) as installation:
        now = read_status(installation.catalog, installation.lake.snapshot(), installation.settings.home)
    for name, value in now.lines():
        typer.echo(f"{name + ':':<14}{value}")


@commands.command("simulate")
def simulate(
    stores: Annotated[int, typer.Option(min=1, help="Number of stores.")],
    days: Annotated[float, typer.Option(min=0.05, help="Number of days with polls.")],
    out: Annotated[Path, typer.Option(help="Folder for the CSV files.", metavar="DIR")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same files.")] = 7,
    end: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="Instant of the newest poll, or now. Default: 2023-01-25 18:13."),
    ] = None,
    classic: Annotated[
        bool, typer.Option("--classic", help="Only polls, weekly hours and time zones, as in the classic contract.")
    ] = False,
) -> None:
    """Write CSV files of an invented fleet, to try storewatch: polls, hours, time zones, names, labels, sales, targets.

    The polls have outages of every kind: one of all stores of a brand, hours without any poll, stores
    that keep other hours than they publish, and stores that opened or closed for good.

    Example: storewatch simulate --stores 500 --days 40 --end now --out demo-data
    """
    newest = END if end is None else datetime.now(UTC) if end == "now" else read_instant(end, "end")
    with progress_bar("simulate") as progress:
        written = write(out, stores=stores, days=days, seed=seed, end=newest, classic=classic, progress=progress)
    files = (f"{counted(rows, 'row')} in {name}" for name, rows in written.items())
    typer.echo(f"Written to {out}: {', '.join(files)}")
