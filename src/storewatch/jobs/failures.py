"""Decide which failures are temporary, and what users read about a failure."""

import re
from collections.abc import Iterator
from typing import Final

from storewatch.domain.error_families import StorewatchError, UnavailableError, public_text
from storewatch.domain.errors import storage_error_of

_TEMPORARY: Final = (UnavailableError, ConnectionError, TimeoutError)
# The clients of object stores are written in Rust, and their errors arrive only as text. These are the words of
# object_store and reqwest for a lost or busy server; a bucket or key that does not exist has other words.
_TEMPORARY_WORDS: Final = re.compile(
    r"timed? ?out|error sending request|connection (?:closed|reset|refused)|dns error|broken pipe|slow ?down|"
    r"\b(?:429|500|502|503|504)\b|too many requests|service unavailable|temporarily",
    re.IGNORECASE,
)


def is_temporary(error: Exception) -> bool:
    """Return whether a later attempt may succeed: after a locked database, a full disk or a lost connection."""
    return storage_error_of(error) is not None or any(
        isinstance(cause, _TEMPORARY)
        or (not isinstance(cause, StorewatchError) and _TEMPORARY_WORDS.search(str(cause)) is not None)
        for cause in _chain(error)
    )


def reason_of(error: Exception) -> str:
    """Return the sentence that users read about a failure. Details that only operators need stay in the log."""
    if isinstance(error, StorewatchError):
        return public_text(error)
    if (storage := storage_error_of(error)) is not None:
        return public_text(storage)
    kind = type(error).__name__
    return f"The job failed because of an error in the service ({kind}); the log of the service has the details."


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__
