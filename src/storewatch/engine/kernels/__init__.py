"""The compiled loops, and the only use of Numba: `walk` for status over time, `polls` for the polls themselves.

Kernels check nothing and raise nothing; `engine.inputs` checks their inputs. Numba keeps compiled code on
disk and compiles again when the file of a kernel changes. It does not see changes in other files. So a kernel file
imports no other kernel file, and defines its own tuples and constants: then an edit of any kernel file compiles exactly
what depends on it. import-linter checks the imports, and tests/engine/kernels/test_kernel_cache.py checks the edits.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core.event import Listener, install_listener


class Compiler(Listener):  # type: ignore[misc]
    """Sees Numba's compiler. has_run: whether it compiled a kernel that was not in the cache."""

    def __init__(self, announce: Callable[[], None]) -> None:
        self.has_run = False
        self._announce = announce

    def on_start(self, _: object) -> None:
        if not self.has_run:
            self.has_run = True
            self._announce()

    def on_end(self, _: object) -> None:
        """Do nothing: kernels that are called by others end before the first one."""


@contextmanager
def watch_compiler(announce: Callable[[], None]) -> Iterator[Compiler]:
    """Call `announce` when the first kernel begins to compile, and yield what was seen."""
    with install_listener("numba:compile", Compiler(announce)) as compiler:
        yield compiler
