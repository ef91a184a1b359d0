"""A TCP proxy on loopback that disturbs what it forwards."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from typing import Any

_CHUNK = 1 << 16


class Disturbance(Enum):
    """What happens to a part of a stream that a client sends. HOLD: it waits until the proxy is quiet again."""

    CUT_BEFORE = auto()  # close the connection, and send the server nothing
    CUT_AFTER = auto()  # send it to the server, and close the connection instead of the answer
    HOLD = auto()


class Proxy:
    """Forward connections on `port` to a server: a port of loopback or a Unix socket.

    disturb: decides about each part that a client sends; None forwards it. delay_s: of each part, in both directions.
    """

    def __init__(self, server: int | Path) -> None:
        self.disturb: Callable[[bytes], Disturbance | None] = lambda _: None
        self.delay_s = 0.0
        self.port = 0
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        self._thread.start()
        try:
            listener = self._call(asyncio.start_server(self._accept, "127.0.0.1", 0))
            self.port = listener.sockets[0].getsockname()[1]
            try:
                yield self
            finally:
                self._call(self._end(listener))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    @contextmanager
    def disturbed(self, disturb: Callable[[bytes], Disturbance | None]) -> Iterator[None]:
        self.disturb = disturb
        yield
        self.disturb = lambda _: None

    @contextmanager
    def delayed(self, seconds: float) -> Iterator[None]:
        self.delay_s = seconds
        yield
        self.delay_s = 0.0

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _end(self, listener: asyncio.Server) -> None:
        listener.close()
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            server, to_server = await self._connect()
            answering = asyncio.create_task(self._answer(server, to_client))
            try:
                await self._forward(client, to_client, to_server)
            finally:
                answering.cancel()
                to_server.transport.abort()
        except OSError:
            pass  # the client sees that the connection is closed
        finally:
            to_client.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._server, Path):
            return await asyncio.open_unix_connection(self._server)
        return await asyncio.open_connection("127.0.0.1", self._server)

    async def _forward(
        self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter, to_server: asyncio.StreamWriter
    ) -> None:
        while chunk := await client.read(_CHUNK):
            await asyncio.sleep(self.delay_s)
            while (disturbance := self.disturb(chunk)) is Disturbance.HOLD:
                await asyncio.sleep(0.05)
            if disturbance is Disturbance.CUT_AFTER:
                to_client.transport.abort()
                to_server.write(chunk)
                await to_server.drain()
                await client.read()
                await asyncio.sleep(0.2)  # the server acts on what it was sent
            if disturbance is not None:
                return
            to_server.write(chunk)
            await to_server.drain()

    async def _answer(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            while chunk := await server.read(_CHUNK):
                await asyncio.sleep(self.delay_s)
                to_client.write(chunk)
                await to_client.drain()
        except OSError:
            pass
        finally:
            to_client.close()
