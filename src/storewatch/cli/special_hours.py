"""Commands that list and delete special hours; `import` adds them."""

from datetime import date, datetime
from typing import Annotated, Any

import typer

from storewatch.catalog import Target
from storewatch.cli.closures import Label, StoreId, target_text
from storewatch.cli.home import Home
from storewatch.cli.installations import changing, reading
from storewatch.cli.values import read_label
from storewatch.domain.clock_words import clock_words
from storewatch.domain.enums import EntryKind
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.plurals import counted

commands = typer.Typer(
    help="List and delete special hours; `storewatch import special_hours.csv` adds them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@commands.command("list")
def list_(
    store_id: Annotated[str | None, typer.Option(help="Only the rows that apply to this store.", metavar="ID")] = None,
    home: Home = None,
) -> None:
    """List the special hours in the order in which they were added.

    Example: storewatch special-hours list --store-id cafe
    """
    with reading(home) as installation:
        if store_id is not None:
            installation.catalog.names.require_stores([store_id])
        rows = installation.catalog.entries.list_(EntryKind.SPECIAL_HOURS, store_id=store_id)
        while rows.height:
            for row in rows.iter_rows(named=True):
                target = Target(store_id=row["store_id"], label=row["label"], value=row["value"])
                typer.echo(f"{row['date']}: {target_text(target)}, {_times(row)}")
            rows = installation.catalog.entries.list_(
                EntryKind.SPECIAL_HOURS, store_id=store_id, after=rows["place"][-1]
            )


@commands.command("delete")
def delete(
    first: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="The local date, or the first.")],
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last date [default: the same].")
    ] = None,
    store_id: StoreId = None,
    label: Label = None,
    home: Home = None,
) -> None:
    """Delete the special hours of one date or of several. The weekly hours apply to these dates again.

    Example: storewatch special-hours delete --store-id cafe --date 2026-12-25
    """
    if (store_id is None) == (label is None):
        raise InvalidInputError("Name the special hours to delete with exactly one of --store-id and --label.")
    name, value = (None, None) if label is None else read_label(label, "label")
    target = Target(store_id=store_id, label=name, value=value)
    until: date = (last or first).date()
    with changing(home, "special_hours.delete", "special_hours") as (installation, audit):
        if store_id is not None:
            installation.catalog.names.require_stores([store_id])
        entries = installation.catalog.entries
        removed = entries.delete(EntryKind.SPECIAL_HOURS, target, first=first.date(), last=until)
        if removed:
            audit.done(target_text(target))
        else:
            audit.nothing_done()
    typer.echo(f"{counted(removed, 'row')} of special hours deleted")


def _times(row: dict[str, Any]) -> str:
    if row["start_s"] is None:
        return "closed"
    return f"{clock_words(row['start_s'])} to {clock_words(row['end_s'])}"
