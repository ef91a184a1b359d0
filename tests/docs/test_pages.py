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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import yaml

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests"))  # for runs without pytest

from page_script import PageScript, is_output  # noqa: E402
from support.databases import Postgres, running_postgres  # noqa: E402
from support.object_stores import running_object_store  # noqa: E402
from support.real_processes import free_port  # noqa: E402

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
# The demo serves the port 8000; this one serves that of the test.
SERVE_DEMO = "demo SERVE=no && exec .venv/bin/storewatch serve --home storewatch-demo/home --port 8000"
NGINX_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def run_page(page: Path, folder: Path) -> Iterator[tuple[int, str, str, str]]:
    """Run a page in a folder with what a clone has. Yield of each command: line, command, shown and printed output."""
    surroundings = {"README": clone, "postgresql": several_machines}.get(page.stem, one_machine)
    with surroundings(folder) as parts:
        script = PageScript(folder, port=free_port(), **parts)
        try:
            yield from script.run(page)
        finally:
            script.close()


@contextmanager
def one_machine(folder: Path) -> Iterator[dict[str, Any]]:
    """Make a folder with the repository's examples. Yields the parameters of PageScript."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    checks = {"yaml": check_yaml, "json": json.loads, "sql": lambda text: check_sql(folder, text)}
    yield {"checks": checks}


@contextmanager
def clone(folder: Path) -> Iterator[dict[str, Any]]:
    """Make the folder a clone of the repository, for `make demo`. Yields as one_machine does.

    Only a nightly run installs from the lock files; other runs share the environment of the tests.
    """
    make, environment = "make", {}
    if os.environ.get("STOREWATCH_NIGHTLY"):
        subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
        environment["PATH"] = os.environ["PATH"]
    else:
        folder.mkdir()
        for name in ("Makefile", "docs", "examples", "pyproject.toml", "requirements", "scripts", "src", "tests"):
            (folder / name).symlink_to(ROOT / name)
        (folder / ".venv").symlink_to(sys.prefix)
        make += " --old-file=.venv/.runtime"
    yield {"checks": {}, "rewritten": {"make demo": f"{make} {SERVE_DEMO}"}, "environment": environment}


@contextmanager
def several_machines(folder: Path) -> Iterator[dict[str, Any]]:
    """Run PostgreSQL and an object store. Yields as one_machine does."""
    folder.mkdir()
    with (
        running_postgres() as postgres,
        running_object_store(folder.parent / "s3.log", bucket="storewatch-polls") as environment,
    ):
        at_server = f"@/storewatch?{urlsplit(postgres.url()).query}"
        yield {
            "checks": {"sql": lambda text: run_in_postgres(postgres, text), "ini": check_ini, "nginx": check_nginx},
            "rewritten": {"@db.internal/storewatch": at_server},
            "environment": environment,
        }


def run_in_postgres(postgres: Postgres, statements: str) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        for statement in statements.split(";\n"):
            connection.execute(statement)


def check_yaml(text: str) -> None:
    """Parse YAML. Where Prometheus is installed, its own tool checks its configuration too."""
    check = ["rules"] if "groups" in yaml.safe_load(text) else ["config", "--syntax-only"]
    if shutil.which("promtool"):
        command = ["promtool", "check", *check, "/dev/stdin"]
        checked = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def check_ini(text: str) -> None:
    configparser.ConfigParser(interpolation=None).read_string(text)


def check_nginx(text: str) -> None:
    """Let nginx check its configuration, where it is installed."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        key, certificate, file = (f"{folder}/storewatch.{ending}" for ending in ("key", "pem", "conf"))
        request = ["openssl", "req", "-x509", "-nodes", "-subj", "/CN=storewatch", "-keyout", key, "-out", certificate]
        subprocess.run(request, check=True, capture_output=True)
        http = text.replace("/etc/ssl", folder).replace("listen 443", f"listen 127.0.0.1:{free_port()}")
        temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in NGINX_TEMPORARY)
        Path(file).write_text(f"pid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{http}}}\n")
        command = [nginx, "-t", "-p", folder, "-c", file, "-e", "stderr"]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr


def check_sql(folder: Path, text: str) -> None:
    import duckdb  # noqa: PLC0415 - one page needs it

    with duckdb.connect() as connection:
        connection.execute(f"SET file_search_path = '{folder}'")
        assert connection.sql(text).fetchall()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_page_print_what_it_shows(page: Path, tmp_path: Path) -> None:
    different = [
        f"\n{page.name}:{line}: $ {command}\nshown:\n{shown}\nprinted:\n{printed}"
        for line, command, shown, printed in run_page(page, tmp_path / "clone")
        if not is_output(shown, printed)
    ]
    assert different == [], "".join(different)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for line, command, shown, printed in run_page(Path(sys.argv[1]).resolve(), Path(temporary) / "clone"):
            print(f"{'ok  ' if is_output(shown, printed) else 'DIFF'} {line}: $ {command}\n{printed.rstrip()}")
