"""Commands that add, list and delete planned closures."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from storewatch.access.audit import command_line_author
from storewatch.catalog import NewClosure, Target
from storewatch.cli.home import Home
from storewatch.cli.installations import changing, reading
from storewatch.cli.usage import read_number
from storewatch.cli.values import AllowUnknown, read_instant, read_label
from storewatch.domain.errors import InvalidInputError, UnknownClosureError
from storewatch.domain.instants import format_instant

commands = typer.Typer(
    help="Plan closures of one store, of the stores with a label, or of all stores.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

StoreId = Annotated[str | None, typer.Option("--store-id", help="For this store.", metavar="ID")]
Label = Annotated[str | None, typer.Option("--label", help="For the stores with this label.", metavar="L=V")]


@commands.command("add")
def add(
    from_: Annotated[str, typer.Option("--from", help="The instant at which the closure begins.", metavar="T")],
    to: Annotated[str, typer.Option("--to", help="The instant at which the closure ends.", metavar="T")],
    reason: Annotated[str, typer.Option(help="Why, in a few words.", metavar="TEXT")],
    store_id: StoreId = None,
    label: Label = None,
    all_stores: Annotated[bool, typer.Option("--all-stores", help="For every store.")] = False,
    allow_unknown: AllowUnknown = False,
    home: Home = None,
) -> None:
    """Add a closure, before or after it happens. Open time inside it counts as planned, not as down.

    \b
    Example: storewatch closure add --label owner=acme --from 2026-12-24T14:00Z --to 2026-12-27T08:00Z \\
             --reason "Christmas"
    """
    if sum((store_id is not None, label is not None, all_stores)) != 1:
        raise InvalidInputError("Name the stores with exactly one of --store-id, --label and --all-stores.")
    name, value = (None, None) if label is None else read_label(label, "label")
    closure = NewClosure(
        store_id=store_id,
        label=name,
        value=value,
        start_at=read_instant(from_, "from"),
        end_at=read_instant(to, "to"),
        reason=reason,
        created_at=datetime.now(UTC),
        created_by=command_line_author(),
    )
    with changing(home, "closure.create", "closure") as (installation, audit):
        made = installation.catalog.closures.create(closure, allow_unknown=allow_unknown)
        audit.done(str(made.closure_id))
    typer.echo(f"closure {made.closure_id} added")


@commands.command("list")
def list_(store_id: StoreId = None, home: Home = None) -> None:
    """List the closures, the newest first.

    Example: storewatch closure list --store-id cafe
    """

    with reading(home) as installation:
        if store_id is not None:
            installation.catalog.names.require_stores([store_id])
        found = installation.catalog.closures.list_(store_id=store_id)
        while found:
            for each in found:
                span = f"{format_instant(each.start_at)} to {format_instant(each.end_at)}"
                typer.echo(
                    f"{each.closure_id}: {target_text(each)}, {span}, {each.reason} ({each.created_by or 'no key'})"
                )
            found = installation.catalog.closures.list_(store_id=store_id, before=found[-1].closure_id)


@commands.command("delete")
def delete(
    closure_id: Annotated[
        int, typer.Argument(parser=read_number, help="The number that `closure list` shows.", metavar="ID")
    ],
    home: Home = None,
) -> None:
    """Delete a closure. Reports count the time as if there had been no closure.

    Example: storewatch closure delete 3
    """

    with changing(home, "closure.delete", "closure") as (installation, audit):
        if not installation.catalog.closures.delete(closure_id):
            raise UnknownClosureError(str(closure_id))
        audit.done(str(closure_id))
    typer.echo(f"closure {closure_id} deleted")


def target_text(target: "Target") -> str:
    """Return the store, the label or `all stores`, as commands print a target."""
    if target.store_id is not None:
        return target.store_id
    return "all stores" if target.label is None else f"{target.label}={target.value}"
