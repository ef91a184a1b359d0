"""Annotations of stretches of a store, and their effect on its down time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from storewatch.catalog import Annotation, Catalog, NewAnnotation, StoreChanges, labels_frame
from storewatch.domain.enums import Reclassification, Status
from storewatch.domain.errors import InvalidInputError, UnknownStoreError
from storewatch.domain.labels import Label, Scope

NOW = datetime(2026, 11, 25, 18, 13, 22, 479_220, tzinfo=UTC)
HOUR = timedelta(hours=1)
ACME = Scope(label=Label("owner", "acme"))


@pytest.fixture
def stores(catalog: Catalog) -> Catalog:
    catalog.stores.replace(StoreChanges(labels=labels_frame({"a": {"owner": "acme"}, "b": {"owner": "bolt"}})), now=NOW)
    return catalog


def annotation(store_id: str = "a", **fields: Any) -> NewAnnotation:
    given = {"start_at": NOW, "end_at": NOW + HOUR, "cause": "power cut", "created_at": NOW} | fields
    return NewAnnotation(store_id=store_id, **given)


def test_annotations_are_listed_and_found(stores: Catalog) -> None:
    new = [
        annotation(note="the whole street", created_by="key"),
        annotation("b", reclassify_as=Reclassification.PLANNED),
        annotation(start_at=NOW + HOUR, end_at=NOW + 2 * HOUR),
    ]
    made = [stores.annotations.create(one) for one in new]
    assert made == [
        Annotation(**vars(one), annotation_id=kept.annotation_id) for one, kept in zip(new, made, strict=True)
    ]
    assert stores.annotations.list_() == made[::-1]
    assert stores.annotations.list_(limit=1, before=made[2].annotation_id) == [made[1]]
    assert stores.annotations.list_(scope=ACME) == [made[2], made[0]]
    assert stores.annotations.list_(store_id="b") == [made[1]]
    assert stores.annotations.list_(from_=NOW + HOUR) == [made[2]]
    assert stores.annotations.list_(to=NOW + HOUR) == [made[1], made[0]]
    assert stores.annotations.find(made[1].annotation_id) == made[1]
    assert stores.annotations.find(made[1].annotation_id, ACME) is None


def test_annotation_is_changed(stores: Catalog) -> None:
    made = stores.annotations.create(annotation())
    changes = {"note": "fuse", "reclassify_as": Reclassification.UNKNOWN}
    expected = Annotation(**vars(made) | changes)
    version = stores.version()
    assert [stores.annotations.update(made.annotation_id, changes) for _ in range(2)] == [expected] * 2
    assert (stores.annotations.find(made.annotation_id), stores.version()) == (expected, version + 1)
    assert stores.annotations.update(made.annotation_id, {"note": "x"}, Scope(label=Label("owner", "bolt"))) is None
    with pytest.raises(InvalidInputError):
        stores.annotations.update(made.annotation_id, {"end_at": NOW})
    assert stores.annotations.find(made.annotation_id) == expected


def test_annotation_is_deleted(stores: Catalog) -> None:
    made = stores.annotations.create(annotation())
    assert not stores.annotations.delete(made.annotation_id, Scope(label=Label("owner", "bolt")))
    version = stores.version()
    assert [stores.annotations.delete(made.annotation_id, ACME) for _ in range(2)] == [True, False]
    assert (stores.annotations.list_(), stores.version()) == ([], version + 1)


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (annotation(end_at=NOW), InvalidInputError),
        (annotation("nobody"), UnknownStoreError),
        (annotation("b"), UnknownStoreError),
    ],
)
def test_annotation_that_cannot_be_is_refused(stores: Catalog, new: NewAnnotation, error: type[Exception]) -> None:
    with pytest.raises(error):
        stores.annotations.create(new, ACME)
    assert (stores.annotations.list_(), stores.version()) == ([], 1)


def test_reclassifications_come_in_the_order_of_creation(stores: Catalog) -> None:
    for created_at, status in (
        (NOW + HOUR, Reclassification.PLANNED),
        (NOW, Reclassification.UNKNOWN),
        (NOW + HOUR, Reclassification.NOT_AN_OUTAGE),
        (NOW, Reclassification.DOWN),
    ):
        stores.annotations.create(annotation(created_at=created_at, reclassify_as=status))
    stores.annotations.create(annotation("b", reclassify_as=Reclassification.PLANNED))
    span = ("a", NOW, NOW + HOUR)
    of_a = [(*span, status) for status in (Status.UNKNOWN, Status.DOWN, Status.PLANNED, Status.UP)]
    assert stores.stores.find("a").reclassifications.rows() == of_a
    whole = stores.stores.read_all().reclassifications
    assert whole.filter(pl.col("store_id") == "a").rows() == of_a
    assert whole.height == 5
