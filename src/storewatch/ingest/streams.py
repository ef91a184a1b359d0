"""The bytes of a file, unpacked and cut into blocks of whole records."""

import codecs
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Protocol, Self, cast

from storewatch.domain.errors import InvalidInputError
from storewatch.ingest.decompressing import BrokenCompressionError, DecompressedFile

BLOCK_BYTES: Final = 32 << 20
# A block of very short lines would need far more memory as columns than as bytes.
BLOCK_ROWS: Final = 1_000_000
HEAD_BYTES: Final = 1 << 20

_GZIP_MAGIC: Final = b"\x1f\x8b"
_PARQUET_MAGIC: Final = b"PAR1"
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x1f]")

Cut = Callable[[bytes, int], int]


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Utf16:
    """UTF-16 with a byte order mark, as Excel saves it, as UTF-8. head: its first bytes; rest: those after them."""

    def __init__(self, head: bytes, rest: _Readable) -> None:
        self._rest, self._waiting = rest, head
        # Half a surrogate pair becomes bytes that are no UTF-8: its row is rejected like any other that is not text.
        self._decoder = codecs.getincrementaldecoder("utf-16")("surrogatepass")
        self._text = b""

    def read(self, size: int) -> bytes:
        while len(self._text) < size:
            packed, self._waiting = self._waiting or self._rest.read(size), b""
            self._text += self._decoder.decode(packed, not packed).encode("utf-8", "surrogatepass")
            if not packed:
                break
        text, self._text = self._text[:size], self._text[size:]
        return text


class Stream:
    """An input file, read once from its start; `head` holds its first bytes (without a BOM), already unpacked."""

    def __init__(
        self, path: Path, block_bytes: int = BLOCK_BYTES, *, body: bytes | None = None, name: str | None = None
    ) -> None:
        """Open the file, or take `body` for its bytes, unpacked already. name: in messages; by default the path."""
        self.name, self._block_bytes = name or str(path), block_bytes
        if body is not None:
            self.total_bytes, self.is_parquet, self._opened = len(body), False, ExitStack()
            self._raw: BinaryIO = BytesIO(body)
            self._bytes: _Readable = self._raw
            self.head = self._checked_head()
            return
        with ExitStack() as opened:
            try:
                raw = opened.enter_context(path.open("rb"))
            except FileNotFoundError:
                raise InvalidInputError(f"{self.name}: there is no such file.") from None
            except IsADirectoryError:
                raise InvalidInputError(f"{self.name} is a folder, not a file.") from None
            except OSError as error:
                raise InvalidInputError(f"{self.name} cannot be read: {error.strerror}.") from error
            if not raw.seekable():
                raise InvalidInputError(f"{self.name} is a pipe or a device; save it as a file and import that.")
            self.total_bytes = path.stat().st_size
            self._raw, self._bytes = cast(BinaryIO, raw), cast(BinaryIO, raw)
            magic = raw.peek(4)[:4]
            self.is_parquet = magic == _PARQUET_MAGIC
            if magic.startswith(_GZIP_MAGIC):
                self._bytes = DecompressedFile(cast(BinaryIO, raw), "gzip")
            elif path.suffix.lower() == ".gz":
                raise InvalidInputError(f"{self.name} is not a gzip file, although its name says so.")
            self.head = b"" if self.is_parquet else self._checked_head()
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    @property
    def done_bytes(self) -> int:
        """How much of the file, as it lies on the disk, has been read."""
        return min(self._raw.tell(), self.total_bytes)

    def read(self, size: int) -> bytes:
        try:
            return self._bytes.read(size)
        except UnicodeDecodeError as error:
            raise InvalidInputError(f"{self.name} is damaged or truncated UTF-16 text ({error.reason}).") from error
        except BrokenCompressionError as error:
            raise InvalidInputError(
                f"{self.name} is a damaged or truncated gzip file ({error}); nothing of it was imported."
            ) from error

    def blocks(self, start: int, first_line: int, cut: Cut, most_rows: int = BLOCK_ROWS) -> Iterator[tuple[int, bytes]]:
        """Yield (line number of the first line, bytes) of consecutive blocks that end with a newline.

        start: offset in `head` where the records begin; first_line: its 1-based line number.
        cut(data, stop): the end of the last whole record of `data[:stop]`, 0 when there is none. most_rows: of a block.
        """
        data, line, ended = self.head[start:], first_line, False
        while not ended or data:
            if not ended:
                missing = max(0, self._block_bytes - len(data))
                chunk = self.read(missing)
                ended = len(chunk) < missing
                data += chunk
                if ended and data and not data.endswith(b"\n"):
                    data += b"\n"
            if data:
                end, lines = self._end_of_block(data, line, cut, ended=ended, most_rows=min(most_rows, BLOCK_ROWS))
                yield line, data[:end]
                data, line = data[end:], line + lines

    def _end_of_block(self, data: bytes, line: int, cut: Cut, *, ended: bool, most_rows: int) -> tuple[int, int]:
        stop = min(len(data), self._block_bytes)
        while True:
            end = stop if ended and stop == len(data) else cut(data, stop)
            if not end:
                raise InvalidInputError(f"{self.name}: line {line:,} is longer than {stop:,} bytes; is this a table?")
            lines = data.count(b"\n", 0, end)
            if lines <= most_rows:
                return end, lines
            stop = max(end * most_rows // lines, data.index(b"\n") + 1)

    def _checked_head(self) -> bytes:
        head = self.read(HEAD_BYTES)
        if not head:
            raise InvalidInputError(f"{self.name} is empty.")
        if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            self._bytes = _Utf16(head, self._bytes)
            head = self.read(HEAD_BYTES)
        head = head.removeprefix(b"\xef\xbb\xbf")
        if not head.strip():
            raise InvalidInputError(f"{self.name} is empty.")
        if _CONTROLS.search(head.lstrip().split(b"\n", 1)[0]):
            raise InvalidInputError(
                f"{self.name} is binary (or UTF-16); want CSV or NDJSON, plain or .gz, Parquet or .xlsx."
            )
        if b"\r" in head and b"\n" not in head:
            raise InvalidInputError(f"{self.name} ends its lines with CR alone; save it with LF or CRLF line ends.")
        return head
