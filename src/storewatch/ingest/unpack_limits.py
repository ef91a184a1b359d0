"""Limit the bytes that a compressed file may unpack to."""

from typing import Final

from storewatch.domain.errors import InvalidInputError

# A kilobyte can hold gigabytes of zeros. Tables seldom compress to less than a thirtieth.
MAX_RATIO: Final = 100
ALWAYS_UNPACKED_BYTES: Final = 64 << 20
MAX_UNPACKED_BYTES: Final = 4 << 30


class UnpackLimit:
    """Counts the unpacked bytes of a file, including those of compressed files inside it."""

    def __init__(self, name: str, packed_bytes: int, most_bytes: int = MAX_UNPACKED_BYTES) -> None:
        """Start the count. name: the name of the file in messages; packed_bytes: its size; most_bytes: the limit."""
        self._name, self._packed_bytes = name, packed_bytes
        self._allowed = self._left = min(most_bytes, max(MAX_RATIO * packed_bytes, ALWAYS_UNPACKED_BYTES))

    def take(self, unpacked_bytes: int) -> None:
        """Count unpacked bytes. Raises InvalidInputError when the file unpacks to more than is allowed."""
        self._left -= unpacked_bytes
        if self._left < 0:
            raise InvalidInputError(
                f"{self._name} unpacks to more than {self._allowed:,} bytes, which are all that is allowed for the "
                f"{self._packed_bytes:,} bytes that it has. Unpack it, or save it in another format, and import that."
            )
