"""The kinds of jobs, one file each. A new kind is a new file here and its word in `domain.enums.JobKind`."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from storewatch.domain.enums import JobKind
from storewatch.domain.errors import InvalidInputError
from storewatch.jobs.handler import JobHandler


@cache
def handlers() -> Mapping[JobKind, JobHandler]:
    """Return the handler of every kind, in the order of JobKind."""
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    found: dict[JobKind, JobHandler] = {module.HANDLER.kind: module.HANDLER for module in modules}
    return {kind: found[kind] for kind in JobKind}


def schedulable() -> list[JobHandler]:
    """Return the handlers of the kinds that schedules can have."""
    return [handler for handler in handlers().values() if handler.is_schedulable]


def read_kind(text: str) -> JobKind:
    """Read the name of a kind. Raises InvalidInputError when no kind has this name."""
    try:
        return JobKind(text)
    except ValueError:
        *others, last = [handler.kind.value for handler in schedulable()]
        raise InvalidInputError(f"There is no kind of job {text!r}; use {', '.join(others)} or {last}.") from None
