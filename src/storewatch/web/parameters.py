"""Check parameters and fields of requests. Errors are like FastAPI's own: 422 with the path of the field."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Annotated, TypeVar

from fastapi import Query
from fastapi.exceptions import RequestValidationError

from storewatch.domain.errors import InvalidInputError, InvalidParameterError, UnknownMediaTypeError
from storewatch.domain.instants import EARLIEST, LATEST, parse_instant, parse_local_date

Form = TypeVar("Form")

RawText = Annotated[
    bool,
    Query(description="csv: write no apostrophe before texts that a spreadsheet would run as a formula."),
]


def invalid(message: str, *field: str | int) -> RequestValidationError:
    """Return the error to raise for one field; `field` is its path, such as "query", "limit"."""
    return RequestValidationError([{"type": "value_error", "loc": field, "msg": message, "input": None}])


@contextmanager
def field(*path: str | int) -> Iterator[None]:
    """Turn an InvalidInputError raised in the block into a 422 for this field."""
    try:
        yield
    except InvalidInputError as error:
        raise invalid(str(error), *path) from error


@contextmanager
def members(*path: str | int) -> Iterator[None]:
    """Turn an InvalidParameterError raised in the block into a 422 for the member that the error names.

    path: the path of the object that has the member.
    """
    try:
        yield
    except InvalidParameterError as error:
        raise invalid(str(error), *path, error.name) from error


def local_date(text: str | None, *path: str | int) -> date | None:
    """Read an optional local date; the error names the field `path`."""
    if text is None:
        return None
    with field(*path):
        return parse_local_date(text)


def instant(text: str | None, *path: str | int) -> datetime | None:
    """Read an optional instant; the error names the field `path`."""
    if text is None:
        return None
    with field(*path):
        return parse_instant(text)


def required_instant(text: str, *path: str | int) -> datetime:
    """Read an instant between the years 1970 and 9000; the error names the field `path`."""
    with field(*path):
        found = parse_instant(text)
    if not EARLIEST <= found < LATEST:
        raise invalid("the time must lie between the years 1970 and 9000", *path)
    return found


def invalid_fields(problems: Iterable[tuple[tuple[str | int, ...], str]]) -> RequestValidationError:
    """Return the error to raise for several fields. problems: pairs of path and message."""
    return RequestValidationError(
        [{"type": "value_error", "loc": path, "msg": message, "input": None} for path, message in problems]
    )


def media_type(content_type: str, forms: Mapping[str, Form]) -> Form:
    """Return the form of a body by its Content-Type. Text must be UTF-8. forms: the form of each media type."""
    name, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charset = next((part[8:].strip('"') for part in parameters if part.startswith("charset=")), "utf-8")
    if name not in forms or charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnknownMediaTypeError(content_type, tuple(forms))
    return forms[name]
