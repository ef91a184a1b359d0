"""Read sheets of Excel workbooks (.xlsx) as rows of text."""

import posixpath
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element
from zipfile import BadZipFile, ZipFile

from storewatch.domain.errors import InvalidInputError
from storewatch.ingest.blocks import DATE_NAMES, DECIMAL_NAMES, Block, RowReader
from storewatch.ingest.lines import MAX_LINE_BYTES, TOO_LONG, Line, line_blocks
from storewatch.ingest.workbook_parts import WorkbookParts

# Excel keeps this many digits of a number and writes zeros for the others.
KEPT_DIGITS: Final = 15
MAX_SHEETS: Final = 100
# The header must be in the first rows.
MAX_HEAD_ROWS: Final = 1_000
# The rows of a sheet in Excel.
MAX_ROWS: Final = 1_048_576
# Cells of a sheet, with the empty cells before the last value of a row.
MAX_CELLS: Final = 20_000_000
# Excel stores the text of many cells once, so a small file can hold much more text than its size.
MAX_TEXT_BYTES: Final = 1 << 30

# Formats of numbers that show a fixed number of digits.
_PADDED: Final = re.compile("0{2,}")
_TIME_NAMES: Final = ("start_time_local", "end_time_local")

_WORKBOOK: Final = "xl/workbook.xml"
_STYLES: Final = "xl/styles.xml"
_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION_ID: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_SPREADSHEET: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml."
_MACRO: Final = "application/vnd.ms-excel."
_WORKBOOK_TYPES: Final = tuple(
    f"{kind}.main+xml"
    for kind in (
        f"{_SPREADSHEET}sheet",
        f"{_SPREADSHEET}template",
        f"{_MACRO}sheet.macroEnabled",
        f"{_MACRO}template.macroEnabled",
    )
)
_TEXTS_TYPE: Final = f"{_SPREADSHEET}sharedStrings+xml"

_DAMAGES: Final = (
    *(BadZipFile, zlib.error, EOFError, OSError, KeyError, RuntimeError),
    *(SyntaxError, ValueError, TypeError, AttributeError, IndexError, OverflowError),
)


class _UnreadableCellError(Exception):
    """The value of a cell cannot be a value of its column. The message is the reason."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A sheet of a workbook.

    part: the part with its rows. texts_part: the part with the shared texts of cells. date_styles: numbers of the cell
    styles that show a number as a date or time; duration_styles: those of them that show a duration. padded_styles:
    pairs of a cell style that shows zeros in front of a number, such as 007, and its number of digits.
    counts_from_1904: whether day 0 of the workbook is in 1904 and not in 1900.
    """

    title: str
    part: str
    texts_part: str | None
    date_styles: frozenset[int]
    duration_styles: frozenset[int]
    padded_styles: frozenset[tuple[int, int]]
    counts_from_1904: bool


def read_sheets(path: Path, name: str) -> list[Sheet]:
    """Return the sheets of a workbook, in order. name: the name of the workbook in messages.

    Raises InvalidInputError when the workbook is damaged or has more than MAX_SHEETS sheets.
    """
    with _refused_if_damaged(name), path.open("rb") as file, ZipFile(file) as archive:
        return _sheets(WorkbookParts(archive, name), name)


@contextmanager
def open_sheet(path: Path, sheet: Sheet, name: str) -> Iterator[RowReader]:
    """Open a sheet. Its header is the first row that is not empty. name: the name of the sheet in messages.

    Raises InvalidInputError when the sheet as a whole cannot be used, here or while its blocks are read.
    """
    with ExitStack() as opened:
        with _refused_if_damaged(name):
            archive = opened.enter_context(ZipFile(opened.enter_context(path.open("rb"))))
        rows = _rows(WorkbookParts(archive, name), sheet, name)
        header = next((row for _, row in islice(rows, MAX_HEAD_ROWS) if any(map(_text, row))), None)
        if header is None:
            raise InvalidInputError(f"{name} has no header in its first {MAX_HEAD_ROWS:,} rows.")
        names = [_text(cell) or "" for cell in header]
        while names and not names[-1].strip():
            names.pop()
        total_bytes = path.stat().st_size

        def read(wanted: Mapping[str, int], joined: bool) -> Iterator[Block]:
            lines = _lines(rows, wanted, name)
            yield from line_blocks(lines, tuple(wanted), lambda: total_bytes, joined=joined)

        yield RowReader(names=tuple(names), total_bytes=total_bytes, read=read)


