"""Commands that bring data in, look after it and tell what is there."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from storewatch.cli.home import Home, installation, note, progress_bar


def import_paths(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of them.", metavar="PATH...")],
    strict: Annotated[bool, typer.Option("--strict", help="Refuse a file that has any bad row.")] = False,
    valid_from: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="The local date from which weekly hours hold; earlier ones are kept. Without it they replace all.",
        ),
    ] = None,
    home: Home = None,
) -> None:
    """Import CSV, NDJSON or Parquet, plain or .gz. What a file holds is known by its header:

    \b
    polls          store_id, status, timestamp_utc
    weekly hours   store_id, dayOfWeek, start_time_local, end_time_local
    time zones     store_id, timezone_str
    stores         store_id, name; every further column is a label
    special hours  store_id, date, start_time_local, end_time_local; no times: closed
    targets        store_id, objective; 99.5, 99.5% or 0.995 (numbers over 1 are percent)
    sales          store_id, sales_per_hour; if you like weekday (0 = Monday), hour

    The last three may have label, value in the place of store_id. Bad rows are kept aside with their reason; the good
    rows of a file go in together. Importing a file again changes nothing.

    Example: storewatch import store_status.csv menu_hours.csv timezones.csv
    Example: storewatch import --valid-from 2026-12-01 menu_hours.csv
    """
    from storewatch.ingest import find_files, import_file

    files = find_files(paths)
    with installation(home) as app:
        for file in files:
            with progress_bar(file.name) as progress:
                result = import_file(
                    file,
                    catalog=app.catalog,
                    lake=app.lake,
                    now=datetime.now(UTC),
                    strict=strict,
                    progress=progress,
                    valid_from=None if valid_from is None else valid_from.date(),
                )
            note(app, "import.create", "import", str(result.import_id))
            typer.echo(f"{file}: {result.accepted:,} of {result.rows:,} rows of {result.table} imported")
            if result.rejected:
                typer.echo(f"  {result.rejected:,} rejected; storewatch rejects {result.import_id} lists them. First:")
                for reject in result.first_rejects:
                    typer.echo(f"  line {reject.line}: {reject.reason}: {reject.row[:200]}")


def rejects(
    import_id: Annotated[int, typer.Argument(help="The number that import told.", metavar="IMPORT")],
    limit: Annotated[int, typer.Option(min=1, help="How many rows at most.")] = 1_000,
    home: Home = None,
) -> None:
    """List the rows that an import rejected as CSV: line, row and reason.

    Example: storewatch rejects 3 > rejects.csv
    """
    with installation(home) as app:
        rows = app.catalog.imports.read_rejects(import_id, limit)
        note(app, "import.rejects", "import", str(import_id))
    typer.echo(rows.write_csv(), nl=False)


def optimize(home: Home = None) -> None:
    """Compact and sort the days that need it, drop repeated observations, remove files that nothing reads any more.

    Safe while others import, read or serve.

    Example: storewatch optimize --home /srv/storewatch
    """
    with installation(home) as app, progress_bar("optimize") as progress:
        done = app.lake.optimize(now=datetime.now(UTC), progress=progress)
        note(app, "lake.optimize", "lake", str(done.version))
    typer.echo(
        f"{done.days_rewritten} days sorted, {done.days_compacted} compacted; files {done.files_before} -> "
        f"{done.files_after}; {done.files_vacuumed} old files removed; lake version {done.version}"
    )


def status(home: Home = None) -> None:
    """Tell what is there: stores, polls, days, newest poll, lake version and size.

    Example: storewatch status
    """
    from storewatch.stores.status import read_status

    with installation(home) as app:
        now = read_status(app.catalog, app.lake.snapshot(), app.settings.home)
    for name, value in now.lines():
        typer.echo(f"{name + ':':<14}{value}")


def simulate(
    stores: Annotated[int, typer.Option(min=1, help="How many stores.")],
    days: Annotated[float, typer.Option(min=0.05, help="How many days of polls.")],
    out: Annotated[Path, typer.Option(help="Folder for the three CSV files.", metavar="DIR")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 7,
) -> None:
    """Write store_status.csv, menu_hours.csv and timezones.csv of made-up stores, to try storewatch with.

    Example: storewatch simulate --stores 500 --days 8 --out demo-data
    """
    from storewatch.ingest.simulate import simulate as write

    with progress_bar("simulate") as progress:
        written = write(out, stores=stores, days=days, seed=seed, progress=progress)
    typer.echo(f"{written.polls:,} polls, {written.hours:,} rows of hours and {written.zones:,} zones written to {out}")
