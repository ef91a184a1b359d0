"""The hours doctor: stores whose polls contradict their hours, the correction that would fit, and what it would do.

Nothing is ever corrected here: a suggestion is a row of a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import polars as pl

from storewatch.catalog import Catalog
from storewatch.domain.clock_words import clock_words
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import Finding, ReportTable, Status
from storewatch.domain.instants import DAY_US, MINUTE_US, SECOND_US
from storewatch.engine.availability import totals
from storewatch.engine.evidence import Evidence, Reclassified, evidence_range
from storewatch.engine.measures import measure
from storewatch.engine.opening.sessions import Sessions
from storewatch.reports.compute.collecting import NO_COLUMNS, ReportContext
from storewatch.reports.compute.content import DOCTOR, Table
from storewatch.reports.compute.figures import Shard
from storewatch.reports.sections.contradictions import (
    FEWEST_DAYS,
    ActiveOutside,
    WrongEdge,
    WrongZone,
    find_active_outside,
    find_wrong_edges,
    find_wrong_zones,
)
from storewatch.reports.sections.corrections import (
    Correction,
    correct_edge,
    correct_to_always,
    correct_zone,
    zone_that_is,
)

# The end of the longest window is looked at, as far back as this.
EXAMINED_US: Final = 31 * DAY_US
MAX_FINDINGS: Final = 5_000

_EVIDENCE: Final = {
    Finding.LATE_OPEN: "inactive for the first {by} min (median; at least {bound}) of {on} of {of} openings",
    Finding.EARLY_CLOSE: "inactive for the last {by} min (median; at least {bound}) of {on} of {of} closings",
    Finding.OPENS_EARLIER: "active from {by} min (median; at most {bound}) before {on} of {of} openings",
    Finding.STAYS_OPEN: "active until {by} min (median; at most {bound}) after {on} of {of} closings",
}


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A finding of one store, `store` its index in the shard; corrected: None where no correction is known."""

    store: int
    finding: Finding
    evidence: str
    confidence: float
    corrected: Correction | None


