"""Commands that list the polls of a store and delete wrong ones."""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from storewatch.cli.home import Home
from storewatch.cli.installations import changing, reading
from storewatch.cli.tables import aligned
from storewatch.cli.usage import MOST_LISTED
from storewatch.cli.values import read_instant
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import EARLIEST, LATEST, format_instant, instant_us
from storewatch.domain.plurals import counted
from storewatch.ingest.poll_keys import read_keys
from storewatch.lake import Keys, TimeRange
from storewatch.stores.observations import Deletion, delete_observations, preview_deletion, read_observations

commands = typer.Typer(
    help="List the polls of a store, and delete wrong ones.", no_args_is_help=True, rich_markup_mode=None
)

From = Annotated[str | None, typer.Option("--from", help="Not before this instant.", metavar="T")]
To = Annotated[str | None, typer.Option("--to", help="Before this instant.", metavar="T")]
_MICROSECOND: Final = timedelta(microseconds=1)


@commands.command("list")
def list_(
    store_id: Annotated[str, typer.Option(help="The store.", metavar="ID")],
    from_: From = None,
    to: To = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="List at most this many polls.")] = 1_000,
    home: Home = None,
) -> None:
    """List the polls of a store in the order of time, with the reason and source that were sent with them.

    Example: storewatch observations list --store-id cafe --from 2023-01-25T00:00:00Z
    """
    from_us, to_us = _range(from_, to)
    with reading(home) as installation:
        (store_id,) = installation.catalog.names.require_stores([store_id])
        found = read_observations(installation.lake.snapshot(), store_id, from_us, to_us, limit + 1)
    rows = [
        (
            format_instant(each.observed_at),
            "active" if each.active else "inactive",
            each.reason or "",
            each.source or "",
        )
        for each in found[:limit]
    ]
    for line in aligned(("observed at", "status", "reason", "source"), rows):
        typer.echo(line)
    if len(found) > limit:
        typer.echo(f"... and more; list them with --limit, or --from {format_instant(found[limit].observed_at)}")


@commands.command("delete")
def delete(
    store_id: Annotated[list[str] | None, typer.Option(help="The store (repeatable).", metavar="ID")] = None,
    from_: From = None,
    to: To = None,
    at: Annotated[str | None, typer.Option(help="Only the poll of this instant.", metavar="T")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="A file with the columns store_id, timestamp_utc.", metavar="FILE")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before deleting.")] = False,
    home: Home = None,
) -> None:
    """Delete wrong polls: those of a store in a range of time, or those that a file names. All of them or none.

    Hours, zones, labels and annotations stay. Older versions of the lake still have the polls, until `retention
    --lake-versions` deletes those.

    \b
    Example: storewatch observations delete --store-id cafe --at 2024-01-12T10:00:00Z --dry-run
    Example: storewatch observations delete --store-id cafe --from 2024-01-12T00:00:00Z --to 2024-01-13T00:00:00Z
    Example: storewatch observations delete --keys wrong.csv --yes
    """
    choice = _choice(store_id or [], from_, to, at, keys)
    with reading(home) as installation:
        if not isinstance(choice, Keys):
            choice = replace(choice, store_ids=tuple(installation.catalog.names.require_stores(store_id or [])))
        found = preview_deletion(installation.lake, choice)
    if dry_run or not found.observations:
        typer.echo(f"{_words(found)} would be deleted" if found.observations else "No polls found; nothing to delete.")
        return
    if not yes:
        _confirm(found)
    with changing(home, "observations.delete", "observations") as (installation, audit):
        done = delete_observations(installation.lake, choice)
        if done.lake_version is None:
            audit.nothing_done()
        else:
            audit.done(", ".join(store_id) if store_id else str(keys))
    typer.echo(f"{_words(done)} deleted; lake version {done.lake_version}")


def _choice(
    store_ids: list[str], from_: str | None, to: str | None, at: str | None, keys: Path | None
) -> "Keys | TimeRange":
    if (keys is None) == (not store_ids):
        raise InvalidInputError("Name the polls to delete with --store-id, or with a file of --keys.")
    if keys is not None:
        if from_ or to or at:
            raise InvalidInputError("A file of --keys names each poll; leave out --from, --to and --at.")
        return Keys(keys=read_keys(keys, datetime.now(UTC)))
    if at is not None:
        if from_ or to:
            raise InvalidInputError("Use --at for one instant, or --from and --to for a range.")
        instant = read_instant(at, "at")
        return TimeRange(store_ids=tuple(store_ids), from_us=instant_us(instant), to_us=instant_us(instant) + 1)
    if from_ is None or to is None:
        raise InvalidInputError("Name the range of time with --from and --to, or one instant with --at.")
    from_us, to_us = _range(from_, to)
    return TimeRange(store_ids=tuple(store_ids), from_us=from_us, to_us=to_us)


def _range(from_: str | None, to: str | None) -> tuple[int, int]:
    begin = EARLIEST if from_ is None else read_instant(from_, "from")
    end = LATEST if to is None else read_instant(to, "to")
    if begin >= end:
        raise InvalidInputError("--from must be before --to.")
    return instant_us(begin), instant_us(end)


def _confirm(found: "Deletion") -> None:
    if not sys.stdin.isatty():
        raise InvalidInputError(f"{_words(found)} would be deleted. Repeat the command with --yes to delete them.")
    typer.confirm(f"Delete {_words(found)}?", abort=True)


def _words(found: "Deletion") -> str:
    if found.first_observed_at is None or found.last_observed_at is None:
        return "No polls"
    first, last = format_instant(found.first_observed_at), format_instant(found.last_observed_at)
    return f"{counted(found.observations, 'poll')} of {counted(found.stores, 'store')} ({first} to {last})"
