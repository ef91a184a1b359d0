"""Read the bytes of a file, decompress them and cut them into blocks of whole records."""

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
from storewatch.ingest.unpack_limits import UnpackLimit

BLOCK_BYTES: Final = 32 << 20
# Very short lines need far more memory as columns than as bytes, so the rows of a block are limited too.
BLOCK_ROWS: Final = 1_000_000
HEAD_BYTES: Final = 1 << 20

GZIP_MAGIC: Final = b"\x1f\x8b"
_PARQUET_MAGIC: Final = b"PAR1"
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x1f]")

# cut(data, stop) returns the end of the last whole record of `data[:stop]`, or 0 if there is none.
Cut = Callable[[bytes, int], int]


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Utf16:
    """Converts UTF-16 with a byte order mark to UTF-8. Excel saves such files.

    head: the first bytes of the file; rest: where the other bytes are read.
    """

    def __init__(self, head: bytes, rest: _Readable) -> None:
        self._rest, self._waiting = rest, head
        # A lone surrogate becomes bytes that are not valid UTF-8, so its row is rejected.
        self._decoder = codecs.getincrementaldecoder("utf-16")("surrogatepass")
        self._text = b""

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes of UTF-8. Fewer are the last ones."""
        while len(self._text) < size:
            packed, self._waiting = self._waiting or self._rest.read(size), b""
            self._text += self._decoder.decode(packed, not packed).encode("utf-8", "surrogatepass")
            if not packed:
                break
        text, self._text = self._text[:size], self._text[size:]
        return text


class Stream:
    """The decompressed bytes of an input file or of a request body, read once from the start.

    head: the first bytes without a byte order mark. total_bytes: the size of the file on the disk.
    """

    def __init__(
        self, path: Path, block_bytes: int = BLOCK_BYTES, *, body: bytes | None = None, name: str | None = None
    ) -> None:
        """Open a file, or read a decompressed body instead.

        name: the name in messages; by default the path. Raises InvalidInputError for a file that cannot be read as
        text, is empty, or is a pipe or device.
        """
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
            if magic.startswith(GZIP_MAGIC):
                self._bytes = DecompressedFile(
                    cast(BinaryIO, raw), "gzip", UnpackLimit(self.name, self.total_bytes).take
                )
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
        """How many bytes of the file on the disk have been read."""
        return min(self._raw.tell(), self.total_bytes)

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes. Fewer are the last ones. Raises InvalidInputError for damaged data."""
        try:
            return self._bytes.read(size)
        except UnicodeDecodeError as error:
            raise InvalidInputError(f"{self.name} is damaged or truncated UTF-16 text ({error.reason}).") from error
        except BrokenCompressionError as error:
            raise broken_gzip(self.name, error) from error

    def blocks(self, start: int, first_line: int, cut: Cut, most_rows: int = BLOCK_ROWS) -> Iterator[tuple[int, bytes]]:
        """Yield consecutive blocks that end with a newline: (line number of the first line, bytes).

        start: offset in `head` where the records begin; first_line: the 1-based line number there.
        cut: finds the end of the last whole record. most_rows: the largest number of lines in a block.
        Raises InvalidInputError for a line that is longer than a block, and for damaged data.
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
                raise InvalidInputError(
                    f"{self.name}: line {line:,} is longer than {stop:,} bytes; check that this is a table."
                )
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
                f"{self.name} is binary (or UTF-16); use CSV or NDJSON, plain or .gz, Parquet or .xlsx."
            )
        if b"\r" in head and b"\n" not in head:
            raise InvalidInputError(f"{self.name} has line ends of CR alone; save it with LF or CRLF line ends.")
        return head


def is_parquet(path: Path) -> bool:
    """Return whether a file begins like a Parquet file."""
    with path.open("rb") as file:
        return file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC


def broken_gzip(name: str, error: BrokenCompressionError) -> InvalidInputError:
    """Return the error for a file whose gzip data cannot be decompressed."""
    return InvalidInputError(f"{name} is a damaged or truncated gzip file ({error}); nothing of it was imported.")
