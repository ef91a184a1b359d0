"""How sure the figures of a report are: its columns, its rates, and what is judged by them."""

import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from reference import naive_sampling
from reference.naive import DAY_US, HOUR_US, Observation, Store
from reference.plain import utc
from section_scene import report_on, rows_of
from support.simulated import simulated_fleet

from storewatch.domain.enums import ReportTable
from storewatch.domain.instants import instant_us
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.engine.sampling import WITHIN_95
from storewatch.installation import Installation
from storewatch.reports.archive.manifest import Manifest
from storewatch.reports.compute.content import SAMPLING, Content
from storewatch.reports.request.request import read_request
from storewatch.reports.sections.sampling import with_verdicts

AS_OF = "2023-01-31 20:00"
WINDOW = "2023-01-24/2023-01-31"
SPAN_US = utc("2023-01-24"), utc("2023-01-31")
ALWAYS = ()  # no rows: open day and night


@cache
def store(number: int, down: float = 0.06, up: float = 0.6) -> Store:
    """A store that goes up and down by chance and is polled about once an hour for 40 days."""
    chance = random.Random(number)
    polls, is_up, last_h = [], True, 0.0
    for hour in range(40 * 24):
        at_h = hour + chance.random()
        share, decay = up / (down + up), np.exp(-(down + up) * (at_h - last_h))
        is_up = chance.random() < (share + (1 - share) * decay if is_up else share * (1 - decay))
        last_h = at_h
        at_us = utc(AS_OF) - 40 * DAY_US + round(at_h * HOUR_US)
        polls.append(Observation(observed_us=at_us, active=is_up, loaded_us=0))
    return Store(rows=ALWAYS, timezone="UTC", observations=tuple(polls))


FLEET = {f"s{number:02}": store(number) for number in range(12)}


def report(folder: Path, stores: dict[str, Store], **asked: Any) -> Content:
    asked = {"windows": [WINDOW], "include": ["sampling"]} | asked
    return report_on(folder, stores, as_of=AS_OF, **asked)


def test_columns_of_stores_are_those_of_the_twin_at_the_rates_of_the_report(tmp_path: Path) -> None:
    content = report(tmp_path, FLEET)
    sampling = content.facts["sampling"]
    rates = sampling["down_per_hour"], sampling["up_per_hour"]
    assert rates == pytest.approx((0.06, 0.6), rel=0.2)
    assert (sampling["stores"], sampling["from"], sampling["to"]) == (
        12,
        "2022-12-31T20:00:00Z",
        "2023-01-31T20:00:00Z",
    )
    assert sampling["changes"] > 400
    for store_id, expected, least, most in rows_of(
        content, ReportTable.STORES, "store_id", "availability_expected", "availability_from", "availability_to"
    ):
        known_h, mean_h, variance = naive_sampling.moments(
            FLEET[store_id], (), SPAN_US, as_of_us=utc(AS_OF), max_gap_us=7 * DAY_US, rates=rates
        )
        half = WITHIN_95 * variance**0.5
        assert known_h == pytest.approx(168)
        assert expected == pytest.approx(mean_h / 168, abs=1e-6)
        assert (least, most) == pytest.approx(((mean_h - half) / 168, min((mean_h + half) / 168, 1)), abs=1e-5)


def test_summary_and_groups_add_up_means_and_variances(tmp_path: Path) -> None:
    labels = {name: {"brand": "a" if name < "s06" else "b"} for name in FLEET}
    content = report(tmp_path, FLEET, labels=labels, group_by="brand")
    columns = ("availability_expected", "availability_from", "availability_to", "unseen_outages_expected")
    stores = pl.DataFrame(rows_of(content, ReportTable.STORES, *columns), columns, orient="row")
    [of_all] = rows_of(content, ReportTable.SUMMARY, *columns)
    assert of_all[0] == pytest.approx(stores["availability_expected"].mean())
    assert of_all[3] == pytest.approx(stores["unseen_outages_expected"].sum())
    # Halves of stores are cut at 1, so that only their lower sides have the whole half.
    halves = (stores["availability_expected"] - stores["availability_from"]).to_numpy()
    widening = content.facts["sampling"]["widening"]
    half = np.sqrt((halves**2).sum() * widening) / 12
    assert (of_all[0] - of_all[1], of_all[2] - of_all[0]) == pytest.approx((half, half))
    groups = rows_of(content, ReportTable.GROUPS, "group", *columns)
    assert [group for group, *_ in groups] == ["a", "b"]
    assert np.mean([expected for _, expected, *_ in groups]) == pytest.approx(of_all[0])
    assert sum(unseen for *_, unseen in groups) == pytest.approx(of_all[3])


