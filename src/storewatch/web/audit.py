"""Declare at a route that its requests write a row to the audit log."""

from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request


@dataclass(frozen=True, kw_only=True)
class AuditMark:
    """The action that an audit row records. summed: similar requests of the same minute share one row."""

    action: str
    object_type: str
    summed: bool


def audited(action: str, object_type: str, *, summed: bool = False) -> Any:
    """Write an audit row for every request of a route.

    Used as `@router.delete(..., dependencies=[audited("store.delete", "store")])`. The object of the row is the path
    parameter whose name ends in `_id`, or `request.state.audit_object` where the route sets it.
    `request.state.audit_detail = {...}` adds details (JSON). A route that wants no row for this request sets
    `request.state.audit = None`.

    summed: similar requests of the same minute share one row, with their count and the sums of the numbers in their
    details. Use this for requests that come hundreds of times a second.
    """
    mark = AuditMark(action=action, object_type=object_type, summed=summed)

    async def set_mark(request: Request) -> None:
        request.state.audit = mark
        named = [value for name, value in request.path_params.items() if name.endswith("_id")]
        if named:
            request.state.audit_object = str(named[0])

    return Depends(set_mark)
