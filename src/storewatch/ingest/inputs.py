"""Find the files of an import in folders, zip archives and workbooks, and list what is left out."""

import os
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from errno import ENOSPC
from io import FileIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final, Self, cast
from zipfile import BadZipFile, ZipExtFile, ZipFile, ZipInfo

from storewatch.domain.errors import InvalidInputError, StorageFullError
from storewatch.ingest.blocks import RowReader
from storewatch.ingest.decompressing import BrokenCompressionError, DecompressedFile
from storewatch.ingest.formats import open_reader, parquet_file_size
from storewatch.ingest.streams import GZIP_MAGIC, broken_gzip, is_parquet
from storewatch.ingest.unpack_limits import UnpackLimit
from storewatch.ingest.workbooks import Sheet, open_sheet, read_sheets

SUFFIXES: Final = (".csv", ".tsv", ".txt", ".ndjson", ".jsonl", ".parquet")
WORKBOOKS: Final = (".xlsx", ".xlsm")
MAX_MEMBERS: Final = 1_000
MAX_WORKBOOK_BYTES: Final = 1 << 30
# zipfile reads the list of members in one call and makes an object for each, so the bytes of the list are limited.
MAX_DIRECTORY_BYTES: Final = 2 << 20

_ZIP_MAGIC: Final = b"PK\x03\x04"
_EMPTY_ZIP: Final = b"PK\x05\x06"
_WORKBOOK_MEMBER: Final = "xl/workbook.xml"


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """A file to import, or one sheet of a workbook.

    name: its name in messages and in the catalog. sheet: the sheet of a workbook. is_optional: if the file is not a
    table, it is left out instead of refused.
    """

    path: Path
    name: str
    sheet: Sheet | None = None
    is_optional: bool = False

    @classmethod
    def at(cls, path: Path, *, is_optional: bool = False) -> Self:
        """Return the file at a path, which is also its name."""
        return cls(path=path, name=_path_text(path), is_optional=is_optional)

    @contextmanager
    def open(self, columns: Sequence[str] = ()) -> Iterator[RowReader]:
        """Open the file. columns: as in `open_reader`. Raises InvalidInputError as `open_reader` does."""
        if self.sheet is None:
            with open_reader(self.path, name=self.name, columns=columns) as reader:
                yield reader
        else:
            with open_sheet(self.path, self.sheet, self.name) as reader:
                yield reader


@dataclass(frozen=True, kw_only=True)
class FoundFiles:
    """The files to import, and the names of files and folders that are left out."""

    files: tuple[InputFile, ...]
    left_out: tuple[str, ...]


def find_files(paths: Iterable[Path]) -> FoundFiles:
    """Find the files at paths, each once. A folder stands for the importable files directly in it, sorted by name.

    Folders inside folders are left out, because one of them may be a lake. Raises InvalidInputError for a path that
    does not exist, and for a folder without a file to import.
    """
    found: dict[Path, InputFile] = {}
    left_out: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            if not path.exists():
                raise InvalidInputError(f"{path}: there is no such file or folder.")
            found[path] = InputFile.at(path)
            continue
        inside = sorted(path.iterdir())
        importable = [file for file in inside if file.is_file() and _is_importable(file.name)]
        if not importable:
            raise InvalidInputError(
                f"{path} holds no file to import (*.csv, *.tsv, *.txt, *.ndjson, *.jsonl, also .gz, *.parquet, *.xlsx "
                "or *.zip)."
            )
        for file in importable:
            found.setdefault(file, InputFile.at(file, is_optional=_is_text(file.name)))
        left_out |= dict.fromkeys(file for file in inside if file not in importable)
    return FoundFiles(
        files=tuple(found.values()),
        left_out=tuple(f"{_path_text(path)}{'/' if path.is_dir() else ''}" for path in left_out if path not in found),
    )


@contextmanager
def unpack_files(files: Sequence[InputFile]) -> Iterator[FoundFiles]:
    """Replace zip archives by their members and workbooks by their sheets. Members are in temporary folders.

    Raises InvalidInputError for an archive that is damaged or would unpack to too many bytes.
    """
    with ExitStack() as opened:
        found: list[InputFile] = []
        left_out: list[str] = []
        for file in files:
            if not _is_zip(file.path):
                found.append(file)
            elif _is_workbook(file):
                found += _sheets(file)
            else:
                folder = Path(opened.enter_context(TemporaryDirectory(prefix="storewatch-zip-")))
                members, others = _unpack(file, folder)
                left_out += others
                for member in members:
                    found += _sheets(member) if _is_zip(member.path) else [member]
        yield FoundFiles(files=tuple(found), left_out=tuple(left_out))


def join_names(names: Iterable[str], shown: int = 5) -> str:
    """Return the names of files as one text: the first `shown` names, and how many more there are."""
    unique = list(dict.fromkeys(names))
    more = len(unique) - shown
    return ", ".join(unique[:shown]) + (f" and {more:,} more" if more > 0 else "")


def _is_importable(name: str) -> bool:
    lower = name.lower()
    return not name.startswith(".") and (
        lower.removesuffix(".gz").endswith(SUFFIXES) or lower.endswith((*WORKBOOKS, ".zip"))
    )


