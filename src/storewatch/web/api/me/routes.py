"""The caller."""

from fastapi import APIRouter

from storewatch.web.api.me.models import Me
from storewatch.web.problems import problem_responses
from storewatch.web.security import Viewer

router = APIRouter(prefix="/v1", tags=["access"])


@router.get("/me", operation_id="getMe", responses=problem_responses())
async def get_me(caller: Viewer) -> Me:
    """Return the name, role and scope of the key that the request was sent with."""
    return Me.of(caller)
