"""Small commands load only the libraries that they need: loading Numba, Polars and SQLAlchemy takes a second."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ALWAYS = {"alembic", "fastapi", "numba", "openpyxl", "typst", "uvicorn", "xlsxwriter"}
ARRAYS = {"deltalake", "numpy", "polars"}
COUNT = """
import sys
from storewatch.cli import main
try:
    main()
finally:
    print(*sys.modules, sep="\\n", file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("command", "forbidden"),
    [
        ("--help", ALWAYS | ARRAYS | {"pydantic", "sqlalchemy", "rich"}),
        ("--version", ALWAYS | ARRAYS | {"pydantic", "sqlalchemy", "rich"}),
        ("report --help", ALWAYS | {"deltalake", "rich"}),
        ("key list", ALWAYS | {"deltalake"}),
        ("mapping list", ALWAYS | {"deltalake"}),
        ("definition list", ALWAYS | {"deltalake"}),
        ("closure list", ALWAYS | {"deltalake"}),
        ("schedule list", ALWAYS | {"deltalake"}),
        ("imports list", ALWAYS | {"deltalake"}),
        ("status", ALWAYS),
        ("stores list", ALWAYS - {"numba"}),  # the states of stores are computed
    ],
)
def test_command_does_not_load_what_it_does_not_need(command: str, forbidden: set[str], labelled_home: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STOREWATCH_", "COV"))}
    done = subprocess.run(
        [sys.executable, "-c", COUNT, *command.split()],
        env=kept | {"STOREWATCH_HOME": str(labelled_home)},
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = set(done.stderr.splitlines())
    assert done.returncode == 0, done.stderr
    assert "storewatch.cli" in loaded
    assert loaded & forbidden == set()
