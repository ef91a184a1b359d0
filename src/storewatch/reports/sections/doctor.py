"""The hours doctor: stores whose polls contradict their hours, a correction that fits, and its effect on the figures.

Nothing is corrected here: each suggestion is a row of a table.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from storewatch.domain.clock_words import clock_words
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import ClosureMode, Finding, ReportTable, Status
from storewatch.domain.instants import DAY_US, MINUTE_US, SECOND_US
from storewatch.domain.plurals import counted
from storewatch.domain.policies import Policy
from storewatch.engine.availability import totals
from storewatch.engine.evidence import Evidence, Reclassified, evidence_range
from storewatch.engine.inputs import EngineInputs
from storewatch.engine.measures import measure
from storewatch.engine.opening.calendars import Calendars
from storewatch.engine.opening.sessions import Sessions
from storewatch.reports.compute.collectors import Part, SectionResult
from storewatch.reports.compute.content import DOCTOR, ContentTable
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.shards import Shard
from storewatch.reports.sections.contradictions import (
    FEWEST_DAYS,
    ActiveOutside,
    Bools,
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

# How long before as_of polls are examined, whatever the windows are: so every report and command finds the same.
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


@dataclass(frozen=True, kw_only=True, eq=False)
class DoctorFigures:
    """The findings of the stores of a shard.

    is_finding: bool of each suspected wrong edge or zone, in the order of stores; False for those that cannot be
    corrected and for those beyond the limit, which are not examined. found: DOCTOR, their rows. outside: DOCTOR, rows
    of the first of the `active_outside` stores that are active outside their hours; judged: stores examined for that.
    """

    is_finding: Bools
    found: pl.DataFrame
    active_outside: int
    outside: pl.DataFrame
    judged: int


@dataclass(frozen=True, kw_only=True, eq=False)
class DoctorCollector:
    """One row a finding: evidence and correction in words, and the first window's figures with the correction.

    The EXAMINED_US before as_of are examined. A store in the wrong zone has no further
    finding, because its openings and closings were read on the wrong clock. A store that opens earlier or stays open
    closes at some time, so it has no finding that it never closes. The first `most` suspicions are examined; one row,
    without a store, states how many more there are. Where most of at least FEWEST_DAYS stores that can be judged are
    active outside their hours, the polls are the reason, and one row states this for all stores.

    names: of each store. cells: keeps the quarters of an hour of a shard's calendars small.
    """

    windows_us: Int64s
    as_of_us: int
    policy: Policy
    calendars: Calendars
    patterns: pl.DataFrame
    closures: ClosureMode
    names: pl.Series
    most: int = MAX_FINDINGS
    lookaround_us: int = DAY_US
    cells: int = 168

    @classmethod
    def of(cls, context: ReportContext, names: pl.Series, most: int = MAX_FINDINGS) -> "DoctorCollector":
        inputs, windows_us = context.inputs, context.windows.spans_us
        before_us = int(windows_us.min()) - (inputs.as_of_us - EXAMINED_US)
        after_us = inputs.as_of_us - int(windows_us.max())
        return cls(
            windows_us=windows_us,
            as_of_us=inputs.as_of_us,
            policy=inputs.policy,
            calendars=inputs.store_list.calendars,
            patterns=inputs.store_list.patterns,
            closures=inputs.closures,
            names=names,
            most=most,
            lookaround_us=DAY_US + max(0, before_us, after_us),
        )

    def collect(self, shard: Shard) -> Part[DoctorFigures]:
        examined = shard.evidence, shard.sessions, self._examined_us(shard), self.as_of_us
        zones = find_wrong_zones(*examined)
        explained = {wrong.store for wrong in zones}
        edges = find_wrong_edges(*examined, shard.local_readings)
        suspects: list[WrongZone | WrongEdge] = [*zones, *(edge for edge in edges if edge.store not in explained)]
        suspects.sort(key=lambda wrong: wrong.store)
        found = [
            self._wrong_zone(shard, wrong) if isinstance(wrong, WrongZone) else self._wrong_edge(shard, wrong)
            for wrong in suspects[: self.most]
        ]
        is_finding = np.zeros(len(suspects), bool)
        is_finding[: len(found)] = [each is not None for each in found]
        explained |= {edge.store for edge in edges if edge.finding in (Finding.OPENS_EARLIER, Finding.STAYS_OPEN)}
        outside, judged = find_active_outside(*examined)
        outside = [each for each in outside if each.store not in explained]
        values = DoctorFigures(
            is_finding=is_finding,
            found=self._rows(shard, [each for each in found if each is not None]),
            active_outside=len(outside),
            outside=self._rows(shard, self._found_outside(shard, outside[: self.most])),
            judged=judged,
        )
        return Part(first=shard.first, last=shard.last, values=values)

    def merge(self, parts: Iterable[Part[DoctorFigures]]) -> SectionResult:
        found, outside = ContentTable(schema=DOCTOR), ContentTable(schema=DOCTOR)
        suspects = active_outside = judged = 0
        for part in parts:
            values = part.values
            # Of all suspicions the first `most` count, so that the findings do not depend on how stores are cut.
            is_examined = values.is_finding[: max(0, self.most - suspects)]
            found.append(values.found.head(int(is_examined.sum())))
            outside.append(values.outside.head(max(0, self.most - outside.height)))
            suspects += len(values.is_finding)
            active_outside += values.active_outside
            judged += values.judged
        left_out = max(0, suspects - self.most)
        table = ContentTable(schema=DOCTOR)
        if judged >= FEWEST_DAYS and 2 * active_outside > judged:
            table.append(found.read())
            reason = (
                f"{active_outside:,} of {counted(judged, 'store')} are active in most polls outside their hours, so "
                f"this is how they are polled rather than when they open"
            )
            table.append(_of_no_store(Finding.ACTIVE_OUTSIDE, reason))
        else:
            table.append(pl.concat([found.read(), outside.read()]).sort("store_id", maintain_order=True))
            left_out += active_outside - outside.height
        if left_out:
            advice = f"{left_out} further suspicions are left out; choose the stores of one label or zone at a time"
            table.append(_of_no_store("not_examined", advice))
        return SectionResult(tables={ReportTable.DOCTOR: table})

    def _examined_us(self, shard: Shard) -> Int64s:
        return np.tile(np.array([self.as_of_us - EXAMINED_US, self.as_of_us]), (shard.last - shard.first, 1))

    def _rows(self, shard: Shard, found: list[_Found]) -> pl.DataFrame:
        """Return findings as rows of DOCTOR, with figures before and after their corrections."""
        if not found:
            return DOCTOR.to_frame()
        store = np.array([each.store for each in found])
        stays = np.array([each.corrected is not None for each in found])
        before = self._figures(shard, store, replace(shard.sessions, calendar_of=shard.sessions.calendar_of[store]))
        corrections = [each.corrected for each in found if each.corrected is not None]
        after = np.zeros_like(before)
        after[stays] = self._figures(shard, store[stays], _as_corrected(corrections))
        rows = pl.DataFrame(
            {
                "store_id": shard.store_ids.gather(store),
                "name": self.names.gather(shard.first + store),
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
        rows = rows.with_columns(pl.when(pl.Series(stays)).then(corrected))
        return rows.select(DOCTOR.names()).cast(DOCTOR)

    def _wrong_edge(self, shard: Shard, wrong: WrongEdge) -> _Found | None:
        zone = shard.zones[shard.zone_of[wrong.store]]
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
        calendar = int(shard.sessions.calendar_of[wrong.store])
        zone = zone_that_is(wrong.hours, self.calendars, calendar, self.as_of_us)
        later = f"{abs(wrong.hours)} h {'later' if wrong.hours > 0 else 'earlier'}"
        corrected = None
        if zone is not None:
            corrected = correct_zone(self.calendars, calendar, zone, self._reach_us, self.closures)
        return _Found(
            store=wrong.store,
            finding=Finding.WRONG_ZONE,
            evidence=(
                f"{wrong.agreeing:.0%} of {counted(wrong.polls, 'poll')} fit the hours moved {later}, "
                f"{wrong.agreeing_as_given:.0%} the hours as they are"
            ),
            confidence=wrong.agreeing,
            corrected=corrected,
        )

    def _found_outside(self, shard: Shard, outside: list[ActiveOutside]) -> list[_Found]:
        always_open: dict[int | None, Correction] = {}
        return [
            _Found(
                store=wrong.store,
                finding=Finding.ACTIVE_OUTSIDE,
                evidence=(
                    f"active in {wrong.active:.0%} of {counted(wrong.polls, 'poll')} outside hours, after "
                    f"{wrong.contrary} of {counted(wrong.closings, 'closing')}"
                    f"{'; no closing seen' if wrong.contrary == wrong.closings else ''}"
                ),
                confidence=wrong.active,
                corrected=self._always(int(shard.sessions.calendar_of[wrong.store]), always_open)
                if 10 * wrong.contrary >= 9 * wrong.closings
                else None,
            )
            for wrong in outside
        ]

    def _always(self, calendar: int, known: dict[int | None, Correction]) -> Correction:
        """Return the correction of a calendar to open around the clock. All calendars without closures share one."""
        key = calendar if (self.calendars.closures.calendar == calendar).any() else None
        if key not in known:
            known[key] = correct_to_always(self.calendars, calendar, self.patterns, self._reach_us, self.closures)
        return known[key]

    @property
    def _reach_us(self) -> tuple[int, int]:
        """How far sessions can matter to the figures."""
        first_us = self.windows_us[:, 0]
        return evidence_range(int(first_us.min()), int(first_us.max()), as_of_us=self.as_of_us, policy=self.policy)

    def _figures(self, shard: Shard, stores: Int64s, sessions: Sessions) -> Int64s:
        """Add up the first window of some stores with sessions of their own: int64[N,4]."""
        inputs = EngineInputs(
            evidence=_evidence_of(shard.evidence, stores),
            sessions=sessions,
            as_of_us=self.as_of_us,
            policy=self.policy,
            reclassified=None if shard.reclassified is None else _reclassified_of(shard.reclassified, stores),
        )
        return totals(inputs, self.windows_us[:, :1], shard.zone_of[stores])[:, 0]


def _of_no_store(finding: str, evidence: str) -> pl.DataFrame:
    nothing: dict[str, list[str | None]] = {name: [None] for name in DOCTOR}
    return pl.DataFrame(nothing | {"finding": [finding], "evidence": [evidence]}, schema=DOCTOR)


def _as_corrected(corrections: list[Correction]) -> Sessions:
    """Join the sessions of corrections, each as a separate calendar."""
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
    """Return the offsets of some stores alone, and the places of their rows."""
    counts = np.diff(offsets)[stores]
    own = np.append(0, np.cumsum(counts))
    return own, np.repeat(offsets[stores] - own[:-1], counts) + np.arange(own[-1])
