"""The errors of the domain; `web.problems` maps them to HTTP and `cli` to exit codes."""


class StorewatchError(Exception):
    """Root of every error that storewatch raises on purpose; its text is shown to the user as it is."""


class InvalidInputError(StorewatchError):
    """What the user gave cannot be used; the text says what to do instead."""


class UnknownReportError(StorewatchError):
    """No report has this id."""

    def __init__(self, report_id: str) -> None:
        super().__init__(f"There is no report with the id {report_id[:40]!r}. POST /trigger_report starts one.")


class FailedReportError(StorewatchError):
    """Computing the report failed; the text is the reason."""


class MissingReportFileError(StorewatchError):
    """The report was finished, but its file is not in the reports folder of this machine."""

    def __init__(self, report_id: str) -> None:
        super().__init__(
            f"The file of report {report_id} is not in this service's home: it was removed, or another home wrote it. "
            "POST /trigger_report makes a new one."
        )


class CatalogVersionError(StorewatchError):
    """The database was written by a newer storewatch; this one must not touch it."""


class CatalogUnavailableError(StorewatchError):
    """The database does not answer, or another process has kept it locked; the text says which."""


class LakeConflictError(StorewatchError):
    """Other writers kept winning the same commit; nothing was written, try again."""
