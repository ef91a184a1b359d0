"""Health checks for monitors. No key is required, and no secrets are shown."""

import asyncio
import logging
import time
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Response

from storewatch.domain.error_families import public_text
from storewatch.domain.errors import LakeDamagedError
from storewatch.web.api.health.checks import BoundedCall, NotReadyError
from storewatch.web.api.health.models import Alive, CheckResult, Readiness
from storewatch.web.dependencies import State
from storewatch.web.problems import PUBLIC_PROBLEMS, WITHOUT_KEY

log = logging.getLogger(__name__)

router = APIRouter(tags=["operating"])

_NOT_READY: Final[dict[int | str, dict[str, Any]]] = {
    **PUBLIC_PROBLEMS,
    503: PUBLIC_PROBLEMS[503] | {"model": Readiness, "description": "A check failed."},
}


@router.get("/health", include_in_schema=False)
@router.get("/healthz", operation_id="getHealth", openapi_extra=WITHOUT_KEY, responses=PUBLIC_PROBLEMS)
async def get_health() -> Alive:
    """Return that the process is alive. Nothing else is checked."""
    return Alive()


@router.get("/readyz", operation_id="getReadiness", openapi_extra=WITHOUT_KEY, responses=_NOT_READY)
async def get_readiness(response: Response, state: State) -> Readiness:
    """Check what the service needs to work: catalog, lake, stores, free disk space and worker."""
    results = await asyncio.gather(*(_result(name, check) for name, check in state.readiness.items()))
    ready = all(result.ok for result in results)
    if not ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    response.headers["Cache-Control"] = "no-store"
    checks = dict(zip(state.readiness, results, strict=True))
    return Readiness(status="ready" if ready else "not ready", checks=checks)


async def _result(name: str, check: BoundedCall[str]) -> CheckResult:
    started = time.perf_counter()
    ok = False
    try:
        detail = await check.outcome()
        ok = True
    except TimeoutError:
        detail = f"no answer within {check.seconds:g} s"
    except NotReadyError as error:
        detail = str(error)
    except LakeDamagedError as error:
        log.error("check %s failed: %s", name, error)  # noqa: TRY400 - the text says it all
        detail = public_text(error)
    except Exception as error:  # noqa: BLE001 - whatever the error is, the service is not ready
        log.warning("check %s failed: %s", name, error)
        detail = "cannot be reached; the log holds the reason"
    return CheckResult(ok=ok, ms=round((time.perf_counter() - started) * 1e3, 1), detail=detail)
