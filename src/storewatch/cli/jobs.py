"""The command that lists background jobs: reports, imports and maintenance."""

from datetime import datetime
from typing import Annotated

import typer

from storewatch.catalog import Job
from storewatch.cli.home import Home
from storewatch.cli.installations import reading
from storewatch.cli.tables import aligned
from storewatch.cli.usage import MOST_LISTED
from storewatch.domain.enums import JobKind, JobState

commands = typer.Typer(
    help="List the reports, imports and maintenance that run in the background.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@commands.command("list")
def list_(
    kind: Annotated[JobKind | None, typer.Option(help="Only jobs of this kind.")] = None,
    state: Annotated[list[JobState] | None, typer.Option(help="Only jobs in this state (repeatable).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="List at most this many jobs.")] = 100,
    home: Home = None,
) -> None:
    """List jobs, the newest first; times are UTC. The id of a report is what `storewatch verify` takes.

    Example: storewatch jobs list --kind report --state failed
    """
    with reading(home) as installation:
        found = installation.catalog.jobs.list_(kind=kind, states=state or (), limit=limit)
    for line in aligned(("job", "kind", "created", "ended", "state"), [_row(job) for job in found]):
        typer.echo(line)


def _row(job: Job) -> tuple[str, ...]:
    state = f"{job.state} {job.progress:.0%}" if job.state is JobState.RUNNING else str(job.state)
    return job.job_id, job.kind, _time(job.created_at), _time(job.finished_at), f"{state}{_reason(job)}"


def _reason(job: Job) -> str:
    return "" if job.error is None else f": {job.error}"


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
