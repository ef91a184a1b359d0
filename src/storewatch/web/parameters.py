"""What requests bring, checked; what is wrong is said as FastAPI's own checks say it: 422 and the path of the field."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from fastapi.exceptions import RequestValidationError

from storewatch.errors import InvalidInputError, UnknownMediaTypeError
from storewatch.reports.request import parse_instant

Form = TypeVar("Form", bound=StrEnum)


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


def instant(text: str | None, *path: str | int) -> datetime | None:
    """Read an optional instant; the error names the field `path`."""
    if text is None:
        return None
    with field(*path):
        return parse_instant(text)


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
