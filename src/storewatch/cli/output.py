"""Write a report to a file with its manifest beside it, to a folder, to a device or to standard output."""

import json
import shutil
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from storewatch.domain.errors import InvalidInputError, InvalidParameterError
from storewatch.private_files import share

if TYPE_CHECKING:
    from storewatch.reports.compute.content import Content

Output = Annotated[
    str,
    typer.Option(
        help="A file, or a folder in which the file is named after the report; - is standard output.", metavar="FILE"
    ),
]
_BINARY: Final = ("xlsx", "pdf", "parquet")


def check_output(output: str) -> None:
    """Check that the output can be written, before any work is done."""
    file = Path(output)
    if output == "-" and sys.stdout is None:
        raise InvalidInputError("Standard output is closed; name a file with --output.")
    if not output:
        raise InvalidInputError("An empty name is not a file; name one with --output.")
    folder = file if output.endswith("/") else file.parent
    if not folder.is_dir():
        raise InvalidInputError(f"There is no folder {folder}; create it or name another file with --output.")


def check_form(form: str, output: str) -> None:
    """Check that a binary format is not written to a terminal."""
    if output == "-" and form in _BINARY and sys.stdout.isatty():
        raise InvalidParameterError("output", f"{form} cannot be shown on a terminal; name a file with --output.")


def warn(content: "Content") -> None:
    """Print the warning that as_of does not fit the polls, if there is one, to standard error."""
    if content.clock_warning is not None:
        typer.echo(f"Warning: {content.clock_warning.text}", err=True)


def write_output(content: "Content", output: str) -> str:
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


def _file_in(folder: Path, content: "Content") -> Path:
    """Return a file name in a folder: a new file, or that of the same report; -2, -3, ... is added while another report
    has the name."""
    from storewatch.reports.archive.manifest import Manifest, asked_of, manifest_file
    from storewatch.reports.request.file_names import file_name

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


def _write_file(content: "Content", file: Path) -> None:
    from storewatch.reports.archive.manifest import Manifest, manifest_file
    from storewatch.reports.archive.runs import write_file

    is_new = not file.exists()  # the permissions of a file that is replaced stay
    sha256 = write_file(content, file.resolve())
    text = json.dumps(Manifest.of(content, file.name, sha256).as_json(), indent=1, ensure_ascii=False)
    manifest_file(file).write_text(text + "\n", encoding="utf-8")
    if is_new:
        share(file)
    share(manifest_file(file))


def _write_stream(content: "Content", device: Path | None) -> None:
    from storewatch.reports.archive.runs import write_file

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
