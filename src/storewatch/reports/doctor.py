"""The hours doctor: stores whose polls contradict their hours, the correction that would fit, and what it would do.

Nothing is ever corrected here: a suggestion is a row of a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from storewatch.catalog import Catalog
from storewatch.engine.availability import Evidence, Reclassified, evidence_range, totals
from storewatch.engine.columns import DAY_US, MINUTE_US, Int64s, Status
from storewatch.engine.measures import measure
from storewatch.engine.opening import Sessions
from storewatch.reports.collecting import NO_COLUMNS, Plan
from storewatch.reports.content import DOCTOR, Table
from storewatch.reports.contradictions import (
    Finding,
    WrongEdge,
    WrongZone,
    find_wrong_edges,
    find_wrong_zones,
)
from storewatch.reports.corrections import Correction, correct_edge, correct_zone, zone_that_is
from storewatch.reports.figures import Shard
from storewatch.reports.request import TableName

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
    finding: its openings and closings are judged by the wrong clock. After `most` findings one row, without a store,
    says how many more suspicions there are.
    """

    lookaround_us = DAY_US
    cells = 168  # keeps the quarters of an hour of a shard's calendars small

    def __init__(self, plan: Plan, _catalog: Catalog, most: int = MAX_FINDINGS) -> None:
        self._plan, self._most = plan, most
        self._table = Table(schema=DOCTOR)
        self._left_out = 0

    def add(self, shard: Shard) -> None:
        found = self._examine(shard) if shard.first < shard.last else []
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
                "store_id": self._plan.store_ids.gather(store + shard.first),
                "finding": [each.finding.value for each in found],
                "evidence": [each.evidence for each in found],
                "correction": [each.corrected.words if each.corrected else None for each in found],
                "confidence": [each.confidence for each in found],
                "availability": measure(before).availability,
                "availability_corrected": measure(after).availability,
                "down_us": before[:, Status.DOWN],
                "down_corrected_us": after[:, Status.DOWN],
            },
            schema_overrides={"correction": pl.String},
            nan_to_null=True,
        )
        self._table.append(rows.with_columns(pl.when(pl.Series(stays)).then(pl.col("down_corrected_us"))))

    def store_columns(self) -> pl.DataFrame:
        return NO_COLUMNS

    def summary_columns(self) -> pl.DataFrame:
        return NO_COLUMNS

    def tables(self) -> Mapping[TableName, Table]:
        if not self._left_out:
            return {TableName.DOCTOR: self._table}
        table = Table(schema=DOCTOR)
        table.append(self._table.read())
        said = f"{self._left_out} further suspicions are left out; ask for the stores of one label or zone at a time"
        rest = {name: [None] for name in DOCTOR} | {"finding": ["not_examined"], "evidence": [said]}
        table.append(pl.DataFrame(rest, schema=DOCTOR))
        return {TableName.DOCTOR: table}

    def _examine(self, shard: Shard) -> list[_Found]:
        windows_us, as_of_us = self._plan.windows.spans_us, self._plan.basis.as_of_us
        longest = int((windows_us[0, :, 1] - windows_us[0, :, 0]).argmax())
        spans_us = windows_us[shard.zone_of, longest].copy()
        spans_us[:, 1] = np.minimum(spans_us[:, 1], as_of_us)
        spans_us[:, 0] = np.maximum(spans_us[:, 0], spans_us[:, 1] - EXAMINED_US)
        given = shard.evidence, shard.sessions, spans_us, as_of_us
        zones = find_wrong_zones(*given)
        explained = {wrong.store for wrong in zones}
        edges = [wrong for wrong in find_wrong_edges(*given) if wrong.store not in explained]
        suspects: list[WrongZone | WrongEdge] = sorted([*zones, *edges], key=lambda wrong: wrong.store)
        room = max(0, self._most - self._table.height)
        self._left_out += len(suspects[room:])
        found = [
            self._wrong_zone(shard, wrong) if isinstance(wrong, WrongZone) else self._wrong_edge(shard, wrong)
            for wrong in suspects[:room]
        ]
        return [each for each in found if each is not None]

    def _wrong_edge(self, shard: Shard, wrong: WrongEdge) -> _Found | None:
        zone = self._plan.basis.store_list.calendars.zones[shard.zone_of[wrong.store]]
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
            ),
            confidence=wrong.share,
            corrected=corrected,
        )

    def _wrong_zone(self, shard: Shard, wrong: WrongZone) -> _Found:
        basis = self._plan.basis
        calendars = basis.store_list.calendars
        calendar = int(shard.sessions.calendar_of[wrong.store])
        zone = zone_that_is(wrong.hours, calendars, calendar, basis.as_of_us)
        first_us = self._plan.windows.spans_us[:, 0]
        reach_us = evidence_range(
            int(first_us.min()), int(first_us.max()), as_of_us=basis.as_of_us, policy=basis.policy
        )
        later = f"{abs(wrong.hours)} h {'later' if wrong.hours > 0 else 'earlier'}"
        return _Found(
            store=wrong.store,
            finding=Finding.WRONG_ZONE,
            evidence=(
                f"{wrong.agreeing:.0%} of {wrong.polls} polls fit the hours moved {later}, "
                f"{wrong.agreeing_as_given:.0%} the hours as they are"
            ),
            confidence=wrong.agreeing,
            corrected=None if zone is None else correct_zone(calendars, calendar, zone, reach_us, basis.closures),
        )

    def _figures(self, shard: Shard, stores: Int64s, sessions: Sessions) -> Int64s:
        """Add up the first window of some stores with sessions of their own: int64[N,4]."""
        basis = self._plan.basis
        return totals(
            _evidence_of(shard.evidence, stores),
            sessions,
            self._plan.windows.spans_us[:, :1],
            zone_of=shard.zone_of[stores],
            as_of_us=basis.as_of_us,
            policy=basis.policy,
            reclassified=None if shard.reclassified is None else _reclassified_of(shard.reclassified, stores),
        )[:, 0]


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
