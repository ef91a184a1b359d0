"""The compiled loops, and the only use of Numba: `walk` for status over time, `polls` for the polls themselves.

Kernels check nothing and raise nothing; `engine.inputs` checks their inputs. Numba keeps compiled code on
disk and compiles again when the file of a kernel changes. It does not see changes in other files. So a kernel file
imports no other kernel file, and defines its own tuples and constants: then an edit of any kernel file compiles exactly
what depends on it. import-linter checks the imports, and tests/engine/kernels/test_kernel_cache.py checks the edits.

The compiled code is kept beside the kernels, or in the cache folder of the user, or in the home folder of the data: in
the first of these where this process may write, else in a temporary folder.
"""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from numba import config
from numba.core.event import Listener, install_listener
from numba.misc.appdirs import AppDirs

from storewatch.settings import home_folder


def _can_write(folder: Path) -> bool:
    """Return whether this process can write files into a folder, which is created if it can be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _find_cache() -> tuple[Path, bool]:
    """Return the folder of the compiled code and whether later processes find it there; make Numba use the folder.

    Numba itself finds the first two. Where none can be written it would refuse to import the kernels. The home folder
    is never created here: a mistaken --home must be reported.
    """
    if config.CACHE_DIR:
        return Path(config.CACHE_DIR), True
    for folder in (Path(__file__).parent / "__pycache__", Path(AppDirs("numba", appauthor=False).user_cache_dir)):
        if _can_write(folder):
            return folder, True
    folder = home_folder() / "compiled"
    lasts = folder.parent.is_dir() and _can_write(folder)
    if not lasts:
        folder = Path(tempfile.mkdtemp(prefix="storewatch-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    config.CACHE_DIR = str(folder)
    return folder, lasts


CACHE_FOLDER, CACHE_LASTS = _find_cache()


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
