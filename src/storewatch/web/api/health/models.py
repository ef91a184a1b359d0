"""Liveness and readiness in answers."""

from typing import Literal

from pydantic import BaseModel


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class CheckResult(BaseModel):
    """The result of one check of what the service needs."""

    ok: bool
    ms: float
    detail: str


class Readiness(BaseModel):
    """Whether every check passed."""

    status: Literal["ready", "not ready"]
    checks: dict[str, CheckResult]
