"""What requests bring, checked; what is wrong is said as FastAPI's own checks say it: 422 and the path of the field."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from typing import Final, TypeVar

from fastapi.exceptions import RequestValidationError

from storewatch.domain.errors import InvalidInputError, InvalidParameterError, UnknownMediaTypeError
from storewatch.domain.instants import parse_instant

Form = TypeVar("Form", bound=StrEnum)

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def invalid(message: str, *field: str | int) -> RequestValidationError:
    """Build the error of one field, to be raised; `field` is its path, such as "query", "limit"."""
    return RequestValidationError([{"type": "value_error", "loc": field, "msg": message, "input": None}])


@contextmanager
def field(*path: str | int) -> Iterator[None]:
    """Blame this field for the InvalidInputError of the block."""
    try:
        yield
    except InvalidInputError as error:
        raise invalid(str(error), *path) from error


@contextmanager
def members(*path: str | int) -> Iterator[None]:
    """Blame the member that an InvalidParameterError of the block names, in the object at this path."""
    try:
        yield
    except InvalidParameterError as error:
        raise invalid(str(error), *path, error.name) from error


def local_date(text: str | None, *path: str | int) -> date | None:
    """Read an optional local date; the error names the field `path`."""
    if text is None:
        return None
    try:
        found = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None or not 1970 <= found.year < 9000:
        raise invalid(f"{text[:20]!r} is no date: want a day from 1970 to 8999, e.g. 2026-12-24", *path)
    return found


def instant(text: str | None, *path: str | int) -> datetime | None:
    """Read an optional instant; the error names the field `path`."""
    if text is None:
        return None
    with field(*path):
        return parse_instant(text)


def needed_instant(text: str, *path: str | int) -> datetime:
    """Read an instant between the years 1970 and 9000; the error names the field `path`."""
    with field(*path):
        found = parse_instant(text)
    if not 1970 <= found.year < 9000:
        raise invalid("it must lie between the years 1970 and 9000", *path)
    return found


def invalid_fields(problems: Iterable[tuple[tuple[str | int, ...], str]]) -> RequestValidationError:
    """Build the error of several fields, to be raised: pairs of path and message."""
    return RequestValidationError(
        [{"type": "value_error", "loc": path, "msg": message, "input": None} for path, message in problems]
    )


def media_type(content_type: str, forms: type[Form]) -> Form:
    """Choose the form of a body by its Content-Type; text must be UTF-8."""
    name, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charset = next((part[8:].strip('"') for part in parameters if part.startswith("charset=")), "utf-8")
    if name not in list(forms) or charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnknownMediaTypeError(content_type, tuple(forms))
    return forms(name)
