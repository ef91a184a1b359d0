"""The errors of storewatch, one class each. A new error is a class in this file.

Its base class is the family in `domain.error_families` that has its HTTP status and exit code.
"""

from collections.abc import Sequence

from storewatch.domain.error_families import (
    BrokenError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    MisdirectedError,
    NotFoundError,
    TooLargeError,
    TooManyError,
    UnauthorizedError,
    UnavailableError,
    UnsupportedError,
    is_storage_full,
    is_storage_unavailable,
)
from storewatch.domain.plurals import counted


class InvalidInputError(InvalidError):
    """An input of the user cannot be used; the text says what to do instead."""


class InvalidParameterError(InvalidInputError):
    """One parameter of a request cannot be used; `name` is the name of the parameter."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class UnknownReportError(NotFoundError):
    """No report has this id."""

    def __init__(self, report_id: str) -> None:
        super().__init__(
            f"There is no report with the id {report_id[:40]!r}. `storewatch jobs list` and GET /v1/reports list them."
        )


class ReportNotReadyError(ConflictError):
    """The report has no file (yet)."""

    def __init__(self, report_id: str, state: str) -> None:
        super().__init__(f"The report {report_id} is {state}; only a complete report has a file.")


class UnknownImportError(NotFoundError):
    """No import has this id."""

    def __init__(self, import_id: str) -> None:
        super().__init__(
            f"There is no import with the id {import_id!r}. `storewatch imports list` and GET /v1/imports list them."
        )


class ImportChangedError(ConflictError):
    """Something that an import wrote was changed after it, so the import cannot be undone."""

    def __init__(self, import_id: int | None, subject: str, name: str, number: int, change: str) -> None:
        self.subject, self.name, self.number = subject, name, number
        others = f" and {number - 1:,} more" if number > 1 else ""
        which = "The import" if import_id is None else f"Import {import_id}"
        super().__init__(
            f"{which} cannot be undone: {subject.replace('_', ' ')} of {name[:100]!r}{others} were written later by "
            f"{change}."
        )

    def unexplained(self) -> "ImportChangedError":
        """Return the error without the number of the import and without who changed what."""
        return ImportChangedError(None, self.subject, self.name, self.number, "another change")


class ImportNotCompleteError(ConflictError):
    """The import has stored nothing (yet), so there is nothing to undo."""

    def __init__(self, import_id: str, state: str) -> None:
        super().__init__(f"The import {import_id} is {state}; only a complete import can be undone.")


class ImportNotKeptError(ConflictError):
    """The data needed to undo the import are not kept, or not any more."""

    def __init__(self) -> None:
        super().__init__(
            "The import cannot be undone: it is older than 30 days or was made by an earlier release, so the data that "
            "it replaced are not kept."
        )


class JobEndedError(ConflictError):
    """The job has ended, so it cannot be cancelled any more."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"{job_id} is {state} already, so there is nothing to cancel.")


class JobNotEndedError(ConflictError):
    """The job is queued or running, so it cannot be deleted yet."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"{job_id} is {state}; cancel it, or wait for its end, before deleting it.")


class UnknownScheduleError(NotFoundError):
    """No schedule has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no schedule named {name!r}. `storewatch schedule list` and GET /v1/schedules list them."
        )


class UnknownDefinitionError(NotFoundError):
    """No report is saved under this name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no report saved as {name[:100]!r}. `storewatch definition list` and GET "
            "/v1/report-definitions list them."
        )


class DefinitionExistsError(ConflictError):
    """A report is saved under this name already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"A report is saved as {name!r} already. Delete it first, or choose another name.")


