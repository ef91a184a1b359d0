"""The option --home of every command."""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

HOME_HELP: Final = "Folder of the data [env: STOREWATCH_HOME; default: storewatch-data]."


def use_home(home: Path | None) -> Path | None:
    """Use a --home in this process as if STOREWATCH_HOME were set to this folder."""
    if home is not None:
        os.environ["STOREWATCH_HOME"] = str(home)
    return home


Home = Annotated[Path | None, typer.Option("--home", help=HOME_HELP, metavar="DIR", callback=use_home)]
