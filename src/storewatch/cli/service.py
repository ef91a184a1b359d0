"""Commands that run the service and prepare the machine for it."""

import time
from typing import Annotated

import typer

from storewatch.cli.home import Home
from storewatch.settings import Settings


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = 8000,
    home: Home = None,
) -> None:
    """Serve the HTTP API until Ctrl-C.

    Example: storewatch serve --port 8000, then curl http://127.0.0.1:8000/
    """
    from storewatch.app import serve as run

    run(Settings.from_environment(home), host, port)


def compile_kernels() -> None:
    """Compile the engine into its cache, so that no report has to wait for it.

    Example: storewatch compile
    """
    from storewatch.engine import availability

    begun = time.perf_counter()
    availability.compile_kernels()
    typer.echo(f"kernels ready in {time.perf_counter() - begun:.1f} s")
