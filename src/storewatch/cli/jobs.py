"""Commands around what is done in the background."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from storewatch.cli.home import Home, installation, note


def retention(
    observations: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Forget observations older than this.", metavar="DAYS")
    ] = None,
    reports: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Forget reports that ended before this.", metavar="DAYS")
    ] = None,
    lake_versions: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Forget versions of the lake older than this.", metavar="DAYS")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    home: Home = None,
) -> None:
    """Forget what is older than so many days; without an option nothing is.

    Removed observations can still be read in older versions of the lake until those go too.

    Example: storewatch retention --observations 400 --reports 90 --dry-run
    """
    from storewatch.jobs.kinds.retention import RetentionLimits, apply_retention, preview_retention

    limits = RetentionLimits(observations_days=observations, reports_days=reports, lake_versions_days=lake_versions)
    now = datetime.now(UTC)
    with installation(home) as app:
        if dry_run:
            found = preview_retention(limits, catalog=app.catalog, lake=app.lake, now=now)
        else:
            found = apply_retention(
                limits, catalog=app.catalog, lake=app.lake, reports=app.reports, now=now, check=lambda: None
            )
            note(app, "retention.apply", "lake", str(app.lake.snapshot().version))
    verb = "would be removed" if dry_run else "removed"
    typer.echo(
        f"{found.observations:,} observations, {found.reports:,} reports and {found.lake_files:,} files "
        f"of the lake {verb}"
    )