class _SharedTexts:
    """The shared texts of cells, by number. They are read when a cell needs them."""

    def __init__(self, parts: WorkbookParts, part: str | None) -> None:
        self._texts: list[str] = []
        self._rest = map(_text_of, parts.elements(part, f"{_MAIN}si")) if part is not None else iter(())

    def __getitem__(self, number: int) -> str:
        self._texts.extend(islice(self._rest, max(0, number + 1 - len(self._texts))))
        return self._texts[number]

    def read_rest(self) -> None:
        """Read the texts that no cell needs. A damaged part is noticed only at its end."""
        for _ in self._rest:
            pass


class _Cells:
    """Reads the cells of rows."""

    def __init__(self, parts: WorkbookParts, sheet: Sheet) -> None:
        # Most imports have no workbook, so openpyxl is loaded only here.
        from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900  # noqa: PLC0415
        from openpyxl.worksheet._reader import WorkSheetParser  # noqa: PLC0415

        # Without styles, because with them openpyxl logs a warning for each invalid date.
        self.texts = _SharedTexts(parts, sheet.texts_part)
        self._reader = WorkSheetParser(None, self.texts, data_only=True)
        self._sheet, self._digits = sheet, dict(sheet.padded_styles)
        self._epoch = CALENDAR_MAC_1904 if sheet.counts_from_1904 else CALENDAR_WINDOWS_1900

    def read(self, row: Element) -> tuple[int, list[object]]:
        """Return the number of a row, and its cells up to the last one with a value."""
        reader = self._reader
        values: list[object] = []
        reader.row_counter = int(float(row.get("r", reader.row_counter + 1)))
        reader.col_counter = 0
        for element in row.iterfind(f"{_MAIN}c"):
            cell: dict[str, Any] = reader.parse_cell(element)
            if cell["value"] is not None and cell["column"] > 0:
                values += [None] * (cell["column"] - len(values))
                values[cell["column"] - 1] = self._shown(cell)
        return reader.row_counter, values

    def _shown(self, cell: Mapping[str, Any]) -> object:
        """Return the value of a cell as its style shows it: a date, a time, or zeros in front of a number."""
        from openpyxl.utils.datetime import from_excel  # noqa: PLC0415

        style, value = cell["style_id"], cell["value"]
        if cell["data_type"] == "n" and style in self._digits and 0 <= value < 10**KEPT_DIGITS and value == int(value):
            return str(int(value)).zfill(self._digits[style])
        if cell["data_type"] != "n" or style not in self._sheet.date_styles:
            return cell["value"]
        try:
            found: object = from_excel(cell["value"], self._epoch, timedelta=style in self._sheet.duration_styles)
        except (OverflowError, ValueError):
            return "#VALUE!"  # Excel shows the same
        return found


def _sheets(parts: WorkbookParts, name: str) -> list[Sheet]:
    types = {
        override.get("ContentType"): override.get("PartName", "").removeprefix("/")
        for override in parts.read_whole("[Content_Types].xml")
    }
    book_part = next((types[kind] for kind in _WORKBOOK_TYPES if kind in types), _WORKBOOK)
    book = parts.read_whole(book_part or _WORKBOOK)
    folder, file = posixpath.split(book_part or _WORKBOOK)
    targets = {
        relation.get("Id"): posixpath.normpath(posixpath.join("/", folder, relation.get("Target", "")))[1:]
        for relation in parts.read_whole(f"{folder}/_rels/{file}.rels")
        if "chartsheet" not in relation.get("Type", "") and relation.get("TargetMode") != "External"
    }
    found = [sheet for sheet in book.iter(f"{_MAIN}sheet") if targets.get(sheet.get(_RELATION_ID)) in parts]
    if len(found) > MAX_SHEETS:
        raise InvalidInputError(f"{name} has {len(found):,} sheets; at most {MAX_SHEETS} are read.")
    dates, durations, padded = _number_styles(parts)
    properties = book.find(f"{_MAIN}workbookPr")
    return [
        Sheet(
            title=sheet.get("name", ""),
            part=targets[sheet.get(_RELATION_ID)],
            texts_part=types.get(_TEXTS_TYPE),
            date_styles=dates,
            duration_styles=durations,
            padded_styles=padded,
            counts_from_1904=properties is not None and properties.get("date1904") in ("1", "true"),
        )
        for sheet in found
    ]


