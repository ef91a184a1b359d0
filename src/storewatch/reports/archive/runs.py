"""Run reports: choose the stores of a request, compute its content, and store the file."""

import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from storewatch import __version__
from storewatch.catalog import Catalog, Job, StoreFilter
from storewatch.domain.enums import JobKind, JobState, ReportTable
from storewatch.domain.errors import (
    FailedReportError,
    InvalidParameterError,
    MissingReportFileError,
    UnknownReportError,
)
from storewatch.domain.instants import format_instant, instant_of
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.domain.policies import OBSERVED
from storewatch.domain.timezones import DEFAULT_TIMEZONE, TZDATA_VERSION
from storewatch.engine.opening.sessions import in_business_in
from storewatch.lake import Lake, Snapshot
from storewatch.reports.assembly import compute_content
from storewatch.reports.compute.collectors import collect_and_merge
from storewatch.reports.compute.content import Content
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.rates import FleetRates, estimate_rates
from storewatch.reports.compute.shards import Progress, ReportInputs, resolve_as_of
from storewatch.reports.exports import WRITERS, too_large
from storewatch.reports.exports.header import rates, totals
from storewatch.reports.request.names import check_labels, check_polls
from storewatch.reports.request.request import ReportRequest
from storewatch.reports.request.windows import cut, resolve_windows
from storewatch.stores.evidence import StoreList
from storewatch.stores.states import Moment
from storewatch.stores.timeline import HistoryQuery, Range


@dataclass(frozen=True, kw_only=True)
class ReportRun:
    """The result of one run of a report: its file in the reports folder and its totals.

    store_ids: of the stores in the file and of their peers. rows: number of stores.
    totals: as in the JSON form, None if an equal earlier report did not store them.
    as_of_warning: None where as_of fits the polls. rates: as in Manifest.
    fingerprint: of everything that decides the content. Equal fingerprints have equal files.
    """

    fingerprint: str
    store_ids: pl.Series
    file: str
    sha256: str
    rows: int
    totals: dict[str, dict[str, Any]] | None
    as_of_warning: dict[str, Any] | None = None
    rates: dict[str, Any] | None = None
    as_of: datetime
    lake_version: int
    catalog_version: int
    tzdata_version: str = TZDATA_VERSION
    software_version: str = __version__

    def result(self) -> dict[str, Any]:
        """Return the result that is stored with the job, as JSON."""
        kept = {name: value for name, value in vars(self).items() if name not in ("fingerprint", "store_ids")}
        return kept | {"as_of": format_instant(self.as_of)}


@dataclass(frozen=True, kw_only=True)
class _Written:
    """A file that was written for this report or an equal one. totals, warning, rates: as in ReportRun."""

    sha256: str
    stores: int
    totals: dict[str, dict[str, Any]] | None
    warning: dict[str, Any] | None
    rates: dict[str, Any] | None


