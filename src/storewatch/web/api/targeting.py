"""Parameters that name a store, a label or all stores, and the check of who may change entries of them."""

from dataclasses import replace
from typing import Annotated, Final, TypeVar

from anyio.to_thread import run_sync
from fastapi import Depends, Path, Query, Request
from pydantic import Field

from storewatch.access import Principal
from storewatch.catalog import Catalog, Target
from storewatch.domain.errors import ScopedChangeError
from storewatch.domain.labels import clean_label
from storewatch.domain.texts import clean_id
from storewatch.ingest.cells import MAX_ID_LENGTH, MAX_LABEL_LENGTH
from storewatch.web.dependencies import Installed
from storewatch.web.parameters import invalid

AnyTarget = TypeVar("AnyTarget", bound=Target)

NO_STORE: Final = "There is no store with this id, or none within the scope of the key."


async def _store_path(
    store_id: Annotated[str, Path(min_length=1, max_length=4 * MAX_ID_LENGTH, examples=["cafe"])],
    installation: Installed,
    request: Request,
) -> str:
    """Return the id of the store that a path names. Only an id that is not clean is looked up in the catalog."""
    if clean_id(store_id) == store_id:
        return store_id
    caller: Principal = request.state.principal
    (known,) = await run_sync(installation.catalog.stores.known_ids, [store_id], caller.scope)
    return known


# The store that a path names: blanks around the id and invisible characters do not count.
StorePath = Annotated[str, Depends(_store_path)]
# PostgreSQL's text has no NUL.
OptionalText = Annotated[str | None, Query(min_length=1, max_length=MAX_LABEL_LENGTH, pattern=r"^[^\x00]*$")]
AppliesToStore = Annotated[
    OptionalText,
    Query(description="Only entries that apply to this store: its own, and those of its labels and of all stores."),
]
ALLOW_UNKNOWN: Final = "Accept a label, or a value of it, that no store carries yet."
CREATED_BY: Final = "The key that created it; null if no key was required. A key with a scope sees only itself here."
# In a body and in the query.
AllowUnknown = Annotated[bool, Field(strict=True, description=ALLOW_UNKNOWN)]
AllowUnknownLabel = Annotated[bool, Query(description=ALLOW_UNKNOWN)]
_INT64_DIGITS: Final = 18


def one_target(store_id: str | None, label: str | None, value: str | None) -> Target:
    """Return the target that query parameters name: a store, or a label and its value."""
    if (label is None) != (value is None) or (store_id is None) == (label is None):
        raise invalid("name a store_id, or a label and its value", "query", "store_id")
    if label is None or value is None:
        return Target(store_id=store_id)
    name, value = clean_label(label, value)
    return Target(label=name, value=value)


def changeable(target: AnyTarget, caller: Principal, catalog: Catalog) -> AnyTarget:
    """Return a target whose entries the caller may change, with the id of the store that it names.

    A caller with a scope may change entries of stores in the scope, but not of labels or of all stores: then an error
    is raised.
    """
    if not caller.scope.is_limited:
        return target
    if target.store_id is None:
        raise ScopedChangeError
    (store_id,) = catalog.names.require_stores([target.store_id], caller.scope)
    return replace(target, store_id=store_id)


def id_number(text: str) -> int | None:
    """Return the number of an id in a path; None for text that is not an id."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _INT64_DIGITS else None
