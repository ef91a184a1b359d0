"""Annotations of stretches of a store, and what they make of its down time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from storewatch.catalog import Annotation, Catalog, NewAnnotation, labels_frame
from storewatch.domain.enums import Reclassification, Status
from storewatch.domain.errors import InvalidInputError, UnknownStoreError
from storewatch.domain.labels import Label, Scope

NOW = datetime(2026, 11, 25, 18, 13, 22, 479_220, tzinfo=UTC)
HOUR = timedelta(hours=1)
ACME = Scope(label=Label("owner", "acme"))


@pytest.fixture
def stores(catalog: Catalog) -> Catalog:
    catalog.replace_stores(labels=labels_frame({"a": {"owner": "acme"}, "b": {"owner": "bolt"}}), now=NOW)
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
    made = [stores.create_annotation(one) for one in new]
    assert made == [
        Annotation(**vars(one), annotation_id=kept.annotation_id) for one, kept in zip(new, made, strict=True)
    ]
    assert stores.list_annotations() == made[::-1]
    assert stores.list_annotations(limit=1, before=made[2].annotation_id) == [made[1]]
    assert stores.list_annotations(scope=ACME) == [made[2], made[0]]
    assert stores.list_annotations(store_id="b") == [made[1]]
    assert stores.list_annotations(from_=NOW + HOUR) == [made[2]]
    assert stores.list_annotations(to=NOW + HOUR) == [made[1], made[0]]
    assert stores.find_annotation(made[1].annotation_id) == made[1]
    assert stores.find_annotation(made[1].annotation_id, ACME) is None


def test_annotation_is_changed(stores: Catalog) -> None:
    made = stores.create_annotation(annotation())
    changes = {"note": "fuse", "reclassify_as": Reclassification.UNKNOWN}
    expected = Annotation(**vars(made) | changes)
    version = stores.version()
    assert [stores.change_annotation(made.annotation_id, changes) for _ in range(2)] == [expected] * 2
    assert (stores.find_annotation(made.annotation_id), stores.version()) == (expected, version + 1)
    assert stores.change_annotation(made.annotation_id, {"note": "x"}, (("owner", "bolt"),)) is None
    with pytest.raises(InvalidInputError):
        stores.change_annotation(made.annotation_id, {"end_at": NOW})
    assert stores.find_annotation(made.annotation_id) == expected


def test_annotation_is_deleted(stores: Catalog) -> None:
    made = stores.create_annotation(annotation())
    assert not stores.delete_annotation(made.annotation_id, (("owner", "bolt"),))
    version = stores.version()
    assert [stores.delete_annotation(made.annotation_id, ACME) for _ in range(2)] == [True, False]
    assert (stores.list_annotations(), stores.version()) == ([], version + 1)


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
        stores.create_annotation(new, ACME)
    assert (stores.list_annotations(), stores.version()) == ([], 1)


def test_reclassifications_come_in_the_order_of_creation(stores: Catalog) -> None:
    for created_at, said in (
        (NOW + HOUR, Reclassification.PLANNED),
        (NOW, Reclassification.UNKNOWN),
        (NOW + HOUR, Reclassification.NOT_AN_OUTAGE),
        (NOW, None),
    ):
        stores.create_annotation(annotation(created_at=created_at, reclassify_as=said))
    stores.create_annotation(annotation("b", reclassify_as=Reclassification.PLANNED))
    span = ("a", NOW, NOW + HOUR)
    of_a = [(*span, Status.UNKNOWN), (*span, Status.PLANNED), (*span, Status.UP)]
    assert stores.find_store("a").reclassifications.rows() == of_a
    whole = stores.read_stores().reclassifications
    assert whole.filter(pl.col("store_id") == "a").rows() == of_a
    assert whole.height == 4
