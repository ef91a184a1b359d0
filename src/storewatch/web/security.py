"""Who is asking: dependencies for routes."""

from typing import Annotated

from fastapi import Depends

from storewatch.access import ANYONE, Principal


def viewer() -> Principal:
    return ANYONE


def operator() -> Principal:
    return ANYONE


def admin() -> Principal:
    return ANYONE


Viewer = Annotated[Principal, Depends(viewer)]
Operator = Annotated[Principal, Depends(operator)]
Admin = Annotated[Principal, Depends(admin)]
