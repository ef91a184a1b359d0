"""The files of an installation are for the user of its processes only."""

import os
import stat
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

PRIVATE_UMASK: Final = 0o077
# The files that a command writes for its user have the permissions that the user has set.
_USERS_UMASK: Final = os.umask(PRIVATE_UMASK)
os.umask(_USERS_UMASK)
_FOR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_MAX_LOOKED_AT: Final = 20_000


def create_private_files() -> None:
    """Let this process create folders with the mode 0700 and files with 0600 from now on."""
    os.umask(PRIVATE_UMASK)


def share(file: Path) -> None:
    """Give a file that was written for the user the permissions of any new file of the user."""
    file.chmod(0o666 & ~_USERS_UMASK)


def exposed_files(folders: Sequence[Path]) -> Iterator[Path]:
    """Yield the folders and the files in them that other users of the machine may read, write or list.

    The first 20,000 files are looked at; that takes about 0.1 s.
    """
    looked_at = 0
    for parent, _, names in chain.from_iterable(map(os.walk, folders)):
        for path in (Path(parent), *(Path(parent, name) for name in names)):
            looked_at += 1
            try:
                if path.lstat().st_mode & _FOR_OTHERS and not path.is_symlink():
                    yield path
            except FileNotFoundError:
                continue
        if looked_at >= _MAX_LOOKED_AT:
            return
