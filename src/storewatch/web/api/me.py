"""Who the caller is."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from storewatch.access import Principal
from storewatch.domain.labels import Scope
from storewatch.web.problems import problem_responses
from storewatch.web.security import Viewer


class ScopeModel(BaseModel):
    """Only stores that carry this label with this value exist for the key."""

    label: Annotated[str, Field(min_length=1, max_length=200, examples=["owner"])]
    value: Annotated[str, Field(max_length=200, examples=["acme"])]

    @classmethod
    def of(cls, scope: Scope) -> "ScopeModel | None":
        return cls(label=scope.label.name, value=scope.label.value) if scope.label else None


class Me(BaseModel):
    """The caller."""

    key_id: Annotated[str | None, Field(description="null where no key was asked for.", examples=["7hV2kQ9xLw"])]
    name: Annotated[str, Field(examples=["dashboard"])]
    role: Annotated[str, Field(examples=["viewer"])]
    scope: Annotated[ScopeModel | None, Field(description="null: all stores.")]

    @classmethod
    def of(cls, caller: Principal) -> "Me":
        return cls(key_id=caller.key_id, name=caller.name, role=caller.role, scope=ScopeModel.of(caller.scope))


def me_routes() -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["access"])

    @router.get("/me", operation_id="get_me", responses=problem_responses())
    def get_me(caller: Viewer) -> Me:
        """Tell which key the request was made with, and what it may do."""
        return Me.of(caller)

    return router
