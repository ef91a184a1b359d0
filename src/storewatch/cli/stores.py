"""Commands on stores: list and show them, set their fields, change their ids."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from storewatch.cli import store_views
from storewatch.cli.home import Home
from storewatch.cli.installations import changing
from storewatch.cli.store_views import StoreId
from storewatch.cli.values import read_zone
from storewatch.domain.errors import InvalidInputError, InvalidParameterError
from storewatch.domain.plurals import counted
from storewatch.ingest.store_fields import check_fields, check_id
from storewatch.stores.changes import change_store, merge_stores, rename_store

commands = typer.Typer(
    help="List and show stores, set their fields, and change their ids.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_NONE: Final = "none"
# The option of a field, where the two have different names.
_OPTIONS: Final = {"weekly_hours": "hours", "labels": "label"}


commands.command("list")(store_views.list_stores)
commands.command("show")(store_views.show_store)
commands.command("timeline")(store_views.show_timeline)


@commands.command("set")
def set_(
    store_id: StoreId,
    timezone: Annotated[str | None, typer.Option(help="The IANA time zone; none: the default.", metavar="ZONE")] = None,
    hours: Annotated[
        list[str] | None,
        typer.Option(
            help="An opening of the weekly hours, such as 'mon 09:00-17:00' (repeatable): all openings replace the "
            "hours. closed: closed all week; none: the default, open 24x7.",
            metavar="'DAY T-T'",
        ),
    ] = None,
    valid_from: Annotated[
        datetime | None,
        typer.Option(help="The local date from which --hours apply.", formats=["%Y-%m-%d"], metavar="DATE"),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="A label to set (repeatable); without a value: to remove.", metavar="L=V")
    ] = None,
    opened_on: Annotated[
        str | None, typer.Option(help="The first local date in business; none: always was.", metavar="DATE")
    ] = None,
    closed_on: Annotated[
        str | None,
        typer.Option(help="The first local date out of business for good; none: still in business.", metavar="DATE"),
    ] = None,
    home: Home = None,
) -> None:
    """Set the time zone, weekly hours, labels of a store, and the dates between which it is in business. What is not
    named stays. Out of business there is no business time and no outage, and the store leaves lists, and reports whose
    windows it does not touch.

    \b
    Example: storewatch stores set cafe --closed-on 2024-03-05
    Example: storewatch stores set cafe --timezone Europe/Berlin --label owner=acme
    Example: storewatch stores set cafe --hours 'mon 09:00-12:00' --hours 'mon 14:00-18:00' --valid-from 2026-12-01
    """
    texts = {"timezone": timezone, "opened_on": opened_on, "closed_on": closed_on}
    sent: dict[str, Any] = {name: None if text == _NONE else text for name, text in texts.items() if text is not None}
    sent |= ({"labels": _labels(label)} if label else {}) | ({"weekly_hours": _weekly_hours(hours)} if hours else {})
    if sent.get("timezone") is not None:
        sent["timezone"] = read_zone(sent["timezone"], "timezone")
    if not sent:
        raise InvalidInputError("Name what to set: --timezone, --hours, --label, --opened-on or --closed-on.")
    if valid_from is not None and not hours:
        raise InvalidParameterError("valid_from", "Only weekly hours can have a date; name --hours too.")
    with changing(home, "store.change", "store") as (installation, audit):
        (store_id,) = installation.catalog.names.require_stores([store_id])
        checked = check_fields(store_id, sent)
        for (name, *_), reason in checked.problems:
            raise InvalidParameterError(_OPTIONS.get(str(name), str(name)), reason)
        fields = replace(checked.fields, hours_from=None if valid_from is None else valid_from.date())
        change_store(store_id, fields, catalog=installation.catalog, now=datetime.now(UTC))
        audit.done(store_id)
    for sentence in checked.assumed:
        typer.echo(sentence)
    typer.echo(f"{store_id} changed")


def _labels(texts: list[str]) -> dict[str, str | None]:
    pairs = [text.partition("=") for text in texts]
    for text, (name, equals, _) in zip(texts, pairs, strict=True):
        if not name or not equals:
            raise InvalidParameterError(
                "label", f"{text!r} is not a label; write it as label=value, such as owner=acme."
            )
    return {name: value or None for name, _, value in pairs}


def _weekly_hours(texts: list[str]) -> list[dict[str, str]] | None:
    """Return the openings as rows of weekly hours; None for the default."""
    if texts == [_NONE]:
        return None
    if texts == ["closed"]:
        return []
    rows = []
    for text in texts:
        opening = re.fullmatch(r"\s*(\S+)\s+([0-9:]+)\s*-\s*([0-9:]+)\s*", text)
        if opening is None:
            raise InvalidParameterError("hours", f"{text!r} is no opening; write it as 'mon 09:00-17:00'.")
        rows.append(dict(zip(("day", "start_time_local", "end_time_local"), opening.groups(), strict=True)))
    return rows


@commands.command("rename")
def rename(
    store_id: StoreId,
    new_id: Annotated[str, typer.Argument(help="The new id, which no store has.", metavar="NEW-ID")],
    home: Home = None,
) -> None:
    """Change the id of a store. Its polls, hours and labels, and all other data of it, move to the new id.

    Saved reports and schedules that name the old id are not changed.

    Example: storewatch stores rename cafe cafe-central
    """
    checked, problems = check_id(new_id)
    for _, reason in problems:
        raise InvalidInputError(f"{new_id!r} cannot be the id of a store: {reason}.")
    with changing(home, "store.rename", "store") as (installation, audit):
        catalog, lake = installation.catalog, installation.lake
        (store_id,) = installation.catalog.names.require_stores([store_id])
        moved = rename_store(store_id, checked, catalog=catalog, lake=lake, now=datetime.now(UTC))
        audit.done(store_id)
    typer.echo(f"{checked} has the {counted(moved, 'poll')} of {store_id}")


@commands.command("merge")
def merge(
    store_id: StoreId,
    into: Annotated[str, typer.Argument(help="The store that receives the polls.", metavar="INTO")],
    home: Home = None,
) -> None:
    """Merge a store into another store: move its polls and all its other data there, and delete it.

    Stores with different hours, zones, labels or entries cannot be merged: clear or change these of one store first.

    Example: storewatch stores merge cafe-old cafe
    """
    with changing(home, "store.merge", "store") as (installation, audit):
        catalog, lake = installation.catalog, installation.lake
        store_id, into = installation.catalog.names.require_stores([store_id, into])
        moved = merge_stores(store_id, into, catalog=catalog, lake=lake, now=datetime.now(UTC))
        audit.done(store_id)
    typer.echo(f"{into} has the {counted(moved, 'poll')} of {store_id}")
