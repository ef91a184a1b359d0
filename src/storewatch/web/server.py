"""Serve HTTP on an address until a stop signal comes."""

import gc
import logging
import signal
import socket
import threading
from asyncio import Protocol
from collections.abc import Callable
from functools import partial
from typing import Final, cast

import uvicorn
from starlette.types import ASGIApp

from storewatch.access.rules import check_keys, choose_rules
from storewatch.domain.errors import InvalidInputError
from storewatch.engine.compiling import compile_kernels
from storewatch.installation import end_in_time, log_start, open_installation, prepare_service, utc_now
from storewatch.settings import Settings
from storewatch.telemetry import configure_logging
from storewatch.web.connections import IDLE_SECONDS, LISTEN_BACKLOG, ConnectionLimits, Connections, LimitedProtocol
from storewatch.web.service import create_service

log = logging.getLogger(__name__)

FINISH_SECONDS: Final = 5  # requests that still run this long after the signal are cut off


def serve(
    settings: Settings,
    host: str,
    port: int,
    *,
    insecure: bool = False,
    with_worker: bool = True,
    prepare_engine: Callable[[], None] = compile_kernels,
) -> None:
    """Serve HTTP until SIGINT or SIGTERM, then finish the running requests, and finish jobs or put them back.

    prepare_engine: loads every kernel; called when the settings, the address and the installation can be used.
    Raises InvalidInputError if a setting or the address cannot be used; then the installation is not opened.
    """
    rules = choose_rules(settings.access, host=host, insecure=insecure)
    configure_logging(settings.log_level)
    with _listen(host, port) as listener, open_installation(settings) as opened:
        check_keys(rules, host=host, catalog=opened.catalog, now=utc_now())
        prepare_engine()
        installation = prepare_service(opened, with_worker=with_worker, access=rules)

        def stop() -> None:
            end_in_time()
            installation.stopping.set()
            if installation.worker is not None:
                installation.worker.stop()

        log_start(settings, "service", host=host, port=port, worker=with_worker, keys=rules.keys)
        limits = ConnectionLimits(
            total=settings.max_connections,
            per_address=settings.max_connections_per_address,
            proxies=settings.access.trusted_proxies,
        )
        service = create_service(installation)
        # Python looks for garbage among all objects while nothing else runs: 0.2 s for those that exist now. Requests
        # with many objects make it do so several times; what stays for good need not be looked at.
        gc.collect()
        gc.freeze()
        run_server(service, listener, limits, on_stop=stop)


def run_server(
    service: ASGIApp, listener: socket.socket, limits: ConnectionLimits, *, on_stop: Callable[[], None]
) -> None:
    """Serve HTTP on the listener until SIGINT or SIGTERM.

    on_stop: called on its own thread when the signal comes, while the last requests are finished.
    """
    config = uvicorn.Config(
        service,
        http=cast(type[Protocol], partial(LimitedProtocol, Connections(limits))),
        ws="none",
        loop="asyncio",
        backlog=LISTEN_BACKLOG,
        timeout_keep_alive=IDLE_SECONDS,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=FINISH_SECONDS,
        forwarded_allow_ips=list(limits.proxies),
    )
    # At its end uvicorn raises the signals again that it caught; the default handler of SIGTERM would end the process.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        _Server(config, on_stop=on_stop).run(sockets=[listener])
    except KeyboardInterrupt:
        log.debug("ended by Ctrl-C")
    finally:
        signal.signal(signal.SIGTERM, before)


def _listen(host: str, port: int) -> socket.socket:
    """Bind the address before anything else is done, so that a port in use is reported at once."""
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InvalidInputError(
            f"{host} port {port} cannot be used ({error.strerror}); choose another with --host or --port."
        ) from None
    # asyncio sets TCP_NODELAY only on sockets that it opens. Without it an answer in two writes waits 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, *, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        log.info("stopping", extra={"requests": len(self.server_state.tasks)})
        # Not a thread of a pool, because those may all be busy.
        threading.Thread(target=self._on_stop, name="stop", daemon=True).start()
        await super().shutdown(sockets)
        log.info("stopped")
