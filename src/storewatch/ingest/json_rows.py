"""Read the rows of a JSON body in chunks.

Python decodes an array in one call, during which no other thread runs: 12 seconds for 60 MB of `[[],[],…]`. Larger
bodies are therefore decoded row by row, through a window that moves along the text.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from json import JSONDecodeError
from typing import Final, NoReturn

from storewatch.domain.errors import InvalidInputError
from storewatch.ingest.lines import JSON_DECODER, MAX_LINE_BYTES, RepeatedKey, object_of

# A row, or another value that is decoded at once, cannot be larger. Its decoding takes up to 30 ms.
WINDOW_BYTES: Final = MAX_LINE_BYTES
CHUNK_ROWS: Final = 10_000
NO_ARRAY: Final = "The body must be a JSON array of objects, at least one."

_BLANK: Final = " \t\n\r"
_BLANKS: Final = re.compile(rf"[{_BLANK}]*")
# What may follow a value. Digits, for example, can go on where the window ends.
_AFTER_VALUE: Final = frozenset(f"{_BLANK},:]}}")
# So close to the end of the window an error may come from the cut: the longest word is -Infinity.
_CUT_CHARACTERS: Final = 16


class RepeatedKeyError(Exception):
    """An object that holds the rows names a key twice, so it is one bad row itself. `row`: that row."""

    def __init__(self, row: RepeatedKey) -> None:
        super().__init__(row.key)
        self.row = row


def json_rows(
    body: bytes, *, member: str | None = None, window_bytes: int = WINDOW_BYTES, chunk_rows: int = CHUNK_ROWS
) -> Iterator[list[object]]:
    """Yield the elements of a JSON array in chunks, of at most about a window. Objects are decoded by JSON_DECODER.

    member: if the body is an object, the rows are the array with this key; an object without it, and any other value,
    is one row. Without `member` the body must be an array.

    Raises InvalidInputError for a body that is not JSON, or that has a value larger than a window; RepeatedKeyError
    as it says. Both may come after the first chunks.
    """
    window = _Window(body.removeprefix(b"\xef\xbb\xbf"), window_bytes)
    if window.ended:
        rows = _rows_of(window.value(), member)
        window.take_end()
        yield from (rows[first : first + chunk_rows] for first in range(0, len(rows), chunk_rows))
        return
    opening = window.next()
    if opening == "[":
        yield from _array(window, chunk_rows)
    elif opening == "{" and member is not None:
        yield from _object(window, member, chunk_rows)
    else:
        yield _rows_of(window.value(), member)
    window.take_end()


def names_of_first(rows: Iterable[object]) -> list[str]:
    """Return the keys of the first row that is an object."""
    return list(next((row for row in rows if isinstance(row, dict)), {}))


def _rows_of(document: object, member: str | None) -> list[object]:
    if isinstance(document, dict) and member is not None:
        document = document.get(member, document)
    if isinstance(document, list):
        return document
    if member is None:
        raise InvalidInputError(NO_ARRAY)
    return [document]


def _array(window: "_Window", chunk_rows: int) -> Iterator[list[object]]:
    window.take("[", "Expecting value")
    if window.next() == "]":
        window.take("]", "")
        return
    chunk: list[object] = []
    begun = window.position
    ending = ","
    while ending == ",":
        chunk.append(window.value())
        ending = window.take(",]", "Expecting ',' delimiter")
        # Objects of more text would be deleted at once later, during which no other thread runs either.
        if len(chunk) == chunk_rows or window.position - begun > window.size or ending == "]":
            yield chunk
            chunk, begun = [], window.position


def _object(window: "_Window", member: str, chunk_rows: int) -> Iterator[list[object]]:
    window.take("{", "Expecting value")
    pairs: list[tuple[str, object]] = []
    held = 0  # characters outside the rows
    has_rows = False
    ending = "," if window.next() != "}" else window.take("}", "")
    while ending == ",":
        begun = window.position
        key = window.key()
        if key == member and window.next() == "[" and not has_rows:
            has_rows = True
            pairs.append((key, None))
            yield from _array(window, chunk_rows)
        else:
            pairs.append((key, window.value()))
            held += window.position - begun
            if held > window.size:
                window.refuse_size()
        ending = window.take(",}", "Expecting ',' delimiter")
    row = object_of(pairs)
    if isinstance(row, RepeatedKey):
        raise RepeatedKeyError(row)
    if not has_rows:
        yield _rows_of(row, member)


class _Window:
    """A part of the text of a body, and a place in it.

    ended: the part reaches to the end of the body.
    """

    def __init__(self, body: bytes, size: int) -> None:
        self._body, self.size = memoryview(body), size
        self._read_bytes = self._passed = 0
        self.text, self.at, self.ended = "", 0, False
        self.move()

    @property
    def position(self) -> int:
        """Where the place is in the whole text."""
        return self._passed + self.at

    def move(self) -> None:
        """Drop the text before the place, and read on until the window is full again."""
        missing = max(0, self.size - (len(self.text) - self.at))
        piece = self._body[self._read_bytes : self._read_bytes + missing]
        self.ended = self._read_bytes + len(piece) == len(self._body)
        try:
            more, used_bytes = codecs.utf_8_decode(piece, "strict", self.ended)
        except UnicodeDecodeError as error:
            raise InvalidInputError(f"The body is not UTF-8 text (byte {self._read_bytes + error.start:,}).") from None
        self._read_bytes += used_bytes
        self._passed += self.at
        self.text, self.at = self.text[self.at :] + more, 0

    def next(self) -> str:
        """Skip blanks and return the character that follows, "" at the end of the body."""
        while True:
            following = self.text[self.at : self.at + 1]
            if following and following not in _BLANK:
                return following
            blanks = _BLANKS.match(self.text, self.at)
            self.at = blanks.end() if blanks else self.at
            if self.at == len(self.text):
                if self.ended:
                    return ""
                self.move()

    def take(self, wanted: str, message: str) -> str:
        """Skip blanks and one of the wanted characters, and return it."""
        found = self.next()
        if not found or found not in wanted:
            self.refuse(message)
        self.at += 1
        return found

    def take_end(self) -> None:
        """Refuse anything but blanks that follows here."""
        if self.next():
            self.refuse("Extra data")

    def key(self) -> str:
        """Decode the key that begins here, and skip the colon after it."""
        if self.next() != '"':
            self.refuse("Expecting property name enclosed in double quotes")
        key = self.value()
        self.take(":", "Expecting ':' delimiter")
        return str(key)

    def value(self) -> object:
        """Decode the value that begins here."""
        self.next()
        if not self.ended:
            try:
                value, end = JSON_DECODER.raw_decode(self.text, self.at)
                if self.text[end : end + 1] in _AFTER_VALUE:
                    self.at = end
                    return value
            except RecursionError:
                self._refuse_depth()
            except ValueError:
                pass  # perhaps because it goes on after the window
            self.move()
        try:
            value, end = JSON_DECODER.raw_decode(self.text, self.at)
        except RecursionError:
            self._refuse_depth()
        except ValueError as error:
            self._refuse_value(error)
        is_whole = self.ended or self.text[end : end + 1] in _AFTER_VALUE or end + _CUT_CHARACTERS <= len(self.text)
        if not is_whole:
            self.refuse_size()
        self.at = end
        return value

    def refuse(self, message: str) -> NoReturn:
        raise InvalidInputError(f"The body is not JSON ({message}: character {self.position:,}).") from None

    def refuse_size(self) -> NoReturn:
        raise InvalidInputError(
            f"The body has a value of more than {self.size / 1e6:g} MB (from character {self.position:,}), "
            "which no row is."
        ) from None

    def _refuse_depth(self) -> NoReturn:
        raise InvalidInputError("The body is nested far deeper than rows are.") from None

    def _refuse_value(self, error: ValueError) -> NoReturn:
        if not isinstance(error, JSONDecodeError):  # a number of too many digits
            self.refuse(str(error)[:100])
        is_cut = error.msg.startswith("Unterminated string") or error.pos + _CUT_CHARACTERS > len(self.text)
        if is_cut and not self.ended:
            self.refuse_size()
        self.at = error.pos
        self.refuse(error.msg)