class DoctorCollector:
    """One row a finding: evidence and correction in words, and the first window's figures with the correction.

    Looked at is the longest window up to as_of, of it the last EXAMINED_US. A store in the wrong zone has no further
    finding: its openings and closings are judged by the wrong clock; one that opens earlier or stays open does close.
    After `most` findings one row, without a store, says how many more suspicions there are. Where most of at least
    FEWEST_DAYS stores that can be judged are active outside their hours, it is the polls that see them so, and one row
    says it of all.
    """

    lookaround_us = DAY_US
    cells = 168  # keeps the quarters of an hour of a shard's calendars small

    def __init__(self, context: ReportContext, _catalog: Catalog, most: int = MAX_FINDINGS) -> None:
        self._context, self._most = context, most
        self._table, self._outside = Table(schema=DOCTOR), Table(schema=DOCTOR)
        self._left_out = self._active_outside = self._judged = 0
        self._always_open: dict[int | None, Correction] = {}

    def add(self, shard: Shard) -> None:
        if shard.first == shard.last:
            return
        given = shard.evidence, shard.sessions, self._examined_us(shard), self._context.inputs.as_of_us
        zones = find_wrong_zones(*given)
        explained = {wrong.store for wrong in zones}
        edges = find_wrong_edges(*given, partial(self._context.local_readings, shard))
        suspects: list[WrongZone | WrongEdge] = [*zones, *(edge for edge in edges if edge.store not in explained)]
        suspects.sort(key=lambda wrong: wrong.store)
        room = max(0, self._most - self._table.height)
        self._left_out += len(suspects[room:])
        found = [
            self._wrong_zone(shard, wrong) if isinstance(wrong, WrongZone) else self._wrong_edge(shard, wrong)
            for wrong in suspects[:room]
        ]
        self._append(self._table, shard, [each for each in found if each is not None])
        explained |= {edge.store for edge in edges if edge.finding in (Finding.OPENS_EARLIER, Finding.STAYS_OPEN)}
        outside, judged = find_active_outside(*given)
        outside = [each for each in outside if each.store not in explained]
        self._judged += judged
        self._active_outside += len(outside)
        room = max(0, self._most - self._outside.height)
        self._append(self._outside, shard, [self._found_outside(shard, each) for each in outside[:room]])

    def store_columns(self) -> pl.DataFrame:
        return NO_COLUMNS

    def summary_columns(self) -> pl.DataFrame:
        return NO_COLUMNS

    def tables(self) -> Mapping[ReportTable, Table]:
        table, rows, left_out = Table(schema=DOCTOR), self._table.read(), self._left_out
        if self._judged >= FEWEST_DAYS and 2 * self._active_outside > self._judged:
            table.append(rows)
            said = (
                f"{self._active_outside:,} of {self._judged:,} stores are active in most polls outside their hours, so "
                f"this is how they are polled rather than when they open"
            )
            table.append(_of_no_store(Finding.ACTIVE_OUTSIDE, said))
        else:
            table.append(pl.concat([rows, self._outside.read()]).sort("store_id", maintain_order=True))
            left_out += self._active_outside - self._outside.height
        if left_out:
            said = f"{left_out} further suspicions are left out; ask for the stores of one label or zone at a time"
            table.append(_of_no_store("not_examined", said))
        return {ReportTable.DOCTOR: table}

    def _examined_us(self, shard: Shard) -> Int64s:
        windows_us = self._context.windows.spans_us
        longest = int((windows_us[0, :, 1] - windows_us[0, :, 0]).argmax())
        spans_us: Int64s = windows_us[shard.zone_of, longest].copy()
        spans_us[:, 1] = np.minimum(spans_us[:, 1], self._context.inputs.as_of_us)
        spans_us[:, 0] = np.maximum(spans_us[:, 0], spans_us[:, 1] - EXAMINED_US)
        return spans_us

    def _append(self, table: Table, shard: Shard, found: list[_Found]) -> None:
        if not found:
            return
        store = np.array([each.store for each in found])
        stays = np.array([each.corrected is not None for each in found])
        before = self._figures(shard, store, replace(shard.sessions, calendar_of=shard.sessions.calendar_of[store]))
        corrections = [each.corrected for each in found if each.corrected is not None]
        after = np.zeros_like(before)
        after[stays] = self._figures(shard, store[stays], _as_corrected(corrections))
        rows = pl.DataFrame(
            {
                "store_id": self._context.store_ids.gather(store + shard.first),
                "finding": [each.finding.value for each in found],
                "evidence": [each.evidence for each in found],
                "correction": [each.corrected.words if each.corrected else None for each in found],
                "confidence": [each.confidence for each in found],
                "availability": measure(before).availability,
                "availability_corrected": measure(after).availability,
                "down_us": before[:, Status.DOWN],
                "down_corrected_us": after[:, Status.DOWN],
                "business_us": before.sum(axis=1),
                "business_corrected_us": after.sum(axis=1),
            },
            schema_overrides={"correction": pl.String},
            nan_to_null=True,
        )
        corrected = pl.col("down_corrected_us", "business_corrected_us")
        table.append(rows.with_columns(pl.when(pl.Series(stays)).then(corrected)))

    def _wrong_edge(self, shard: Shard, wrong: WrongEdge) -> _Found | None:
        zone = self._context.inputs.store_list.calendars.zones[shard.zone_of[wrong.store]]
        corrected = correct_edge(wrong, shard.sessions, int(shard.sessions.calendar_of[wrong.store]), zone)
        if corrected is None:
            return None
        return _Found(
            store=wrong.store,
            finding=wrong.finding,
            evidence=_EVIDENCE[wrong.finding].format(
                by=wrong.by_us // MINUTE_US,
                bound=wrong.bound_us // MINUTE_US,
                on=int(wrong.is_contrary.sum()),
                of=len(wrong.is_contrary),
            )
            + ("" if wrong.clock_us is None else f" at {clock_words(wrong.clock_us // SECOND_US)}"),
            confidence=wrong.share,
            corrected=corrected,
        )

    def _wrong_zone(self, shard: Shard, wrong: WrongZone) -> _Found:
        inputs = self._context.inputs
        calendars = inputs.store_list.calendars
        calendar = int(shard.sessions.calendar_of[wrong.store])
        zone = zone_that_is(wrong.hours, calendars, calendar, inputs.as_of_us)
        later = f"{abs(wrong.hours)} h {'later' if wrong.hours > 0 else 'earlier'}"
        return _Found(
            store=wrong.store,
            finding=Finding.WRONG_ZONE,
            evidence=(
                f"{wrong.agreeing:.0%} of {wrong.polls} polls fit the hours moved {later}, "
                f"{wrong.agreeing_as_given:.0%} the hours as they are"
            ),
            confidence=wrong.agreeing,
            corrected=None
            if zone is None
            else correct_zone(calendars, calendar, zone, self._reach_us, inputs.closures),
        )

    def _found_outside(self, shard: Shard, wrong: ActiveOutside) -> _Found:
        fits = 10 * wrong.contrary >= 9 * wrong.closings
        return _Found(
            store=wrong.store,
            finding=Finding.ACTIVE_OUTSIDE,
            evidence=(
                f"active in {wrong.active:.0%} of {wrong.polls} polls outside hours, after {wrong.contrary} of "
                f"{wrong.closings} closings{'; no closing seen' if wrong.contrary == wrong.closings else ''}"
            ),
            confidence=wrong.active,
            corrected=self._always(int(shard.sessions.calendar_of[wrong.store])) if fits else None,
        )

    def _always(self, calendar: int) -> Correction:
        """Open a calendar around the clock; all that have no closures are the same then."""
        store_list, closures = self._context.inputs.store_list, self._context.inputs.closures
        key = calendar if (store_list.calendars.closures.calendar == calendar).any() else None
        if key not in self._always_open:
            given = store_list.calendars, calendar, store_list.patterns
            self._always_open[key] = correct_to_always(*given, self._reach_us, closures)
        return self._always_open[key]

    @property
    def _reach_us(self) -> tuple[int, int]:
        """How far sessions can matter to the figures."""
        inputs, first_us = self._context.inputs, self._context.windows.spans_us[:, 0]
        bounds_us = int(first_us.min()), int(first_us.max())
        return evidence_range(*bounds_us, as_of_us=inputs.as_of_us, policy=inputs.policy)

    def _figures(self, shard: Shard, stores: Int64s, sessions: Sessions) -> Int64s:
        """Add up the first window of some stores with sessions of their own: int64[N,4]."""
        inputs = self._context.inputs
        return totals(
            _evidence_of(shard.evidence, stores),
            sessions,
            self._context.windows.spans_us[:, :1],
            zone_of=shard.zone_of[stores],
            as_of_us=inputs.as_of_us,
            policy=inputs.policy,
            reclassified=None if shard.reclassified is None else _reclassified_of(shard.reclassified, stores),
        )[:, 0]


