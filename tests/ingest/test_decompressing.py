"""Decompress gzip and zstd in pieces of any size and in many parts, and refuse too many parts."""

import gzip
import io
import random
import struct
from collections.abc import Callable

import pytest
from backports import zstd

from storewatch.ingest.decompressing import FREE_PARTS, BrokenCompressionError, DecompressedFile, Decompressor

PACK = {"gzip": lambda data: gzip.compress(data, mtime=0), "zstd": zstd.compress}
# Where pzstd writes the size of the next frame (RFC 8878, 3.1.2).
SKIPPED_FRAME = struct.pack("<III", 0x184D2A50, 4, 1_000)
BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def decompress(coding: str, packed: bytes, *, fed: int, read: int) -> bytes:
    decompressor = Decompressor(coding)
    pieces = []
    for start in range(0, len(packed), fed):
        decompressor.feed(packed[start : start + fed])
        while piece := decompressor.read(read):
            pieces.append(piece)
    decompressor.finish()
    return b"".join(pieces)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize(("fed", "read"), [(1, 1_000), (20, 100_000), (1_000, 7), (10_000_000, 5_000), (50_000, 10**6)])
def test_data_is_the_same_in_any_pieces(coding: str, fed: int, read: int) -> None:
    pieces = [random.Random(7).randbytes(30_000), b"", b"x" * 40_000, b"end"]
    packed = b"".join(map(PACK[coding], pieces))
    assert decompress(coding, packed, fed=fed, read=read) == b"".join(pieces)


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", PACK["gzip"]),
        ("gzip", lambda data: PACK["gzip"](data) + BGZIP_END),
        ("zstd", PACK["zstd"]),
        ("zstd", lambda data: SKIPPED_FRAME + PACK["zstd"](data)),
    ],
    ids=["gzip", "bgzip", "zstd", "pzstd"],
)
def test_many_parts_of_16_kb_are_read(coding: str, pack: Callable[[bytes], bytes]) -> None:
    line = b"the same line again and again, packed to hardly anything\n"
    data = line * (16_384 // len(line))
    assert decompress(coding, pack(data) * 3_000, fed=60_000, read=256_000) == data * 3_000


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("content", [b"", b"x"])
def test_number_of_small_parts_is_limited(coding: str, content: bytes) -> None:
    part = PACK[coding](content)
    assert decompress(coding, part * FREE_PARTS, fed=60_000, read=256_000) == content * FREE_PARTS
    held = len(content) * FREE_PARTS
    with pytest.raises(BrokenCompressionError, match=f"too many parts: the first 1,001 hold {held:,} bytes"):
        decompress(coding, part * 100_000, fed=10_000_000, read=256_000)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_data_that_ends_inside_a_part_is_refused(coding: str) -> None:
    packed = PACK[coding](b"x" * 500)
    for cut in (1, 5, len(packed) - 1):
        with pytest.raises(BrokenCompressionError, match="ends too early"):
            decompress(coding, packed + packed[:cut], fed=1_000, read=1_000)


def test_file_is_read_in_pieces_of_the_wanted_size_and_its_padding_is_skipped() -> None:
    packed = PACK["gzip"](b"x" * 3_000_000) + PACK["gzip"](b"y" * 10) + bytes(100_000)
    counted: list[int] = []
    file = DecompressedFile(io.BytesIO(packed), "gzip", counted.append)
    assert [len(file.read(size)) for size in (1_000_000, 1_999_999, 5, 100, 100)] == [1_000_000, 1_999_999, 5, 6, 0]
    assert sum(counted) == 3_000_010
    with pytest.raises(BrokenCompressionError, match="incorrect header check"):
        DecompressedFile(io.BytesIO(packed + b"zz"), "gzip", counted.append).read(4_000_000)
