"""A request becomes a run, a run becomes a stored file."""

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from storewatch import __version__
from storewatch.catalog import Catalog, Report, ReportState
from storewatch.engine.opening import TZDATA_VERSION
from storewatch.errors import FailedReportError, MissingReportFileError, UnknownReportError
from storewatch.lake import Lake, Snapshot
from storewatch.reports.exports import WRITERS
from storewatch.reports.figures import Figures, Progress, StoreList, compute_figures, resolve_as_of
from storewatch.reports.request import ReportRequest

_UUID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(kw_only=True)
class Reports:
    """The reports of one installation.

    catalog: keeps a row a report; folder: keeps their files, named by what is in them. The stores, their hours and
    zones are kept in memory per catalog version and never re-read for a report while nothing changed.
    """

    catalog: Catalog
    lake: Lake
    folder: Path
    _store_list: StoreList | None = None

    def request(self, request: ReportRequest, now: datetime) -> str:
        """Accept a report and return its id; `run` does the work."""
        report_id = str(uuid.uuid4())
        self.catalog.create_report(report_id, request.parameters(), now)
        return report_id

    def find(self, report_id: str) -> Report:
        # Ids are UUIDs; anything else, such as a text that PostgreSQL cannot hold, names no report.
        report = self.catalog.find_report(report_id) if _UUID.fullmatch(report_id) else None
        if report is None:
            raise UnknownReportError(report_id)
        return report

    def finished_file(self, report: Report) -> Path | None:
        """Give the file of a report, None while it runs."""
        if report.state is ReportState.FAILED:
            raise FailedReportError(report.error)
        if report.file is None:
            return None
        file = self.folder / report.file
        if not file.is_file():
            raise MissingReportFileError(report.report_id)
        return file

    def run(self, report_id: str, snapshot: Snapshot, clock: Callable[[], datetime]) -> bool:
        """Compute a report that was asked for and store its file, or take the file of an equal one.

        snapshot: every store in it must be registered in the catalog. Returns False when the report was no longer
        running: another run finished it, with the same file.
        """
        report = self.find(report_id)
        request = ReportRequest.from_parameters(report.parameters)
        store_list = self._stores()
        as_of_us = resolve_as_of(request, snapshot)
        fingerprint = _fingerprint(request, as_of_us, snapshot.version, store_list.catalog_version)
        equal = self.catalog.finished_report(fingerprint)
        name = f"{fingerprint}.{request.format}"
        sha256 = _digest(self.folder / name)
        if equal is None or sha256 is None or sha256 != equal.sha256:
            figures = compute_figures(as_of_us, request.policy, store_list=store_list, snapshot=snapshot)
            self.folder.mkdir(parents=True, exist_ok=True)
            sha256 = write_file(figures, request, self.folder / name)
        return self.catalog.complete_report(
            report_id,
            fingerprint=fingerprint,
            lake_version=snapshot.version,
            catalog_version=store_list.catalog_version,
            file=name,
            sha256=sha256,
            rows=store_list.frame.height,
            now=clock(),
        )

    def compute(self, request: ReportRequest, snapshot: Snapshot, progress: Progress | None = None) -> Figures:
        """Compute a report without storing it; every store in the snapshot must be registered in the catalog."""
        as_of_us = resolve_as_of(request, snapshot)
        return compute_figures(
            as_of_us, request.policy, store_list=self._stores(), snapshot=snapshot, progress=progress
        )

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


def _digest(file: Path) -> str | None:
    try:
        with file.open("rb") as written:
            return hashlib.file_digest(written, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _fingerprint(request: ReportRequest, as_of_us: int, lake_version: int, catalog_version: int) -> str:
    """Name everything that decides a report's content: equal fingerprints, equal files."""
    content = request.parameters() | {
        "as_of": as_of_us,
        "lake_version": lake_version,
        "catalog_version": catalog_version,
        "tzdata_version": TZDATA_VERSION,
        "software_version": __version__,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
