"""The PDF of a report, made from its content."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typst

from storewatch.domain.enums import Breakdown
from storewatch.domain.instants import instant_of
from storewatch.reports.compute.content import Content
from storewatch.reports.exports.pdf import words
from storewatch.reports.exports.pdf.charts import days_block, heat_block, trend_blocks
from storewatch.reports.exports.pdf.cover import cover
from storewatch.reports.exports.pdf.lists import list_blocks
from storewatch.reports.exports.pdf.method import exact_blocks, method_block
from storewatch.reports.exports.pdf.reading import Reading

_TEMPLATE: Final = Path(__file__).parent / "report.typ"
_UNSHOWN: Final = "could not be displayed"


def write_pdf(content: Content, file: Path) -> None:
    """Write the report as a tagged PDF (PDF/UA-1). Equal contents have equal bytes.

    A PDF lists only the worst stores and the longest outages. The other forms have every row. A text in a script that
    Typst's own fonts lack is set in a font of this machine. The bytes are then equal only on machines with the same
    fonts. Without such a font, boxes stand for the letters.
    """
    file.write_bytes(_compile(json.dumps(document(content), ensure_ascii=False), instant_of(content.as_of_us)))


def document(content: Content) -> dict[str, Any]:
    """Return everything that the template sets: finished texts, and numbers only for drawings."""
    reading = Reading.of(content)
    drawings = _drawings(reading)
    blocks = [*drawings[1:], *list_blocks(reading), heat_block(reading), method_block(reading)]
    return {
        "paper": {"a4": "a4", "letter": "us-letter"}[content.request.paper],
        "as_of": f"{words.moment(instant_of(content.as_of_us))} UTC",
        "cover": cover(reading),
        "drawing": drawings[0] if drawings else None,
        "blocks": [block for block in [*blocks, *exact_blocks(reading)] if block is not None],
    }


def _drawings(reading: Reading) -> list[dict[str, Any]]:
    days = days_block(reading) if reading.store is not None else None
    if days is None:
        return trend_blocks(reading)
    # The hours of one store are easier to read as days than as a line.
    by_line = reading.content.request.by not in (None, Breakdown.HOUR)
    return [days, *trend_blocks(reading)] if by_line else [days]


def _compile(data: str, created: datetime) -> bytes:
    own, machines = (typst.Fonts(include_system_fonts=system) for system in (False, True))
    # PDF/UA-1 refuses letters without a font.
    for fonts in (own, machines):
        try:
            return _set(data, created, fonts, ["ua-1"])
        except typst.TypstError as error:
            if _UNSHOWN not in str(error):
                raise
    return _set(data, created, machines, [])


def _set(data: str, created: datetime, fonts: typst.Fonts, standards: list[Any]) -> bytes:
    return typst.compile(
        _TEMPLATE,
        root=_TEMPLATE.parent,
        font_paths=fonts,
        format="pdf",
        sys_inputs={"report": data} | ({} if standards else {"boxes": "yes"}),
        timestamp=created.astimezone(UTC).replace(microsecond=0),
        pdf_standards=standards,
    )
