"""Wait until a condition is true, never for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(check: Callable[[], T | None], timeout_s: float = 60) -> T:
    """Call `check` until it returns something else than None or False, and return that. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        answer = check()
        if answer is not None and answer is not False:
            return answer
        time.sleep(0.01)
    raise TimeoutError(f"no answer within {timeout_s} s")
