"""Workbooks that are made to keep their reader busy, each with why it is refused."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile

import xlsxwriter

SHEET, BOOK, STYLES, TEXTS = "xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml", "xl/sharedStrings.xml"
ROWS: Final = (("store_id", "timestamp_utc", "status"), ("a", "2023-01-24 08:00:00 UTC", "active"))
MILLION: Final = 1_000_000

_ENTITIES: Final = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 9))
_DOCTYPE: Final = f"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'><!ENTITY l0 '{'ha' * 50}'>{_ENTITIES}]>"

Change = Callable[[bytes], bytes]


def workbook_of(rows: Sequence[Sequence[str]] = ROWS, changes: dict[str, Change] | None = None) -> bytes:
    """Return a workbook with the sheet Polls, some parts of which are changed."""
    plain, content = BytesIO(), BytesIO()
    with xlsxwriter.Workbook(plain, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Polls")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    changes = changes or {}
    with ZipFile(plain) as good, ZipFile(content, "w", ZIP_DEFLATED, compresslevel=9) as bad:
        assert changes.keys() <= {*good.namelist()}
        for name in good.namelist():
            xml = good.read(name)
            changed = changes.get(name, bytes)(xml)
            assert name not in changes or changed != xml
            bad.writestr(name, changed)
    return content.getvalue()


def before(end: bytes, added: bytes) -> Change:
    """Return a change that adds something before the end of an element."""
    return lambda xml: xml.replace(end, added + end)


def with_entities(text: bytes, *, encoding: str = "utf-8") -> Change:
    """Return a change that puts a reference to an entity in place of a text."""
    name = {"utf-8": "UTF-8", "utf-16": "UTF-16"}[encoding]

    def change(xml: bytes) -> bytes:
        body = xml.decode().split("?>\n", 1)[1].replace(text.decode(), text.decode().replace("active", "&l8;"))
        return f'<?xml version="1.0" encoding="{name}"?>{_DOCTYPE}{body}'.encode(encoding)

    return change


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """A workbook. part: that is refused, if it is one part; reason: why."""

    changes: dict[str, Change]
    reason: str
    part: str | None = None
    is_of_sheet: bool = True

    def content(self) -> bytes:
        return workbook_of(changes=self.changes)

    def refusal(self, name: str) -> str:
        shown = f"{name}/Polls" if self.is_of_sheet else name
        if self.part is None:
            return f"{shown} {self.reason}"
        return f"{shown} cannot be read: its part {self.part} {self.reason}. Save it as CSV and import that."


def _rows(rows: bytes) -> dict[str, Change]:
    return {SHEET: before(b"</sheetData>", rows)}


def _many_sheets(xml: bytes) -> bytes:
    start = xml.index(b"<sheet ")
    sheet = xml[start : xml.index(b"/>", start) + 2]
    return xml.replace(sheet, sheet * 101)


_TOO_LARGE: Final = "has a row or value of more than 4,194,304 bytes"
_TOO_MANY_ELEMENTS: Final = "has a row or text of more than 100,000 elements"
_DECLARES: Final = "declares a document type, which is not allowed in workbooks"
_SHARED_ROW: Final = b"<row>" + b'<c t="s"><v>6</v></c>' * 3 + b"</row>"

HOSTILE_WORKBOOKS: Final = {
    "styles": Hostile(
        changes={STYLES: before(b"</styleSheet>", b"<a/>" * 13 * MILLION)},
        part=STYLES,
        reason="is 52,000,867 bytes long; at most 8,388,608 are read",
        is_of_sheet=False,
    ),
    "formats": Hostile(
        changes={STYLES: before(b"</styleSheet>", b"<a/>" * 2 * MILLION)},
        part=STYLES,
        reason="has more than 250,000 elements",
        is_of_sheet=False,
    ),
    "book": Hostile(
        changes={BOOK: before(b"</sheets>", b"<sheet/>" * 5 * MILLION)},
        part=BOOK,
        reason="is 40,000,549 bytes long; at most 8,388,608 are read",
        is_of_sheet=False,
    ),
    "sheets": Hostile(changes={BOOK: _many_sheets}, reason="has 101 sheets; at most 100 are read.", is_of_sheet=False),
    "unpacked": Hostile(
        changes=_rows(b"<row/>" * 12 * MILLION),
        reason="unpacks to more than 67,108,864 bytes, which are all that is allowed for the {} bytes that it has. "
        "Unpack it, or save it in another format, and import that.",
        is_of_sheet=False,
    ),
    "attribute": Hostile(
        changes={SHEET: before(b"<sheetData>", b"<a b='" + b"x" * 60 * MILLION + b"'/>")}, part=SHEET, reason=_TOO_LARGE
    ),
    "text": Hostile(
        changes=_rows(b'<row><c t="str"><v>' + b"x" * 60 * MILLION + b"</v></c></row>"), part=SHEET, reason=_TOO_LARGE
    ),
    "cells of a row": Hostile(
        changes=_rows(b"<row>" + b"<c/>" * 13 * MILLION + b"</row>"), part=SHEET, reason=_TOO_MANY_ELEMENTS
    ),
    "cells": Hostile(
        changes=_rows(b'<row><c r="XFD1"><v>1</v></c></row>' * 1_300),
        reason="has more than 20,000,000 cells, counted from the first column to the last one with a value. Save it as "
        "CSV and import that.",
    ),
    "row": Hostile(
        changes=_rows(b'<row r="99999999999999"><c><v>1</v></c></row>'),
        reason="has a row 99,999,999,999,999; at most 1,048,576 are read.",
    ),
    "depth": Hostile(
        changes={SHEET: before(b"<sheetData>", b"<a>" * 13 * MILLION)},
        part=SHEET,
        reason="is nested deeper than 100 elements",
    ),
    "names": Hostile(
        changes={SHEET: before(b"<sheetData>", b"".join(b"<a%x/>" % number for number in range(MILLION)))},
        part=SHEET,
        reason="has more than 1,000 names of elements and attributes",
    ),
    "prefixes": Hostile(
        changes={SHEET: before(b"<sheetData>", b"".join(b"<a xmlns:a%x='a'/>" % n for n in range(MILLION)))},
        part=SHEET,
        reason="has more than 1,000 names of elements and attributes",
    ),
    "shared texts": Hostile(
        changes={TEXTS: lambda xml: xml.replace(b"<si>", b"<si>" + b"<t/>" * 13 * MILLION, 1)},
        part=TEXTS,
        reason=_TOO_MANY_ELEMENTS,
    ),
    "texts": Hostile(
        changes={TEXTS: before(b"</sst>", b"<si><t>" + b"x" * 300_000 + b"</t></si>")} | _rows(_SHARED_ROW * 1_300),
        reason="holds more than 1,073,741,824 bytes of text. Save it as CSV and import that.",
    ),
    "entities": Hostile(changes={TEXTS: with_entities(b">active<")}, part=TEXTS, reason=_DECLARES),
    "entities in UTF-16": Hostile(
        changes={TEXTS: with_entities(b">active<", encoding="utf-16")}, part=TEXTS, reason=_DECLARES
    ),
    "entities in a sheet": Hostile(changes={SHEET: with_entities(b"<v>5<")}, part=SHEET, reason=_DECLARES),
    "entities in the book": Hostile(
        changes={BOOK: with_entities(b'name="active"')}, part=BOOK, reason=_DECLARES, is_of_sheet=False
    ),
}
