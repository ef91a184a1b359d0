"""Every command, file and configuration of README and the guides, run as a reader would, on real services.

`.venv/bin/python tests/docs/test_pages.py PAGE` runs one page and prints what each of its commands prints.
"""

import configparser
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests"))  # for runs without pytest

from page_script import PageScript, is_output  # noqa: E402
from support.real_processes import free_port  # noqa: E402

README = ROOT / "README.md"
GUIDES = {page.name: page for page in sorted((ROOT / "docs" / "guides").glob("*.md"))}
DEMO = {"make demo": "make demo SERVE=no && storewatch serve --home storewatch-demo/home --port 8000"}


def run_page(page: Path, folder: Path) -> Iterator[tuple[int, str, str, str]]:
    """Run a page in a folder with what a clone has. Yield of each command: line, command, shown and printed output."""
    if page == README:
        environment = make_clone(folder)
    else:
        shutil.copytree(ROOT / "examples", folder / "examples")
        environment = {}
    script = PageScript(folder, port=free_port(), checks=checks_in(folder), rewritten=DEMO, environment=environment)
    try:
        yield from script.run(page)
    finally:
        script.close()


def make_clone(folder: Path) -> dict[str, str]:
    """Make the folder a clone of the repository, for `make demo`. Return its environment.

    Only a nightly run installs from the lock files; other runs share the environment of the tests.
    """
    if os.environ.get("STOREWATCH_NIGHTLY"):
        subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
        return {}
    folder.mkdir()
    for name in ("Makefile", "examples", "pyproject.toml", "requirements", "scripts"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return {"MAKEFLAGS": "--old-file=.venv/.runtime"}


def checks_in(folder: Path) -> dict[str, Callable[[str], object]]:
    """Return by kind the checks of blocks that are neither commands nor files."""
    return {"yaml": check_yaml, "json": json.loads, "ini": check_ini, "sql": lambda text: check_sql(folder, text)}


def check_yaml(text: str) -> None:
    """Parse YAML. Where Prometheus is installed, its own tool checks its configuration too."""
    check = ["rules"] if "groups" in yaml.safe_load(text) else ["config", "--syntax-only"]
    if shutil.which("promtool"):
        command = ["promtool", "check", *check, "/dev/stdin"]
        checked = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def check_ini(text: str) -> None:
    configparser.ConfigParser(interpolation=None).read_string(text)


def check_sql(folder: Path, text: str) -> None:
    import duckdb  # noqa: PLC0415 - one page needs it

    with duckdb.connect() as connection:
        connection.execute(f"SET file_search_path = '{folder}'")
        assert connection.sql(text).fetchall()


@pytest.mark.parametrize(
    "page",
    [
        GUIDES[f"{name}.md"]
        for name in ("access", "api", "importing", "jobs", "operating", "pushing", "reports", "stores")
    ],
    ids=lambda page: page.stem,
)
def test_commands_of_page_print_what_it_shows(page: Path, tmp_path: Path) -> None:
    assert (
        "".join(
            f"\n{page.name}:{line}: $ {command}\nshown:\n{shown}\nprinted:\n{printed}"
            for line, command, shown, printed in run_page(page, tmp_path / "clone")
            if not is_output(shown, printed)
        )
        == ""
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for line, command, shown, printed in run_page(Path(sys.argv[1]).resolve(), Path(temporary) / "clone"):
            print(f"{'ok  ' if is_output(shown, printed) else 'DIFF'} {line}: $ {command}\n{printed.rstrip()}")