def _is_text(name: str) -> bool:
    """Return whether a name ends with .txt. Such a file may or may not be a table."""
    return name.lower().removesuffix(".gz").endswith(".txt")


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) in (_ZIP_MAGIC, _EMPTY_ZIP)
    except OSError:  # opening the file later raises an error with the reason
        return False


class _TooMuchAtOnceError(Exception):
    """zipfile tried to read more than MAX_DIRECTORY_BYTES in one call."""


class _BoundedFile(FileIO):
    """A file that refuses to read more than MAX_DIRECTORY_BYTES in one call."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise _TooMuchAtOnceError
        return super().read(size) or b""


@contextmanager
def _archive(file: InputFile) -> Iterator[ZipFile]:
    try:
        with _BoundedFile(file.path) as bounded, ZipFile(bounded) as archive:
            yield archive
    except _TooMuchAtOnceError:
        raise InvalidInputError(f"{file.name} holds too many files; at most {MAX_MEMBERS:,} are unpacked.") from None
    # RuntimeError: the archive needs a password. NotImplementedError: Python does not know the compression method.
    except (BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == ENOSPC:
            raise StorageFullError from error
        raise InvalidInputError(f"{file.name} is a damaged or protected zip file ({error}).") from error


def _is_workbook(file: InputFile) -> bool:
    with _archive(file) as archive:
        return _WORKBOOK_MEMBER in archive.namelist()


def _sheets(file: InputFile) -> list[InputFile]:
    """Return the sheets of a workbook. A sheet that is not a table is left out, unless it is the only sheet."""
    with _archive(file) as archive:
        _check_number(file, archive.infolist())
        limit = UnpackLimit(file.name, file.path.stat().st_size, MAX_WORKBOOK_BYTES)
        limit.take(sum(member.file_size for member in archive.infolist()))
    sheets = read_sheets(file.path, file.name)
    if not sheets:
        raise InvalidInputError(f"{file.name} holds no sheet that can be read.")
    return [
        replace(file, name=f"{file.name}/{sheet.title}", sheet=sheet, is_optional=file.is_optional or len(sheets) > 1)
        for sheet in sheets
    ]


def _unpack(file: InputFile, folder: Path) -> tuple[list[InputFile], list[str]]:
    """Write the importable members of an archive into a folder. Return these members, and the names of all others."""
    members: list[InputFile] = []
    others: list[str] = []
    with _archive(file) as archive:
        _check_number(file, archive.infolist())
        limit = UnpackLimit(file.name, file.path.stat().st_size)
        limit.take(sum(member.file_size for member in archive.infolist()))
        for number, member in enumerate(archive.infolist()):
            if member.is_dir():
                continue
            name = f"{file.name}/{_member_name(member.filename)}"
            last = member.filename.replace("\\", "/").rsplit("/", 1)[-1]
            if not _is_importable(last) or member.filename.startswith("__MACOSX/") or last.lower().endswith(".zip"):
                others.append(name)
                continue
            # The number is the file name, so a member cannot choose the place where it is written.
            written = InputFile(path=folder / str(number), name=name, is_optional=_is_text(last))
            _write(archive, member, written, limit)
            _count_inside(written, limit)
            members.append(written)
    if not members:
        raise InvalidInputError(f"{file.name} holds no file to import.")
    return members, others


def _check_number(file: InputFile, members: Sequence[ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise InvalidInputError(f"{file.name} holds {len(members):,} files; at most {MAX_MEMBERS:,} are unpacked.")


def _write(archive: ZipFile, member: ZipInfo, target: InputFile, limit: UnpackLimit) -> None:
    """Write one member, unpacked if it is gzipped. zipfile reads no more bytes than its header declares."""
    with archive.open(member) as packed, target.path.open("xb") as file:
        if not cast(ZipExtFile, packed).peek(2).startswith(GZIP_MAGIC):
            if member.filename.lower().endswith(".gz"):
                raise InvalidInputError(f"{target.name} is not a gzip file, although its name says so.")
            shutil.copyfileobj(packed, file, 1 << 20)
            return
        unpacked = DecompressedFile(cast(BinaryIO, packed), "gzip", limit.take)
        try:
            while chunk := unpacked.read(1 << 20):
                if file.tell() == 0 and chunk.startswith(GZIP_MAGIC):
                    raise InvalidInputError(f"{target.name} is compressed twice; compress it once.")
                file.write(chunk)
        except BrokenCompressionError as error:
            raise broken_gzip(target.name, error) from error


def _count_inside(file: InputFile, limit: UnpackLimit) -> None:
    """Count the unpacked bytes of a member that is a workbook or a Parquet file."""
    if _is_zip(file.path):
        with _archive(file) as archive:
            limit.take(sum(member.file_size for member in archive.infolist()))
    elif is_parquet(file.path):
        limit.take(parquet_file_size(file.path, file.name).bytes)


def _member_name(name: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in name)[:200]


def _path_text(path: Path) -> str:
    return os.fsencode(path).decode(errors="replace")
