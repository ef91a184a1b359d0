"""The manifest of a report, and the check that a new run writes the same file."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from storewatch.domain.enums import ReportFormat
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import SECOND_US, format_instant, instant_of
from storewatch.domain.labels import ALL_STORES, Label, Scope
from storewatch.lake import Snapshot
from storewatch.reports.archive.runs import Reports, file_digest, write_file
from storewatch.reports.compute.content import Content, Versions
from storewatch.reports.exports.header import rates, totals
from storewatch.reports.request.request import ReportRequest

SUFFIX: Final = ".manifest.json"

Totals = Mapping[str, Mapping[str, Any]]

# How much of two lines that differ is shown, and how much of that before the first difference.
_SHOWN, _SHOWN_BEFORE = 160, 60
_TEXTS: Final = (ReportFormat.CSV, ReportFormat.WIDE_CSV, ReportFormat.JSON, ReportFormat.NDJSON)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A report's file and everything that decides its content.

    request: with its as_of. scope: of the key that requested the report. versions: the catalog version covers hours
    too. totals: by window and figure, as in the JSON form. None if the report did not store them. as_of_warning: that
    as_of does not fit the polls, None where it does. rates: of failure, for the
    intervals; None without them.
    """

    file: str
    sha256: str
    request: ReportRequest
    scope: Scope
    versions: Versions
    totals: Totals | None
    as_of_warning: Mapping[str, Any] | None = None
    rates: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, content: Content, file: str, sha256: str) -> "Manifest":
        return cls(
            file=file,
            sha256=sha256,
            request=asked_of(content),
            scope=ALL_STORES,
            versions=content.versions,
            totals=totals(content),
            as_of_warning=content.clock_warning.as_json() if content.clock_warning else None,
            rates=rates(content),
        )

    @classmethod
    def of_report(cls, file: str, parameters: Mapping[str, Any], result: Mapping[str, Any], scope: Scope) -> "Manifest":
        """Return the manifest of a complete report from its job's parameters and result."""
        unknown = "unknown"  # releases before 0.2 did not store them
        return cls(
            file=file,
            sha256=result["sha256"],
            request=ReportRequest.from_parameters({**parameters, "as_of": result["as_of"]}),
            scope=scope,
            versions=Versions(
                lake=result["lake_version"],
                catalog=result["catalog_version"],
                tzdata=result.get("tzdata_version", unknown),
                software=result.get("software_version", unknown),
            ),
            totals=result.get("totals"),
            as_of_warning=result.get("as_of_warning"),
            rates=result.get("rates"),
        )

    def as_json(self) -> dict[str, Any]:
        request = self.request
        return {
            "file": self.file,
            "sha256": self.sha256,
            "as_of": format_instant(request.as_of) if request.as_of else None,
            "policy": request.policy.value,
            "max_gap_seconds": request.chosen_policy.max_gap_us / SECOND_US,
            "lake_version": self.versions.lake,
            "catalog_version": self.versions.catalog,
            "tzdata_version": self.versions.tzdata,
            "software_version": self.versions.software,
            "scope": None
            if self.scope.label is None
            else {"label": self.scope.label.name, "value": self.scope.label.value},
            "parameters": request.parameters(),
            "totals": self.totals,
            "as_of_warning": self.as_of_warning,
            "rates": self.rates,
        }

    @classmethod
    def read(cls, text: str) -> "Manifest":
        try:
            kept = json.loads(text)
            scope = kept["scope"]
            return cls(
                file=kept["file"],
                sha256=kept["sha256"],
                request=ReportRequest.from_parameters(kept["parameters"]),
                scope=ALL_STORES if scope is None else Scope(label=Label(scope["label"], scope["value"])),
                versions=Versions(
                    lake=kept["lake_version"],
                    catalog=kept["catalog_version"],
                    tzdata=kept["tzdata_version"],
                    software=kept["software_version"],
                ),
                totals=_read_totals(kept.get("totals")),
                as_of_warning=kept.get("as_of_warning"),
                rates=kept.get("rates"),
            )
        except (ValueError, KeyError, TypeError, AttributeError, InvalidInputError) as error:
            raise InvalidInputError(f"This file is not a manifest that storewatch wrote ({error}).") from None


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The result of computing a report again and comparing the files.

    file_intact: the file is the one that was written. same: the new file has the same bytes. changed: the inputs with
    another version, in words. difference: where the file first differs from the new one. figures: the totals that
    differ, in words.
    """

    file_intact: bool
    same: bool
    changed: tuple[str, ...]
    difference: str | None
    figures: tuple[str, ...] = ()

    @property
    def is_identical(self) -> bool:
        return self.file_intact and self.same


def asked_of(content: Content) -> ReportRequest:
    """Return the request of a report, with the as_of that was used."""
    return content.request.at(instant_of(content.as_of_us))


def manifest_file(file: Path) -> Path:
    """Return the path of the manifest of a report's file, in the same folder."""
    return file.with_name(file.name + SUFFIX)


