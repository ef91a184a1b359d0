"""Which failures may pass by themselves, and how long to wait for that."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from storewatch.domain.errors import CatalogUnavailableError, LakeConflictError, LakeUnavailableError, StorewatchError

MAX_ATTEMPTS: Final = 3
FIRST_PAUSE: Final = timedelta(seconds=2)

_PASSING: Final = (CatalogUnavailableError, LakeConflictError, LakeUnavailableError, ConnectionError, TimeoutError)
# Object stores are spoken to by Rust, whose errors reach us as words. Those of object_store and reqwest for what is
# no answer or no final one; a bucket or a key that does not exist says other things.
_PASSING_WORDS: Final = re.compile(
    r"timed? ?out|error sending request|connection (?:closed|reset|refused)|dns error|broken pipe|slow ?down|"
    r"\b(?:429|500|502|503|504)\b|too many requests|service unavailable|temporarily",
    re.IGNORECASE,
)


def can_pass(error: Exception) -> bool:
    """Whether trying again later may do: a locked database, a store that does not answer, a lost race."""
    return any(
        isinstance(cause, _PASSING)
        or (not isinstance(cause, StorewatchError) and _PASSING_WORDS.search(str(cause)) is not None)
        for cause in _chain(error)
    )


def pause_after(attempts: int, first: timedelta = FIRST_PAUSE) -> timedelta:
    """How long to wait after the try with this number: five times longer each time."""
    return first * int(5 ** (attempts - 1))


def reason_of(error: Exception) -> str:
    """Give the sentence for the user; what is not meant for users stays in the log."""
    if isinstance(error, StorewatchError):
        return str(error)
    return f"It failed for a reason of ours ({type(error).__name__}); the service's log says more."


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__
