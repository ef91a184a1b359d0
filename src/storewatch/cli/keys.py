"""Commands that create, list and revoke API keys."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from storewatch.access.keys import create_key, revoke_key
from storewatch.catalog import ApiKey
from storewatch.cli.home import Home
from storewatch.cli.installations import changing, reading
from storewatch.cli.values import AllowUnknown
from storewatch.domain.enums import Role
from storewatch.domain.errors import InvalidInputError, InvalidParameterError
from storewatch.domain.instants import format_instant, parse_duration, parse_instant
from storewatch.domain.labels import ALL_STORES, Scope, clean_label

commands = typer.Typer(
    help="Create, list and revoke API keys.\n\nExample: storewatch key create --name ops --role admin",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@commands.command("create")
def create(
    name: Annotated[str, typer.Option(help="What the key is for; the audit log shows this name.")],
    role: Annotated[
        Role,
        typer.Option(help="viewer: read; operator: also change; admin: also keys and audit log."),
    ],
    scope: Annotated[
        str | None,
        typer.Option(help="Only stores with this label, such as owner=acme.", metavar="LABEL=VALUE"),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="When the key expires: 90d, or an instant [default: never].", metavar="90d|T")
    ] = None,
    allow_unknown: AllowUnknown = False,
    home: Home = None,
) -> None:
    """Create an API key and print it as the last line of standard output. It is shown only once and not stored.

    Example: storewatch key create --name poller --role operator --expires 90d
    """
    now = datetime.now(UTC)
    key_scope = ALL_STORES if scope is None else _parse_scope(scope)
    with changing(home, "key.create", "key", creates=True) as (installation, audit):
        new = create_key(
            installation.catalog,
            name=name,
            role=role,
            scope=key_scope,
            allow_unknown=allow_unknown,
            expires_at=_parse_expiry(expires, now) if expires is not None else None,
            now=now,
        )
        audit.done(new.key.key_id)
    typer.echo(f"Key {new.key.key_id} ({_describe(new.key)}). Keep it now, it is not shown again:", err=True)
    typer.echo(new.text)


@commands.command("list")
def list_(home: Home = None) -> None:
    """List all keys, including expired and revoked ones.

    Example: storewatch key list
    """

    now = datetime.now(UTC)
    with reading(home) as installation:
        found = installation.catalog.keys.list_()
        while found:
            for key in found:
                used = f"last used {format_instant(key.last_used_at)}" if key.last_used_at else "never used"
                typer.echo(f"{key.key_id}  {key.state(now):<7}  {key.name}  ({_describe(key)}, {used})")
            found = installation.catalog.keys.list_(after=(found[-1].created_at, found[-1].key_id))


@commands.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id of the key, as shown by `key list`.", metavar="ID")],
    home: Home = None,
) -> None:
    """Revoke a key for good. Running services accept it for at most five more seconds.

    Example: storewatch key revoke 7hV2kQ9xLw
    """
    now = datetime.now(UTC)
    with changing(home, "key.revoke", "key") as (installation, audit):
        revoke_key(installation.catalog, key_id, now)
        audit.done(key_id)
    typer.echo(f"Key {key_id} is revoked.")


def _parse_scope(text: str) -> Scope:
    label, equals, value = text.partition("=")
    if not equals:
        raise InvalidInputError(f"{text!r} is not a scope; write it as label=value, such as owner=acme.")
    return Scope(label=clean_label(label, value))


def _parse_expiry(text: str, now: datetime) -> datetime:
    try:
        return now + parse_duration(text) if text.strip()[-1:].isalpha() and ":" not in text else parse_instant(text)
    except InvalidInputError:
        wanted = "write a duration such as 90d, or an instant such as 2027-01-25T18:00:00Z."
        raise InvalidParameterError("expires", f"{text!r} is no time; {wanted}") from None
    except OverflowError:
        raise InvalidParameterError("expires", f"{text!r} is too late a date; leave it out for never.") from None


def _describe(key: "ApiKey") -> str:
    words = [key.role]
    if key.scope_label is not None:
        words.append(f"only {key.scope_label}={key.scope_value}")
    if key.expires_at is not None:
        words.append(f"until {format_instant(key.expires_at)}")
    return ", ".join(words)
