"""Annotations: cause and note of a stretch of a store's time, and what down time counts as there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, insert, select, update

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.rows import timed_id
from storewatch.catalog.db.schema import annotations
from storewatch.catalog.db.state import lock_stores, move_version
from storewatch.catalog.names import require_store
from storewatch.catalog.visibility import of_visible_store
from storewatch.domain.enums import Reclassification
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.domain.texts import clean_id


@dataclass(frozen=True, kw_only=True)
class NewAnnotation:
    """An annotation of a store in [start_at, end_at). reclassify_as: what down time counts as there."""

    store_id: str
    start_at: datetime
    end_at: datetime
    cause: str
    note: str | None = None
    reclassify_as: Reclassification = Reclassification.DOWN
    created_at: datetime
    created_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Annotation(NewAnnotation):
    """An annotation as the catalog keeps it."""

    annotation_id: int


class AnnotationRepository(Repository):
    """The annotations of stores. Each method with a scope sees only the stores of the scope."""

    def create(self, annotation: NewAnnotation, scope: Scope = ALL_STORES) -> Annotation:
        """Add an annotation.

        Raises InvalidInputError when it does not end after it starts, UnknownStoreError when there is no such store.
        """
        _check(annotation)
        with self._database.writing() as connection:
            lock_stores(connection)
            annotation = replace(annotation, store_id=require_store(connection, annotation.store_id, scope))
            new_id = timed_id(connection, annotations.c.annotation_id, annotation.created_at)
            connection.execute(insert(annotations).values(annotation_id=new_id, **asdict(annotation)))
            move_version(connection)
        return Annotation(annotation_id=new_id, **asdict(annotation))

    def list_(
        self,
        *,
        scope: Scope = ALL_STORES,
        store_id: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Annotation]:
        """List annotations of the caller's stores that touch [from_, to), the newest first.

        store_id: of this store only. before: an annotation_id; only older annotations are listed.
        """
        query = select(annotations).order_by(annotations.c.annotation_id.desc()).limit(limit)
        query = query.where(of_visible_store(annotations, scope))
        if store_id is not None:
            query = query.where(annotations.c.store_id.in_([store_id, clean_id(store_id)]))
        if from_ is not None:
            query = query.where(annotations.c.end_at > from_)
        if to is not None:
            query = query.where(annotations.c.start_at < to)
        if before is not None:
            query = query.where(annotations.c.annotation_id < before)
        with self._database.reading() as connection:
            return [_annotation(row) for row in connection.execute(query).mappings()]

    def find(self, annotation_id: int, scope: Scope = ALL_STORES) -> Annotation | None:
        query = _one(annotation_id, scope)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
            return _annotation(row) if row else None

    def update(self, annotation_id: int, changes: Mapping[str, Any], scope: Scope = ALL_STORES) -> Annotation | None:
        """Change fields of an annotation and return it, or None when the scope has no annotation with this id.

        changes: any of start_at, end_at, cause, note, reclassify_as. Raises InvalidInputError as `create`.
        """
        query = _one(annotation_id, scope)
        with self._database.writing() as connection:
            lock_stores(connection)
            row = connection.execute(query).mappings().first()
            if row is None:
                return None
            known = _annotation(row)
            changed = replace(known, **changes)
            _check(changed)
            if changed != known:
                changing = update(annotations).where(annotations.c.annotation_id == annotation_id)
                connection.execute(changing.values(dict(changes)))
                move_version(connection)
            return changed

    def delete(self, annotation_id: int, scope: Scope = ALL_STORES) -> bool:
        removing = delete(annotations).where(
            annotations.c.annotation_id == annotation_id, of_visible_store(annotations, scope)
        )
        with self._database.writing() as connection:
            lock_stores(connection)
            removed = connection.execute(removing).rowcount == 1
            if removed:
                move_version(connection)
            return removed


def _one(annotation_id: int, scope: Scope) -> Select[Any]:
    return select(annotations).where(annotations.c.annotation_id == annotation_id, of_visible_store(annotations, scope))


def _check(annotation: NewAnnotation) -> None:
    if annotation.start_at >= annotation.end_at:
        raise InvalidInputError("An annotation must end after it starts.")


def _annotation(row: Mapping[Any, Any]) -> Annotation:
    kept = row["reclassify_as"]
    return Annotation(**{**row, "reclassify_as": Reclassification.DOWN if kept is None else Reclassification(kept)})
