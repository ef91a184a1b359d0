"""What routes get by `Depends`: the installation that the service works on."""

from typing import Annotated

from fastapi import Depends, Request

from storewatch.web.parts import Parts


async def get_installation(request: Request) -> Parts:
    """Return the installation of the service that received the request.

    Async, because FastAPI runs plain functions in a thread.
    """
    installation: Parts = request.app.state.installation
    return installation


Installed = Annotated[Parts, Depends(get_installation)]