class UnknownMappingError(NotFoundError):
    """No column mapping is saved under this name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no column mapping saved as {name[:100]!r}. `storewatch mapping list` and GET "
            "/v1/column-mappings list them."
        )


class UnknownClosureError(NotFoundError):
    """No planned closure has this id, or none that the caller may see."""

    def __init__(self, closure_id: str) -> None:
        super().__init__(
            f"There is no closure with the id {closure_id!r}. `storewatch closure list` and GET /v1/closures list them."
        )


class UnknownAnnotationError(NotFoundError):
    """No annotation has this id, or none that the caller may see."""

    def __init__(self, annotation_id: str) -> None:
        super().__init__(
            f"There is no annotation with the id {annotation_id!r}. `storewatch annotation list` and GET "
            "/v1/annotations list them."
        )


class ScheduleExistsError(ConflictError):
    """A schedule has this name already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a schedule named {name!r} already. Delete it first, or choose another name.")


class FailedReportError(BrokenError):
    """Computing the report failed; the text is the reason."""


class MissingReportFileError(GoneError):
    """The report was finished, but its file is not in the reports folder of this machine."""

    def __init__(self, report_id: str) -> None:
        super().__init__(
            f"The file of report {report_id} is not in the home folder of this service: it was removed, or a service "
            "with another home folder wrote it. POST /v1/reports creates a new report."
        )


class CatalogVersionError(BrokenError):
    """The database was written by a newer storewatch, so this version must not change it."""


class CatalogUnavailableError(UnavailableError):
    """The database does not answer, or another process keeps it locked; the text says which."""

    public = "The database cannot be used now; the log of the service has the reason. Try again."


class StorageFullError(UnavailableError):
    """A disk has no space left, or the service keeps what is left. Nothing was stored."""

    def __init__(self) -> None:
        super().__init__(
            "The disk of the service is full, or nearly. Nothing was stored. Try again when space was freed."
        )


class StorageUnavailableError(UnavailableError):
    """A file or folder of the service cannot be read or written now: its permissions, its disk, too many open files."""

    def __init__(self) -> None:
        super().__init__(
            "The service cannot read or write one of its files now; its log has the reason. Nothing was stored. Try "
            "again."
        )


def storage_error_of(error: BaseException) -> StorageFullError | StorageUnavailableError | None:
    """Return the error for a disk that is full or cannot be used, if this is why another error was raised."""
    if is_storage_full(error):
        return StorageFullError()
    return StorageUnavailableError() if is_storage_unavailable(error) else None


class LakeConflictError(UnavailableError):
    """Other writers committed first at every attempt. Nothing was written; try again."""


class MissingKeyError(UnauthorizedError):
    """The service requires an API key and the request has none."""

    def __init__(self, *, through_proxy: bool = False) -> None:
        why = "A request through a proxy is not from this machine and needs a key. " if through_proxy else ""
        super().__init__(
            f"{why}Send an API key as `Authorization: Bearer sw_...`; `storewatch key create` creates one."
        )


class ForeignHostError(MisdirectedError):
    """A service that requires no key on this machine was addressed by a name that is not this machine's."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"This service requires no key, so it answers only to this machine's own names, not to {host!r}. Use "
            "http://127.0.0.1, or add the host to STOREWATCH_ALLOWED_HOSTS."
        )


class ForeignOriginError(ForbiddenError):
    """A page of another web site tried to use a service that requires no key on this machine."""

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"This service requires no key, so it refuses requests from pages of {origin}; add the origin to "
            "STOREWATCH_CORS_ORIGINS if they may use it."
        )


class InvalidKeyError(UnauthorizedError):
    """The API key that was sent is unknown, expired or revoked. The answer does not show which."""

    def __init__(self) -> None:
        super().__init__("This API key is unknown, expired or revoked; ask an administrator for a new one.")


class RoleTooLowError(ForbiddenError):
    """The key is valid, but its role may not do this."""

    def __init__(self, role: str, needed: str) -> None:
        super().__init__(f"A key with the role {role} may not do this; it requires the role {needed}.")


class ScopedKeyError(ForbiddenError):
    """The key is valid, but its scope shows only some stores, and the request is about figures of all stores."""

    def __init__(self) -> None:
        super().__init__("A key with a scope may not see figures of the whole installation; use one without a scope.")


class UnknownKeyError(NotFoundError):
    """No API key has this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"There is no API key with the id {key_id!r}. `storewatch key list` and GET /v1/keys show them."
        )


