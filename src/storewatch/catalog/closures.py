"""Planned closures: a store, the stores of a label or all stores are closed on purpose between two instants."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import delete, insert, select

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.rows import timed_id
from storewatch.catalog.db.schema import closures
from storewatch.catalog.db.state import lock_stores, move_version
from storewatch.catalog.names import label_problem, require_store
from storewatch.catalog.targeting import Target, visible_entries
from storewatch.domain.errors import InvalidInputError, InvalidParameterError
from storewatch.domain.labels import ALL_STORES, Label, Scope


@dataclass(frozen=True, kw_only=True)
class NewClosure(Target):
    """A closure [start_at, end_at). created_by: a key_id or a name, None where no key was required."""

    start_at: datetime
    end_at: datetime
    reason: str
    created_at: datetime
    created_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Closure(NewClosure):
    """A closure as the catalog keeps it."""

    closure_id: int


class ClosureRepository(Repository):
    """The planned closures."""

    def create(self, closure: NewClosure, scope: Scope = ALL_STORES, *, allow_unknown: bool = False) -> Closure:
        """Add a closure. allow_unknown: also for a label that no store carries yet.

        Raises InvalidInputError when the closure does not end after it starts, or names a store and a label at once,
        UnknownStoreError when there is no such store, InvalidParameterError when no store carries its label.
        """
        if closure.start_at >= closure.end_at:
            raise InvalidInputError("A closure must end after it starts.")
        if (closure.label is None) != (closure.value is None) or None not in (closure.store_id, closure.label):
            raise InvalidInputError(
                "A closure is for a store_id, for a label and its value, or, with neither, for all stores."
            )
        with self._database.writing() as connection:
            lock_stores(connection)
            if closure.store_id is not None:
                closure = replace(closure, store_id=require_store(connection, closure.store_id, scope))
            if closure.label is not None and closure.value is not None and not allow_unknown:
                label = Label(closure.label, closure.value)
                if problem := label_problem(connection, label, scope):
                    raise InvalidParameterError("label", problem)
            new_id = timed_id(connection, closures.c.closure_id, closure.created_at)
            connection.execute(insert(closures).values(closure_id=new_id, **asdict(closure)))
            move_version(connection)
        return Closure(closure_id=new_id, **asdict(closure))

    def list_(
        self,
        *,
        scope: Scope = ALL_STORES,
        store_id: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Closure]:
        """The newest closures that the caller sees, and that apply to one store; `before` a closure_id older ones."""
        query = select(closures).order_by(closures.c.closure_id.desc()).limit(limit)
        query = query.where(*visible_entries(closures, scope, store_id))
        if before is not None:
            query = query.where(closures.c.closure_id < before)
        with self._database.reading() as connection:
            return [Closure(**row) for row in connection.execute(query).mappings()]

    def find(self, closure_id: int, scope: Scope = ALL_STORES) -> Closure | None:
        """Return a closure that the caller sees."""
        query = select(closures).where(closures.c.closure_id == closure_id, *visible_entries(closures, scope, None))
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
            return Closure(**row) if row else None

    def delete(self, closure_id: int) -> bool:
        with self._database.writing() as connection:
            lock_stores(connection)
            removed = connection.execute(delete(closures).where(closures.c.closure_id == closure_id)).rowcount == 1
            if removed:
                move_version(connection)
            return removed
