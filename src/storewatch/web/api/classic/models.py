"""Answers of the classic contract."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from storewatch.web.api.jobs.models import EXAMPLE_ID


class Triggered(BaseModel):
    """The report was accepted and runs in the background."""

    report_id: Annotated[str, Field(examples=[EXAMPLE_ID])]


class ReportIdBody(BaseModel):
    """A body that names a report."""

    # The pattern also refuses lone surrogates, which no database can store.
    report_id: Annotated[
        str, Field(pattern=r"^[^\x00]+$", description="The id that /trigger_report returned.", examples=[EXAMPLE_ID])
    ]


class Running(BaseModel):
    """The report is not ready yet; try again later."""

    status: Literal["Running"] = "Running"