def test_days_have_the_intervals_of_the_twin_and_their_trend_adds_them_up(tmp_path: Path) -> None:
    content = report(tmp_path, FLEET, by="day", policy="observed")
    rates = content.facts["sampling"]["down_per_hour"], content.facts["sampling"]["up_per_hour"]
    days = content.tables[ReportTable.BUCKETS].read()
    assert days.height == 12 * 7
    moments = []
    for row in days.iter_rows(named=True):
        span_us = instant_us(row["from_at"]), instant_us(row["to_at"])
        known_h, mean_h, variance = naive_sampling.moments(
            FLEET[row["store_id"]], (), span_us, as_of_us=utc(AS_OF), max_gap_us=3 * HOUR_US, rates=rates
        )
        half = WITHIN_95 * variance**0.5
        assert row["availability_expected"] == pytest.approx(mean_h / known_h, abs=1e-5)
        assert row["availability_from"] == pytest.approx(max(mean_h - half, 0) / known_h, abs=1e-4)
        assert row["availability_to"] == pytest.approx(min(mean_h + half, known_h) / known_h, abs=1e-4)
        moments.append((row["bucket"], known_h, mean_h, variance))
    trend = content.tables[ReportTable.TREND].read()
    assert trend.height == 7
    for row in trend.iter_rows(named=True):
        known_h, mean_h, variance = np.array([rest for bucket, *rest in moments if bucket == row["bucket"]]).sum(axis=0)
        half = WITHIN_95 * (variance * content.facts["sampling"]["widening"]) ** 0.5
        assert row["availability_expected"] == pytest.approx(mean_h / known_h, abs=1e-5)
        limits = (mean_h - half) / known_h, min((mean_h + half) / known_h, 1)
        assert (row["availability_from"], row["availability_to"]) == pytest.approx(limits, abs=1e-4)
    unseen = days["unseen_outages_expected"].sum()
    assert trend["unseen_outages_expected"].sum() == pytest.approx(unseen)
    [of_week] = rows_of(content, ReportTable.SUMMARY, "unseen_outages_expected")
    assert unseen == pytest.approx(of_week[0], rel=0.01)  # those that are cut by midnight are shared out


def test_days_have_no_intervals_without_rates(tmp_path: Path) -> None:
    content = report(tmp_path, {"a": store(1)}, by="day")
    assert set(rows_of(content, ReportTable.BUCKETS, *SAMPLING)) == {(None,) * 5}
    assert set(rows_of(content, ReportTable.TREND, *SAMPLING)) == {(None,) * 5}


def test_pdf_has_intervals_without_being_asked(tmp_path: Path) -> None:
    content = report(tmp_path, FLEET, include=[], format="pdf")
    [row] = rows_of(content, ReportTable.SUMMARY, *SAMPLING)
    assert None not in row
    assert SAMPLING.keys() <= content.tables[ReportTable.TREND].schema.keys()
    assert content.facts["sampling"]["changes"] > 400
    assert "include" not in content.request.parameters()
    kept = Manifest.of(content, "r.pdf", "0" * 64).as_json()["rates"]
    assert kept == {name: content.facts["sampling"][name] for name in kept}
    assert kept.keys() == {"stores", "changes", "from", "to", "down_per_hour", "up_per_hour", "widening"}


def test_days_have_no_columns_of_intervals_unless_asked_for(tmp_path: Path) -> None:
    content = report(tmp_path, FLEET, by="day", include=[])
    for table in (ReportTable.BUCKETS, ReportTable.TREND):
        assert SAMPLING.keys().isdisjoint(content.tables[table].schema)


def test_rates_of_groups_add_up_to_those_of_all(tmp_path: Path) -> None:
    of_b = {f"b{number}": store(number + 20, 0.2, 0.3) for number in range(4)}
    stores = {"a1": store(1), "a2": store(2), "none": store(5)} | of_b
    labels = {name: {"brand": name[0]} for name in stores if name != "none"}
    content = report(tmp_path, stores, labels=labels, group_by="brand")
    rows = content.tables[ReportTable.RATES].read()
    assert rows["group", "stores"].rows() == [(None, 7), ("a", 2), ("b", 4), ("(none)", 1)]
    assert rows["changes"][0] == rows["changes"][1:].sum() == content.facts["sampling"]["changes"]
    b = rows.row(2, named=True)
    assert b["down_per_hour_from"] < 0.2 < b["down_per_hour_to"]
    assert b["up_per_hour_from"] < 0.3 < b["up_per_hour_to"]
    assert b["mean_outage_us"] == round(HOUR_US / b["up_per_hour"])
    assert b["long_run_availability"] == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("shard_rows", [500, 3_000])
def test_shards_change_nothing(tmp_path: Path, shard_rows: int) -> None:
    whole = report(tmp_path / "whole", FLEET)
    cut = report(tmp_path / "cut", FLEET, shard_rows=shard_rows)
    assert rows_of(cut, ReportTable.STORES, *SAMPLING) == rows_of(whole, ReportTable.STORES, *SAMPLING)
    assert cut.facts == whole.facts


