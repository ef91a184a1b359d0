"""Commands around special hours; `import` adds them."""

from datetime import date, datetime
from typing import Annotated, Any

import typer

from storewatch.cli.closures import Label, StoreId, whose
from storewatch.cli.home import Home, installation, note
from storewatch.cli.report_options import read_label
from storewatch.cli.tables import count

special_hours = typer.Typer(
    help="List and delete special hours; `storewatch import special_hours.csv` adds them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@special_hours.command("list")
def list_(
    store_id: Annotated[str | None, typer.Option(help="Only what bears on this store.", metavar="ID")] = None,
    home: Home = None,
) -> None:
    """List the special hours in the order in which they were given.

    Example: storewatch special-hours list --store-id cafe
    """
    from storewatch.catalog import Target
    from storewatch.domain.enums import EntryKind

    with installation(home) as app:
        rows = app.catalog.entries.list_(EntryKind.SPECIAL_HOURS, store_id=store_id)
        while rows.height:
            for row in rows.iter_rows(named=True):
                target = Target(store_id=row["store_id"], label=row["label"], value=row["value"])
                typer.echo(f"{row['date']}: {whose(target)}, {_times(row)}")
            rows = app.catalog.entries.list_(
                EntryKind.SPECIAL_HOURS, store_id=store_id, after=rows["special_hours_id"][-1]
            )


@special_hours.command("delete")
def delete(
    first: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="The local date, or the first.")],
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last date [default: the same].")
    ] = None,
    store_id: StoreId = None,
    label: Label = None,
    home: Home = None,
) -> None:
    """Delete the special hours of a date or of several; the weekly hours hold there again.

    Example: storewatch special-hours delete --store-id cafe --date 2026-12-25
    """
    from storewatch.catalog import Target
    from storewatch.domain.enums import EntryKind
    from storewatch.domain.errors import InvalidInputError

    if (store_id is None) == (label is None):
        raise InvalidInputError("Name whose special hours they are with one of --store-id and --label.")
    name, value = (None, None) if label is None else read_label(label, "label")
    target = Target(store_id=store_id, label=name, value=value)
    until: date = (last or first).date()
    with installation(home) as app:
        removed = app.catalog.entries.delete(EntryKind.SPECIAL_HOURS, target, first=first.date(), last=until)
        if removed:
            note(app, "special_hours.delete", "special_hours", whose(target))
    typer.echo(f"{count(removed, 'row')} of special hours deleted")


def _times(row: dict[str, Any]) -> str:
    if row["start_s"] is None:
        return "closed"
    return f"{_clock(row['start_s'])} to {_clock(row['end_s'])}"


def _clock(second: int) -> str:
    """Write a second of the local day; later than 24:00 is the next day."""
    day, rest = divmod(second, 86_400) if second > 86_400 else (0, second)
    return f"{rest // 3600:02}:{rest // 60 % 60:02}{' the next day' if day else ''}"
