"""The tables of a PDF: worst stores, groups, outages, blind spots, the hours doctor, figures of one store."""

from typing import Any, Final

import polars as pl

from storewatch.domain.enums import OutagePosition, ReportTable
from storewatch.reports.exports.pdf import words
from storewatch.reports.exports.pdf.reading import Reading, Row
from storewatch.reports.exports.pdf.tables import Cell, column, down_bar, down_legend, more_of, store_cell, table
from storewatch.reports.exports.store_rows import store_names
from storewatch.reports.exports.wording import doctor_rule
from storewatch.stores.reasons import NOT_GIVEN, reason_words

LONGEST_OUTAGES: Final = 40
_GROUPS, _EVENTS, _SPOTS, _FINDINGS, _REASONS = 40, 20, 20, 25, 40
_STORES_OF_EVENT: Final = 6
# Which part of a session an outage covers.
_POSITIONS: Final = {
    OutagePosition.LATE_OPEN: "late opening",
    OutagePosition.EARLY_CLOSE: "early closing",
    OutagePosition.MIDDLE: "in the middle",
    OutagePosition.WHOLE: "whole session",
}
# What a difference is from, and the column that says whether it is certain.
_COMPARED: Final = {
    "availability_change": ("before_availability", "before", "availability_change_certain"),
    "peer_difference": ("peer_availability", "peers", "peer_difference_certain"),
}
_STATES: Final = {"ongoing": "still down", "continues": "continues after the window"}

Block = dict[str, Any]


def list_blocks(reading: Reading) -> list[Block | None]:
    if reading.store is not None:
        return [
            *_store_tables(reading.store, reading.content.request.currency),
            _outages(reading),
            _reasons(reading),
            _mass_outages(reading),
            _blind_spots(reading),
            _doctor(reading),
        ]
    return [
        _worst(reading),
        _groups(reading),
        _outages(reading),
        _reasons(reading),
        _mass_outages(reading),
        _blind_spots(reading),
        _doctor(reading),
    ]


def _worst(reading: Reading) -> Block:
    sample, peers = reading.worst[0] if reading.worst else {}, reading.content.request.peers
    columns, cells = [column("Store", "name"), column("Availability", "bar")], []
    extra = [
        ("coverage", "Coverage", words.percent),
        ("down_us", "Down, h", words.hours),
        ("outages", "Outages", words.count),
        ("availability_change", "Change, points", words.points),
        ("peer_difference", "Against peers, points", words.points),
        ("error_budget_left_us", "Budget left, min", words.minutes),
        ("lost_sales", words.in_currency("Lost sales", reading.content.request.currency), words.money),
    ]
    shown = [one for one in extra if one[0] in sample]
    columns += [column(head, "number") for _, head, _ in shown]
    for row in reading.worst:
        figures = [_beside(row, name, write(row[name])) for name, _, write in shown]
        cells.append([store_cell(row["name"], row["store_id"]), down_bar(row), *figures])
    return table(
        "Worst stores",
        columns,
        cells,
        lead=f"{words.window(reading.window)}: the lowest availability."
        + (f" Peers have the same {words.plain(peers).lower()}." if peers else ""),
        legend=down_legend(reading.worst),
        more="" if cells else "No store is known to have been down.",
    )


def _beside(row: Row, name: str, text: str) -> Cell:
    """Return a figure, and below a comparison what it compares with."""
    other, what, certain = _COMPARED.get(name, ("", "", ""))
    if not other or row[other] is None:
        return text
    return {"text": text, "sub": f"{what} {words.percent(row[other])}{words.chance(row.get(certain), row[name])}"}


def _groups(reading: Reading) -> Block | None:
    by = reading.content.request.group_by
    rows, found = reading.top(ReportTable.GROUPS, ["availability", "group"], _GROUPS, descending=[False, False])
    if by is None:
        return None
    columns = [
        column(words.plain(by), "name"),
        column("Availability", "bar"),
        *(
            column(head, "number")
            for head in ("Stores", "Coverage", "Down, h", "Median", "5th percentile", "No downtime")
        ),
    ]
    cells: list[list[Cell]] = [
        [
            f"no {words.plain(by).lower()}" if row["group"] is None else words.shown(row["group"]),
            down_bar(row),
            words.count(row["stores"]),
            words.percent(row["coverage"]),
            words.hours(row["down_us"]),
            words.percent(row["availability_median"]),
            words.percent(row["availability_p5"]),
            _without_downtime(row),
        ]
        for row in rows
    ]
    return table(
        f"By {words.plain(by).lower()}",
        columns,
        cells,
        lead=f"{words.window(reading.window)}: ratios of sums, lowest first.",
        legend=down_legend(rows),
        more=more_of(len(cells), found, "groups"),
    )


