"""What routes get by `Depends`: the installation that the service works on."""

from typing import Annotated

from fastapi import Depends, Request

from storewatch.installation import Installation


async def get_installation(request: Request) -> Installation:
    """Return the installation of the service that received the request.

    Async, because FastAPI runs plain functions in a thread.
    """
    installation: Installation = request.app.state.installation
    return installation


Installed = Annotated[Installation, Depends(get_installation)]
