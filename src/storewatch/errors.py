"""The errors of the domain; `web.problems` maps them to HTTP and `cli` to exit codes."""


class StorewatchError(Exception):
    """Root of every error that storewatch raises on purpose; its text is shown to the user as it is."""


class InvalidInputError(StorewatchError):
    """What the user gave cannot be used; the text says what to do instead."""


class UnknownReportError(StorewatchError):
    """No report has this id."""

    def __init__(self, report_id: str) -> None:
        super().__init__(f"There is no report with the id {report_id!r}. POST /trigger_report starts one.")


class FailedReportError(StorewatchError):
    """Computing the report failed; the text is the reason."""


class MissingReportFileError(StorewatchError):
    """The report was finished, but its file was removed from the reports folder."""

    def __init__(self, report_id: str) -> None:
        super().__init__(f"The file of report {report_id} was removed. POST /trigger_report makes a new one.")


class CatalogVersionError(StorewatchError):
    """The database was written by a newer storewatch; this one must not touch it."""


class LakeConflictError(StorewatchError):
    """Other writers kept winning the same commit; nothing was written, try again."""
