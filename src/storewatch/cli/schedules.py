"""Commands that create, list and delete schedules."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from storewatch.cli.home import Home
from storewatch.cli.installations import changing, reading
from storewatch.domain.errors import InvalidInputError, InvalidParameterError, ScheduleExistsError, UnknownScheduleError
from storewatch.domain.instants import format_instant
from storewatch.jobs.handler import StoredData
from storewatch.jobs.kinds import read_kind, schedulable
from storewatch.jobs.schedules import new_schedule, next_run

commands = typer.Typer(
    help="Run jobs repeatedly at fixed times.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class _WithKinds(TyperCommand):
    """A command whose help ends with the kinds of jobs that a schedule can have."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the kinds of jobs. They are imported only here, because they import nearly all of storewatch."""
        with formatter.section("Kinds"):
            formatter.write_dl(
                [(each.kind, f"{each.help} Parameters: {each.parameters_help}.") for each in schedulable()]
            )


@commands.command("create", cls=_WithKinds)
def create(
    name: Annotated[str, typer.Argument(help="A name for the schedule.")],
    kind: Annotated[str, typer.Option(help="The kind of job to run; the kinds are listed below.")],
    cron: Annotated[str, typer.Option(help="Minute, hour, day, month, weekday: '17 3 * * *'.")],
    timezone: Annotated[str, typer.Option(help="Time zone of the times; an IANA name.")] = "UTC",
    parameters: Annotated[
        str,
        typer.Option(help="A JSON object with the parameters of the kind."),
    ] = "{}",
    definition: Annotated[
        str | None, typer.Option(help="A saved report; read again for each run. --parameters override its own.")
    ] = None,
    home: Home = None,
) -> None:
    """Create a schedule. A running `serve` or `worker` runs its jobs; runs missed while neither ran are done once.

    \b
    Example: storewatch schedule create weekly --kind report --cron '0 6 * * 1' --timezone Europe/Berlin
    Example: storewatch schedule create monday --kind report --cron '0 6 * * 1' --definition weekly
    """
    try:
        read = json.loads(parameters)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise InvalidInputError(f'--parameters must be a JSON object such as {{"by": "day"}}, not {parameters!r}.')
    if definition is not None:
        read = {"definition": definition} | read
    now = datetime.now(UTC)
    with changing(home, "schedule.create", "schedule") as (installation, audit):
        try:
            schedule = new_schedule(
                name=name,
                kind=read_kind(kind),
                cron=cron,
                timezone=timezone,
                parameters=read,
                created_by=None,
                now=now,
                stored=StoredData(catalog=installation.catalog, lake=installation.lake),
            )
        except InvalidParameterError as error:
            raise InvalidParameterError("parameters", str(error)) from None
        if not installation.catalog.schedules.create(schedule):
            raise ScheduleExistsError(name)
        audit.done(name)
    typer.echo(f"{name}: next run {format_instant(next_run(schedule.cron, timezone, now))}")


@commands.command("list")
def list_(home: Home = None) -> None:
    """List the schedules with their last and next run.

    Example: storewatch schedule list
    """
    now = datetime.now(UTC)
    with reading(home) as installation:
        for schedule in installation.catalog.schedules.list_():
            last = format_instant(schedule.last_run_at) if schedule.last_run_at else "never"
            due = format_instant(next_run(schedule.cron, schedule.timezone, now))
            typer.echo(
                f"{schedule.name}: {schedule.kind} at '{schedule.cron}' {schedule.timezone}, last {last}, next {due}"
            )


@commands.command("delete")
def delete(name: Annotated[str, typer.Argument(help="The schedule's name.")], home: Home = None) -> None:
    """Delete a schedule.

    Example: storewatch schedule delete weekly
    """

    with changing(home, "schedule.delete", "schedule") as (installation, audit):
        if not installation.catalog.schedules.delete(name):
            raise UnknownScheduleError(name)
        audit.done(name)
    typer.echo(f"{name} deleted")
