"""The first page: the subject of the report, its main figures, its windows."""

from datetime import time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from storewatch.catalog import NAME
from storewatch.domain.enums import SettingSource
from storewatch.domain.plurals import counted
from storewatch.reports.exports.pdf import words
from storewatch.reports.exports.pdf.front import panels, unknowns
from storewatch.reports.exports.pdf.reading import Reading, Row, WindowCounts
from storewatch.reports.exports.pdf.tables import Cell, column, table
from storewatch.reports.exports.window_words import dates
from storewatch.reports.exports.wording import briefly
from storewatch.reports.request.request import ReportRequest
from storewatch.reports.request.window_names import CALENDAR

# From here on a tile has no room for hundredths.
_MANY: Final = 10_000
_MOST_SPECIAL: Final = 8
_PARTS: Final = (("up", "Up"), ("down", "Down"), ("unknown", "Unknown"), ("planned", "Planned"))
_ASSUMED: Final = {
    SettingSource.GIVEN: "",
    SettingSource.DEFAULT: " (assumed, {})",
    SettingSource.REJECTED: " (assumed, because the rows were rejected)",
}


def cover(reading: Reading) -> dict[str, Any]:
    main, store = reading.main, reading.store
    title, about = _title_and_facts(reading)
    return {
        "title": title,
        "about": about,
        "window": words.window(main["window"]),
        "stretch": _stretch(reading),
        "availability": words.percent(main["availability"]),
        "change": _change(main),
        "caution": _caution(main),
        "warning": f"Warning: {warning.text}" if (warning := reading.content.clock_warning) else "",
        "scale": {
            "value": main["availability"],
            "low": main["availability_lowest"],
            "high": main["availability_highest"],
        },
        "tiles": _store_tiles(reading) if store else _tiles(reading),
        "split": _split(main),
        "windows": _windows(reading) if len(reading.windows) > 1 else None,
        "alone": reading.store is not None,
        "panels": panels(reading),
        "unknowns": unknowns(reading),
        "facts": _facts(reading),
    }


def _stretch(reading: Reading) -> str:
    """Return the ends of the main window; of whole local days also their dates on the clock of the stores."""
    main, row = reading.main, reading.first
    ends = words.stretch(main["from_at"], main["to_at"])
    if row is None or main["window"] not in CALENDAR:
        return ends
    clock = ZoneInfo(reading.content.request.timezone or row["timezone"])
    first, last = (row[end].astimezone(clock) for end in ("from_at", "to_at"))
    if first.time() != time() or last.time() != time():
        return ends
    return f"{dates(first.date(), last.date() - timedelta(days=1))} ({ends})"


def _caution(main: Row) -> str:
    if main["availability"] is None:
        return "Nothing is known about this window."
    bounds = words.between(main["availability_lowest"], main["availability_highest"])
    return f"of the time that is known; coverage {words.percent(main['coverage'])}, bounds {bounds}"


def _change(main: Row) -> str:
    if main["availability"] is None:  # the caution says so
        return ""
    if main.get("availability_change") is None:
        return "The period before has no known time to compare with." if "availability_change" in main else ""
    change = main["availability_change"]
    chance = words.chance(main.get("availability_change_certain"), change)
    return f"{words.points(change)} points; before: {words.percent(main['before_availability'])}{chance}"


def _title_and_facts(reading: Reading) -> tuple[str, list[tuple[str, str]]]:
    if not reading.store:
        return f"Availability of {counted(reading.content.stores, 'store')}", []
    row = reading.store[0]
    assumed = _ASSUMED[SettingSource(row["timezone_source"])].format("none was given")
    hours = _hours(reading, SettingSource(row["hours_source"]))
    labels = [
        (words.plain(label), words.shown(value))
        for label, value in sorted(reading.content.labels.items())
        if label != NAME
    ]
    store = [("Store", words.shown(row["store_id"])), ("Time zone", row["timezone"] + assumed), *hours]
    return words.shown(row["name"] or row["store_id"]), store + labels


