"""A request becomes a run, a run becomes a stored file."""

import hashlib
import json
import os
import shutil
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from storewatch import __version__
from storewatch.catalog import Catalog, Job, JobKind, JobState, Label, StoreFilter
from storewatch.engine.columns import instant_of
from storewatch.engine.opening import TZDATA_VERSION
from storewatch.errors import FailedReportError, MissingReportFileError, UnknownReportError
from storewatch.lake import Lake, Snapshot
from storewatch.reports.exports import WRITERS
from storewatch.reports.figures import Figures, Progress, StoreList, compute_figures, resolve_as_of
from storewatch.reports.request import ReportRequest, format_instant


@dataclass(frozen=True, kw_only=True)
class ReportRun:
    """What one run of a report left: its file in the reports folder and what the file says.

    fingerprint: of everything that decides its content; equal fingerprints, equal files.
    """

    fingerprint: str
    file: str
    sha256: str
    rows: int
    as_of: datetime
    lake_version: int
    catalog_version: int

    def result(self) -> dict[str, Any]:
        """Give what is kept with the job, as JSON."""
        kept = ("file", "sha256", "rows", "lake_version", "catalog_version")
        return {name: getattr(self, name) for name in kept} | {"as_of": format_instant(self.as_of)}


@dataclass(kw_only=True)
class Reports:
    """The reports of one installation.

    catalog: keeps a row a report; folder: keeps their files. The stores, their hours and zones are kept in memory per
    catalog version and never re-read for a report while nothing changed.
    """

    catalog: Catalog
    lake: Lake
    folder: Path
    _store_list: StoreList | None = None

    def find(self, report_id: str, scope: Label | None = None) -> Job:
        """Give a report; one that was asked for under another scope does not exist."""
        job = None if "\0" in report_id else self.catalog.find_job(report_id)
        if job is None or job.kind is not JobKind.REPORT:
            raise UnknownReportError(report_id)
        if scope is not None and job.scope != scope:
            raise UnknownReportError(report_id)
        return job

    def finished_file(self, report: Job) -> Path | None:
        """Give the file of a report, None while it is queued or runs."""
        if report.state in (JobState.FAILED, JobState.CANCELLED):
            raise FailedReportError(report.error or "The report was cancelled.")
        if report.result is None:
            return None
        file = self.folder / str(report.result["file"])
        if not file.is_file():
            raise MissingReportFileError(report.job_id)
        return file

    def run(self, report: Job, snapshot: Snapshot, progress: Progress | None = None) -> ReportRun:
        """Compute a report and store its file, or take that of an equal one.

        snapshot: every store in it must be registered in the catalog. The file is this try's own: one that was taken
        from its worker cannot replace the file of the one that finished.
        """
        request = ReportRequest.from_parameters(report.parameters)
        scope = report.scope
        store_list = self._stores_of(request, scope)
        as_of_us = resolve_as_of(request, snapshot, store_list.frame["store_id"] if scope else None)
        fingerprint = _fingerprint(request, as_of_us, snapshot.version, store_list)
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{report.job_id}.{report.attempts}.{request.format}"
        self.remove_files(report.job_id, but=file.name)
        sha256 = self._take_equal(fingerprint, file)
        if sha256 is None:
            figures = compute_figures(
                as_of_us, request.policy, store_list=store_list, snapshot=snapshot, progress=progress
            )
            sha256 = write_file(figures, request, file)
        return ReportRun(
            fingerprint=fingerprint,
            file=file.name,
            sha256=sha256,
            rows=store_list.frame.height,
            as_of=instant_of(as_of_us),
            lake_version=snapshot.version,
            catalog_version=store_list.catalog_version,
        )

    def remove_files(self, report_id: str, *, but: str | None = None) -> None:
        """Remove what any try of a report left, unfinished files included."""
        for pattern in (f"{report_id}.*", f".{report_id}.*"):
            for file in self.folder.glob(pattern):
                if file.name != but:
                    file.unlink(missing_ok=True)

    def compute(self, request: ReportRequest, snapshot: Snapshot, progress: Progress | None = None) -> Figures:
        """Compute a report without storing it; every store in the snapshot must be registered in the catalog."""
        as_of_us = resolve_as_of(request, snapshot)
        store_list = self._stores_of(request, None)
        return compute_figures(as_of_us, request.policy, store_list=store_list, snapshot=snapshot, progress=progress)

    def _take_equal(self, fingerprint: str, file: Path) -> str | None:
        """Make `file` another name of an equal report's file and return its SHA-256; None when there is none."""
        equal = self.catalog.finished_job(fingerprint)
        if equal is None or equal.result is None:
            return None
        try:
            if _digest(self.folder / equal.result["file"]) != equal.result["sha256"]:
                return None
            file.unlink(missing_ok=True)
            file.hardlink_to(self.folder / equal.result["file"])
        except OSError:  # it was deleted, or this file system has no second names
            return None
        return str(equal.result["sha256"])

    def _stores_of(self, request: ReportRequest, scope: Label | None) -> StoreList:
        store_list = self._stores()
        labels = (*request.labels, *([scope] if scope else []))
        if labels:
            store_list = store_list.only(self.catalog.store_ids(StoreFilter(labels=labels)))
        if request.store_ids is not None:
            store_list = store_list.only(pl.Series(request.store_ids, dtype=pl.String))
        return store_list

    def _stores(self) -> StoreList:
        known = self._store_list
        if known is None or known.catalog_version != self.catalog.version():
            known = self._store_list = StoreList.read(self.catalog)
        return known


def write_file(figures: Figures, request: ReportRequest, file: Path) -> str:
    """Write a report's file whole or not at all, durably, and return its SHA-256."""
    part = file.with_name(f".{file.name}.{uuid.uuid4().hex}.part")
    try:
        WRITERS[request.format](figures, part)
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


def _digest(file: Path) -> str:
    with file.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()


def _fingerprint(request: ReportRequest, as_of_us: int, lake_version: int, store_list: StoreList) -> str:
    """Name everything that decides a report's content: equal fingerprints, equal files."""
    content = request.parameters() | {
        "as_of": as_of_us,
        "lake_version": lake_version,
        "catalog_version": store_list.catalog_version,
        "tzdata_version": TZDATA_VERSION,
        "software_version": __version__,
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    if not store_list.is_complete:  # labels and scopes choose other stores as time goes by
        digest.update("\0".join(store_list.frame["store_id"]).encode())
    return digest.hexdigest()
