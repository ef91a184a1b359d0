"""Check that names of labels, values and stores exist, and find the existing names nearest to an unknown one."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import chain
from typing import Any, Final

import polars as pl
from sqlalchemy import ColumnElement, Connection, Select, select

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.rows import BATCH_ROWS, read_rows, select_rows
from storewatch.catalog.db.schema import store_labels, stores
from storewatch.catalog.targeting import known_id
from storewatch.catalog.visibility import of_visible_store, visible_stores
from storewatch.domain.errors import InvalidInputError, UnknownStoreError
from storewatch.domain.labels import ALL_STORES, Label, Scope

_NEAREST: Final = 3
_LISTED: Final = 10
# Names that are compared: the first ones in order, and those on both sides of the unknown name. Comparing takes about
# 20 us a name, whatever the number of stores.
_COMPARED: Final = 2_000
_BESIDE: Final = 50
_COMPARED_LENGTH: Final = 64
# For so many of the unknown stores of one call the nearest ids are found.
_EXPLAINED: Final = 20
_STORE_ID: Final = pl.Schema({"store_id": pl.String})

# store_id, label and value of a target.
TargetKey = tuple[str | None, str | None, str | None]


class NameRepository(Repository):
    """Check the names in a request or a command. A caller with a scope sees only the names of its own stores."""

    def check_label(self, label: Label, scope: Scope = ALL_STORES) -> None:
        """Raise InvalidInputError, with the nearest names, unless a store of the scope carries this label and value."""
        with self._database.reading() as connection:
            if problem := label_problem(connection, label, scope):
                raise InvalidInputError(problem)

    def check_label_name(self, name: str, scope: Scope = ALL_STORES) -> None:
        """Raise InvalidInputError, with the nearest names, unless a store of the scope has a label of this name."""
        with self._database.reading() as connection:
            if problem := _name_problem(connection, name, scope):
                raise InvalidInputError(problem)

    def require_stores(self, store_ids: Sequence[str], scope: Scope = ALL_STORES) -> list[str]:
        """Return the ids of the stores that these texts name (`known_id`).

        Raises UnknownStoreError, with the nearest ids, for the first text that names no store of the scope.
        """
        with self._database.reading() as connection:
            named = [known_id(connection, store_id, scope) for store_id in store_ids]
            in_scope = visible_stores(scope).where(stores.c.store_id.in_(named))
            known = set(connection.execute(in_scope).scalars())
            for store_id in named:
                if store_id not in known:
                    raise unknown_store(connection, store_id, scope)
            return named

    def unknown_targets(self, targets: pl.DataFrame, *, allow_unknown: bool = False) -> dict[TargetKey, str]:
        """Return why targets (columns.TARGET_KEY) do not exist, by target. Targets that exist are left out.

        Only the reasons of the first stores contain the nearest ids, because finding them takes a while. allow_unknown:
        labels need not exist.
        """
        labels = targets.filter(pl.col("label").is_not_null() & (not allow_unknown))
        with self._database.reading() as connection:
            return dict(chain(_unknown_stores(connection, targets), _unknown_labels(connection, labels)))


def require_store(connection: Connection, store_id: str, scope: Scope) -> str:
    """Return the id of the store that a text names; raise UnknownStoreError unless the scope has this store."""
    known = known_id(connection, store_id, scope)
    if connection.execute(visible_stores(scope).where(stores.c.store_id == known)).first() is None:
        raise unknown_store(connection, store_id, scope)
    return known


def label_problem(connection: Connection, label: Label, scope: Scope) -> str | None:
    """Return the message that no store of the scope carries this label and value; None when a store does."""
    name, value = store_labels.c.label, store_labels.c.value
    carried = select(1).where(name == label.name, value == label.value, of_visible_store(store_labels, scope)).limit(1)
    if connection.execute(carried).first() is not None:
        return None
    if problem := _name_problem(connection, label.name, scope):
        return problem
    values = select(value).where(name == label.name, of_visible_store(store_labels, scope))
    near = [f"{label.name}={text}" for text in _nearest(connection, values, value, label.value)]
    known = "" if near else _listed(f"the values of {label.name}", _first(connection, values, value, _LISTED + 1))
    return f"No store has {label.name}={label.value}; {_hint(near) or known}."


def _unknown_stores(connection: Connection, targets: pl.DataFrame) -> Iterator[tuple[TargetKey, str]]:
    ids = targets.select(pl.col("store_id").drop_nulls())
    for batch in ids.iter_slices(BATCH_ROWS):
        wanted = select_rows(connection, stores, batch)
        known = read_rows(connection, select(stores.c.store_id).where(stores.c.store_id.in_(wanted)), _STORE_ID)
        for number, store_id in enumerate(
            batch.join(known, on="store_id", how="anti", maintain_order="left")["store_id"]
        ):
            ids_near = (
                _nearest(connection, visible_stores(ALL_STORES), stores.c.store_id, store_id)
                if number < _EXPLAINED
                else []
            )
            near = f"; {_hint(ids_near)}" if ids_near else ""
            yield (store_id, None, None), f"there is no store '{store_id[:60]}'{near}"


def _unknown_labels(connection: Connection, targets: pl.DataFrame) -> Iterator[tuple[TargetKey, str]]:
    for label, value in targets.select("label", "value").iter_rows():
        if problem := label_problem(connection, Label(label, value), ALL_STORES):
            yield (None, label, value), problem[0].lower() + problem[1:].removesuffix(".")


def unknown_store(connection: Connection, store_id: str, scope: Scope) -> UnknownStoreError:
    """Return the error for a store id that the scope does not have, with the nearest ids that it has."""
    ids = visible_stores(scope)
    return UnknownStoreError(store_id, _hint(_nearest(connection, ids, stores.c.store_id, store_id)))


def _name_problem(connection: Connection, wanted: str, scope: Scope) -> str | None:
    name = store_labels.c.label
    if (
        connection.execute(select(1).where(name == wanted, of_visible_store(store_labels, scope)).limit(1)).first()
        is not None
    ):
        return None
    names = select(name).where(of_visible_store(store_labels, scope))
    known = _first(connection, names, name, _LISTED + 1)
    if not known:
        return f"No store has a label {wanted!r}; import a table of stores to give them labels."
    near = _hint(_nearest(connection, names, name, wanted)) if len(known) > _LISTED else ""
    listed = _listed("the labels", known)
    return f"No store has a label {wanted!r}; {f'{near}; {listed}' if near else listed}."


def _nearest(connection: Connection, names: Select[Any], column: ColumnElement[str], wanted: str) -> list[str]:
    """Return the names that are most like `wanted`, the nearest first. Upper and lower case are the same."""
    after = connection.execute(names.where(column >= wanted).distinct().order_by(column).limit(_BESIDE)).scalars()
    before = connection.execute(names.where(column < wanted).distinct().order_by(column.desc()).limit(_BESIDE))
    found = dict.fromkeys([*_first(connection, names, column, _COMPARED), *after, *before.scalars()])
    spellings: dict[str, str] = {}
    for name in found:
        spellings.setdefault(_compared(name), name)
    return [spellings[near] for near in get_close_matches(_compared(wanted), spellings, n=_NEAREST)]


def nearest_or_listed(wanted: str, known: Iterable[str], what: str) -> str:
    """Return, in words, the known names that are most like `wanted`, or the first ones if none is."""
    spellings = {_compared(name): name for name in known}
    near = get_close_matches(_compared(wanted), spellings, n=_NEAREST)
    return _hint([spellings[each] for each in near]) or _listed(what, sorted(spellings.values()))


def _compared(name: str) -> str:
    return name.casefold()[:_COMPARED_LENGTH]


def _first(connection: Connection, names: Select[Any], column: ColumnElement[str], limit: int) -> list[str]:
    return list(connection.execute(names.distinct().order_by(column).limit(limit)).scalars())


def _hint(near: Sequence[str]) -> str:
    if not near:
        return ""
    return f"the nearest {'is' if len(near) == 1 else 'are'} {', '.join(near)}"


def _listed(what: str, known: Iterable[str]) -> str:
    names = list(known)
    more = ", ..." if len(names) > _LISTED else ""
    return f"{what} are {', '.join(names[:_LISTED])}{more}"