@contextmanager
def _refused_if_damaged(name: str) -> Iterator[None]:
    """Turn errors of zipfile, the XML parser and openpyxl in the block into an InvalidInputError."""
    try:
        yield
    except _DAMAGES as error:
        raise InvalidInputError(f"{name} is a damaged Excel workbook ({error}).") from error


def _number_styles(parts: WorkbookParts) -> tuple[frozenset[int], frozenset[int], frozenset[tuple[int, int]]]:
    """Return date_styles, duration_styles and padded_styles of the sheets of a workbook."""
    from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format  # noqa: PLC0415

    if _STYLES not in parts:
        return frozenset(), frozenset(), frozenset()
    styles = parts.read_whole(_STYLES)
    formats = BUILTIN_FORMATS | {
        int(each.get("numFmtId", "")): each.get("formatCode", "") for each in styles.iterfind(f"{_MAIN}numFmts/*")
    }
    used = [
        formats.get(int(each.get("numFmtId", 0)), "General") for each in styles.iterfind(f"{_MAIN}cellXfs/{_MAIN}xf")
    ]
    are_times = {each: (is_date_format(each), is_timedelta_format(each)) for each in {*used}}
    dates = frozenset(number for number, each in enumerate(used) if are_times[each][0])
    durations = frozenset(number for number in dates if are_times[used[number]][1])
    return (
        dates,
        durations,
        frozenset((number, len(each)) for number, each in enumerate(used) if _PADDED.fullmatch(each)),
    )


def _text_of(element: Element) -> str:
    """Return a shared text: all its runs, which may have different formats, joined."""
    runs = (run for tag in (f"{_MAIN}t", f"{_MAIN}r/{_MAIN}t") for run in element.iterfind(tag))
    return "".join(run.text or "" for run in runs).replace("x005F_", "")


def _rows(parts: WorkbookParts, sheet: Sheet, name: str) -> Iterator[tuple[int, list[object]]]:
    """Yield the number and the cells of each row."""
    cells = _Cells(parts, sheet)
    count = 0
    with _refused_if_damaged(name):
        for element in parts.elements(sheet.part, f"{_MAIN}row"):
            number, row = cells.read(element)
            count += max(len(element), len(row))
            if number > MAX_ROWS:
                raise InvalidInputError(f"{name} has a row {number:,}; at most {MAX_ROWS:,} are read.")
            if count > MAX_CELLS:
                raise InvalidInputError(
                    f"{name} has more than {MAX_CELLS:,} cells, counted from the first column to the last one with a "
                    "value. Save it as CSV and import that."
                )
            yield number, row
        cells.texts.read_rest()


def _lines(rows: Iterator[tuple[int, list[object]]], wanted: Mapping[str, int], name: str) -> Iterator[Line]:
    text_bytes = 0
    for number, row in rows:
        if not row:
            continue
        texts = [_text(cell) or "" for cell in row]
        line_bytes = sum(map(len, texts))
        text_bytes += line_bytes
        if text_bytes > MAX_TEXT_BYTES:
            raise InvalidInputError(
                f"{name} holds more than {MAX_TEXT_BYTES:,} bytes of text. Save it as CSV and import that."
            )
        if line_bytes > MAX_LINE_BYTES:
            first = "".join(text[: MAX_LINE_BYTES // len(texts)] for text in texts)
            yield Line(number=number, raw=first.encode(errors="replace"), problem=TOO_LONG)
        else:
            yield _line(number, row, ",".join(texts).encode(errors="replace"), wanted)


def _line(number: int, row: Sequence[object], raw: bytes, wanted: Mapping[str, int]) -> Line:
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
