"""Commands that change stores: the dates between which they are in business, and their ids."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from storewatch.cli.home import Home, changing
from storewatch.domain.errors import InvalidInputError, InvalidParameterError
from storewatch.domain.plurals import counted

stores = typer.Typer(
    help="Change stores: when they opened or closed for good, and their ids.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

StoreId = Annotated[str, typer.Argument(help="The store.", metavar="ID")]
_NONE = "none"


@stores.command("change")
def change(
    store_id: StoreId,
    opened_on: Annotated[
        str | None, typer.Option(help="The first local date in business; none: always was.", metavar="DATE")
    ] = None,
    closed_on: Annotated[
        str | None,
        typer.Option(help="The first local date out of business for good; none: still in business.", metavar="DATE"),
    ] = None,
    home: Home = None,
) -> None:
    """Set the dates between which a store is in business. Before and after there is no business time and no outage,
    and the store leaves lists, and reports whose windows it does not touch.

    \b
    Example: storewatch stores change cafe --closed-on 2024-03-05
    Example: storewatch stores change cafe --closed-on none
    """
    from storewatch.ingest.store_fields import check_fields
    from storewatch.stores.changes import change_store

    sent = {"opened_on": opened_on, "closed_on": closed_on}
    sent = {name: None if text == _NONE else text for name, text in sent.items() if text is not None}
    if not sent:
        raise InvalidInputError("Name what to change: --opened-on, --closed-on or both.")
    with changing(home, "store.change", "store") as (installation, audit):
        (store_id,) = installation.catalog.names.require_stores([store_id])
        checked = check_fields(store_id, sent)
        for (name, *_), reason in checked.problems:
            raise InvalidParameterError(str(name), reason)
        change_store(store_id, checked.fields, catalog=installation.catalog, now=datetime.now(UTC))
        audit.done(store_id)
    typer.echo(f"{store_id} changed")


@stores.command("rename")
def rename(
    store_id: StoreId,
    new_id: Annotated[str, typer.Argument(help="The new id, which no store has.", metavar="NEW-ID")],
    home: Home = None,
) -> None:
    """Change the id of a store. Its polls, hours and labels, and all other data of it, move to the new id.

    Saved reports and schedules that name the old id are not changed.

    Example: storewatch stores rename cafe cafe-central
    """
    from storewatch.ingest.store_fields import check_id
    from storewatch.stores.changes import rename_store

    checked, problems = check_id(new_id)
    for _, reason in problems:
        raise InvalidInputError(f"{new_id!r} cannot be the id of a store: {reason}.")
    with changing(home, "store.rename", "store") as (installation, audit):
        catalog, lake = installation.catalog, installation.lake
        (store_id,) = installation.catalog.names.require_stores([store_id])
        moved = rename_store(store_id, checked, catalog=catalog, lake=lake, now=datetime.now(UTC))
        audit.done(store_id)
    typer.echo(f"{checked} has the {counted(moved, 'poll')} of {store_id}")


@stores.command("merge")
def merge(
    store_id: StoreId,
    into: Annotated[str, typer.Argument(help="The store that receives the polls.", metavar="INTO")],
    home: Home = None,
) -> None:
    """Merge a store into another store: move its polls and all its other data there, and delete it.

    Stores with different hours, zones, labels or entries cannot be merged: clear or change these of one store first.

    Example: storewatch stores merge cafe-old cafe
    """
    from storewatch.stores.changes import merge_stores

    with changing(home, "store.merge", "store") as (installation, audit):
        catalog, lake = installation.catalog, installation.lake
        store_id, into = installation.catalog.names.require_stores([store_id, into])
        moved = merge_stores(store_id, into, catalog=catalog, lake=lake, now=datetime.now(UTC))
        audit.done(store_id)
    typer.echo(f"{into} has the {counted(moved, 'poll')} of {store_id}")
