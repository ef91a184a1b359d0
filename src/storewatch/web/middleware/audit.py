"""Write the audit rows that routes declare, before their answers are sent."""

import asyncio
import logging
from datetime import datetime
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storewatch.access import ANYONE, Principal
from storewatch.catalog import AuditEntry
from storewatch.web.audit import AuditMark
from storewatch.web.dependencies import installation_of, state_of

WRITE_SECONDS: Final = 10.0
MAX_OBJECT_LENGTH: Final = 500

log = logging.getLogger(__name__)


class AuditMiddleware:
    """Write the audit row of a request when its outcome is known. The answer is sent after the row is committed.

    A row that is not written within WRITE_SECONDS goes to the log, and the answer is sent anyway: the change has
    already been made.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def send_after_row(message: Message) -> None:
            if message["type"] == "http.response.start":
                await _write(scope, _outcome(message["status"]))
            await send(message)

        try:
            await self.app(scope, receive, send_after_row)
        except Exception:
            await _write(scope, "failed")
            raise
        finally:
            state.pop("audit", None)


async def _write(scope: Scope, outcome: str) -> None:
    mark: AuditMark | None = scope["state"].pop("audit", None)
    if mark is None:
        return
    writer = state_of(scope).audit_writer
    entry = _entry(scope, mark, outcome, installation_of(scope).clock())
    if mark.summed:
        writer.add(entry)
        return
    try:
        await asyncio.wait_for(asyncio.wrap_future(writer.write(entry)), WRITE_SECONDS)
    except Exception:
        log.exception("not in the audit log (yet): %s", entry)


def _entry(scope: Scope, mark: AuditMark, outcome: str, at: datetime) -> AuditEntry:
    state = scope["state"]
    actor: Principal = state.get("principal", ANYONE)
    object_id = state.get("audit_object")
    return AuditEntry(
        at=at,
        actor_id=actor.key_id,
        actor_name=actor.name,
        address=scope["client"][0] if scope.get("client") else "unknown",
        action=mark.action,
        object_type=mark.object_type,
        object_id=str(object_id)[:MAX_OBJECT_LENGTH] if object_id is not None else None,
        outcome=outcome,
        request_id=state.get("request_id"),
        detail=state.get("audit_detail"),
    )


def _outcome(status: int) -> str:
    if status < 400:
        return "done"
    return "refused" if status < 500 else "failed"
