"""The command that applies retention limits; services run the same work in the background."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from storewatch.cli.home import Home
from storewatch.cli.installations import changing, reading
from storewatch.domain.plurals import counted
from storewatch.jobs.kinds.retention import RetentionLimits, apply_retention, preview_retention

commands = typer.Typer(rich_markup_mode=None)


@commands.command("retention")
def retention(
    observations: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Delete observations older than this.", metavar="DAYS")
    ] = None,
    reports: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Delete reports that ended before this.", metavar="DAYS")
    ] = None,
    lake_versions: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Delete versions of the lake older than this.", metavar="DAYS")
    ] = None,
    rejects: Annotated[
        int | None,
        typer.Option(min=1, max=36_500, help="Delete the rows that imports before this rejected.", metavar="DAYS"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted, and change nothing.")] = False,
    home: Home = None,
) -> None:
    """Delete data older than a number of days. Without options nothing is deleted.

    Deleted observations can still be read in older versions of the lake, until those are deleted too.

    Example: storewatch retention --observations 400 --reports 90 --dry-run
    """
    limits = RetentionLimits(
        observations_days=observations,
        reports_days=reports,
        lake_versions_days=lake_versions,
        rejects_days=rejects,
    )
    now = datetime.now(UTC)
    if dry_run:
        with reading(home) as installation:
            found = preview_retention(limits, catalog=installation.catalog, lake=installation.lake, now=now)
    else:
        with changing(home, "retention.apply", "lake") as (installation, audit):
            found = apply_retention(
                limits,
                catalog=installation.catalog,
                lake=installation.lake,
                reports=installation.reports,
                now=now,
                check=lambda: None,
            )
            audit.done(str(installation.lake.snapshot().version))
    verb = "would be removed" if dry_run else "removed"
    typer.echo(
        f"{counted(found.observations, 'observation')}, {counted(found.reports, 'report')}, "
        f"{counted(found.rejects, 'rejected row')} and {counted(found.lake_files, 'file')} of the lake {verb}"
    )
