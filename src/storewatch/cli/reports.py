"""Commands that compute a report, and verify it by computing it again."""

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storewatch.cli.home import Home, exporting, prepare_engine, progress_bar, reading
from storewatch.cli.output import Output, check_form, check_output, warn, write_output
from storewatch.cli.report_options import read_report_request
from storewatch.cli.usage import read_number
from storewatch.domain.errors import InvalidInputError, ReportNotReadyError
from storewatch.domain.plurals import counted

if TYPE_CHECKING:
    from storewatch.installation import Installation
    from storewatch.reports.archive.manifest import Manifest


def report(
    context: typer.Context,
    lake_version: Annotated[
        int | None, typer.Option(parser=read_number, help="Use the polls of an earlier lake version.", metavar="N")
    ] = None,
    output: Output = "-",
    home: Home = None,
) -> None:
    """Compute a report. Without options it is the classic one: up and down time of every store in the last hour, day
    and week. A manifest is written beside the file; `storewatch verify` reads it to compute the report again.

    \b
    Example: storewatch report --as-of 2023-01-25T18:13:22Z --output report.csv
    Example: storewatch report --windows last_month --by day --include outages --output reports/month.xlsx
    Example: storewatch report --definition weekly --label owner=acme --output reports/
    """
    from storewatch.installation import compute_report

    check_output(output)
    with exporting(home, "report.download", "report") as (installation, audit), ExitStack() as computed:
        request = read_report_request(context.obj, installation.catalog, output)
        check_form(request.format, output)
        prepare_engine()
        with progress_bar("report") as progress:
            content = computed.enter_context(compute_report(installation, request, progress, lake_version))
        warn(content)
        written = write_output(content, output)
        audit.done(written)
    if output != "-":
        typer.echo(f"{counted(content.stores, 'store')} written to {written}", err=True)


def verify(
    report: Annotated[
        str, typer.Argument(help="A file with its manifest beside it, or the id of a report.", metavar="REPORT")
    ],
    home: Home = None,
) -> None:
    """Compute a report again from the same inputs and check whether the file is the same.

    Exit code 0: identical. 1: not identical; the differences and the changes since then are printed.

    Example: storewatch verify reports/storewatch_2023-01-25_last-week.xlsx
    """
    from storewatch.reports.archive.manifest import verify as verify_report
    from storewatch.stores.following import followed_snapshot

    with reading(home) as installation:
        manifest, file = _find(report, installation)
        now, lake_version = datetime.now(UTC), manifest.versions.lake
        snapshot = followed_snapshot(installation.catalog, installation.lake, now, lake_version)
        prepare_engine()
        found = verify_report(manifest, file, installation.reports, snapshot)
    typer.echo(f"{report}: {'identical' if found.is_identical else 'differs'}")
    if not found.file_intact:
        typer.echo("  The file is not the one that was written.")
    if not found.same:
        typer.echo("  The report is different when it is computed again.")
    for line in (*found.figures, *([found.difference] if found.difference else [])):
        typer.echo(f"  {line}")
    for change in found.changed:
        typer.echo(f"  Changed since{', without effect' if found.same else ''}: {change}.")
    if not found.is_identical:
        raise typer.Exit(1)


def _find(report: str, installation: "Installation") -> "tuple[Manifest, Path]":
    from storewatch.reports.archive.manifest import Manifest, manifest_file

    file = Path(report)
    if file.is_file():
        beside = manifest_file(file)
        if not beside.is_file():
            raise InvalidInputError(f"There is no {beside}; the manifest must be in the folder of the report.")
        return Manifest.read(beside.read_text(encoding="utf-8")), file
    if file.suffix or file.name != report:
        raise InvalidInputError(f"There is no file {report}; name a report's file, or the id of a report.")
    job = installation.reports.find(report)
    stored = installation.reports.finished_file(job)
    if stored is None or job.result is None:
        raise ReportNotReadyError(job.job_id, job.state)
    return Manifest.of_report(stored.name, job.parameters, job.result, job.scope), stored
