"""Show progress bars, and compile the engine behind one."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

Progress = Callable[[int, int], None]


@contextmanager
def progress_bar(label: str) -> Iterator[Progress | None]:
    """Show a progress bar on a terminal and yield the function that moves it; yield None in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance


def prepare_engine() -> None:
    """Compile the engine, with a message and a progress bar, if that was not done since the installation."""
    from storewatch.engine import compiling

    if compiling.load_first_kernel(lambda: typer.echo(compiling.announcement(), err=True)):
        with progress_bar("compile") as progress:
            compiling.compile_kernels(progress)


def prepare_all_kernels() -> None:
    """Compile the engine as `prepare_engine` does, and load every kernel."""
    from storewatch.engine import compiling

    prepare_engine()
    compiling.compile_kernels()