@dataclass(kw_only=True)
class Reports:
    """The reports of one installation.

    catalog: has a row for each report. folder: has the files of reports. The stores, their hours and zones are kept in
    memory and read again only when the catalog version changes.
    """

    catalog: Catalog
    lake: Lake
    folder: Path
    _store_list: StoreList | None = None
    _rates: tuple[Moment, Scope, HistoryQuery, FleetRates] | None = None

    def find(self, report_id: str, scope: Scope = ALL_STORES) -> Job:
        """Return a report. Raise UnknownReportError if the caller sees none with this id."""
        job = self.catalog.jobs.find(report_id, scope)
        if job is None or job.kind is not JobKind.REPORT:
            raise UnknownReportError(report_id)
        return job

    def finished_file(self, report: Job) -> Path | None:
        """Return the file of a report, None while the report is queued or runs."""
        if report.state in (JobState.FAILED, JobState.CANCELLED):
            raise FailedReportError(report.error or "The report was cancelled.")
        if report.result is None:
            return None
        file = self.folder / str(report.result["file"])
        if not file.is_file():
            raise MissingReportFileError(report.job_id)
        return file

    def run(self, report: Job, snapshot: Snapshot, progress: Progress | None = None) -> ReportRun:
        """Compute a report and store its file, or reuse the file of an equal report.

        snapshot: every store in it must be registered in the catalog. Each try writes a file of its own: a worker that
        lost the job cannot replace the file of the worker that finished.
        """
        request = ReportRequest.from_parameters(report.parameters)
        inputs, chosen = self._inputs(request, snapshot, report.scope)
        self._refuse_too_large(request, inputs, len(chosen))
        fingerprint = _fingerprint(request, inputs, chosen)
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{report.job_id}.{report.attempts}.{request.format.suffix}"
        self.remove_files(report.job_id, but=file.name)
        equal = self._take_equal(fingerprint, file)
        if equal is None:
            with self._computed(request, inputs, chosen, progress, f".{report.job_id}.") as content:
                warning = content.clock_warning.as_json() if content.clock_warning else None
                equal = _Written(
                    sha256=write_file(content, file),
                    stores=content.stores,
                    totals=totals(content),
                    warning=warning,
                    rates=rates(content),
                )
        return ReportRun(
            fingerprint=fingerprint,
            store_ids=inputs.store_list.store_ids,
            file=file.name,
            sha256=equal.sha256,
            rows=equal.stores,
            totals=equal.totals,
            as_of_warning=equal.warning,
            rates=equal.rates,
            as_of=instant_of(inputs.as_of_us),
            lake_version=snapshot.version,
            catalog_version=inputs.store_list.catalog_version,
        )

    def remove_files(self, report_id: str, *, but: str | None = None) -> None:
        """Delete the files of all tries of a report, unfinished files included."""
        for pattern in (f"{report_id}.*", f".{report_id}.*"):
            for file in self.folder.glob(pattern):
                if file.is_dir():
                    shutil.rmtree(file, ignore_errors=True)
                elif file.name != but:
                    file.unlink(missing_ok=True)

    @contextmanager
    def compute(
        self, request: ReportRequest, snapshot: Snapshot, scope: Scope = ALL_STORES, progress: Progress | None = None
    ) -> Iterator[Content]:
        """Compute a report without storing it. Every store in the snapshot must be registered in the catalog.

        The content can be written as long as the context lasts.
        """
        inputs, chosen = self._inputs(request, snapshot, scope)
        self._refuse_too_large(request, inputs, len(chosen))
        with self._computed(request, inputs, chosen, progress, ".report.") as content:
            yield content

    def check(self, request: ReportRequest, snapshot: Snapshot, scope: Scope) -> None:
        """Raise InvalidInputError for an unknown window or label, and for a report too large for its form."""
        inputs, chosen = self._inputs(request, snapshot, scope)
        self._refuse_too_large(request, inputs, len(chosen))

    @contextmanager
    def _computed(
        self, request: ReportRequest, inputs: ReportInputs, chosen: pl.Series, progress: Progress | None, prefix: str
    ) -> Iterator[Content]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=self.folder) as folder:
            content = compute_content(
                ReportContext.of(request, inputs, Path(folder)),
                chosen,
                catalog=self.catalog,
                compute_shards=partial(collect_and_merge, progress=progress),
            )
            rows = {name: table.height for name, table in content.tables.items()}
            if why := too_large(request, rows):
                raise InvalidParameterError("format", why)
            yield content

    def _refuse_too_large(self, request: ReportRequest, inputs: ReportInputs, stores: int) -> None:
        """Raise InvalidParameterError if the report is known to be too large for its form, before computing."""
        windows = resolve_windows(request, inputs.as_of_us, inputs.store_list.calendars.zones)
        stores = min(stores, request.worst or stores)
        rows = {ReportTable.STORES: stores * len(windows.names)}
        if request.by is not None:
            parts = (cut(windows, number, request.by).starts.shape[1] for number in range(len(windows.names)))
            rows[ReportTable.BUCKETS] = stores * sum(parts)
        if not request.with_outages and (why := too_large(request, rows)):
            raise InvalidParameterError("format", why)

    def _take_equal(self, fingerprint: str, file: Path) -> "_Written | None":
        """Link `file` to the file of an equal report, and return what that report stored; None without one."""
        equal = self.catalog.jobs.find_finished(fingerprint)
        if equal is None or equal.result is None:
            return None
        try:
            if file_digest(self.folder / equal.result["file"]) != equal.result["sha256"]:
                return None
            file.unlink(missing_ok=True)
            file.hardlink_to(self.folder / equal.result["file"])
        except OSError:  # the file was deleted, or this file system has no hard links
            return None
        return _Written(
            sha256=str(equal.result["sha256"]),
            stores=int(equal.result["rows"]),
            totals=equal.result.get("totals"),
            warning=equal.result.get("as_of_warning"),
            rates=equal.result.get("rates"),
        )

    def _inputs(self, request: ReportRequest, snapshot: Snapshot, scope: Scope) -> tuple[ReportInputs, pl.Series]:
        """Return the inputs of a report, and the ids of its stores: all stores of the inputs except peers."""
        visible = self._visible_stores(scope)
        as_of_us = resolve_as_of(request, snapshot, visible.store_ids if scope.is_limited else None)
        chosen = visible = _in_business(request, visible, as_of_us)
        if request.labels:
            chosen = chosen.only(self.catalog.stores.list_ids(StoreFilter(labels=request.labels)))
        if request.store_ids is not None:
            chosen = chosen.only(pl.Series(self.catalog.stores.known_ids(request.store_ids, scope), dtype=pl.String))
        if request.zone is not None:
            in_zone = chosen.frame["timezone"].fill_null(DEFAULT_TIMEZONE) == request.zone
            chosen = chosen.at(in_zone.to_numpy())
        if not request.allow_unknown:
            check_labels(request, self.catalog, scope)
            check_polls(request, snapshot, self.catalog, scope)
        inputs = ReportInputs(
            store_list=chosen if request.peers is None else self._with_peers(request.peers, chosen, visible),
            snapshot=snapshot,
            as_of_us=as_of_us,
            policy=request.chosen_policy,
            closures=request.closures,
            annotations=request.annotations,
            sources=request.sources,
            scope=scope,
        )
        if not (chosen.store_ids.len() or request.allow_unknown):
            raise _no_stores(request)
        return inputs, chosen.store_ids

    def _with_peers(self, label: str, chosen: StoreList, visible: StoreList) -> StoreList:
        carriers = self.catalog.labels.read_values(label)
        values = carriers.join(chosen.frame, on="store_id", how="semi")["value"]
        peers = carriers.filter(pl.col("value").is_in(values.unique().implode()))["store_id"]
        return visible.only(pl.concat([chosen.store_ids, peers]))

    def read_rates(self, moment: Moment, query: HistoryQuery, scope: Scope = ALL_STORES) -> FleetRates:
        """Return the rates of failure of the stores of a scope, from the polls that `query` counts before as_of.

        moment: one with an as_of. The last result is kept until the data change.
        """
        assert moment.as_of_us is not None  # noqa: S101 - see above
        basis = replace(query, range=Range(from_us=0, to_us=0), policy=OBSERVED)  # what the rates do not depend on
        known = self._rates
        if known is not None and moment.same_data(known[0]) and known[1:3] == (scope, basis):
            return known[3]
        inputs = ReportInputs(
            store_list=self._visible_stores(scope),
            snapshot=moment.snapshot,
            as_of_us=moment.as_of_us,
            policy=OBSERVED,
            closures=query.closures,
            annotations=query.annotations,
            sources=query.sources,
            scope=scope,
        )
        fleet = estimate_rates(inputs, self.catalog)
        self._rates = (moment, scope, basis, fleet)
        return fleet

    def _visible_stores(self, scope: Scope) -> StoreList:
        known = self._store_list
        if known is None or known.catalog_version != self.catalog.version():
            known = self._store_list = StoreList.read(self.catalog)
        return known.only(self.catalog.stores.list_ids(StoreFilter(labels=scope.labels))) if scope.is_limited else known


