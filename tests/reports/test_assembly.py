"""Reports against the naive twin: windows, buckets, roll-ups, groups, comparisons and selections of a real world."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from reference import naive, naive_windows
from support.importing import import_file
from support.report_world import AS_OF, AS_OF_US, GIVEN, import_world, spans, zone_of
from support.scene import settings_in

from storewatch.domain.enums import ReportTable, Section
from storewatch.domain.instants import DAY_US, instant_of
from storewatch.installation import Installation, compute_report, open_installation
from storewatch.reports.assembly import compute_content
from storewatch.reports.compute.collectors import collect_and_merge
from storewatch.reports.compute.content import FIGURES, SPREAD, Content
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.shards import ReportInputs
from storewatch.reports.request.request import ReportRequest, read_request
from storewatch.stores.evidence import StoreList

STATUSES = ("up", "down", "unknown", "planned")
DATES = "2023-03-11/2023-03-28"
MODES = (
    {"policy": "fill", "closures": "honour", "annotations": "apply"},
    {"policy": "observed", "closures": "honour", "annotations": "ignore"},
    {"policy": "observed", "closures": "ignore", "annotations": "ignore"},
    {"policy": "fill", "closures": "exclude", "annotations": "ignore"},
)
WINDOWS = ["last_week", "today", "yesterday", "this_month", "last_7_days", "last_month", DATES]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("world")
    with open_installation(settings_in(folder)) as app:
        import_world(app, folder / "files")
        yield app


def compute(app: Installation, **asked: Any) -> dict[ReportTable, pl.DataFrame]:
    with compute_report(app, read_request({"format": "json"} | asked)) as content:
        return {name: table.read() for name, table in content.tables.items()}


def span_of(window: str, zone: str, *, before: bool = False) -> tuple[int, int]:
    if "/" in window:
        first, end = (datetime.fromisoformat(part).date() for part in window.split("/"))
        return naive_windows.dates(first, end, zone)[before]
    return naive_windows.calendar(window, zone, AS_OF_US)[before]


def sums(store_id: str, mode: dict[str, str], from_us: int, to_us: int) -> dict[str, int]:
    found = dict.fromkeys(STATUSES, 0)
    for span in spans(store_id, **mode):
        found[span.status] += max(0, min(span.end_us, to_us) - max(span.start_us, from_us))
    return found


def figures(parts: Sequence[dict[str, int]]) -> dict[str, Any]:
    """Return the columns of FIGURES for these sums."""
    summed = {status: sum(part[status] for part in parts) for status in STATUSES}
    ratios = naive.figures([summed])
    return {
        "business_us": sum(summed.values()),
        **{f"{status}_us": summed[status] for status in STATUSES},
        "availability": number(ratios.availability),
        "coverage": number(ratios.coverage),
        "availability_lowest": number(ratios.least),
        "availability_highest": number(ratios.most),
    }


def number(ratio: Fraction | None) -> float | None:
    return None if ratio is None else float(ratio)


def spread(parts: Sequence[dict[str, int]]) -> dict[str, Any]:
    known = sorted(part["up"] / (part["up"] + part["down"]) for part in parts if part["up"] + part["down"])
    without = known.count(1) / len(known) if known else None
    shares = [*(quantile(known, share) for share in (0.5, 0.05, 0.95)), without]
    return dict(zip(SPREAD, [*shares, len(parts) - len(known)], strict=True))


def quantile(ordered: list[float], share: float) -> float | None:
    """Return the quantile, linear between its neighbours."""
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def assert_rows(found: pl.DataFrame, expected: Sequence[dict[str, Any]]) -> None:
    """Compare the expected columns: microseconds exactly, ratios as precisely as floats allow."""
    names = list(expected[0])
    assert_frame_equal(
        found.select(names),
        pl.DataFrame(expected, {name: found.schema[name] for name in names}),
        rel_tol=1e-12,
        abs_tol=1e-15,
    )


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(mode.values()))
def test_figures_of_stores_in_windows_are_those_of_the_twin(world: Installation, mode: dict[str, str]) -> None:
    found = compute(world, windows=WINDOWS, **mode)[ReportTable.STORES]
    expected = []
    for store_id, given in GIVEN.items():
        for window in WINDOWS:
            from_us, to_us = span_of(window, zone_of(store_id))
            expected.append(
                {
                    "store_id": store_id,
                    "name": given.labels.get("name"),
                    "timezone": zone_of(store_id),
                    "timezone_source": "given" if given.zone else "default",
                    "hours_source": "given" if given.rows else "default",
                    "window": window,
                    "from_at": instant_of(from_us),
                    "to_at": instant_of(to_us),
                }
                | figures([sums(store_id, mode, from_us, to_us)])
            )
    assert_rows(found, expected)
    assert found["planned_us"].sum() > 0 or mode["closures"] != "honour"


@pytest.mark.parametrize("by", ["hour", "day", "week", "month"])
def test_buckets_are_those_of_the_twin_and_add_up_to_the_window(world: Installation, by: str) -> None:
    windows = ["last_week", DATES] if by != "hour" else ["last_week"]
    found = compute(world, windows=windows, by=by, **MODES[0])
    expected, together, wholes = [], {}, Counter[tuple[int, datetime]]()
    for store_id in GIVEN:
        for window in windows:
            begin_us, end_us = span_of(window, zone_of(store_id))
            cut = naive_windows.buckets(by, zone_of(store_id), (begin_us, end_us))
            whole = dict(naive_windows.buckets(by, zone_of(store_id), (begin_us - 32 * DAY_US, end_us + 32 * DAY_US)))
            for start, (from_us, to_us) in cut:
                own = sums(store_id, MODES[0], from_us, to_us)
                named = {
                    "store_id": store_id,
                    "name": GIVEN[store_id].labels.get("name"),
                    "window": window,
                    "bucket": start,
                }
                expected.append(named | {"from_at": instant_of(from_us), "to_at": instant_of(to_us)} | figures([own]))
                together.setdefault((windows.index(window), start), []).append(own)
                wholes[windows.index(window), start] += whole[start] == (from_us, to_us)
    assert_rows(found[ReportTable.BUCKETS], expected)
    of_windows = found[ReportTable.BUCKETS].group_by("store_id", "window", maintain_order=True)
    microseconds = [f"{status}_us" for status in STATUSES]
    assert_frame_equal(
        of_windows.agg(pl.col(microseconds).sum()),
        found[ReportTable.STORES].select("store_id", "window", *microseconds),
    )
    trend = [
        {
            "window": windows[window],
            "bucket": start,
            "partial": wholes[window, start] < len(GIVEN),
            "stores": sum(sum(part.values()) > 0 for part in parts),
        }
        | figures(parts)
        for (window, start), parts in sorted(together.items())
    ]
    assert_rows(found[ReportTable.TREND], trend)


def test_summary_and_groups_are_ratios_of_sums(world: Installation) -> None:
    windows = ["last_week", "today"]
    for group_by, groups in (
        (
            "brand",
            {
                "a": ("berlin-1", "berlin-2", "lisbon"),
                "b": ("chicago-1", "chicago-2", "howe", "tokyo"),
                None: ("ghost",),
            },
        ),
        ("timezone", by_zone()),
        (
            "hours",
            {
                "24x7 (no hours given)": ("lisbon",),
                "Mon-Sun 08:00-20:00": ("chicago-1", "tokyo"),
                "Mon-Sun 09:00-17:00": ("berlin-2", "ghost", "howe"),
                "Mon 18:00-24:00, Tue-Sat 00:00-02:00+18:00-24:00, Sun 00:00-02:00": ("berlin-1", "chicago-2"),
            },
        ),
    ):
        found = compute(world, windows=windows, group_by=group_by, **MODES[1])
        assert_rows(found[ReportTable.SUMMARY], [rolled_up(window, tuple(GIVEN)) for window in windows])
        in_order = sorted(groups, key=lambda group: (group is None, group))
        assert_rows(
            found[ReportTable.GROUPS],
            [{"group": group} | rolled_up(window, groups[group]) for group in in_order for window in windows],
        )


def by_zone() -> dict[str | None, tuple[str, ...]]:
    return {zone: tuple(ids) for zone, ids in groupby(sorted(GIVEN, key=zone_of), key=zone_of)}


def rolled_up(window: str, store_ids: Sequence[str]) -> dict[str, Any]:
    parts = [sums(each, MODES[1], *span_of(window, zone_of(each))) for each in store_ids]
    return {"window": window, "stores": len(parts)} | figures(parts) | spread(parts)


def test_period_before_is_compared_for_stores_and_for_all_together(world: Installation) -> None:
    windows = ["last_week", "this_month", DATES]
    found = compute(world, windows=windows, compare_before=True, **MODES[0])

    def change(window: str, store_ids: Sequence[str]) -> dict[str, Any]:
        now, before = (
            figures([sums(each, MODES[0], *span_of(window, zone_of(each), before=earlier)) for each in store_ids])
            for earlier in (False, True)
        )
        values = now["availability"], before["availability"]
        return {
            "before_availability": values[1],
            "availability_change": None if None in values else values[0] - values[1],
        }

    assert_rows(found[ReportTable.STORES], [change(window, [store_id]) for store_id in GIVEN for window in windows])
    assert_rows(found[ReportTable.SUMMARY], [change(window, list(GIVEN)) for window in windows])


def test_peers_count_though_they_are_not_in_the_report(world: Installation) -> None:
    found = compute(world, windows=["last_week"], peers="brand", store_ids=["tokyo", "ghost"])[ReportTable.STORES]
    totals_of_brand = {each: sums(each, MODES[0], *span_of("last_week", zone_of(each))) for each in by_brand("b")}
    of_peers = {each: own["up"] / (own["up"] + own["down"]) for each, own in totals_of_brand.items()}
    group = figures(list(totals_of_brand.values()))["availability"]
    assert_rows(
        found,
        [
            {"store_id": "ghost"} | dict.fromkeys(("peer_group", "peer_availability", "peer_rank", "peer_stores")),
            {
                "store_id": "tokyo",
                "peer_group": "b",
                "peer_availability": group,
                "peer_difference": of_peers["tokyo"] - group,
                "peer_rank": 1 + sum(each > of_peers["tokyo"] for each in of_peers.values()),
                "peer_stores": 4,
            },
        ],
    )


def by_brand(brand: str) -> list[str]:
    return [store_id for store_id, given in GIVEN.items() if given.labels.get("brand") == brand]


def test_targets_are_the_stores_own_or_the_requests(world: Installation) -> None:
    found = compute(world, windows=["last_week"], target=50, **MODES[0])
    objectives = dict.fromkeys(GIVEN, Fraction(1, 2)) | {"berlin-1": Fraction(7, 10), "tokyo": Fraction(999, 1000)}
    expected = []
    for store_id, objective in objectives.items():
        own = sums(store_id, MODES[0], *span_of("last_week", zone_of(store_id)))
        known_us = own["up"] + own["down"]
        budget_us = math.floor(known_us * (1 - objective)) if known_us else None
        expected.append(
            {
                "store_id": store_id,
                "target": float(100 * objective),
                "target_met": own["down"] <= budget_us if budget_us is not None else None,
                "error_budget_us": budget_us,
                "error_budget_left_us": budget_us - own["down"] if budget_us is not None else None,
            }
        )
    assert_rows(found[ReportTable.STORES], expected)
    judged = [row["target_met"] for row in expected if row["target_met"] is not None]
    assert found[ReportTable.SUMMARY].select("stores_with_target", "stores_on_target").row(0) == (
        len(judged),
        sum(judged),
    )
    assert 0 < sum(judged) < len(judged)


@pytest.mark.parametrize(
    ("asked", "store_ids"),
    [
        ({"store_ids": ["tokyo", "nobody", "howe"]}, ["howe", "tokyo"]),
        ({"labels": {"brand": "a"}}, ["berlin-1", "berlin-2", "lisbon"]),
        ({"labels": {"brand": "a", "name": "Nachtcafé"}}, ["berlin-1"]),
        ({"zone": "America/Chicago"}, ["chicago-1", "chicago-2"]),
        ({"zone": "Asia/Tokyo", "with_outages": True}, ["tokyo"]),
        ({"labels": {"brand": "a"}, "zone": "Asia/Tokyo", "allow_unknown": True}, []),
    ],
    ids=str,
)
def test_selection_leaves_the_figures_of_the_stores_it_keeps_alone(
    world: Installation, asked: dict[str, Any], store_ids: list[str]
) -> None:
    more: dict[str, Any] = {"windows": ["last_week", "yesterday"], "by": "day", "include": ["outages"], "target": 99}
    whole, some = compute(world, **more), compute(world, **more, **asked)
    for table in (ReportTable.STORES, ReportTable.BUCKETS, ReportTable.OUTAGES):
        # Blind spots are of the stores in the report.
        made, all_made = (frame[table].drop("blind_us", strict=False) for frame in (some, whole))
        assert_frame_equal(made, all_made.filter(pl.col("store_id").is_in(store_ids)))
    assert some[ReportTable.SUMMARY]["stores"].to_list() == [len(store_ids)] * 2
    zones = {zone_of(store_id) for store_id in store_ids} or {"America/Chicago"}
    begins = min(span_of("last_week", zone)[0] for zone in zones)
    assert some[ReportTable.SUMMARY]["from_at"][0] == instant_of(begins)


def test_worst_stores_are_those_of_the_first_window(world: Installation) -> None:
    windows = ["last_week", "today"]
    ranked = sorted(
        (own["up"] / (own["up"] + own["down"]), -own["down"], store_id)
        for store_id in GIVEN
        for own in [sums(store_id, MODES[0], *span_of("last_week", zone_of(store_id)))]
        if own["up"] + own["down"]
    )
    for count in (1, 3):
        found = compute(world, windows=windows, worst=count)[ReportTable.STORES]["store_id"].unique().sort().to_list()
        assert found == sorted(store_id for *_, store_id in ranked[:count])
    assert compute(world, windows=windows, worst=99)[ReportTable.STORES].height == 2 * len(GIVEN)


def everything(**more: Any) -> ReportRequest:
    asked = {"format": "json", "windows": ["last_week", "today"], "by": "day", "group_by": "brand", "peers": "brand"}
    return read_request(asked | {"compare_before": True, "target": 99.5, "include": list(Section)} | more)


@pytest.mark.parametrize("more", [{}, {"worst": 3}, {"with_outages": True}], ids=str)
def test_shards_and_folder_have_the_same_content(world: Installation, tmp_path: Path, more: dict[str, Any]) -> None:
    inputs = ReportInputs(
        store_list=StoreList.read(world.catalog),
        snapshot=world.lake.snapshot(),
        as_of_us=AS_OF_US,
        policy=everything().chosen_policy,
    )
    steps: list[tuple[int, int]] = []
    chosen = inputs.store_list.store_ids
    whole = compute_content(ReportContext.of(everything(**more), inputs, folder=None), chosen, catalog=world.catalog)
    in_shards = partial(collect_and_merge, progress=lambda done, total: steps.append((done, total)), shard_rows=300)
    parts = compute_content(
        ReportContext.of(everything(**more), inputs, tmp_path),
        chosen,
        catalog=world.catalog,
        compute_shards=in_shards,
    )
    assert len({total for _, total in steps}) >= 1
    assert max(total for _, total in steps) > 1
    assert_same(parts, whole)


def assert_same(one: Content, other: Content) -> None:
    assert list(one.tables) == list(other.tables)
    for name, table in one.tables.items():
        assert_frame_equal(table.read(), other.tables[name].read())
    assert (one.labels, one.stores, one.versions) == (other.labels, other.stores, other.versions)


def test_report_on_one_store_carries_its_labels(world: Installation) -> None:
    with compute_report(world, everything(store_ids=["lisbon"])) as content:
        assert dict(content.labels) == GIVEN["lisbon"].labels
        assert content.tables[ReportTable.STORES].height == 2


@pytest.mark.parametrize("asked", [{"store_ids": ["nobody"]}, {"labels": {"brand": "none"}}], ids=str)
def test_report_on_no_store_has_the_rows_that_need_none(world: Installation, asked: dict[str, Any]) -> None:
    found = {name: table.height for name, table in tables(world, everything(**asked, allow_unknown=True)).items()}
    assert found.pop(ReportTable.SUMMARY) == 2
    trend = found.pop(ReportTable.TREND)
    assert trend == 8  # seven days and today, of no store
    assert found.pop(ReportTable.PATTERN) in (0, 2 * 7 * 24)
    assert found.pop(ReportTable.RATES) == 1  # those of all stores
    assert set(found.values()) == {0}


def tables(app: Installation, request: ReportRequest) -> dict[ReportTable, pl.DataFrame]:
    with compute_report(app, request) as content:
        return {name: table.read() for name, table in content.tables.items()}


def test_report_before_the_first_poll_knows_nothing(world: Installation) -> None:
    request = everything().model_copy(update={"as_of": AS_OF - timedelta(days=300)})
    found = tables(world, request)
    assert found[ReportTable.STORES].select("up_us", "down_us").sum().row(0) == (0, 0)
    assert found[ReportTable.STORES]["availability"].is_null().all()
    assert found[ReportTable.OUTAGES].height == 0


def test_empty_window_has_no_buckets_and_no_time(world: Installation) -> None:
    midnight = datetime(2023, 3, 22, tzinfo=UTC)
    asked = {"format": "json", "windows": ["today"], "by": "hour", "timezone": "UTC", "include": list(Section)}
    found = tables(world, read_request(asked, as_of=midnight))
    assert (found[ReportTable.BUCKETS].height, found[ReportTable.TREND].height) == (0, 0)
    assert found[ReportTable.STORES]["business_us"].sum() == 0


def test_rolling_week_is_the_classic_one(world: Installation) -> None:
    asked = {"format": "json", "windows": ["last_hour", "last_day", "rolling_7_days"]}
    named, classic = tables(world, read_request(asked)), tables(world, ReportRequest())
    names = ["store_id", "window", "from_at", "to_at", *FIGURES]
    assert_frame_equal(named[ReportTable.STORES].select(names), classic[ReportTable.STORES].select(names))


def test_business_time_after_the_reports_now_is_judged_by_the_last_polls(world: Installation) -> None:
    found = compute(world, windows=["2023-03-27/2023-03-28"], store_ids=["lisbon"], **MODES[0])[ReportTable.STORES]
    assert_rows(found, [figures([sums("lisbon", MODES[0], *span_of("2023-03-27/2023-03-28", "Europe/Lisbon"))])])
    assert found["business_us"][0] == DAY_US


def test_hours_are_named_as_they_hold_at_the_end_of_the_first_window(tmp_path: Path) -> None:
    files = {
        "polls.csv": "store_id,status,timestamp_utc\nbase,active,2024-03-14 15:00:00 UTC\n",
        "hours.csv": "store_id,day,start_time_local,end_time_local\nbase,0,09:00:00,17:00:00\n",
        "new.csv": "store_id,day,start_time_local,end_time_local\nbase,0,10:00:00,12:00:00\nnew,1,12:00:00,14:00:00\n",
    }
    with open_installation(settings_in(tmp_path)) as app:
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
            import_file(
                tmp_path / name,
                catalog=app.catalog,
                lake=app.lake,
                now=datetime.now(UTC),
                valid_from=date(2024, 3, 3) if name == "new.csv" else None,
            )

        def hours(*windows: str) -> list[str]:
            found = compute(app, windows=list(windows), group_by="hours")
            sources = found[ReportTable.STORES]["hours_source"].unique(maintain_order=True)
            return [*found[ReportTable.GROUPS]["group"].unique(maintain_order=True), *sources]

        assert hours("2024-02-20/2024-03-03") == ["24x7 (no hours given)", "Mon 09:00-17:00", "given", "default"]
        assert hours("2024-02-20/2024-03-04") == ["Mon 10:00-12:00", "Tue 12:00-14:00", "given"]
