"""Commands that run the service and prepare the machine for it."""

import time
from dataclasses import replace
from typing import Annotated

import typer

from storewatch.cli.home import Home
from storewatch.cli.progress import prepare_all_kernels
from storewatch.installation import run_worker
from storewatch.settings import Settings

commands = typer.Typer(rich_markup_mode=None)


@commands.command("serve")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = 8000,
    require_key: Annotated[
        bool, typer.Option("--require-key", help="Require an API key on a loopback address too.")
    ] = False,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Require no API key on any address: every caller is admin.")
    ] = False,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(help="Trust X-Forwarded-For from this address or network (repeatable).", metavar="ADDRESS"),
    ] = None,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Run no jobs in this process; leave them to `storewatch worker`.")
    ] = False,
    home: Home = None,
) -> None:
    """Serve the HTTP API until Ctrl-C.

    On a loopback address, the default, no API key is required. On any other address one is (`storewatch key create`).

    Example: storewatch serve --port 8000, then curl http://127.0.0.1:8000/
    """
    from storewatch.web.server import serve as run

    settings = Settings.from_environment(home)
    access = replace(
        settings.access,
        require_key=settings.access.require_key or require_key,
        trusted_proxies=(*settings.access.trusted_proxies, *(trusted_proxy or ())),
    )
    run(
        replace(settings, access=access),
        host,
        port,
        insecure=insecure,
        with_worker=not no_worker,
        prepare_engine=prepare_all_kernels,
    )


@commands.command("worker")
def worker(
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Serve the metrics of this process on this port.")
    ] = None,
    metrics_host: Annotated[
        str, typer.Option(help="Address for --metrics-port; no API key is required.")
    ] = "127.0.0.1",
    home: Home = None,
) -> None:
    """Run reports, imports, optimize, retention and schedules until Ctrl-C. Several workers can run at once.

    Example: storewatch worker --home /srv/storewatch, beside storewatch serve --no-worker
    """
    settings = Settings.from_environment(home)
    run_worker(settings, (metrics_host, metrics_port) if metrics_port else None, prepare_engine=prepare_all_kernels)


@commands.command("compile")
def compile_kernels() -> None:
    """Compile the engine into its cache, so that no report has to wait for the compiler.

    Example: storewatch compile
    """
    begun = time.perf_counter()
    prepare_all_kernels()
    typer.echo(f"Kernels ready in {time.perf_counter() - begun:.1f} s.")
