"""Commands around planned closures."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from storewatch.cli.home import Home, author, installation, note
from storewatch.cli.report_options import read_instant, read_label

if TYPE_CHECKING:
    from storewatch.catalog import Target

closures = typer.Typer(
    help="Plan closures: of a store, of the stores with a label, or of all.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

StoreId = Annotated[str | None, typer.Option("--store-id", help="Of this store.", metavar="ID")]
Label = Annotated[str | None, typer.Option("--label", help="Of the stores with this label.", metavar="L=V")]


@closures.command("add")
def add(
    from_: Annotated[str, typer.Option("--from", help="The instant at which it begins.", metavar="T")],
    to: Annotated[str, typer.Option("--to", help="The instant at which it ends.", metavar="T")],
    reason: Annotated[str, typer.Option(help="Why, in a few words.", metavar="TEXT")],
    store_id: StoreId = None,
    label: Label = None,
    all_stores: Annotated[bool, typer.Option("--all-stores", help="Of every store.")] = False,
    home: Home = None,
) -> None:
    """Plan a closure, or enter one afterwards: open time inside it counts as planned and not as down.

    \b
    Example: storewatch closure add --label owner=acme --from 2026-12-24T14:00Z --to 2026-12-27T08:00Z \\
             --reason "Christmas"
    """
    from storewatch.catalog import NewClosure
    from storewatch.domain.errors import InvalidInputError

    if sum((store_id is not None, label is not None, all_stores)) != 1:
        raise InvalidInputError("Name whose closure it is with one of --store-id, --label and --all-stores.")
    now = datetime.now(UTC)
    name, value = (None, None) if label is None else read_label(label, "label")
    closure = NewClosure(
        store_id=store_id,
        label=name,
        value=value,
        start_at=read_instant(from_, "from"),
        end_at=read_instant(to, "to"),
        reason=reason,
        created_at=now,
        created_by=author(now),
    )
    with installation(home) as app:
        made = app.catalog.closures.create(closure)
        note(app, "closure.create", "closure", str(made.closure_id))
    typer.echo(f"closure {made.closure_id} added")


@closures.command("list")
def list_(store_id: StoreId = None, home: Home = None) -> None:
    """List the closures, the newest first.

    Example: storewatch closure list --store-id cafe
    """
    from storewatch.domain.instants import format_instant

    with installation(home) as app:
        found = app.catalog.closures.list_(store_id=store_id)
        while found:
            for each in found:
                span = f"{format_instant(each.start_at)} to {format_instant(each.end_at)}"
                typer.echo(f"{each.closure_id}: {whose(each)}, {span}, {each.reason} ({each.created_by or 'no key'})")
            found = app.catalog.closures.list_(store_id=store_id, before=found[-1].closure_id)


@closures.command("delete")
def delete(
    closure_id: Annotated[int, typer.Argument(help="The number that `closure list` shows.", metavar="ID")],
    home: Home = None,
) -> None:
    """Delete a closure; reports count as if there had been none.

    Example: storewatch closure delete 3
    """
    from storewatch.domain.errors import UnknownClosureError

    with installation(home) as app:
        if not app.catalog.closures.delete(closure_id):
            raise UnknownClosureError(str(closure_id))
        note(app, "closure.delete", "closure", str(closure_id))
    typer.echo(f"closure {closure_id} deleted")


def whose(target: "Target") -> str:
    if target.store_id is not None:
        return target.store_id
    return "all stores" if target.label is None else f"{target.label}={target.value}"
