"""Leaves a row in the audit log for what a route does, before its answer goes out."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fastapi import Depends, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storewatch.access import ANYONE, Principal
from storewatch.access.audit import AuditWriter
from storewatch.catalog import AuditEntry

PATIENCE_SECONDS: Final = 10.0
MAX_OBJECT_LENGTH: Final = 500

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a request does, and whether it shares its row with those of the same minute that are alike."""

    action: str
    object_type: str
    summed: bool


def audited(action: str, object_type: str, *, summed: bool = False) -> Any:
    """Make a route leave an audit row: `@router.delete(..., dependencies=[audited("store.delete", "store")])`.

    The object is the path parameter that ends in `_id`, or what a handler says by
    `request.state.audit_object = report_id`. `request.state.audit_detail = {...}` adds words (JSON). A handler that did
    nothing worth a row says `request.state.audit = None`. summed: like requests of a minute share a row, with their
    number and the sums of the numbers in their details; for what comes hundreds of times a second.
    """
    mark = Mark(action=action, object_type=object_type, summed=summed)

    async def leave_mark(request: Request) -> None:
        request.state.audit = mark
        named = [value for name, value in request.path_params.items() if name.endswith("_id")]
        if named:
            request.state.audit_object = str(named[0])

    return Depends(leave_mark)


class Auditing:
    """Writes the row of a marked request when its outcome is known; the answer waits until the row is committed.

    A row that cannot be written in PATIENCE_SECONDS goes to the log, and the answer out: the thing is done by then.
    """

    def __init__(self, app: ASGIApp, *, writer: AuditWriter, clock: Callable[[], datetime]) -> None:
        self.app = app
        self._writer = writer
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def witnessed(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._write(scope, _outcome(message["status"]))
            await send(message)

        try:
            await self.app(scope, receive, witnessed)
        except Exception:
            await self._write(scope, "failed")
            raise
        finally:
            state.pop("audit", None)

    async def _write(self, scope: Scope, outcome: str) -> None:
        state = scope["state"]
        mark: Mark | None = state.pop("audit", None)
        if mark is None:
            return
        entry = _entry(scope, mark, outcome, self._clock())
        if mark.summed:
            self._writer.add(entry)
            return
        try:
            await asyncio.wait_for(asyncio.wrap_future(self._writer.write(entry)), PATIENCE_SECONDS)
        except Exception:
            log.exception("not in the audit log (yet): %s", entry)


def _entry(scope: Scope, mark: Mark, outcome: str, at: datetime) -> AuditEntry:
    state = scope["state"]
    actor: Principal = state.get("principal", ANYONE)
    named = state.get("audit_object")
    return AuditEntry(
        at=at,
        actor_id=actor.key_id,
        actor_name=actor.name,
        address=scope["client"][0] if scope.get("client") else "unknown",
        action=mark.action,
        object_type=mark.object_type,
        # PostgreSQL's text holds no NUL, and one bad row would keep out those that share its commit.
        object_id=str(named).replace("\0", "\ufffd")[:MAX_OBJECT_LENGTH] if named is not None else None,
        outcome=outcome,
        request_id=state.get("request_id"),
        detail=state.get("audit_detail"),
    )


def _outcome(status: int) -> str:
    if status < 400:
        return "done"
    return "refused" if status < 500 else "failed"
