"""Read the rows of a JSON body in chunks.

Python decodes an array in one call, and no other thread runs during that call: 12 seconds for 60 MB of `[[],[],…]`.
Large bodies are therefore decoded row by row, through a window that moves along the text.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from json import JSONDecodeError
from typing import Final, NoReturn

from storewatch.domain.errors import InvalidInputError
from storewatch.ingest.lines import JSON_DECODER, MAX_LINE_BYTES, RepeatedKey, object_of

# The largest size of a row, or of another value that is decoded in one call. Decoding it takes up to 30 ms.
WINDOW_BYTES: Final = MAX_LINE_BYTES
CHUNK_ROWS: Final = 10_000
NO_ARRAY: Final = "The body must be a JSON array of objects, at least one."

_BLANK: Final = " \t\n\r"
_BLANKS: Final = re.compile(rf"[{_BLANK}]*")
# The characters that end a value. Without one of them, a number at the end of the window may have more digits.
_AFTER_VALUE: Final = frozenset(f"{_BLANK},:]}}")
# An error this close to the end of the window may come from the cut. The longest word of JSON is -Infinity.
_CUT_CHARACTERS: Final = 16


class RepeatedKeyError(Exception):
    """The object around the rows has the same key twice, so the whole object is one bad row. row: that row."""

    def __init__(self, row: RepeatedKey) -> None:
        super().__init__(row.key)
        self.row = row


def json_rows(
    body: bytes, *, member: str | None = None, window_bytes: int = WINDOW_BYTES, chunk_rows: int = CHUNK_ROWS
) -> Iterator[list[object]]:
    """Yield the elements of a JSON array in chunks of at most `chunk_rows` rows, and about one window of text.

    Objects are decoded by JSON_DECODER. member: the key of the array of rows, if the body is an object. An object
    without this key, and any other value, is one row. Without `member` the body must be an array.

    Raises InvalidInputError for a body that is not JSON, or has a value larger than a window, and RepeatedKeyError.
    Both can be raised after the first chunks.
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
        # A chunk of more text would take long to delete, and no other thread runs during that either.
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
    """A part of the text of a body, and a place in that part.

    text: the part; at: the place, an index into `text`; ended: whether the part reaches to the end of the body.
    """

    def __init__(self, body: bytes, size: int) -> None:
        self._body, self.size = memoryview(body), size
        self._read_bytes = self._passed = 0
        self.text, self.at, self.ended = "", 0, False
        self.move()

    @property
    def position(self) -> int:
        """The index of the place in the whole text."""
        return self._passed + self.at

    def move(self) -> None:
        """Drop the text before the place, and fill the window with the text that follows."""
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
        """Skip blanks and return the next character, or "" at the end of the body."""
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
        """Skip blanks and one of the wanted characters. Return that character.

        Raises InvalidInputError with `message` if another character follows.
        """
        found = self.next()
        if not found or found not in wanted:
            self.refuse(message)
        self.at += 1
        return found

    def take_end(self) -> None:
        """Raise InvalidInputError if anything but blanks follows."""
        if self.next():
            self.refuse("Extra data")

    def key(self) -> str:
        """Decode the next key, and skip the colon after it."""
        if self.next() != '"':
            self.refuse("Expecting property name enclosed in double quotes")
        key = self.value()
        self.take(":", "Expecting ':' delimiter")
        return str(key)

    def value(self) -> object:
        """Decode the next value. Raises InvalidInputError if it is not JSON or is larger than the window."""
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
                pass  # the value may continue after the end of the window
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
            f"The body has a value of more than {self.size / 1e6:g} MB (from character {self.position:,}); "
            "no row may be that large."
        ) from None

    def _refuse_depth(self) -> NoReturn:
        raise InvalidInputError("The body is nested too deeply: send plain objects as rows.") from None

    def _refuse_value(self, error: ValueError) -> NoReturn:
        if not isinstance(error, JSONDecodeError):  # a number with too many digits
            self.refuse(str(error)[:100])
        is_cut = error.msg.startswith("Unterminated string") or error.pos + _CUT_CHARACTERS > len(self.text)
        if is_cut and not self.ended:
            self.refuse_size()
        self.at = error.pos
        self.refuse(error.msg)
