"""The root and the families of the errors of storewatch.

A family decides the HTTP status (`web.problems`) and the exit code (`cli`). The errors are in `domain.errors`. Their
problem type is the name of the class below the family: UnknownStoreError(NotFoundError) is `unknown-store`.
"""

from collections.abc import Iterator
from errno import EACCES, EDQUOT, EIO, EMFILE, ENFILE, ENOSPC, EPERM, EROFS
from typing import Final

_STORAGE_FULL: Final = ("No space left on device", "database or disk is full", "Disk quota exceeded")
_STORAGE_UNAVAILABLE: Final = frozenset({EACCES, EPERM, EROFS, EIO, EMFILE, ENFILE})


class StorewatchError(Exception):
    """Root of every error that storewatch raises on purpose. Its text is shown to the user as it is.

    public: what callers of the API read in its place, if the text names a path or an address of the machine.
    """

    public: str | None = None


class ReadOnlyError(RuntimeError):
    """The program tried to change an installation that it had opened for reading only. Users never see this error."""


class InvalidError(StorewatchError):
    """A request, a file or an option cannot be used as it is."""


class UnauthorizedError(StorewatchError):
    """The caller sent no API key, or one that is not valid."""


class ForbiddenError(StorewatchError):
    """The caller is known, and may not do this."""


class NotFoundError(StorewatchError):
    """The object does not exist, or the caller may not see it."""


class ConflictError(StorewatchError):
    """The state of the object does not allow this now."""


class GoneError(StorewatchError):
    """The object was there and has been removed."""


class TooLargeError(StorewatchError):
    """The request holds more than is accepted at once."""


class UnsupportedError(StorewatchError):
    """The body of the request has a type that is not accepted."""


class MisdirectedError(StorewatchError):
    """The request names a host that this service does not answer for."""


class TooManyError(StorewatchError):
    """The caller has too much of something now. Sending the request again later may help."""


class UnavailableError(StorewatchError):
    """Something that the request needs is not available now. Sending the request again later may help."""


class BrokenError(StorewatchError):
    """Something that was accepted cannot be done; the text is the reason."""


FAMILIES: Final = tuple(StorewatchError.__subclasses__())


def family_of(error: type[StorewatchError]) -> type[StorewatchError]:
    """Return the family of an error: its base class in FAMILIES."""
    return next(kind for kind in error.mro() if kind in FAMILIES)


def problem_name(error: type[StorewatchError]) -> str:
    """Return the problem type of an error: unknown-report for UnknownReportError and the errors derived from it."""
    kinds = error.mro()
    kind = kinds[max(0, kinds.index(family_of(error)) - 1)]
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__)
    return words.removeprefix("-").removesuffix("-error")


def public_text(error: StorewatchError) -> str:
    """Return the text of an error for callers of the API, which names no path and no address of the machine."""
    return str(error) if error.public is None else error.public


def is_storage_full(error: BaseException) -> bool:
    """Return whether an error, or one that caused it, is that a disk or a quota is full.

    Libraries written in Rust, and SQLite, report it by text only.
    """
    return any(
        _errno(cause) in (ENOSPC, EDQUOT) or any(text in str(cause) for text in _STORAGE_FULL)
        for cause in _causes(error)
    )


def is_storage_unavailable(error: BaseException) -> bool:
    """Return whether an error, or one that caused it, is that a file cannot be read or written by this process."""
    return any(_errno(cause) in _STORAGE_UNAVAILABLE for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _errno(error: BaseException) -> int | None:
    return error.errno if isinstance(error, OSError) else None
