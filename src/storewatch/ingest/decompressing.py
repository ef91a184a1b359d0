"""Decompress gzip and zstd piece by piece. The number of parts (gzip members or zstd frames) is limited."""

import sys
import zlib
from collections.abc import Callable
from typing import BinaryIO, Final, Protocol

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Each part takes some microseconds, even an empty one. bgzip writes parts of 64 KiB; pigz and pzstd write larger ones.
FREE_PARTS: Final = 1_000
BYTES_PER_PART: Final = 4_096

# zlib copies the data after the end of a part. With slices of this size the copies take no measurable time.
_SLICE_BYTES: Final = 16 * 1024
_FILE_PIECE_BYTES: Final = 1 << 20
_WINDOW_LOG: Final = 23  # RFC 9659: a zstd frame of HTTP needs no more than 8 MiB of memory


class BrokenCompressionError(ValueError):
    """The data cannot be decompressed. The message is the reason, as the end of a sentence."""


class _PartDecompressor(Protocol):
    """Decompresses one part: a gzip member or a zstd frame."""

    @property
    def ended(self) -> bool: ...

    def step(self, data: bytes, most_bytes: int) -> tuple[bytes, int, bool]:
        """Decompress `data`. Return the output, the bytes used, and whether more output is ready without new data.

        most_bytes: the largest size of the output.
        """


class _GzipMember:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    @property
    def ended(self) -> bool:
        return self._member.eof

    def step(self, data: bytes, most_bytes: int) -> tuple[bytes, int, bool]:
        piece = self._member.decompress(data, most_bytes)
        left = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        return piece, len(data) - len(left), len(piece) == most_bytes and not self._member.eof


class _ZstdFrame:
    def __init__(self) -> None:
        self._frame = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})

    @property
    def ended(self) -> bool:
        return self._frame.eof

    def step(self, data: bytes, most_bytes: int) -> tuple[bytes, int, bool]:
        # The decompressor keeps unused input, and must not get more until it asks for it (needs_input).
        used = data if self._frame.needs_input else b""
        piece = self._frame.decompress(used, most_bytes)
        if self._frame.eof:
            return piece, len(used) - len(self._frame.unused_data), False
        return piece, len(used), not self._frame.needs_input


_PARTS: Final[dict[str, type[_GzipMember | _ZstdFrame]]] = {
    "gzip": _GzipMember,
    "x-gzip": _GzipMember,
    "zstd": _ZstdFrame,
}
CODINGS: Final = tuple(_PARTS)


class Decompressor:
    """Decompress data that consists of one or many gzip members or zstd frames.

    Raises BrokenCompressionError for damaged data and for too many parts. FREE_PARTS parts are always allowed; each
    further part needs BYTES_PER_PART of decompressed data.
    """

    def __init__(self, coding: str) -> None:
        """coding: one of CODINGS."""
        self._new_part = _PARTS[coding]
        self._part: _PartDecompressor | None = None
        self._data, self._at, self._more = b"", 0, False
        self._parts = self._bytes = 0

    def feed(self, data: bytes) -> None:
        """Add compressed data."""
        self._data, self._at = self._data[self._at :] + data, 0

    def read(self, most_bytes: int) -> bytes:
        """Return at most `most_bytes` decompressed bytes. Fewer mean that all data added so far is decompressed."""
        pieces: list[bytes] = []
        missing = most_bytes
        try:
            while missing and (self._more or self._at < len(self._data)):
                piece = self._step(missing)
                missing -= len(piece)
                pieces.append(piece)
        except (zlib.error, zstd.ZstdError) as error:
            raise BrokenCompressionError(str(error).rpartition(": ")[2]) from error
        return b"".join(pieces)

    def finish(self) -> None:
        """Raise BrokenCompressionError if the data ended inside a member or frame."""
        if self._part is not None and not self._part.ended:
            raise BrokenCompressionError("it ends too early")

    def _step(self, most_bytes: int) -> bytes:
        if self._skip_padding():
            return b""
        part = self._part = self._current_part()
        piece, used, self._more = part.step(self._data[self._at : self._at + _SLICE_BYTES], most_bytes)
        self._at += used
        self._bytes += len(piece)
        return piece

    def _skip_padding(self) -> bool:
        """Skip zeros after a part, as some storage media add them to files. Return whether any were skipped."""
        if self._part is None or not self._part.ended or self._data[self._at] != 0:
            return False
        self._data, self._at = self._data[self._at :].lstrip(b"\0"), 0
        return True

    def _current_part(self) -> _PartDecompressor:
        if self._part is not None and not self._part.ended:
            return self._part
        self._parts += 1
        if self._parts > FREE_PARTS + self._bytes // BYTES_PER_PART:
            raise BrokenCompressionError(
                f"it consists of too many parts: the first {self._parts:,} hold {self._bytes:,} bytes; after "
                f"{FREE_PARTS:,} parts each further part needs {BYTES_PER_PART:,}"
            )
        return self._new_part()


class DecompressedFile:
    """A file that is decompressed while it is read.

    coding: one of CODINGS. `read` raises BrokenCompressionError as `Decompressor` does.
    """

    def __init__(self, file: BinaryIO, coding: str, count: Callable[[int], None]) -> None:
        """Prepare to read. count: called with the number of bytes of each piece; may raise an error to end reading."""
        self._file, self._decompressor, self._count = file, Decompressor(coding), count

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes. Fewer are the last ones."""
        pieces: list[bytes] = []
        missing = size
        while missing:
            piece = self._decompressor.read(missing)
            missing -= len(piece)
            self._count(len(piece))
            pieces.append(piece)
            if missing:
                data = self._file.read(_FILE_PIECE_BYTES)
                if not data:
                    self._decompressor.finish()
                    break
                self._decompressor.feed(data)
        return b"".join(pieces)
