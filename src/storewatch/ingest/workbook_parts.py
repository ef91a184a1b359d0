"""Read the parts of an Excel workbook, which are XML files in a zip archive, within limits.

While Expat parses a piece, no other thread runs. With each piece it parses an unfinished value again from its start.
So only small parts are read whole, other parts are read in pieces, and the size of a value or row is limited.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn, cast
from xml.etree.ElementTree import Element, XMLPullParser
from zipfile import ZipFile

from storewatch.domain.errors import InvalidInputError

# The 64,000 cell formats that Excel allows need 8 MB.
MAX_WHOLE_BYTES: Final = 8 << 20
MAX_WHOLE_ELEMENTS: Final = 250_000
# A row of 16,384 cells, the most that Excel allows, needs 1 MB and 3 elements per cell.
MAX_HELD_BYTES: Final = 4 << 20
MAX_HELD_ELEMENTS: Final = 100_000
# Each open element and each name takes memory until the end of the part. Excel needs 10 and 60.
MAX_DEPTH: Final = 100
MAX_NAMES: Final = 1_000

_PIECE_BYTES: Final = 64 * 1024
# Also matches UTF-16. The value of a cell cannot match, because it has `&lt;` in place of `<`.
_DOCTYPE: Final = re.compile(rb"<\0?!\0?D\0?O\0?C\0?T\0?Y\0?P\0?E")
_DOCTYPE_BYTES: Final = 18


class _ElementFinder:
    """Finds the elements with one tag in a part. All other elements are dropped while the part is read."""

    def __init__(self, tag: str) -> None:
        self.parser: XMLPullParser[Any] = XMLPullParser(("start", "end", "start-ns"))
        self._tag = tag
        self._open: list[Element] = []
        self._names: set[object] = set()
        self._wanted: Element | None = None
        self._held_bytes = self._held_elements = 0

    def read(self, piece: bytes) -> Iterator[Element]:
        """Yield the elements that end in this piece of the part."""
        self.parser.feed(piece)
        self._held_bytes += len(piece)
        for event, element in _events(self.parser):
            if event == "start":
                self._begin(element)
            elif event == "end":
                self._open.pop()
                if element is self._wanted:
                    yield element
                    self._wanted = None
                self._forget(element)
            else:
                self._names.add(element)
            if self._wanted is None:
                self._held_bytes = self._held_elements = 0

    def problem(self) -> str | None:
        """Return why the part is refused, or None while it is within the limits."""
        if self._held_bytes > MAX_HELD_BYTES:
            return f"has a row or value of more than {MAX_HELD_BYTES:,} bytes"
        if self._held_elements > MAX_HELD_ELEMENTS:
            return f"has a row or text of more than {MAX_HELD_ELEMENTS:,} elements"
        if len(self._open) > MAX_DEPTH:
            return f"is nested deeper than {MAX_DEPTH} elements"
        if len(self._names) > MAX_NAMES:
            return f"has more than {MAX_NAMES:,} names of elements and attributes"
        return None

    def _begin(self, element: Element) -> None:
        self._open.append(element)
        self._held_elements += 1
        self._names.add(element.tag)
        self._names.update(element.attrib)
        if self._wanted is None and element.tag == self._tag:
            self._wanted = element

    def _forget(self, element: Element) -> None:
        if self._wanted is None:
            element.clear()
            if self._open:
                self._open[-1].clear()


def _events(parser: "XMLPullParser[Any]") -> Iterator[tuple[str, Element]]:
    """Yield the events of the parser so far. The event of a namespace has a tuple in place of the element."""
    return cast(Iterator[tuple[str, Element]], parser.read_events())


class WorkbookParts:
    """The parts of one workbook.

    Methods raise InvalidInputError for a part beyond the limits, and errors of zipfile and of the XML parser for a
    damaged part.
    """

    def __init__(self, archive: ZipFile, name: str) -> None:
        """Use an open archive. name: the name of the workbook in messages."""
        self._archive, self._name = archive, name

    def __contains__(self, part: object) -> bool:
        return part in self._archive.NameToInfo

    def read_whole(self, part: str) -> Element:
        """Return the root of a small part. Raises KeyError when there is no such part."""
        size = self._archive.getinfo(part).file_size
        if size > MAX_WHOLE_BYTES:
            self._refuse(part, f"is {size:,} bytes long; at most {MAX_WHOLE_BYTES:,} are read")
        parser: XMLPullParser[Any] = XMLPullParser(("start",))
        count = 0
        root: Element | None = None
        for piece in self._pieces(part):
            parser.feed(piece)
            for _, element in _events(parser):
                root = element if root is None else root
                count += 1
            if count > MAX_WHOLE_ELEMENTS:
                self._refuse(part, f"has more than {MAX_WHOLE_ELEMENTS:,} elements")
        parser.close()
        if root is None:
            raise ValueError("no element found")
        return root

    def elements(self, part: str, tag: str) -> Iterator[Element]:
        """Yield each element with a tag. The element is emptied when the next one is read."""
        found = _ElementFinder(tag)
        for piece in self._pieces(part):
            yield from found.read(piece)
            if problem := found.problem():
                self._refuse(part, problem)
        found.parser.close()

    def _pieces(self, part: str) -> Iterator[bytes]:
        end = b""
        with self._archive.open(part) as file:
            while piece := file.read(_PIECE_BYTES):
                if _DOCTYPE.search(end + piece):
                    self._refuse(part, "declares a document type, which is not allowed in workbooks")
                end = piece[-_DOCTYPE_BYTES:]
                yield piece

    def _refuse(self, part: str, why: str) -> NoReturn:
        raise InvalidInputError(f"{self._name} cannot be read: its part {part} {why}. Save it as CSV and import that.")