def _of_no_store(finding: str, evidence: str) -> pl.DataFrame:
    nothing: dict[str, list[str | None]] = {name: [None] for name in DOCTOR}
    return pl.DataFrame(nothing | {"finding": [finding], "evidence": [evidence]}, schema=DOCTOR)


def _as_corrected(corrections: list[Correction]) -> Sessions:
    """Put the sessions of corrections together, each a calendar of its own."""
    none = np.empty(0, np.int64)
    (open_us, close_us), (planned_start_us, planned_end_us) = (
        [np.concatenate([none, *(pair[edge] for pair in pairs)]) for edge in (0, 1)]
        for pairs in ([each.sessions for each in corrections], [each.planned for each in corrections])
    )
    return Sessions(
        offsets=np.cumsum([0, *(len(each.sessions[0]) for each in corrections)]),
        open_us=open_us,
        close_us=close_us,
        planned_offsets=np.cumsum([0, *(len(each.planned[0]) for each in corrections)]),
        planned_start_us=planned_start_us,
        planned_end_us=planned_end_us,
        calendar_of=np.arange(len(corrections)),
    )


def _evidence_of(evidence: Evidence, stores: Int64s) -> Evidence:
    offsets, rows = _rows_of(evidence.offsets, stores)
    return Evidence(offsets=offsets, observed_us=evidence.observed_us[rows], active=evidence.active[rows])


def _reclassified_of(reclassified: Reclassified, stores: Int64s) -> Reclassified:
    offsets, rows = _rows_of(reclassified.offsets, stores)
    return Reclassified(
        offsets=offsets,
        start_us=reclassified.start_us[rows],
        end_us=reclassified.end_us[rows],
        status=reclassified.status[rows],
    )


def _rows_of(offsets: Int64s, stores: Int64s) -> tuple[Int64s, Int64s]:
    """Give the offsets of some stores by themselves, and the places of their rows."""
    counts = np.diff(offsets)[stores]
    own = np.append(0, np.cumsum(counts))
    return own, np.repeat(offsets[stores] - own[:-1], counts) + np.arange(own[-1])