def verify(manifest: Manifest, file: Path, reports: Reports, snapshot: Snapshot) -> Verification:
    """Check a report: compute it again from the version of the lake in its manifest and compare.

    snapshot: of that version. Hours, zones and everything else in the catalog are today's. The new file names the
    versions of the manifest, so that only figures and texts can differ.
    """
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / file.name
        with reports.compute(manifest.request, snapshot, manifest.scope) as content:
            sha256 = write_file(replace(content, versions=manifest.versions), again)
        found, same = file_digest(file), sha256 == manifest.sha256
        return Verification(
            file_intact=found == manifest.sha256,
            same=same,
            changed=tuple(_changed(manifest.versions, content.versions)),
            difference=None if found == sha256 else _difference(manifest.request.format, file, again),
            figures=tuple(_figures(manifest.totals or {}, totals(content))),
        )


def _changed(then: Versions, now: Versions) -> Iterator[str]:
    if then.catalog != now.catalog:
        yield f"stores, hours, closures and annotations: version {then.catalog} then, {now.catalog} now"
    if then.tzdata != now.tzdata:
        yield f"time zones: {then.tzdata} then, {now.tzdata} now"
    if then.software != now.software:
        yield f"storewatch: {then.software} then, {now.software} now"


def _figures(then: Totals, now: Totals) -> Iterator[str]:
    for window, figures in now.items():
        before = then.get(window, {})
        for name, figure in figures.items():
            if name in before and before[name] != figure:
                yield f"{window}: {name} {_figure_text(before[name])} then, {_figure_text(figure)} now"


def _figure_text(figure: Any) -> str:
    return "unknown" if figure is None else str(figure)


def _read_totals(kept: Any) -> Totals | None:
    if kept is not None and not all(isinstance(figures, dict) for figures in kept.values()):
        raise TypeError("totals are objects of figures")
    return kept  # type: ignore[no-any-return]


def _difference(form: ReportFormat, file: Path, again: Path) -> str:
    if form not in _TEXTS:
        sizes = f"{file.stat().st_size:,} bytes in the file, {again.stat().st_size:,} made again"
        return f"{sizes}; a text form would show where"
    with file.open(encoding="utf-8", errors="replace") as then, again.open(encoding="utf-8") as now:
        for line, (before, after) in enumerate(zip_longest(then, now, fillvalue=""), 1):
            if before.rstrip("\n") != after.rstrip("\n"):
                at = next(at for at, (one, other) in enumerate(zip_longest(before, after)) if one != other)
                return f"line {line}: {_excerpt(before, at)} in the file, {_excerpt(after, at)} made again"
    return "the ends of lines or the encoding"


def _excerpt(line: str, at: int) -> str:
    """Show a line around a position."""
    line = line.rstrip("\n")
    first = max(0, at - _SHOWN_BEFORE) if len(line) > _SHOWN else 0
    last = first + _SHOWN
    return f"{'…' if first else ''}{line[first:last]!r}{'…' if last < len(line) else ''}"
