"""Messages for arguments that a command cannot use, in one or two lines."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import typer

from storewatch.domain.errors import InvalidInputError

# Bytes of an argument that are no UTF-8, as Python shows them.
_HALF_CHARACTER: Final = re.compile("[\ud800-\udfff]")


MOST_LISTED: Final = 1_000_000_000
# The databases hold no larger number.
_LARGEST: Final = 2**63 - 1


def read_number(text: str) -> int:
    """Return the number of an import, a closure, an annotation or a lake version. Raises BadParameter."""
    if not text.isascii() or not text.isdecimal() or int(text) > _LARGEST:
        raise typer.BadParameter(f"{text!r} is not a whole number from 0 to {_LARGEST:,}.")
    return int(text)


def check_arguments(arguments: Sequence[str]) -> None:
    """Raise InvalidInputError for an empty argument, and for one that is not UTF-8 text unless it names a file."""
    for before, argument in zip(["storewatch", *arguments], arguments, strict=False):
        name, equals, value = argument.partition("=")
        if not argument.strip():
            raise InvalidInputError(f"The argument after {before!r} is empty; write a value there.")
        if name.startswith("--") and equals and not value.strip():
            raise InvalidInputError(f"The value of {name} is empty; write a value, or leave {name} out.")
        if not argument.isascii() and _HALF_CHARACTER.search(argument) and not Path(argument).exists():
            shown = _HALF_CHARACTER.sub("\ufffd", argument)
            raise InvalidInputError(f"The argument {shown!r} is not valid UTF-8 text.")


def usage_text(error: typer.TyperException) -> str:
    """Return the message for a mistake that Typer found in the arguments, and on a second line where to read more."""
    context, parameter = (getattr(error, name, None) for name in ("ctx", "param"))
    text = " ".join(error.format_message().split())
    if context is None:
        return text
    see = f"See `{context.command_path} --help`."
    if parameter is None:
        return f"{text}\n{see}"
    name = parameter.opts[0] if parameter.param_type_name == "option" else parameter.get_error_hint().strip("'")
    sentence = _problem(error.__cause__) or getattr(error, "message", "")
    first = f"{name}: {sentence}" if sentence else text
    return f"{first}\n{name}: {parameter.help or ''} {see}"


def _problem(error: Any) -> str | None:
    """Return what is wrong with a value, from the error of Pydantic that Typer got; None for other errors."""
    if not hasattr(error, "errors"):
        return None
    found = error.errors()[0]
    value, limits = found["input"], found.get("ctx", {})
    choice = str(limits.get("error"))
    sentences = {
        "int_parsing": f"{value!r} is not a whole number.",
        "float_parsing": f"{value!r} is not a number.",
        "greater_than_equal": f"{value} is less than {limits.get('ge')}.",
        "less_than_equal": f"{value} is more than {limits.get('le')}.",
        "value_error": f"{value!r} is not a date." if "does not match the formats" in choice else choice,
    }
    return sentences.get(found["type"], f"{found['msg']}.")
