"""Answers of the classic contract."""

from typing import Literal

from pydantic import BaseModel


class Triggered(BaseModel):
    """The report was accepted and runs in the background."""

    report_id: str


class Running(BaseModel):
    """The report is not ready yet; try again later."""

    status: Literal["Running"] = "Running"
