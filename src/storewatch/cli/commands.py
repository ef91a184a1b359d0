"""The commands: the module that each is in, and its line in `storewatch --help`.

A module is imported when one of its commands is used, so that each command loads only the libraries that it needs.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import typer.main
from typer.core import TyperCommand, TyperGroup

# name: (module of cli, its line in `storewatch --help`), in the order shown
COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "import": ("data", "Import files: polls, hours, time zones, stores, sales."),
    "rejects": ("data", "Write the rows that an import rejected, as CSV."),
    "report": ("reports", "Compute a report."),
    "verify": ("reports", "Compute a report again and compare it with its file."),
    "outages": ("findings", "List outages, and those that many stores had together."),
    "rates": ("findings", "Show how often and how long stores go down, how sure."),
    "doctor": ("findings", "List stores with polls that contradict their hours."),
    "serve": ("service", "Serve the HTTP API until Ctrl-C."),
    "worker": ("service", "Run background jobs until Ctrl-C."),
    "status": ("data", "Show how much data there is, and its newest poll."),
    "check": ("check", "Read all files and the database; list what is damaged."),
    "optimize": ("data", "Compact the lake and delete files no longer read."),
    "retention": ("retention", "Delete data older than a number of days."),
    "simulate": ("data", "Write files of an invented fleet, to try storewatch."),
    "compile": ("service", "Compile the engine, so that no report has to wait."),
    "key": ("keys", "Create, list and revoke API keys."),
    "schedule": ("schedules", "Run jobs repeatedly at fixed times."),
    "definition": ("definitions", "Save the parameters of reports under a name."),
    "mapping": ("mappings", "List, show and delete saved mappings of columns."),
    "closure": ("closures", "Plan closures of stores."),
    "annotation": ("annotations", "Note what caused an outage, and what its time counts as."),
    "jobs": ("jobs", "List background jobs: reports, imports and maintenance."),
    "imports": ("imports", "List imports, and undo them."),
    "observations": ("observations", "List the polls of a store, and delete wrong ones."),
    "special-hours": ("special_hours", "List and delete special hours."),
    "stores": ("stores", "List and show stores, set their fields, change their ids."),
}


class LazyGroup(TyperGroup):
    """The root of the command line. It shows its commands without importing them."""

    def __init__(self, **settings: Any) -> None:
        lines = {name: TyperCommand(name, help=line, rich_markup_mode=None) for name, (_, line) in COMMANDS.items()}
        super().__init__(**settings | {"commands": lines})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name, the command that runs, and the arguments that are left for it."""
        name, line, rest = super().resolve_command(ctx, args)
        return name, line if name is None else load_command(name), rest


def load_command(name: str) -> TyperCommand | TyperGroup:
    """Import a command, or a group of commands, by its name."""
    group = typer.main.get_group(import_module(f"storewatch.cli.{COMMANDS[name][0]}").commands)
    return group.commands.get(name) or group  # type: ignore[return-value]
