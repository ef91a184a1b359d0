"""Reports that were saved under a name."""

import re
from collections.abc import Mapping
from typing import Any, Final

from storewatch.catalog import Catalog
from storewatch.domain.errors import InvalidInputError, UnknownDefinitionError

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")


def check_name(name: str) -> None:
    """Raise InvalidInputError for a name that cannot be part of a path."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(f"{name[:100]!r} is not a name for a report; use 1 to 100 letters, digits, . _ or -.")


def resolve_definition(asked: Mapping[str, Any], catalog: Catalog) -> dict[str, Any]:
    """Return a request with its definition replaced by that definition's parameters. Other parameters take precedence.

    Returns what `read_request` reads, without a member `definition`. Raises UnknownDefinitionError.
    """
    given = {name: value for name, value in asked.items() if name != "definition"}
    name = asked.get("definition")
    if name is None:
        return given
    definition = catalog.definitions.find(str(name))
    if definition is None:
        raise UnknownDefinitionError(str(name))
    return {**definition.parameters, **given}