def _without_downtime(row: Row) -> Cell:
    unknown = row["stores_without_known_time"]
    return {
        "text": words.percent(row["share_without_downtime"]),
        "sub": f"{words.count(unknown)} unknown" if unknown else "",
    }


def _outages(reading: Reading) -> Block | None:
    if reading.table(ReportTable.OUTAGES) is None:
        return None
    rows, found = reading.top(
        ReportTable.OUTAGES,
        ["down_us", "store_id", "start_at"],
        LONGEST_OUTAGES,
        descending=[True, False, False],
    )
    alone = reading.store is not None
    if alone:
        rows.sort(key=lambda row: row["start_at"])
    columns = [
        *([] if alone else [column("Store", "name")]),
        column("From, to (UTC)", "text"),
        column("Down, h", "number"),
        column("Start to end, h", "number"),
        column("In the session", "prose"),
        column("Cause", "prose"),
    ]
    cells: list[list[Cell]] = [
        [
            *([] if alone else [store_cell(row["name"], row["store_id"])]),
            {"text": _until(row), "sub": f"{words.moment(row['start_local'])} on the store's clock"},
            words.hours(row["down_us"]),
            words.hours(row["wall_us"]),
            _place(row),
            _cause(row),
        ]
        for row in rows
    ]
    order = "by time" if alone and found <= LONGEST_OUTAGES else "the longest"
    least = reading.content.request.min_duration
    left_out = f"; shorter than {words.shown(least)} left out" if least else ""
    return table(
        "Outages",
        columns,
        cells,
        lead=f"{words.window(reading.window)}: {words.count(found)} in all, {order}{left_out}.",
        more=more_of(len(cells), found, "outages") if cells else "No outage is known.",
    )


def _reasons(reading: Reading) -> Block | None:
    if reading.table(ReportTable.REASONS) is None:
        return None
    rows, found = reading.top(
        ReportTable.REASONS,
        ["down_us", "inactive_polls", "store_id", "reason"],
        _REASONS,
        descending=[True, True, False, False],
    )
    alone = reading.store is not None
    columns = [
        *([] if alone else [column("Store", "name")]),
        column("Reason", "prose"),
        column("Inactive polls", "number"),
        column("Down, h", "number"),
    ]
    cells: list[list[Cell]] = [
        [
            *([] if alone else [store_cell(row["name"], row["store_id"])]),
            {"text": words.shown(row["reason"] or NOT_GIVEN, words.LONGEST_NOTE), "sub": ""},
            words.count(row["inactive_polls"]),
            words.hours(row["down_us"]),
        ]
        for row in rows
    ]
    return table(
        "Down time by reason",
        columns,
        cells,
        lead=f"{words.window(reading.window)}: the reasons that came with inactive polls.",
        more=more_of(len(cells), found, "reasons") if cells else "No store was down.",
    )


def _until(row: Row) -> str:
    start_at, end_at = row["start_at"], row["end_at"]
    same_day = end_at is not None and start_at.date() == end_at.date()
    return f"{words.moment(start_at)} to {f'{end_at:%H:%M}' if same_day else words.moment(end_at)}"


def _place(row: Row) -> Cell:
    """Return the part of the session that an outage covers, and whether the window cuts it."""
    cuts = ["began before the window" if row["began_before"] else "", _STATES.get(row["state"], "")]
    return {
        "text": _POSITIONS.get(row["position"], words.NOTHING),
        "sub": ", ".join(cut for cut in cuts if cut),
    }


def _cause(row: Row) -> Cell:
    """Return what is known about the cause of an outage: reasons of polls, its annotation, silence of the feed."""
    annotation = ": ".join(words.shown(text, words.LONGEST_NOTE) for text in (row["cause"], row["note"]) if text)
    reason = reason_words(row["inactive_polls"], row["reason"], row["reason_polls"])
    known = [
        words.shown(reason, words.LONGEST_NOTE) if reason else "",
        annotation,
        f"no polls from the feed for {words.hours(row['blind_us'])} h" if row["blind_us"] else "",
    ]
    first, *rest = [text for text in known if text] or [words.NOTHING]
    return {"text": first, "sub": "; ".join(rest)}


