"""Runs the service on its address until a signal."""

import logging
import signal
import socket
import threading
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.types import ASGIApp

log = logging.getLogger(__name__)

ANSWERS_SECONDS: Final = 5  # for requests to be finished after the signal; then they are cut


def run_server(
    service: ASGIApp, listener: socket.socket, *, forwarded_allow_ips: list[str], on_stop: Callable[[], None]
) -> None:
    """Serve whoever connects to the listener until SIGINT or SIGTERM.

    on_stop: called on a thread of its own when the signal comes, beside the requests that are being finished.
    """
    config = uvicorn.Config(
        service,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=ANSWERS_SECONDS,
        forwarded_allow_ips=forwarded_allow_ips,
    )
    # uvicorn raises the signals that it took once more at its end, and SIGTERM's default would end the process there.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        _Server(config, on_stop=on_stop).run(sockets=[listener])
    except KeyboardInterrupt:
        log.debug("ended by Ctrl-C")
    finally:
        signal.signal(signal.SIGTERM, before)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, *, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        log.info("stopping", extra={"requests": len(self.server_state.tasks)})
        # Not of a pool, whose threads may all be busy.
        threading.Thread(target=self._on_stop, name="stop", daemon=True).start()
        await super().shutdown(sockets)
        log.info("stopped")