class UnknownStoreError(NotFoundError):
    """No store has this id, or none that the caller may see. The answer is the same for both."""

    def __init__(self, store_id: str, hint: str = "") -> None:
        near = f"; {hint}" if hint else ""
        super().__init__(
            f"There is no store with the id {store_id!r}{near}. `storewatch stores list` and GET /v1/stores list them."
        )


class StoreExistsError(ConflictError):
    """A store has this id already."""

    def __init__(self, store_id: str) -> None:
        super().__init__(f"The store {store_id!r} exists already. PATCH /v1/stores/{{store_id}} changes it.")


class StoreInUseError(ConflictError):
    """The lake holds polls of the store, so every report includes it, whatever the catalog holds (SEMANTICS 16)."""

    def __init__(self, store_id: str) -> None:
        super().__init__(
            f"The store {store_id!r} was polled, so it stays in the reports and cannot be deleted. PATCH it with "
            '{"timezone": null, "weekly_hours": null} and null labels to remove its zone, hours and labels.'
        )


class StoreMergeError(ConflictError):
    """Two stores cannot be merged, because they differ in values of which a store has only one."""

    def __init__(self, store_id: str, into: str, what: Sequence[str]) -> None:
        listed = ", ".join(what[:10]) + (", ..." if len(what) > 10 else "")
        super().__init__(
            f"The stores {store_id!r} and {into!r} differ in {listed}. Clear or change these values of one store, "
            "then merge them; nothing was changed."
        )


class TooManyRowsError(TooLargeError):
    """One request holds more observations, or unpacks to more bytes, than are accepted at once."""

    def __init__(self, max_rows: int) -> None:
        super().__init__(
            f"One request can hold at most {max_rows:,} observations, and not much more text than these need. Send "
            "several requests, or import the observations from a file."
        )


class UnknownMediaTypeError(UnsupportedError):
    """The Content-Type of the body is not supported."""

    def __init__(self, found: str, wanted: tuple[str, ...]) -> None:
        super().__init__(f"Content-Type {found[:80]!r} is not supported; send one of {', '.join(wanted)} (in UTF-8).")


class OverCapacityError(UnavailableError):
    """More observations wait for a commit than fit into memory. Nothing of this request was stored; try again."""

    def __init__(self) -> None:
        super().__init__(
            "More observations are waiting than fit into memory; nothing of this request was stored. Try again."
        )


class TooManyQueuedJobsError(TooManyError):
    """So many jobs of a key wait in the queue that no more are accepted."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"At most {counted(most, 'job')} of a key may wait in the queue. Wait until some have run, or cancel some."
        )


class TooManyStreamsError(UnavailableError):
    """Too many streams of events are open, of this caller or in all."""

    def __init__(self) -> None:
        super().__init__("Too many streams of events are open. Close one, or read the report's state instead.")


class LakeUnavailableError(UnavailableError):
    """The lake cannot be opened, read or written; the text says why. Observations may be sent again without harm."""

    public = (
        "The observations cannot be read or stored now; the log of the service has the reason. Sending them again "
        "later does no harm."
    )


class LakeDamagedError(BrokenError):
    """A file of the lake is missing or damaged; the text names it."""

    public = (
        "A file of the observations is missing or damaged. The log of the service names it, and `storewatch check` "
        "says what can be done."
    )


class ScopedChangeError(ForbiddenError):
    """The key is valid, but its scope allows changes of its own stores and their entries only."""

    def __init__(self) -> None:
        super().__init__(
            "A key with a scope can only change its own stores and their entries; use a key without a scope."
        )


class ScopedLabelsError(ScopedChangeError):
    """The key is valid, but it has a scope: labels decide which keys see a store and which entries apply to it."""

    def __init__(self) -> None:
        ForbiddenError.__init__(self, "A key with a scope cannot change labels; use a key without a scope.")
