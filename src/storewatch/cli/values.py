"""Read the values of options: labels, time zones and instants."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import typer

from storewatch.domain.errors import InvalidInputError, InvalidParameterError
from storewatch.domain.instants import parse_instant
from storewatch.domain.labels import Label, clean_label
from storewatch.domain.timezones import timezone_named

AllowUnknown = Annotated[
    bool, typer.Option("--allow-unknown", help="Accept a label, or a value of it, that no store carries yet.")
]


@contextmanager
def naming(option: str) -> Iterator[None]:
    """Turn an InvalidInputError raised in the block into an error for this option."""
    try:
        yield
    except InvalidInputError as error:
        raise InvalidParameterError(option, str(error)) from None


def read_label(text: str, option: str) -> Label:
    """Return the label in `label=value`. Raises InvalidParameterError for this option."""
    label, equals, value = text.partition("=")
    if not equals or not label or not value:
        raise InvalidParameterError(option, f"{text!r} is not a label; write it as label=value, such as owner=acme.")
    return clean_label(label, value)


def read_zone(text: str, option: str) -> str:
    """Return the name of a time zone. Raises InvalidParameterError for this option."""
    named = timezone_named(text)
    if named is None:
        raise InvalidParameterError(option, f"{text!r} is not a time zone; write an IANA name such as Europe/Berlin.")
    return named


def read_instant(text: str, option: str) -> datetime:
    """Return the instant in a text. Raises InvalidParameterError for this option."""
    with naming(option):
        return parse_instant(text)
