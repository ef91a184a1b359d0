"""Open the installation of a command for reading, for an export or for a change."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from storewatch.access.audit import from_command_line
from storewatch.catalog import Catalog
from storewatch.installation import Installation, open_installation
from storewatch.settings import Settings


class AuditTrail:
    """The audit entries of one command.

    action, object_type: what the entries hold, such as `closure.create` and `closure`.
    """

    def __init__(self, catalog: Catalog, action: str, object_type: str) -> None:
        self._catalog = catalog
        self._action = action
        self._object_type = object_type
        self._is_complete = False

    def done(self, object_id: str, *, action: str | None = None, object_type: str | None = None) -> None:
        """Write the entry for an object that was changed or read. A command of several objects calls this for each."""
        self._append(object_id, action or self._action, object_type or self._object_type)

    def nothing_done(self) -> None:
        """Record that nothing was changed, so that no entry is due."""
        self._is_complete = True

    def complete(self) -> None:
        """Write an entry without an object id if the command has written none."""
        if not self._is_complete:
            self._append(None, self._action, self._object_type)

    def _append(self, object_id: str | None, action: str, object_type: str) -> None:
        self._is_complete = True
        self._catalog.audit.append([from_command_line(action, object_type, object_id, datetime.now(UTC))])


@contextmanager
def reading(home: Path | None) -> Iterator[Installation]:
    """Open the installation of a command that changes nothing. Changes raise a ReadOnlyError."""
    with _opened(home, read_only=True) as installation:
        yield installation


@contextmanager
def exporting(home: Path | None, action: str, object_type: str) -> Iterator[tuple[Installation, AuditTrail]]:
    """Open the installation of a command that only reads, and whose output the audit log records.

    Changes raise a ReadOnlyError. The audit entry is written when the block ends without an error.
    """
    with _opened(home, read_only=True) as installation, _audited(installation, action, object_type) as trail:
        yield installation, trail


@contextmanager
def changing(
    home: Path | None, action: str, object_type: str, *, creates: bool = False
) -> Iterator[tuple[Installation, AuditTrail]]:
    """Open the installation of a command that changes it.

    When the block ends without an error, an audit entry is written, unless the block wrote its own ones or called
    `nothing_done`. creates: create the installation if there is none.
    """
    with (
        _opened(home, read_only=False, creates=creates) as installation,
        _audited(installation, action, object_type) as trail,
    ):
        yield installation, trail


@contextmanager
def _opened(home: Path | None, *, read_only: bool, creates: bool = False) -> Iterator[Installation]:
    settings = Settings.from_environment(home)
    with open_installation(settings, read_only=read_only, creates=creates) as installation:
        yield installation


@contextmanager
def _audited(installation: Installation, action: str, object_type: str) -> Iterator[AuditTrail]:
    trail = AuditTrail(installation.catalog, action, object_type)
    yield trail
    trail.complete()