def _in_business(request: ReportRequest, stores: StoreList, as_of_us: int) -> StoreList:
    """Leave out stores that are out of business in all windows, except those that the request names by their id."""
    if not len(stores.calendars.lives.calendar):
        return stores
    windows = resolve_windows(request, as_of_us, stores.calendars.zones)
    kept = in_business_in(stores.calendars, windows.spans_us)
    if request.store_ids is not None:
        kept |= stores.store_ids.is_in(request.store_ids).to_numpy()
    return stores.at(kept)


def _no_stores(request: ReportRequest) -> InvalidParameterError:
    """Return the error for a report whose parameters choose no store."""
    chosen = {
        "zone": f"the time zone {request.zone}" if request.zone else "",
        "labels": " and ".join(f"{name}={value}" for name, value in request.labels),
        "store_ids": "these ids" if request.store_ids else "",
    }
    members = [member for member, words in chosen.items() if words]
    which = ", ".join(words for words in chosen.values() if words)
    return InvalidParameterError(
        members[0] if members else "store_ids",
        f"There is no store{f' with {which}' if which else ''}, so the report would be empty. Choose other stores, or "
        "allow a report of no stores with allow_unknown.",
    )


def write_file(content: Content, file: Path) -> str:
    """Write a report's file atomically and durably, and return its SHA-256."""
    part = file.with_name(f".{file.name}.{uuid.uuid4().hex}.part")
    try:
        WRITERS[content.request.format](content, part)
        if file.exists():
            shutil.copymode(file, part)
        with part.open("rb") as written:
            os.fsync(written.fileno())
            sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        part.replace(file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        part.unlink(missing_ok=True)
    return sha256


def file_digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()


def _fingerprint(request: ReportRequest, inputs: ReportInputs, chosen: pl.Series) -> str:
    """Return a digest of everything that decides a report's content. Equal fingerprints have equal files."""
    store_list = inputs.store_list
    content = request.parameters() | {
        "as_of": inputs.as_of_us,
        "lake_version": inputs.snapshot.version,
        "catalog_version": store_list.catalog_version,
        "tzdata_version": TZDATA_VERSION,
        "software_version": __version__,
    }
    if inputs.scope.label is not None:  # the files of a scope do not show versions
        content |= {"scope": inputs.scope.label}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    if not store_list.is_complete:  # labels and scopes choose other stores at another time
        digest.update("\0".join([*store_list.store_ids, "", *chosen]).encode())
    return digest.hexdigest()
