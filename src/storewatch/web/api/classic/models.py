"""Answers of the classic contract."""

from typing import Literal

from pydantic import BaseModel, Field


class Triggered(BaseModel):
    """The report was accepted and runs in the background."""

    report_id: str


class ReportIdBody(BaseModel):
    """A body that names a report."""

    # The pattern also refuses lone surrogates, which no database can store.
    report_id: str = Field(pattern=r"^[^\x00]+$", description="The id that /trigger_report returned.")


class Running(BaseModel):
    """The report is not ready yet; try again later."""

    status: Literal["Running"] = "Running"
