"""Liveness and readiness in answers."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class CheckResult(BaseModel):
    """The result of one check of what the service needs."""

    ok: bool
    ms: Annotated[float, Field(examples=[0.4])]
    detail: Annotated[str, Field(examples=["version 4711"])]


class Readiness(BaseModel):
    """Whether every check passed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"status": "ready", "checks": {"lake": {"ok": True, "ms": 0.4, "detail": "version 4711"}}}]
        }
    )

    status: Literal["ready", "not ready"]
    checks: dict[str, CheckResult]
