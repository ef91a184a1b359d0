"""Linters find nothing in the OpenAPI document, and clients generated from it work with a real service.

The tools are in .venv/clients (`make clients`), with a Node.js of their own: they need other libraries than storewatch.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.access_scene import key_of
from support.real_processes import service
from support.scene import REPORT, import_scene, settings_in

from storewatch.domain.enums import Role
from storewatch.installation import open_installation

HERE = Path(__file__).parent
OPENAPI = HERE.parents[1] / "docs" / "reference" / "openapi.json"
TOOLS = Path(sys.prefix) / "clients"
NODE_TOOLS = TOOLS / "node_modules" / ".bin"

pytestmark = pytest.mark.skipif(
    not (TOOLS / ".complete").exists(), reason="linters and generators are not installed; `make clients` installs them"
)

ANSWERS = {
    "accepted": 1,
    "stores": [["bar", "America/Chicago", "up"], ["cafe", "America/New_York", "closed"]],
    "rows": 3,
    "file": REPORT,
    "refused": [404, "urn:storewatch:problem:unknown-store"],
}


def run(*command: str | Path, **environment: str) -> str:
    """Run a tool, and return what it prints. It must succeed."""
    path = os.pathsep.join((str(TOOLS / "bin"), os.environ["PATH"]))
    done = subprocess.run(
        command, env=os.environ | {"PATH": path, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A service with three stores that requires a key: its address, and the key of an operator."""
    folder = tmp_path_factory.mktemp("service")
    with open_installation(settings_in(folder)) as app:
        import_scene(app, folder / "files")
        home, key = app.settings.home, key_of(app, Role.OPERATOR)
    with service(home, "--require-key") as (_, client):
        yield str(client.base_url), key


def test_redocly_finds_nothing() -> None:
    printed = run(
        NODE_TOOLS / "redocly", "lint", "--config", HERE / "redocly.yaml", "--format", "json", OPENAPI, NO_COLOR="1"
    )
    found: dict[str, Any] = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
    assert found["problems"] == []


def test_spectral_finds_nothing() -> None:
    printed = run(
        NODE_TOOLS / "spectral", "lint", "--ruleset", HERE / "spectral.yaml", "--fail-severity", "hint", OPENAPI
    )
    assert "No results" in printed


def test_generated_python_client_works(served: tuple[str, str], tmp_path: Path) -> None:
    package = tmp_path / "storewatch_client"
    generated = run(
        TOOLS / "bin" / "openapi-python-client",
        *("generate", "--path", OPENAPI, "--meta", "none", "--output-path", package),
    )
    # The generator knows no bodies of text or bytes beside JSON and leaves them out. It must leave out nothing else.
    reasons = re.findall(r"^WARNING parsing (.+)\.\n\n(.+)\n", generated, re.MULTILINE)
    assert len(reasons) == generated.count("WARNING") == 11
    assert {reason.partition("type ")[0] for _, reason in reasons} == {"Unsupported content "}
    operations = json.loads(OPENAPI.read_text(encoding="utf-8"))["paths"]
    assert sum(map(len, operations.values())) == len([*package.glob("api/*/[!_]*.py")])
    printed = run(TOOLS / "bin" / "python", HERE / "client.py", *served, PYTHONPATH=str(tmp_path))
    assert json.loads(printed) == ANSWERS | {"imported": [["timezones.csv", 1]]}


def test_generated_typescript_types_work(served: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(TOOLS / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "client.ts").write_text((HERE / "client.ts").read_text())
    run(NODE_TOOLS / "openapi-typescript", OPENAPI, "--output", tmp_path / "api.d.ts")
    strict = ("--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext")
    node = ("--typeRoots", TOOLS / "node_modules" / "@types", "--types", "node")
    run(NODE_TOOLS / "tsc", *strict, *node, "--outDir", tmp_path / "built", tmp_path / "client.ts")
    assert json.loads(run(TOOLS / "bin" / "node", tmp_path / "built" / "client.js", *served)) == ANSWERS
