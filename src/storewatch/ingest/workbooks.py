"""Read sheets of Excel workbooks (.xlsx) as rows of text."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zipfile import BadZipFile

from storewatch.domain.errors import InvalidInputError
from storewatch.ingest.blocks import DATE_NAMES, DECIMAL_NAMES, Block, RowReader
from storewatch.ingest.lines import Line, line_blocks

if TYPE_CHECKING:
    from openpyxl import Workbook

# Excel keeps this many digits of a number and writes zeros for the others.
KEPT_DIGITS: Final = 15

_TIME_NAMES: Final = ("start_time_local", "end_time_local")


class _UnreadableCellError(Exception):
    """The value of a cell cannot be a value of its column. The message is the reason."""


def sheet_names(path: Path, name: str) -> list[str]:
    """Return the names of the sheets of a workbook, in order. name: the name of the file in messages.

    Raises InvalidInputError when the workbook is damaged.
    """
    with _opened(path, name) as book:
        return [sheet.title for sheet in book.worksheets]


@contextmanager
def open_sheet(path: Path, sheet: str, name: str) -> Iterator[RowReader]:
    """Open a sheet. Its header is the first row that is not empty. name: the name of the sheet in messages.

    Raises InvalidInputError when the sheet as a whole cannot be used, here or while its blocks are read.
    """
    with _opened(path, name) as book:
        rows = _rows(book, sheet, name)
        header_row, header = next(((number, row) for number, row in rows if any(map(_text, row))), (0, ()))
        if not header_row:
            raise InvalidInputError(f"{name} is empty.")
        names = [_text(cell) or "" for cell in header]
        while names and not names[-1].strip():
            names.pop()
        total_bytes = path.stat().st_size

        def read(wanted: Mapping[str, int], joined: bool) -> Iterator[Block]:
            lines = (_line(number, row, wanted) for number, row in rows if any(cell is not None for cell in row))
            yield from line_blocks(lines, tuple(wanted), lambda: total_bytes, joined=joined)

        yield RowReader(names=tuple(names), total_bytes=total_bytes, read=read)


@contextmanager
def _opened(path: Path, name: str) -> Iterator["Workbook"]:
    # Most imports have no workbook, so openpyxl is loaded only here.
    from openpyxl import load_workbook  # noqa: PLC0415
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    damages = (BadZipFile, InvalidFileException, zlib.error, EOFError, KeyError, OSError, NotImplementedError)
    # Errors of openpyxl, and of the XML parser, which refuses external entities and those that expand to long text.
    while_loading = (*damages, SyntaxError, ValueError, TypeError, AttributeError, IndexError, AssertionError)
    try:
        with path.open("rb") as file:
            try:
                book = load_workbook(file, read_only=True, data_only=True)
            except while_loading as error:
                raise InvalidInputError(f"{name} is a damaged Excel workbook ({error}).") from error
            try:
                yield book
            finally:
                book.close()
    except damages as error:
        raise InvalidInputError(f"{name} is a damaged Excel workbook ({error}).") from error


def _rows(book: "Workbook", sheet: str, name: str) -> Iterator[tuple[int, Sequence[object]]]:
    """Yield the number and the cells of each row."""
    worksheet: Any = book[sheet]
    worksheet.reset_dimensions()  # the dimensions in the file may be wrong
    try:
        yield from enumerate(worksheet.iter_rows(values_only=True), 1)
    except (ValueError, SyntaxError, TypeError, IndexError) as error:  # from openpyxl and from the XML parser
        raise InvalidInputError(f"{name} is a damaged sheet ({error}).") from error


def _line(number: int, row: Sequence[object], wanted: Mapping[str, int]) -> Line:
    raw = ",".join(_text(cell) or "" for cell in row).encode(errors="replace")
    values: list[str | None] = []
    unreadable: dict[str, str] = {}
    for name, place in wanted.items():
        try:
            values.append(_value(row[place] if place < len(row) else None, name))
        except _UnreadableCellError as error:
            values.append(None)
            unreadable[name] = str(error)
    return Line(number=number, raw=raw, values=values, unreadable=unreadable)


def _value(cell: object, name: str) -> str | None:
    """Return the text that a CSV file would have in this cell. Raises _UnreadableCellError. name: of the column."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and name in ("store_id", "day", "weekday", "hour") and not cell.is_integer():
        raise _UnreadableCellError(f"{name} must be text or a whole number, not {cell!r}")
    if isinstance(cell, int | float) and name not in DECIMAL_NAMES and abs(cell) >= 10**KEPT_DIGITS:
        raise _UnreadableCellError(
            f"{name} is the number {_text(cell)}, of which Excel keeps the first {KEPT_DIGITS} digits only; format the "
            "column as text and enter it again"
        )
    if name in _TIME_NAMES and isinstance(cell, datetime | timedelta):
        return _clock(cell)
    if name in DATE_NAMES and isinstance(cell, datetime) and cell.time() == time.min:
        return cell.date().isoformat()
    return _text(cell)


def _clock(cell: datetime | timedelta) -> str:
    """Return the time of day of a duration, or of a datetime on the first days of Excel's calendar."""
    if isinstance(cell, datetime):
        if cell.year > 1900:
            return str(cell)
        cell = cell - datetime(1899, 12, 30)  # noqa: DTZ001 - a local time
    seconds = round(cell.total_seconds())
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _text(cell: object) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, float) and cell.is_integer():
        return str(int(Decimal(repr(cell))))  # int(8.41953794191982e18) has other digits than the cell shows
    if isinstance(cell, time):
        return f"{cell:%H:%M:%S}"
    if isinstance(cell, datetime | date):
        return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()
    return str(cell)