def _mass_outages(reading: Reading) -> Block | None:
    rows, found = reading.top(ReportTable.MASS_OUTAGES, ["stores", "first_start_at"], _EVENTS, descending=[True, False])
    if reading.table(ReportTable.MASS_OUTAGES) is None or (reading.store is not None and not rows):
        return None
    ids = pl.Series([each for row in rows for each in row["store_ids"][:_STORES_OF_EVENT]], dtype=pl.String)
    names = store_names(reading.content, ids)
    columns = [
        column("Shared label", "text"),
        column("Began, last ended (UTC)", "text"),
        column("Stores down", "prose"),
        column("Of the label", "number"),
        column("Down, h", "number"),
    ]
    cells: list[list[Cell]] = [
        [
            {"text": words.shown(row["value"]), "sub": words.shown(row["label"])},
            {"text": _first_and_last_start(row), "sub": words.moment(row["end_at"])},
            _some_stores(row["store_ids"], names),
            f"{words.count(row['stores'])} of {words.count(row['label_stores'])}",
            words.hours(row["down_us"]),
        ]
        for row in rows
    ]
    return table(
        "Mass outages",
        columns,
        cells,
        lead=f"{words.window(reading.window)}: outages of many stores with the same label that began together.",
        more=more_of(len(cells), found, "events") if cells else "No mass outage was found.",
    )


def _some_stores(store_ids: list[str], names: dict[str, str]) -> Cell:
    first = [words.shown(names.get(each, each)) for each in store_ids[:_STORES_OF_EVENT]]
    left = len(store_ids) - len(first)
    return {"text": ", ".join(first), "sub": f"and {words.count(left)} more" if left else ""}


def _first_and_last_start(row: Row) -> str:
    first, last = row["first_start_at"], row["last_start_at"]
    return words.moment(first) + (f" to {last:%H:%M}" if last != first else "")


def _blind_spots(reading: Reading) -> Block | None:
    rows, found = reading.top(ReportTable.BLIND_SPOTS, ["start_at"], _SPOTS, descending=[False])
    if reading.table(ReportTable.BLIND_SPOTS) is None:
        return None
    columns = [
        column("From (UTC)", "text"),
        column("To (UTC)", "text"),
        column("Open stores not polled", "bar"),
        column("", "name"),
    ]
    cells: list[list[Cell]] = [
        [
            words.moment(row["start_at"]),
            words.moment(row["end_at"]),
            {"text": words.percent(row["unpolled_share"]), "bar": row["unpolled_share"], "fill": "unknown"},
            "",
        ]
        for row in rows
    ]
    none = (
        "No blind spot was found."
        if reading.main["feed_judged_us"]
        else "Too few stores are open at the same time to find blind spots."
    )
    return table(
        "Blind spots of the feed",
        columns,
        cells,
        lead=f"{words.window(reading.window)}: times in which most open stores were not polled.",
        legend=("unknown", "share of the open stores that were not polled"),
        more=more_of(len(cells), found, "blind spots") if cells else none,
    )


def _doctor(reading: Reading) -> Block | None:
    rows, found = reading.top(ReportTable.DOCTOR, ["confidence", "store_id"], _FINDINGS, descending=[True, False])
    if reading.table(ReportTable.DOCTOR) is None:
        return None
    columns = [
        column("Store", "name"),
        column("What the polls say", "prose"),
        column("Hours that would fit", "prose"),
        column("Confidence", "number"),
        column("Availability", "number"),
        column("Corrected", "number"),
    ]
    cells: list[list[Cell]] = [
        [
            _finding_cell(row),
            words.shown(row["evidence"], words.LONGEST_NOTE),
            words.shown(row["correction"], words.LONGEST_NOTE),
            words.percent(row["confidence"]),
            _with_open_hours(row["availability"], row["business_us"]),
            _with_open_hours(row["availability_corrected"], row["business_corrected_us"]),
        ]
        for row in rows
    ]
    return table(
        "Hours doctor",
        columns,
        cells,
        lead=f"Stores whose polls contradict their hours. {doctor_rule()} The corrections are suggestions; nothing was "
        "changed.",
        more=more_of(len(cells), found, "findings") if cells else "No polls contradict the hours of their store.",
    )


