"""Roles of routes: the dependencies that check what a caller may do."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from storewatch.access import Principal
from storewatch.domain.enums import Role
from storewatch.domain.errors import RoleTooLowError, ScopedKeyError

_bearer = HTTPBearer(auto_error=False, scheme_name="bearer", description="`Authorization: Bearer sw_...`")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="header", description="`X-API-Key: sw_...`")


def _at_least(role: Role) -> Callable[..., object]:
    # The two parameters make the key appear in OpenAPI.
    async def caller(request: Request, _1: object = Depends(_bearer), _2: object = Depends(_header)) -> Principal:
        principal: Principal = request.state.principal  # set by AccessMiddleware; without it the request must fail
        if not principal.role.includes(role):
            raise RoleTooLowError(principal.role, role)
        return principal

    return caller


viewer = _at_least(Role.VIEWER)
operator = _at_least(Role.OPERATOR)
admin = _at_least(Role.ADMIN)


async def unscoped(principal: Annotated[Principal, Depends(viewer)]) -> Principal:
    """Refuse a key with a scope: figures of the whole installation include stores outside the scope."""
    if principal.scope.is_limited:
        raise ScopedKeyError
    return principal


Viewer = Annotated[Principal, Depends(viewer)]
Operator = Annotated[Principal, Depends(operator)]
Admin = Annotated[Principal, Depends(admin)]
Unscoped = Annotated[Principal, Depends(unscoped)]
