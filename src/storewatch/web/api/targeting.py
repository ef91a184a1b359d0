"""Of whom something is said: a store, the stores of a label, all stores; and who may say it."""

from typing import Annotated, Final

from fastapi import Query

from storewatch.access import Principal
from storewatch.catalog import Catalog, Target
from storewatch.domain.errors import ScopedChangeError, UnknownStoreError
from storewatch.ingest.cells import MAX_LABEL_LENGTH
from storewatch.web.parameters import invalid

# PostgreSQL's text has no NUL.
OptionalText = Annotated[str | None, Query(min_length=1, max_length=MAX_LABEL_LENGTH, pattern=r"^[^\x00]*$")]
OfStore = Annotated[OptionalText, Query(description="What bears on this store: of itself, its labels or all.")]
_INT64_DIGITS: Final = 18


def one_target(store_id: str | None, label: str | None, value: str | None) -> Target:
    """Read the query parameters that name a store, or a label and its value."""
    if (label is None) != (value is None) or (store_id is None) == (label is None):
        raise invalid("name a store_id, or a label and its value", "query", "store_id")
    return Target(store_id=store_id, label=None if label is None else label.lower(), value=value)


def check_may_change(target: Target, caller: Principal, catalog: Catalog) -> None:
    """Raise for what a key with a scope may not change: what is of a label or of all, or of others' stores."""
    if not caller.scope.is_limited:
        return
    if target.store_id is None:
        raise ScopedChangeError
    if catalog.stores.find(target.store_id, caller.scope) is None:
        raise UnknownStoreError(target.store_id)


def id_number(text: str) -> int | None:
    """Read the id in a path; None for what can be no id."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _INT64_DIGITS else None