def _finding_cell(row: Row) -> Cell:
    finding = words.plain(row["finding"]).lower()
    if row["store_id"] is None:
        return {"text": "all stores", "sub": finding}
    store = store_cell(row["name"], row["store_id"])
    return store | {"sub": f"{store['sub']}, {finding}" if store["sub"] else finding}


def _with_open_hours(availability: float | None, business_us: int | None) -> Cell:
    return {
        "text": words.percent(availability),
        "sub": "" if business_us is None else f"open {words.hours(business_us)} h",
    }


_LOST_SALES: Final = "Lost sales"
_STORE_TABLES: Final[dict[str, list[tuple[str, str, Any]]]] = {
    "Target": [
        ("target", "Target", words.objective),
        ("availability", "Availability", words.percent),
        ("target_met", "Met", words.yes_no),
        ("target_verdict", "By the interval", words.plain),
        ("error_budget_us", "Error budget, min", words.minutes),
        ("down_us", "Used, min", words.minutes),
        ("error_budget_left_us", "Left, min", words.minutes),
    ],
    "Compared with the period before": [
        ("before_availability", "Availability before", words.percent),
        ("availability", "Availability", words.percent),
        ("availability_change", "Change, points", words.points),
        ("availability_change_certain", "Certain", words.yes_no),
    ],
    "Compared with its peers": [
        ("peer_group", "Peer group", words.shown),
        ("peer_availability", "Availability of the group", words.percent),
        ("peer_difference", "Difference, points", words.points),
        ("peer_difference_certain", "Certain", words.yes_no),
        ("peer_rank", "Rank", words.count),
        ("peer_stores", "Stores in the group", words.count),
    ],
    "Outages in business time": [
        ("outages", "Outages", words.count),
        ("outage_us", "Outage time, h", words.hours),
        ("longest_outage_us", "Longest, h", words.hours),
        ("mean_outage_us", "Mean, h", words.hours),
        ("mttr_us", "Mean time to repair (MTTR), h", words.hours),
        ("mtbf_us", "Between failures (MTBF), h", words.hours),
    ],
    "Openings and closings": [
        ("late_opens", "Late openings", words.count),
        ("late_open_us", "Lost, h", words.hours),
        ("early_closes", "Early closings", words.count),
        ("early_close_us", "Lost, h", words.hours),
        ("missed_sessions", "Never opened", words.count),
        ("missed_us", "Lost, h", words.hours),
    ],
    "Poll quality": [
        ("polls", "Polls", words.count),
        ("polls_outside_hours", "Outside hours", words.count),
        ("duplicates", "Duplicates", words.count),
        ("median_gap_us", "Median gap, min", words.minutes),
        ("longest_gap_us", "Longest gap, min", words.minutes),
        ("coverage", "Coverage", words.percent),
    ],
    "How sure the availability is": [
        ("availability_expected", "Expected", words.percent),
        ("availability_from", "95 % sure: from", words.percent),
        ("availability_to", "to", words.percent),
        ("unseen_outages_expected", "Unseen outages", words.tenths),
        ("seen_outage_minutes", "Seen from, min", words.tenths),
    ],
    _LOST_SALES: [
        ("lost_sales", "Estimate", words.money),
        ("lost_sales_lowest", "At least", words.money),
        ("lost_sales_highest", "At most", words.money),
    ],
}


def _store_tables(store: list[Row], currency: str | None) -> list[Block]:
    """Return the tables of the only store, with a row for each window. Figures that the report lacks are left out."""
    shown = [
        (title, [figure for figure in figures if figure[0] in store[0]])
        for title, figures in _STORE_TABLES.items()
        if figures[0][0] in store[0]
    ]
    tables: list[Block] = [
        table(
            words.in_currency(title, currency) if title == _LOST_SALES else title,
            [column("Window", "name"), *(column(head, "number") for _, head, _ in figures)],
            [[words.window(row["window"]), *(write(row[name]) for name, _, write in figures)] for row in store],
            level=2,
        )
        for title, figures in shown
    ]
    return [{"kind": "section", "title": "Figures of each window"}, *tables] if tables else []
