"""Refuse workbooks that are made to take much time or memory, and read large ones."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.hostile_workbooks import BOOK, HOSTILE_WORKBOOKS, SHEET, STYLES, TEXTS, Change, before, workbook_of

from storewatch.domain.errors import InvalidInputError
from storewatch.ingest import Imported
from storewatch.ingest.lines import TOO_LONG

Import = Callable[..., Imported]
Write = Callable[..., list[Path]]


@pytest.mark.parametrize("name", HOSTILE_WORKBOOKS)
def test_hostile_workbook_is_refused_by_its_limit(name: str, write: Write, import_paths: Import) -> None:
    hostile = HOSTILE_WORKBOOKS[name]
    content = hostile.content()
    assert len(content) < (3_000_000 if name in ("names", "prefixes") else 120_000)
    (path,) = write(book__xlsx=content)
    with pytest.raises(InvalidInputError) as refused:
        import_paths(path)
    assert str(refused.value) == hostile.refusal(str(path)).replace("{}", f"{len(content):,}")


def test_workbook_that_claims_more_than_it_holds_is_read(write: Write, import_paths: Import) -> None:
    """Some programs claim every row and column of Excel, and format cells that hold nothing."""
    rows = b"".join(b'<row r="%d"><c r="XFD%d" s="0"/></row>' % (n, n) for n in range(3, 5_000))
    gap = b'<row r="1048576"><c t="s"><v>3</v></c><c t="s"><v>4</v></c><c t="s"><v>5</v></c></row>'

    def change(xml: bytes) -> bytes:
        return before(b"</sheetData>", rows + gap)(xml).replace(b'ref="A1:C2"', b'ref="A1:XFD1048576"')

    (path,) = write(book__xlsx=workbook_of(changes={SHEET: change}))
    (table,) = import_paths(path).tables
    assert (table.accepted, table.rejected) == (2, 0)


def test_row_of_a_workbook_that_is_longer_than_a_line_may_be_is_rejected(write: Write, import_paths: Import) -> None:
    row = b"<row>" + b'<c t="str"><v>' + b"x" * 600_000 + b"</v></c>" + b'<c t="str"><v>' + b"y" * 600_000
    (path,) = write(book__xlsx=workbook_of(changes={SHEET: before(b"</sheetData>", row + b"</v></c></row>")}))
    (table,) = import_paths(path).tables
    assert (table.accepted, [(each.line, each.reason) for each in table.first_rejects]) == (1, [(3, TOO_LONG)])


@pytest.mark.parametrize(
    ("part", "change"),
    [
        (BOOK, lambda xml: xml.replace(b"</workbook>", b"")),
        (STYLES, lambda xml: xml.replace(b"<styleSheet", b"<")),
        (SHEET, lambda xml: xml.replace(b"</worksheet>", b"")),
        (SHEET, lambda xml: xml.replace(b"<v>5<", b"<v>99<")),
        (SHEET, lambda xml: xml.replace(b"<v>5<", b"<v>&e;<")),
        (SHEET, lambda xml: xml.replace(b'r="C2"', b'r="AAAAAAA2"')),
        (SHEET, lambda xml: xml.replace(b'<row r="2"', b'<row r="1e999"')),
        (TEXTS, lambda xml: xml.replace(b"</sst>", b"")),
    ],
)
def test_workbook_of_broken_xml_is_refused(part: str, change: Change, write: Write, import_paths: Import) -> None:
    (path,) = write(book__xlsx=workbook_of(changes={part: change}))
    with pytest.raises(InvalidInputError, match=r"book\.xlsx(/Polls)? is a damaged Excel workbook"):
        import_paths(path)
