"""Every command of the command line."""

from collections.abc import Iterator

from typer.core import TyperCommand, TyperGroup

from storewatch.cli.commands import COMMANDS, load_command


def all_commands() -> Iterator[tuple[str, TyperCommand]]:
    """List the commands with their full names, such as `key create`."""
    for name in COMMANDS:
        command = load_command(name)
        if isinstance(command, TyperGroup):
            for below, each in command.commands.items():
                assert isinstance(each, TyperCommand)
                yield f"{name} {below}", each
        else:
            yield name, command
