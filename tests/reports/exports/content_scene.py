"""Reports as `Content` with known figures, by plain arithmetic: a week of four stores, one of them alone, none at all.

The week is seven local days from Wednesday 2023-01-18, without a clock change. What each store was, is a list of
stretches on its own The status of each store is a list of stretches on its own
clock; everything else is added up from them.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from storewatch.domain.enums import Breakdown, PolicyName, ReportFormat, ReportTable, Section, Status
from storewatch.domain.instants import DAY_US, HOUR_US, MINUTE_US, instant_us
from storewatch.reports.compute import content
from storewatch.reports.compute.content import Content, ContentTable, StoreDay, Stretch, Versions
from storewatch.reports.request.request import ReportRequest
from storewatch.stores.gaps import InputGaps

AS_OF = datetime(2023, 1, 25, 18, 13, 22, 479_220, tzinfo=UTC)
FIRST_DAY = datetime(2023, 1, 18)  # noqa: DTZ001 - what the store's clock reads
DAYS = 7
PARTIAL_US = 0  # the part of the trend that begins here is marked as partial
VERSIONS = Versions(lake=12, catalog=34, tzdata="2026.1", software="1.0.0")
GAPS = InputGaps(
    named=4,
    unpolled=1,
    unpolled_ids=("zz-ghost",),
    polled=3,
    hourless=1,
    hourless_ids=("@corner",),
    alike=(),
    default_hours=("@corner",),
    default_zone=("zz-ghost",),
    older_hours=(),
    older_zone=("tokyo-1",),
)
SAMPLING = {
    "stores": 3,
    "changes": 1_234,
    "from": "2023-01-01T00:00:00Z",
    "to": "2023-02-01T00:00:00Z",
    "down_per_hour": 0.02,
    "up_per_hour": 0.9,
    "widening": 1.44,
}
WINDOWS = {"last_7_days": (0, 7 * DAY_US), "yesterday": (6 * DAY_US, 7 * DAY_US)}
# name, zone, timezone_source, hours_source, opening and closing hour of every day, brand
STORES: dict[str, tuple[str | None, str, str, str, int, int, str | None]] = {
    "@corner": ('=HYPERLINK("http://x")', "America/New_York", "given", "default", 0, 24, "Ünder"),
    "cafe-lisboa": ("Café da Graça · nº 7", "Europe/Lisbon", "given", "given", 7, 19, "Ünder"),
    "tokyo-1": ("東京ラーメン 一号店", "Asia/Tokyo", "given", "given", 9, 21, "麺"),
    "zz-ghost": (None, "America/Chicago", "default", "given", 10, 22, None),
}


def _at(day: int, hour: int, minute: int = 0, us: int = 0) -> int:
    return day * DAY_US + hour * HOUR_US + minute * MINUTE_US + us


# store, status, start and end in us of the store's clock since FIRST_DAY; the rest of its open time is up.
STRETCHES = (
    ("@corner", Status.DOWN, _at(5, 22, 15, 1), _at(6, 1, 40)),
    ("@corner", Status.UNKNOWN, _at(2, 3), _at(2, 7, 30)),
    ("cafe-lisboa", Status.DOWN, _at(1, 7), _at(1, 8, 12, 345_678)),
    ("cafe-lisboa", Status.DOWN, _at(6, 12, 30), _at(6, 13, 4)),
    ("cafe-lisboa", Status.PLANNED, _at(4, 7), _at(4, 19)),
    ("tokyo-1", Status.DOWN, _at(3, 19, 45), _at(3, 21)),
    ("tokyo-1", Status.DOWN, _at(6, 12, 31), _at(6, 13, 1)),
    ("tokyo-1", Status.UNKNOWN, _at(5, 9), _at(5, 11)),
    ("zz-ghost", Status.UNKNOWN, 0, DAYS * DAY_US),
)


def whole_content(folder: Path | None = None, **asked: Any) -> Content:
    """Make a report with every table and every block of columns, by day; `asked` changes the request."""
    request = _request(by=Breakdown.DAY, **asked)
    return _content(request, list(STORES), _days(), folder)


def sheet_content(store_id: str = "cafe-lisboa", **asked: Any) -> Content:
    """Make the report on one store, by hour."""
    request = _request(by=Breakdown.HOUR, store_ids=(store_id,), **asked)
    return _content(request, [store_id], [(at, at + HOUR_US) for at in range(0, DAYS * DAY_US, HOUR_US)], None)


def plain_content(**asked: Any) -> Content:
    """Make a report with nothing but what every report has, on the policy observed."""
    request = ReportRequest(
        **{"policy": PolicyName.OBSERVED, "format": ReportFormat.JSON, "windows": tuple(WINDOWS)} | asked
    )
    made = _content(request, list(STORES), [], None)
    tables = {
        ReportTable.SUMMARY: table(content.SUMMARY, made.tables[ReportTable.SUMMARY].read()),
        ReportTable.STORES: table(content.STORE_FIGURES, made.tables[ReportTable.STORES].read()),
    }
    return Content(request=request, as_of_us=made.as_of_us, versions=VERSIONS, stores=made.stores, tables=tables)


def empty_content(**asked: Any) -> Content:
    """Make the report on no store at all, every table without rows."""
    request = _request(by=Breakdown.DAY, **asked)
    tables = {name: ContentTable(schema=made.schema) for name, made in whole_content().tables.items()}
    summary = [
        {"window": name, "from_at": _instant(from_us, "UTC"), "to_at": _instant(to_us, "UTC"), "stores": 0}
        | figures((0, 0, 0, 0))
        | dict.fromkeys(content.SPREAD.names())
        for name, (from_us, to_us) in WINDOWS.items()
    ]
    tables[ReportTable.SUMMARY] = table(_SUMMARY, summary)
    return Content(
        request=request,
        as_of_us=instant_us(AS_OF),
        versions=VERSIONS,
        stores=0,
        tables=tables,
        facts={"sampling": SAMPLING},
    )


def classic_content() -> Content:
    """Make the classic report of two stores: minutes and hours that round up, down and not at all."""
    lengths = {"last_hour": HOUR_US, "last_day": DAY_US, "rolling_7_days": 7 * DAY_US}
    down = {"=1+1": (300_000, 18_000_001, 0), "store": (61_000_000, 3_618_000_000, 90_061_000_000)}
    rows = [
        {
            "store_id": store_id,
            "timezone": "UTC",
            "timezone_source": "given",
            "hours_source": "default",
            "window": window,
            "from_at": AS_OF - timedelta(microseconds=length),
            "to_at": AS_OF,
        }
        | figures((down[store_id][number], length - down[store_id][number], 0, 0))
        for store_id in down
        for number, (window, length) in enumerate(lengths.items())
    ]
    summary = [
        {"window": name, "from_at": AS_OF, "to_at": AS_OF, "stores": 2} | figures((0, 0, 0, 0)) for name in lengths
    ]
    tables = {
        ReportTable.SUMMARY: table(content.SUMMARY, summary),
        ReportTable.STORES: table(content.STORE_FIGURES, rows),
    }
    return Content(
        request=ReportRequest(), as_of_us=instant_us(AS_OF), versions=VERSIONS, stores=len(down), tables=tables
    )


def many_content(stores: int, folder: Path | None = None, rows_at_once: int = 50_000, **asked: Any) -> Content:
    """Make a report of many stores and three windows, for measurements: random figures, always the same."""
    windows = {"last_hour": HOUR_US, "last_day": DAY_US, "rolling_7_days": 7 * DAY_US}
    asked = {"policy": PolicyName.OBSERVED, "format": ReportFormat.XLSX, "windows": tuple(windows)} | asked
    chance = np.random.default_rng(4)
    made = ContentTable(schema=content.STORE_FIGURES, folder=folder)
    summary = np.zeros((len(windows), 4), np.int64)
    for first in range(0, stores, rows_at_once):
        count = min(rows_at_once, stores - first)
        lengths = np.tile(np.array(list(windows.values()), np.int64), count)
        down = (lengths * chance.beta(0.2, 8, lengths.size)).astype(np.int64)
        unknown = ((lengths - down) * chance.beta(0.2, 3, lengths.size)).astype(np.int64)
        totals = np.stack([down, lengths - down - unknown, unknown, np.zeros_like(down)], axis=1)
        summary += totals.reshape(count, len(windows), 4).sum(axis=0)
        ids = np.repeat(np.arange(first, first + count), len(windows))
        made.append(
            pl.DataFrame({"number": ids, "window": list(windows) * count, "length": lengths})
            .with_columns(
                store_id=pl.format("store-{}", pl.col("number").cast(pl.String).str.zfill(8)),
                name=pl.format("Store number {}", "number"),
                timezone=pl.lit("America/New_York"),
                timezone_source=pl.lit("given"),
                hours_source=pl.lit("given"),
                to_at=pl.lit(AS_OF).cast(content.INSTANT),
            )
            .with_columns(from_at=pl.col("to_at") - pl.duration(microseconds="length"))
            .hstack(content.figures_frame(totals))
        )
    rows = [
        {"window": name, "from_at": AS_OF - timedelta(microseconds=length), "to_at": AS_OF, "stores": stores}
        | figures(tuple(totals.tolist()))
        | {"availability_median": 0.99, "availability_p5": 0.9, "availability_p95": 1.0, "share_without_downtime": 0.5}
        for (name, length), totals in zip(windows.items(), summary, strict=True)
    ]
    return Content(
        request=ReportRequest(**asked),
        as_of_us=instant_us(AS_OF),
        versions=VERSIONS,
        stores=stores,
        tables={ReportTable.SUMMARY: table(content.SUMMARY, rows), ReportTable.STORES: made},
    )


def expected_totals(made: Content) -> dict[str, dict[str, int | float | None]]:
    """Return the totals of each window that every form must have: the columns of FIGURES and SPREAD."""
    names = [*content.FIGURES, *content.SPREAD]
    rows = made.tables[ReportTable.SUMMARY].read().to_dicts()
    return {row["window"]: {name: row[name] for name in names} for row in rows}


def figures(totals: tuple[int, ...]) -> dict[str, int | float | None]:
    """Return down, up, unknown and planned us as the columns of FIGURES, by the rules of planned closures."""
    down, up, unknown, planned = totals
    open_us = down + up + unknown
    return {
        "business_us": open_us + planned,
        "up_us": up,
        "down_us": down,
        "unknown_us": unknown,
        "planned_us": planned,
        "availability": _ratio(up, up + down),
        "coverage": _ratio(up + down, open_us),
        "availability_lowest": _ratio(up, open_us),
        "availability_highest": _ratio(up + unknown, open_us),
    }


def totals_of(store_id: str, from_us: int, to_us: int) -> tuple[int, int, int, int]:
    """Add up the statuses of a store in a stretch of its clock: down, up, unknown, planned us."""
    first, last = (hour * HOUR_US for hour in STORES[store_id][4:6])
    opened = [(max(from_us, d * DAY_US + first), min(to_us, d * DAY_US + last)) for d in range(DAYS)]
    sums = dict.fromkeys(Status, 0)
    for store, status, start_us, end_us in STRETCHES:
        if store == store_id:
            sums[status] += sum(max(0, min(end_us, to) - max(start_us, since)) for since, to in opened)
    sums[Status.UP] = sum(max(0, to - since) for since, to in opened) - sum(sums.values())
    return sums[Status.DOWN], sums[Status.UP], sums[Status.UNKNOWN], sums[Status.PLANNED]


def table(
    schema: pl.Schema, rows: Iterable[Mapping[str, Any]] | pl.DataFrame, folder: Path | None = None
) -> ContentTable:
    """Make a table of rows, each of which may leave columns out (null)."""
    made = ContentTable(schema=schema, folder=folder)
    if not isinstance(rows, pl.DataFrame):
        rows = pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema)
    made.append(rows)
    return made


def _request(**asked: Any) -> ReportRequest:
    default: dict[str, Any] = {
        "policy": PolicyName.FILL,
        "format": ReportFormat.JSON,
        "windows": tuple(WINDOWS),
        "group_by": "brand",
        "peers": "brand",
        "compare_before": True,
        "target": 99.5,
        "include": tuple(Section),
        "currency": "EUR",
        "min_duration": "5m",
    }
    return ReportRequest(**default | asked)


def _content(request: ReportRequest, ids: list[str], buckets: list[tuple[int, int]], folder: Path | None) -> Content:
    outages = _outages(ids)
    everyone = [(None, ids)]
    brands = [(brand, [store for store in ids if STORES[store][6] == brand]) for brand in ("Ünder", "麺", None)]
    found = [
        {"window": "last_7_days", "start_at": outage["start_at"], "end_at": outage["end_at"], "unpolled_share": 0.75}
        for outage in outages[:1]
    ]
    rows: dict[ReportTable, tuple[pl.Schema, list[dict[str, Any]]]] = {
        ReportTable.SUMMARY: (
            _SUMMARY,
            [row | _ends(ids, row["window"]) | _over_all(ids, row["window"]) for row in _spread(everyone)],
        ),
        ReportTable.STORES: (_STORES, _stores(ids)),
        ReportTable.GROUPS: (content.GROUPS, _spread([brand for brand in brands if brand[1]])),
        ReportTable.BUCKETS: (pl.Schema({**content.BUCKETS, **content.SAMPLING}), _buckets(ids, buckets)),
        ReportTable.TREND: (pl.Schema({**content.TREND, **content.SAMPLING}), _trend(ids, buckets)),
        ReportTable.OUTAGES: (content.OUTAGES, outages),
        ReportTable.MASS_OUTAGES: (content.MASS_OUTAGES, _mass_outages() if len(ids) > 1 else []),
        ReportTable.PATTERN: (content.PATTERN, _pattern(ids)),
        ReportTable.BLIND_SPOTS: (content.BLIND_SPOTS, found),
        ReportTable.DOCTOR: (content.DOCTOR, _doctor(ids)),
        ReportTable.REASONS: (content.REASONS, _reasons(ids)),
        ReportTable.RATES: (content.RATES, [*_rates(None, len(ids)), *_rates("Ünder", 1)]),
    }
    return Content(
        request=request,
        as_of_us=instant_us(AS_OF),
        versions=VERSIONS,
        stores=len(ids),
        tables={name: table(schema, made, folder) for name, (schema, made) in rows.items()},
        facts={"sampling": SAMPLING},
        labels={"brand": "Ünder", "city": "Lisboa"} if len(ids) == 1 else {},
        days={window: days_of(ids[0], *span) for window, span in WINDOWS.items()} if len(ids) == 1 else {},
        input_gaps=GAPS if Section.DOCTOR in request.include else None,
    )


_STORES = pl.Schema(
    {
        **content.STORE_FIGURES,
        **content.TARGET_FIGURES,
        **content.BEFORE,
        **content.PEERS,
        **content.OUTAGE_FIGURES,
        **content.OPENINGS,
        **content.QUALITY,
        **content.LOST_SALES,
        **content.SAMPLING,
        "availability_change_certain": pl.Boolean(),
        "target_verdict": pl.String(),
        "peer_difference_certain": pl.Boolean(),
    }
)


_SUMMARY = pl.Schema(
    {
        **content.SUMMARY,
        **content.BEFORE,
        "stores_with_target": pl.Int64(),
        "stores_on_target": pl.Int64(),
        **content.OUTAGE_FIGURES,
        **content.OPENINGS,
        **content.QUALITY,
        **content.REJECTED,
        **content.FEED,
        **content.LOST_SALES,
        **content.SAMPLING,
        "availability_change_certain": pl.Boolean(),
    }
)
_SUMMED = ("outages", "outage_us", *content.OPENINGS, "polls", "polls_outside_hours", "duplicates", *content.LOST_SALES)


def _over_all(ids: list[str], window: str) -> dict[str, Any]:
    """Return the figures of the sections over all stores, as far as they can be added up."""
    rows = [row for row in _stores(ids) if row["window"] == window]
    judged = [row["target_met"] for row in rows if row["target_met"] is not None]
    found: dict[str, Any] = {name: sum(row[name] or 0 for row in rows) for name in _SUMMED}
    for name in ("longest_outage_us", "longest_gap_us"):
        found[name] = max((row[name] for row in rows if row[name] is not None), default=None)
    down, up, _, _ = _sum(totals_of(each, *WINDOWS[window]) for each in ids)
    return found | {
        "before_availability": 0.98 if up + down else None,
        "availability_change": up / (up + down) - 0.98 if up + down else None,
        "stores_with_target": len(judged),
        "stores_on_target": sum(judged),
        "stores_with_rejected_rows": len({"@corner", "zz-ghost"}.intersection(ids)),
        "rejected_rows": 5 * len({"@corner", "zz-ghost"}.intersection(ids)),
        "feed_judged_us": WINDOWS[window][1] - WINDOWS[window][0],
        "availability_change_certain": True if up + down else None,
        **_interval(up / (up + down) if up + down else None),
    }


def days_of(store_id: str, from_us: int, to_us: int) -> tuple[StoreDay, ...]:
    """Return the statuses of a store on each day of a stretch of its clock."""
    first, last = (hour * HOUR_US for hour in STORES[store_id][4:6])
    days = []
    for midnight in range(from_us, to_us, DAY_US):
        edges = {midnight + first, midnight + last}
        of_store = [each for each in STRETCHES if each[0] == store_id]
        edges |= {at for each in of_store for at in each[2:] if midnight + first < at < midnight + last}
        stretches = []
        for start, end in pairwise(sorted(edges)):
            status = next((status for _, status, since, to in of_store if since <= start < to), Status.UP)
            shares = {"start": (start - midnight) / DAY_US, "end": (end - midnight) / DAY_US}
            stretches.append(Stretch(**shares, length_us=end - start, status=status))
        day = (FIRST_DAY + timedelta(microseconds=midnight)).date()
        days.append(StoreDay(day=day, length_us=DAY_US, stretches=tuple(stretches)))
    return tuple(days)


def _days() -> list[tuple[int, int]]:
    return [(day * DAY_US, (day + 1) * DAY_US) for day in range(DAYS)]


def _stores(ids: list[str]) -> list[dict[str, Any]]:
    rows = []
    for store_id in ids:
        name, zone, zone_source, hours_source = STORES[store_id][:4]
        for window, (from_us, to_us) in WINDOWS.items():
            row = figures(totals_of(store_id, from_us, to_us))
            stretches = [
                min(end, to_us) - max(start, from_us)
                for store, status, start, end in STRETCHES
                if store == store_id and status is Status.DOWN and start < to_us and end > from_us
            ]
            known = row["availability"] is not None
            budget = round(0.005 * (row["up_us"] + row["down_us"]))  # type: ignore[operator]
            rows.append(
                {"store_id": store_id, "name": name, "timezone": zone, "timezone_source": zone_source}
                | {"hours_source": hours_source, "window": window}
                | {"from_at": _instant(from_us, zone), "to_at": _instant(to_us, zone)}
                | row
                | {"target": 99.5, "target_met": row["availability"] >= 0.995 if known else None}  # type: ignore[operator]
                | {"error_budget_us": budget if known else None}
                | {"error_budget_left_us": budget - row["down_us"] if known else None}  # type: ignore[operator]
                | {"before_availability": 0.98 if known else None}
                | {"availability_change": row["availability"] - 0.98 if known else None}  # type: ignore[operator]
                | {"peer_group": STORES[store_id][6], "peer_availability": 0.9775 if known else None}
                | {"peer_difference": -0.0025 if known else None, "peer_rank": 1 if known else None}
                | {"peer_stores": 2 if known else None, "outages": len(stretches)}
                | {"outage_us": sum(stretches), "longest_outage_us": max(stretches, default=None)}
                | {"mean_outage_us": sum(stretches) // len(stretches) if stretches else None}
                | {"mttr_us": sum(stretches) // len(stretches) if stretches else None}
                | {"mtbf_us": row["up_us"] // len(stretches) if stretches else None}  # type: ignore[operator]
                | {"late_open_us": 4_320_345_678 if store_id == "cafe-lisboa" else 0, "late_opens": 1}
                | {"early_close_us": 4_500_000_000 if store_id == "tokyo-1" else 0, "early_closes": 0}
                | {"missed_us": 0, "missed_sessions": 0, "polls": 168 if known else 0, "polls_outside_hours": 12}
                | {"duplicates": 3, "median_gap_us": 3_600_000_000 if known else None}
                | {"longest_gap_us": 16_200_000_001 if known else None}
                | {"lost_sales": 1234.5 if known else None, "lost_sales_lowest": 1200.25 if known else None}
                | {"lost_sales_highest": 1500.75 if known else None}
                | _interval(row["availability"])
                | {"availability_change_certain": True if known else None}
                | {"target_verdict": "cannot be told" if known else None}
                | {"peer_difference_certain": False if known else None}
            )
    return rows


def _with_interval(row: dict[str, Any]) -> dict[str, Any]:
    return row | _interval(row["availability"])


def _interval(availability: Any) -> dict[str, Any]:
    """Return the columns of SAMPLING around an availability."""
    if availability is None:
        return dict.fromkeys(content.SAMPLING)
    return {
        "availability_expected": availability - 0.001,
        "availability_from": availability - 0.011,
        "availability_to": min(availability + 0.009, 1.0),
        "unseen_outages_expected": 1.25,
        "seen_outage_minutes": 57.5,
    }


def _spread(groups: list[tuple[str | None, list[str]]]) -> list[dict[str, Any]]:
    rows = []
    for group, ids in groups:
        for window, (from_us, to_us) in WINDOWS.items():
            each = [totals_of(store_id, from_us, to_us) for store_id in ids]
            known = [up / (up + down) for down, up, _, _ in each if up + down]
            p5, median, p95 = np.quantile(known, (0.05, 0.5, 0.95)).tolist() if known else (None,) * 3
            rows.append(
                {"group": group, "window": window, "stores": len(ids)}
                | figures(_sum(each))
                | {"availability_median": median, "availability_p5": p5, "availability_p95": p95}
                | {"share_without_downtime": known.count(1) / len(known) if known else None}
                | {"stores_without_known_time": len(each) - len(known)}
            )
    return rows


def _ends(ids: list[str], window: str) -> dict[str, datetime]:
    from_us, to_us = WINDOWS[window]
    return {
        "from_at": min(_instant(from_us, STORES[store_id][1]) for store_id in ids),
        "to_at": max(_instant(to_us, STORES[store_id][1]) for store_id in ids),
    }


def _split(buckets: list[tuple[int, int]]) -> list[tuple[str, int, int]]:
    return [
        (window, from_us, to_us)
        for window, (start_us, end_us) in WINDOWS.items()
        for from_us, to_us in buckets
        if start_us <= from_us and to_us <= end_us
    ]


def _buckets(ids: list[str], buckets: list[tuple[int, int]]) -> list[dict[str, Any]]:
    return [
        {
            "store_id": store_id,
            "name": STORES[store_id][0],
            "window": window,
            "bucket": FIRST_DAY + timedelta(microseconds=from_us),
        }
        | {"from_at": _instant(from_us, STORES[store_id][1]), "to_at": _instant(to_us, STORES[store_id][1])}
        | _with_interval(figures(totals_of(store_id, from_us, to_us)))
        for store_id in ids
        for window, from_us, to_us in _split(buckets)
    ]


def _trend(ids: list[str], buckets: list[tuple[int, int]]) -> list[dict[str, Any]]:
    return [
        {
            "window": window,
            "bucket": FIRST_DAY + timedelta(microseconds=from_us),
            "partial": from_us == PARTIAL_US,
            "stores": len(ids),
        }
        | _with_interval(figures(_sum(totals_of(store_id, from_us, to_us) for store_id in ids)))
        for window, from_us, to_us in _split(buckets)
    ]


def _pattern(ids: list[str]) -> list[dict[str, Any]]:
    rows = []
    for window, (start_us, end_us) in WINDOWS.items():
        for weekday in range(7):
            day_us = (weekday - FIRST_DAY.weekday()) % 7 * DAY_US
            for hour in range(24):
                from_us = day_us + hour * HOUR_US
                inside = start_us <= from_us < end_us
                totals = [totals_of(store_id, from_us, from_us + HOUR_US) for store_id in ids if inside]
                rows.append({"window": window, "weekday": weekday, "hour": hour} | figures(_sum(totals)))
    return rows


def _outages(ids: list[str]) -> list[dict[str, Any]]:
    rows = []
    for store_id, status, start_us, end_us in STRETCHES:
        for window, (from_us, to_us) in WINDOWS.items():
            if status is not Status.DOWN or store_id not in ids or end_us <= from_us or start_us >= to_us:
                continue
            name, zone, _, _, first, last, _ = STORES[store_id]
            start, end = max(start_us, from_us), min(end_us, to_us)
            position = "late_open" if start_us % DAY_US == first * HOUR_US else "middle"
            position = "early_close" if end_us % DAY_US == last * HOUR_US else position
            planned = store_id == "cafe-lisboa" and position == "late_open"
            rows.append(
                {"store_id": store_id, "name": name, "window": window, "position": position, "state": "ended"}
                | {"start_at": _instant(start, zone), "end_at": _instant(end, zone)}
                | {"start_local": FIRST_DAY + timedelta(microseconds=start), "down_us": end - start}
                | {"end_local": FIRST_DAY + timedelta(microseconds=end)}
                | {"wall_us": end - start, "blind_us": end - start if planned else 0}
                | {"opened_at": _instant(start + 5 * MINUTE_US, zone)}
                | {"closed_at": None if store_id == "@corner" else _instant(end, zone)}
                | {"began_before": start_us < from_us, "cause": "=power" if planned else None}
                | {"note": "Fuse blew; replaced (ticket #7)" if planned else None}
                | ({} if planned else _WHY)
            )
    return sorted(rows, key=lambda row: (row["store_id"], list(WINDOWS).index(row["window"]), row["start_at"]))


_WHY = {"inactive_polls": 4, "reason": "paused by the restaurant", "reason_polls": 3} | {
    "reasons": "3 paused by the restaurant, 1 no reason given"
}


def _rates(group: str | None, stores: int) -> list[dict[str, Any]]:
    limits = {"down_per_hour_from": 0.018, "down_per_hour_to": 0.0222, "up_per_hour_from": 0.85, "up_per_hour_to": 0.95}
    rates = {"down_per_hour": 0.02, "up_per_hour": 0.9, "mean_outage_us": 4_000_000_000, "long_run_availability": 0.978}
    return [{"group": group, "stores": stores, "changes": 1_234} | rates | limits]


def _reasons(ids: list[str]) -> list[dict[str, Any]]:
    rows = []
    for store_id in ids:
        for window, span in WINDOWS.items():
            down_us = totals_of(store_id, *span)[0]
            row = {"store_id": store_id, "name": STORES[store_id][0], "window": window}
            rows += [row | {"reason": "=paused", "inactive_polls": 3, "down_us": down_us}] if down_us else []
    return rows


def _mass_outages() -> list[dict[str, Any]]:
    start = _instant(_at(6, 12, 30), "Europe/Lisbon")
    return [
        {"window": "last_7_days", "label": "region", "value": "=EU", "first_start_at": start, "stores": 2}
        | {"last_start_at": start + timedelta(minutes=4), "end_at": start + timedelta(minutes=34), "label_stores": 3}
        | {"down_us": 64 * MINUTE_US, "store_ids": ["cafe-lisboa", "tokyo-1"]}
    ]


def _doctor(ids: list[str]) -> list[dict[str, Any]]:
    finding = {
        "store_id": "tokyo-1",
        "name": STORES["tokyo-1"][0],
        "finding": "closes_early",
        "evidence": "Inactive in the last 75 minutes on 5 of 7 days.",
        "correction": "Close at 19:45 instead of 21:00 on all days.",
        "confidence": 0.71,
        "availability": figures(totals_of("tokyo-1", 0, 7 * DAY_US))["availability"],
        "availability_corrected": 0.9934,
        "down_us": totals_of("tokyo-1", 0, 7 * DAY_US)[0],
        "down_corrected_us": 30 * MINUTE_US,
        "business_us": 84 * HOUR_US,
        "business_corrected_us": 75 * HOUR_US,
    }
    return [finding] if "tokyo-1" in ids else []


def _instant(local_us: int, zone: str) -> datetime:
    local = FIRST_DAY + timedelta(microseconds=local_us)
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _sum(each: Iterable[tuple[int, int, int, int]]) -> tuple[int, ...]:
    return tuple(int(total) for total in np.array([(0, 0, 0, 0), *each]).sum(axis=0))


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
