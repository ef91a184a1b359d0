"""Outages of many stores that share a label and start together are one event."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from reference import naive_sections
from reference.naive import Store
from reference.naive_sections import MassOutage, Start
from reference.plain import MINUTE_US, store, utc
from section_scene import Labels, report_on, rows_of

from storewatch.domain.enums import ReportTable
from storewatch.domain.instants import HOUR_US, instant_of
from storewatch.reports.sections.mass_outages import Starts, find_mass_outages

WINDOW = "2023-01-23T00:00Z/2023-01-24T00:00Z"
AS_OF = "2023-01-25"
IDS = [f"s{number:02}" for number in range(12)]
COLUMNS = ("label", "value", "first_start_at", "last_start_at", "end_at", "stores", "label_stores", "down_us")


def going_down(*starts: str, for_minutes: int = 30) -> Store:
    """A store that is open around the clock and goes down at these times of Monday."""
    polls = {"2023-01-22 00:00": "up"}
    for start in starts:
        polls[f"2023-01-23 {start}"] = "down"
        polls[f"{instant_of(utc(f'2023-01-23 {start}') + for_minutes * MINUTE_US):%F %R}"] = "up"
    return store([], polls)


def labelled(ids: list[str], **labels: str) -> Labels:
    return {store_id: dict(labels) for store_id in ids}


def events_on(folder: Path, stores: dict[str, Store], labels: Labels, **asked: Any) -> list[tuple[Any, ...]]:
    asked = {"windows": [WINDOW], "include": ["outages"], "as_of": AS_OF} | asked
    return rows_of(report_on(folder, stores, labels=labels, **asked), ReportTable.MASS_OUTAGES, *COLUMNS, "store_ids")


def test_five_stores_of_a_label_within_an_hour_are_an_event(tmp_path: Path) -> None:
    ids = IDS[:6]
    stores = {store_id: going_down(f"10:{12 * number:02}") for number, store_id in enumerate(ids[:5])}
    stores |= {ids[5]: going_down("11:00", "18:00"), "other": going_down("10:00")}
    first, last = utc("2023-01-23 10:00"), utc("2023-01-23 11:00")
    assert events_on(tmp_path, stores, labelled(ids, region="north")) == [
        (
            "region",
            "north",
            instant_of(first),
            instant_of(last),
            instant_of(last + 30 * MINUTE_US),
            6,
            6,
            3 * HOUR_US,
            ids,
        )
    ]


def test_too_few_stores_or_too_far_apart_are_none(tmp_path: Path) -> None:
    four = {store_id: going_down("09:40", "10:00", for_minutes=10) for store_id in IDS[:4]}
    assert events_on(tmp_path / "few", four | {IDS[4]: going_down("11:01")}, labelled(IDS[:5], region="north")) == []
    fifth_of_thirty = {f"t{number:02}": going_down(*(["10:00"] if number < 5 else [])) for number in range(30)}
    assert events_on(tmp_path / "share", fifth_of_thirty, labelled(list(fifth_of_thirty), region="north")) == []


def test_same_stores_under_several_labels_are_one_event(tmp_path: Path) -> None:
    stores = {store_id: going_down("10:00") for store_id in IDS[:5]} | {IDS[5]: going_down()}
    labels = labelled(IDS[:6], brand="kebab", name="Ali") | labelled(IDS[:5], brand="kebab", region="north", name="Ali")
    [event] = events_on(tmp_path, stores, labels)
    assert (event[0], event[1], event[5:7]) == ("region + brand", "north + kebab", (5, 5))


def test_name_is_not_a_label_in_common(tmp_path: Path) -> None:
    stores = {store_id: going_down("10:00") for store_id in IDS[:5]}
    assert events_on(tmp_path, stores, labelled(IDS[:5], name="Same name")) == []


def test_stores_that_were_down_before_are_not_in_an_event(tmp_path: Path) -> None:
    stores = {store_id: going_down("10:00") for store_id in IDS[:5]}
    window = "2023-01-23T10:10Z/2023-01-24T00:00Z"
    assert events_on(tmp_path, stores, labelled(IDS[:5], region="north"), windows=[window]) == []


minutes = st.integers(0, 400)
starts_of = st.lists(st.tuples(st.sampled_from(IDS), minutes, st.integers(1, 90)), max_size=60)
labels_of = st.fixed_dictionaries(
    {
        store_id: st.fixed_dictionaries({}, optional={label: st.sampled_from("xy") for label in ("brand", "owner")})
        for store_id in IDS
    }
)


@given(starts=starts_of, labels=labels_of)
def test_events_are_those_of_the_twin(starts: list[tuple[str, int, int]], labels: Labels) -> None:
    begun = [
        Start(store=store_id, start_us=minute * MINUTE_US, end_us=(minute + down) * MINUTE_US, down_us=down)
        for store_id, minute, down in starts
    ]
    columns = {name: np.array([getattr(each, name) for each in begun], np.int64) for name in ("start_us", "end_us")}
    given = Starts(
        store=np.array([IDS.index(each.store) for each in begun], np.int64),
        down_us=np.array([each.down_us for each in begun], np.int64),
        **columns,
    )
    rows = [(store_id, label, value) for store_id in IDS for label, value in labels[store_id].items()]
    frame = pl.DataFrame(rows, dict.fromkeys(("store_id", "label", "value"), pl.String), orient="row")
    found = find_mass_outages(given, frame, pl.Series("store_id", IDS)).with_columns(
        pl.col("first_start_at", "last_start_at", "end_at").to_physical()
    )
    answer = [
        MassOutage(
            label=row["label"],
            value=row["value"],
            first_start_us=row["first_start_at"],
            last_start_us=row["last_start_at"],
            end_us=row["end_at"],
            label_stores=row["label_stores"],
            down_us=row["down_us"],
            stores=tuple(row["store_ids"]),
        )
        for row in found.iter_rows(named=True)
    ]
    assert answer == naive_sections.mass_outages(begun, labels, IDS)
