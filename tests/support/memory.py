"""A folder in memory, where tests wait for no disk."""

import os
import shutil
from pathlib import Path
from typing import Final

_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of random name is made in it
_ENOUGH_BYTES: Final = 4 * 10**9  # containers have 64 MB there by default


def _find() -> Path | None:
    if not (_SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.W_OK)):
        return None
    return _SHARED_MEMORY if shutil.disk_usage(_SHARED_MEMORY).free > _ENOUGH_BYTES else None


MEMORY: Final = _find()  # None: no such folder, or a small one


def keep_temporary_files_in_memory() -> None:
    """Make pytest create its temporary folders in memory, unless its environment variable names another place."""
    if MEMORY is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
