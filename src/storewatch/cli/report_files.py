"""Compute a report, write it with its manifest to a file or stream, and verify a written report.

Commands import this module when they run, because it imports all that computes reports: their help is quick then.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import typer

from storewatch.catalog import Catalog
from storewatch.cli.installations import exporting, reading
from storewatch.cli.output import check_form, check_output, warn
from storewatch.cli.progress import prepare_engine, progress_bar
from storewatch.cli.report_options import OptionValues, with_format
from storewatch.cli.values import read_instant
from storewatch.domain.errors import InvalidInputError, ReportNotReadyError
from storewatch.domain.plurals import counted
from storewatch.installation import Installation, compute_report
from storewatch.private_files import share
from storewatch.reports.archive.manifest import Manifest, asked_of, manifest_file, verify
from storewatch.reports.archive.runs import write_file
from storewatch.reports.compute.content import Content
from storewatch.reports.request.definitions import resolve_definition
from storewatch.reports.request.file_names import file_name
from storewatch.reports.request.names import check_names
from storewatch.reports.request.request import ReportRequest, read_request
from storewatch.stores.following import followed_snapshot


def write_report(options: OptionValues, output: str, home: Path | None, lake_version: int | None) -> None:
    """Compute a report and write it to the output."""
    check_output(output)
    with exporting(home, "report.download", "report") as (installation, audit), ExitStack() as computed:
        request = read_report_request(options, installation.catalog, output)
        check_form(request.format, output)
        prepare_engine()
        with progress_bar("report") as progress:
            content = computed.enter_context(compute_report(installation, request, progress, lake_version))
        warn(content)
        written = write_output(content, output)
        audit.done(written)
    if output != "-":
        typer.echo(f"{counted(content.stores, 'store')} written to {written}", err=True)


def print_verification(report: str, home: Path | None) -> None:
    """Compute a report again and print whether it is the same. Exits with 1 if it is not.

    report: a file with its manifest beside it, or the id of a report.
    """
    with reading(home) as installation:
        manifest, file = _find(report, installation)
        now, lake_version = datetime.now(UTC), manifest.versions.lake
        snapshot = followed_snapshot(installation.catalog, installation.lake, now, lake_version)
        prepare_engine()
        found = verify(manifest, file, installation.reports, snapshot)
    typer.echo(f"{report}: {'identical' if found.is_identical else 'differs'}")
    if not found.file_intact:
        typer.echo("  The file is not the one that was written.")
    if not found.same:
        typer.echo("  The report is different when it is computed again.")
    for line in (*found.figures, *([found.difference] if found.difference else [])):
        typer.echo(f"  {line}")
    for change in found.changed:
        typer.echo(f"  Changed since{', without effect' if found.same else ''}: {change}.")
    if not found.is_identical:
        raise typer.Exit(1)


def read_report_request(options: Mapping[str, Any], catalog: Catalog, output: str = "-") -> ReportRequest:
    """Read the request of a report from the options of a command.

    Without a format, the name of the output decides. A CSV is classic if the classic form can hold the request.
    Raises UnknownStoreError and InvalidParameterError for a store or a label that does not exist.
    """
    given = dict(options)
    text = given.pop("as_of", None)
    as_of = None if text is None else read_instant(text, "as_of")
    parameters = resolve_definition(given, catalog)
    if "format" not in given:
        parameters = with_format(parameters, output)
    request = read_request(parameters, as_of=as_of)
    check_names(request, catalog)
    return request


def write_output(content: Content, output: str) -> str:
    """Write a report to the output and return the name of what was written.

    A file is written completely or not at all, and its manifest beside it. Links are followed and the mode of the
    file is kept. Standard output and devices get a stream.
    """
    file = Path(output)
    if output != "-" and file.is_dir():
        file = _file_in(file, content)
    try:
        if output != "-" and (file.is_file() or not file.exists()):
            _write_file(content, file)
            return str(file)
        _write_stream(content, None if output == "-" else file)
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "Standard output" if output == "-" else file
        raise InvalidInputError(f"{name} cannot be written ({error.strerror}); choose another file.") from error
    return output


def _file_in(folder: Path, content: Content) -> Path:
    """Return a file name in a folder: a new file, or that of the same report; -2, -3, ... is added while another report
    has the name."""
    request = asked_of(content)
    assert request.as_of is not None  # noqa: S101 - that of the content

    def is_of_request(file: Path) -> bool:
        try:
            return Manifest.read(manifest_file(file).read_text(encoding="utf-8")).request == request
        except (OSError, UnicodeDecodeError, InvalidInputError):
            return False

    name = Path(file_name(request, request.as_of))
    files = (folder / (name if number == 1 else name.with_stem(f"{name.stem}-{number}")) for number in count(1))
    return next(file for file in files if not file.exists() or is_of_request(file))


def _write_file(content: Content, file: Path) -> None:
    is_new = not file.exists()  # the permissions of a file that is replaced stay
    sha256 = write_file(content, file.resolve())
    text = json.dumps(Manifest.of(content, file.name, sha256).as_json(), indent=1, ensure_ascii=False)
    manifest_file(file).write_text(text + "\n", encoding="utf-8")
    if is_new:
        share(file)
    share(manifest_file(file))


def _write_stream(content: Content, device: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "report"
        write_file(content, whole)
        with whole.open("rb") as written:
            if device is None:
                shutil.copyfileobj(written, sys.stdout.buffer)
                sys.stdout.flush()
            else:
                with device.open("wb") as stream:
                    shutil.copyfileobj(written, stream)


def _find(report: str, installation: Installation) -> tuple[Manifest, Path]:
    file = Path(report)
    if file.is_file():
        beside = manifest_file(file)
        if not beside.is_file():
            raise InvalidInputError(f"There is no {beside}; the manifest must be in the folder of the report.")
        return Manifest.read(beside.read_text(encoding="utf-8")), file
    if file.suffix or file.name != report:
        raise InvalidInputError(f"There is no file {report}; name a report's file, or the id of a report.")
    job = installation.reports.find(report)
    stored = installation.reports.finished_file(job)
    if stored is None or job.result is None:
        raise ReportNotReadyError(job.job_id, job.state)
    return Manifest.of_report(stored.name, job.parameters, job.result, job.scope), stored