def test_without_enough_changes_there_are_no_intervals_but_the_reason(tmp_path: Path) -> None:
    content = report(tmp_path, {"a": store(1)})
    assert content.facts["sampling"]["missing"].endswith("times in 31 days; rates need 200 changes.")
    assert rows_of(content, ReportTable.STORES, *SAMPLING) == [(None,) * 5]
    assert rows_of(content, ReportTable.SUMMARY, *SAMPLING) == [(None,) * 5]
    [rates] = rows_of(content, ReportTable.RATES, "changes", "down_per_hour", "mean_outage_us")
    assert (0 < rates[0] < 200, *rates[1:]) == (True, None, None)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation with a simulated fleet of 60 stores."""
    with simulated_fleet(tmp_path_factory.mktemp("simulated")) as opened:
        yield opened


def computed(app: Installation, scope: Scope = ALL_STORES, **asked: Any) -> Content:
    request = read_request({"windows": ["last_week"], "include": ["sampling"], "format": "json"} | asked)
    with app.reports.compute(request, app.lake.snapshot(), scope) as content:
        return content


def test_report_on_one_store_takes_the_rates_of_all_stores(simulated: Installation) -> None:
    whole = computed(simulated)
    expected = rows_of(whole, ReportTable.STORES, "store_id", *SAMPLING)[5]
    one = computed(simulated, store_ids=[expected[0]])
    assert [one.facts["sampling"][name] for name in ("stores", "down_per_hour", "up_per_hour")] == [
        whole.facts["sampling"][name] for name in ("stores", "down_per_hour", "up_per_hour")
    ]
    assert rows_of(one, ReportTable.STORES, "store_id", *SAMPLING) == [expected]


def test_rates_of_a_scope_are_those_of_its_stores_only(simulated: Installation) -> None:
    whole = computed(simulated)
    few = Scope(label=("brand", "blue-kettle"))
    of_few = computed(simulated, few)
    assert of_few.facts["sampling"]["stores"] == of_few.stores < 30
    assert of_few.facts["sampling"]["changes"] < whole.facts["sampling"]["changes"]
    assert {row[0] for row in rows_of(of_few, ReportTable.RATES, "stores")} == {of_few.stores}


def test_store_without_polls_has_no_interval(tmp_path: Path) -> None:
    content = report(tmp_path, FLEET | {"ghost": Store(rows=ALWAYS, timezone="UTC", observations=())})
    by_store = {row[0]: row[1:] for row in rows_of(content, ReportTable.STORES, "store_id", *SAMPLING)}
    assert by_store["ghost"] == (None,) * 5
    assert by_store["s01"][0] is not None


def test_change_is_certain_only_beyond_both_intervals(tmp_path: Path) -> None:
    def polled(name: str) -> Store:
        # Every week alike; the one that falls has three hours down of four since the window began.
        polls = [
            Observation(
                observed_us=at_us,
                active=at_us // HOUR_US % 4 == 0
                if name == "fell" and at_us >= SPAN_US[0]
                else at_us // HOUR_US % 7 != 0,
                loaded_us=0,
            )
            for at_us in range(SPAN_US[0] - 14 * DAY_US, SPAN_US[1], HOUR_US)
        ]
        return Store(rows=ALWAYS, timezone="UTC", observations=tuple(polls))

    stores = FLEET | {name: polled(name) for name in ("fell", "same")}
    content = report(tmp_path, stores, compare_before=True)
    columns = "store_id", "availability_change", "availability_change_certain"
    changes = {store_id: rest for store_id, *rest in rows_of(content, ReportTable.STORES, *columns)}
    assert changes["fell"] == [pytest.approx(-0.6, abs=0.05), True]
    assert changes["same"] == [0, False]


def test_targets_and_differences_are_judged_by_the_interval() -> None:
    columns = pl.DataFrame(
        {
            "availability_from": [0.97, 0.90, 0.90, None, 0.97],
            "availability_to": [0.99, 0.95, 0.99, None, 0.99],
            "target": [97.0, 97.0, 97.0, 97.0, None],
            "peer_availability": [0.95, 0.93, 0.995, 0.9, None],
        }
    )
    judged = with_verdicts(columns)
    assert judged["target_verdict"].to_list() == ["met", "missed", "cannot be told", None, None]
    assert judged["peer_difference_certain"].to_list() == [True, False, True, None, None]
    assert with_verdicts(columns.drop("availability_from")).columns == columns.drop("availability_from").columns


def test_polling_table_shows_what_more_polls_would_bring(tmp_path: Path) -> None:
    sampling = report(tmp_path, FLEET).facts["sampling"]
    assert sampling["typical_known_hours"] == pytest.approx(168)
    halves = [each["half_width"] for each in sampling["polling"]]
    seen = [each["outages_seen"] for each in sampling["polling"]]
    assert halves == sorted(halves)
    assert seen == sorted(seen, reverse=True)
    assert 1 < sampling["minutes_between_polls_for_0.1_points"] < 60