def _hours(reading: Reading, source: SettingSource) -> list[tuple[str, str]]:
    """Return the weekly hours of the only store, and what differs in the windows, in local time."""
    hours = reading.content.hours
    if source is not SettingSource.GIVEN or hours is None:
        weekly = "as given" if source is SettingSource.GIVEN else "open day and night"
        found = [("Hours", weekly + _ASSUMED[source].format("none were given"))]
    else:
        since = f" (other hours before {words.weekday(hours.changed_on[-1])})" if hours.changed_on else ""
        found = [("Hours", (hours.weekly or "closed all week") + since)]
    special = [f"{words.weekday(day)} {span}" for day, span in hours.special] if hours else []
    left = len(special) - _MOST_SPECIAL
    more = [f"and {left:,} more"] if left > 0 else []
    return found + ([("Special hours", ", ".join(special[:_MOST_SPECIAL] + more))] if special else [])


def _tile(label: str, value: str, note: str = "") -> dict[str, str]:
    return {"label": label, "value": value, "note": note}


def _tiles(reading: Reading) -> list[dict[str, str]]:
    main, counts = reading.main, reading.counts
    tiles = [
        _tile("Hours down", words.hours(main["down_us"]), f"of {words.hours(main['business_us'])} business hours"),
        _tile("No downtime", words.percent(main["share_without_downtime"]), _of_known_stores(main)),
        _tile(
            "Median store",
            words.percent(main["availability_median"]),
            f"90 % of stores: {words.percent(main['availability_p5'])} to {words.percent(main['availability_p95'])}",
        ),
    ]
    if counts.outages is not None:
        tiles.append(
            _tile(
                "Outages",
                words.count(counts.outages),
                f"longest {words.hours(counts.longest_us)} h" if counts.outages else "",
            )
        )
    if counts.met is not None:
        tiles.append(_tile("Target met", words.share(counts.met, counts.judged), _with_target(counts)))
    if "lost_sales" in main:
        tiles.append(_sales_tile(main, reading.content.request.currency))
    return tiles + _sampling_tiles(main)


def _with_target(counts: WindowCounts) -> str:
    if not counts.judged:
        return "no store has a target and known time"
    return f"{words.count(counts.met)} of {counted(counts.judged, 'store')} with a target"


def _of_known_stores(row: Row) -> str:
    """Return which stores a share is of, and how many it leaves out."""
    left_out = row["stores_without_known_time"]
    return "of stores with known time" + (f"; {words.count(left_out)} have none" if left_out else "")


def _store_tiles(reading: Reading) -> list[dict[str, str]]:
    row = next(row for row in reading.store or [] if row["window"] == reading.window)
    tiles = [_tile("Hours down", words.hours(row["down_us"]), f"of {words.hours(row['business_us'])} business hours")]
    if "outages" in row:
        longest = f"longest {words.hours(row['longest_outage_us'])} h" if row["outages"] else ""
        tiles.append(_tile("Outages", words.count(row["outages"]), longest))
        tiles.append(_tile("Late openings", words.count(row["late_opens"]), f"{words.hours(row['late_open_us'])} h"))
        tiles.append(
            _tile("Early closings", words.count(row["early_closes"]), f"{words.hours(row['early_close_us'])} h")
        )
    if row.get("target") is not None:
        verdict = {True: "met", False: "missed", None: words.NOTHING}[row["target_met"]]
        tiles.append(_tile(f"Target {words.objective(row['target'])}", verdict, _error_budget(row)))
    if "lost_sales" in row:
        tiles.append(_sales_tile(row, reading.content.request.currency))
    return tiles + _sampling_tiles(row)


def _sampling_tiles(row: Row) -> list[dict[str, str]]:
    if row.get("availability_from") is None:
        return []
    between = words.between(row["availability_from"], row["availability_to"])
    return [_tile("Expected", words.percent(row["availability_expected"]), f"95 % sure: {between}")]


