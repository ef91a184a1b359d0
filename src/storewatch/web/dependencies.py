"""Dependencies of routes and middleware: the installation, and the state of the service."""

from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.types import Scope

from storewatch.installation import Installation
from storewatch.web.service_state import ServiceState


def installation_of(scope: Scope) -> Installation:
    """Return the installation of the service that received a request."""
    installation: Installation = scope["app"].state.installation
    return installation


def state_of(scope: Scope) -> ServiceState:
    """Return the state of the service that received a request."""
    state: ServiceState = scope["app"].state.service_state
    return state


# Async, because FastAPI runs plain functions in a thread.
async def get_installation(request: Request) -> Installation:
    """Return the installation of the service that received the request."""
    return installation_of(request.scope)


async def get_state(request: Request) -> ServiceState:
    """Return the state of the service that received the request."""
    return state_of(request.scope)


def _require_free_space(installation: Annotated[Installation, Depends(get_installation)]) -> None:
    installation.require_free_space()


# For routes that store large files: 503 while less space is free than the setting STOREWATCH_MIN_FREE_MB.
NEEDS_FREE_SPACE: Final = Depends(_require_free_space)

HEAD_ONLY: Final = "head_only"


async def _is_head_only(request: Request) -> bool:
    return getattr(request.state, HEAD_ONLY, False)


# Whether the request is a HEAD, which must change nothing.
HeadOnly = Annotated[bool, Depends(_is_head_only)]
Installed = Annotated[Installation, Depends(get_installation)]
State = Annotated[ServiceState, Depends(get_state)]