def _error_budget(row: Row) -> str:
    budget_us, left_us = row["error_budget_us"], row["error_budget_left_us"]
    if left_us is None:
        return ""
    state = "over" if left_us < 0 else "left of"
    return f"{words.minutes(abs(left_us))} min {state} the error budget of {words.minutes(budget_us)} min"


def _sales_tile(row: Row, currency: str | None) -> dict[str, str]:
    """Return the estimate of lost sales, in whole units where there are many, and its bounds."""
    estimate = row["lost_sales"]
    if estimate is None:
        return _tile("Lost sales", words.NOTHING)
    bounds = f"{words.money(row['lost_sales_lowest'])} to {words.money(row['lost_sales_highest'])}"
    return _tile(words.in_currency("Lost sales", currency), words.money(estimate, whole=estimate >= _MANY), bounds)


def _split(main: Row) -> list[dict[str, Any]]:
    business_us = main["business_us"]
    return [
        {
            "status": status,
            "label": label,
            "share": main[f"{status}_us"] / business_us if business_us else 0,
            "hours": words.hours(main[f"{status}_us"]),
        }
        for status, label in _PARTS
        if status != "planned" or main["planned_us"]
    ]


def _windows(reading: Reading) -> dict[str, Any]:
    planned = any(row["planned_us"] for row in reading.windows)
    before, sure = "before_availability" in reading.main, reading.main.get("availability_from") is not None
    rows: list[list[Cell]] = [
        [
            {"text": words.window(row["window"]), "sub": words.stretch(row["from_at"], row["to_at"])},
            words.percent(row["availability"]),
            *([words.between(row["availability_from"], row["availability_to"])] if sure else []),
            *([words.percent(row["before_availability"]), words.points(row["availability_change"])] if before else []),
            words.percent(row["coverage"]),
            words.between(row["availability_lowest"], row["availability_highest"]),
            words.hours(row["down_us"]),
            words.hours(row["unknown_us"]),
            *([words.hours(row["planned_us"])] if planned else []),
        ]
        for row in reading.windows
    ]
    columns = [
        column("Window", "name"),
        column("Availability", "number"),
        *([column("95 % sure", "number")] if sure else []),
        *(column(head, "number") for head in ("Period before", "Change, points") if before),
        *(column(head, "number") for head in ("Coverage", "Bounds", "Down, h", "Unknown, h")),
        *([column("Planned, h", "number")] if planned else []),
    ]
    return table("Windows", columns, rows)


def _facts(reading: Reading) -> list[list[str]]:
    content, asked = reading.content, reading.content.request
    versions = content.versions
    own = "the store's own" if reading.store else "each store's own; windows show the earliest start and latest end"
    data = f"lake version {versions.lake}, catalog version {versions.catalog}"
    return [
        *([] if reading.store else [["Stores", _chosen_stores(asked, content.stores)]]),
        ["Clock", words.shown(asked.timezone) if asked.timezone else own],
        *([name, text] for name, text in briefly(asked).items()),
        *([] if content.scope.is_limited else [["Data", data]]),
        ["Computed by", f"storewatch {versions.software}, tzdata {versions.tzdata}"],
    ]


def _chosen_stores(asked: ReportRequest, stores: int) -> str:
    parts = [
        f"{words.count(len(asked.store_ids))} named" if asked.store_ids is not None else "",
        *(f"{words.shown(label)} = {words.shown(value)}" for label, value in asked.labels),
        f"zone {words.shown(asked.zone)}" if asked.zone else "",
        "only with downtime" if asked.with_outages else "",
        f"the {words.count(asked.worst)} worst" if asked.worst else "",
    ]
    chosen = ", ".join(part for part in parts if part)
    return f"{words.count(stores)} ({chosen})" if chosen else f"{words.count(stores)}, all known stores"
