"""The wheel works in an environment without the repository: simulate, import, report in every form, serve.

`make nightly` installs it with its libraries from PyPI; other runs take the libraries of the tests' environment.
"""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pypdf
import pytest
from hatchling.builders.wheel import WheelBuilder
from support.real_processes import answers, free_port
from support.waiting import wait_for

ROOT = Path(__file__).parents[2]
NIGHTLY = "STOREWATCH_NIGHTLY" in os.environ


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("dist")))))


class Environment:
    """A virtual environment with the wheel. home: HOME of its commands, a folder or something else."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir(parents=True)
        venv.create(folder / "env", with_pip=False)
        self.packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "env")}))
        pip = [Path(sys.base_prefix, "bin", "python3"), "-m", "pip"] if NIGHTLY else []
        if pip:
            python = str(folder / "env" / "bin" / "python")
            subprocess.run([*pip, "--python", python, "install", "--quiet", wheel], check=True)
        else:  # what pip does for a wheel without scripts, and a path to the libraries, whose .pth files do not count
            zipfile.ZipFile(wheel).extractall(self.packages)
            (self.packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")

    @property
    def variables(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.home)}

    def command(self, *arguments: str) -> list[str]:
        return [str(self.folder / "env" / "bin" / "python"), "-m", "storewatch", *arguments]

    def run(self, *arguments: str) -> str:
        """Run a command in the folder, which must succeed; return what it prints on standard error."""
        done = subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    @contextmanager
    def serving(self) -> Iterator[httpx.Client]:
        port = free_port()
        with (
            (self.folder / "service.log").open("ab") as log,
            subprocess.Popen(
                self.command("serve", "--port", str(port)), cwd=self.folder, env=self.variables, stdout=log, stderr=log
            ) as process,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
        ):
            try:
                wait_for(lambda: answers(client), timeout_s=180)
                yield client
            finally:
                process.kill()


@pytest.fixture
def environment(tmp_path: Path, wheel: Path) -> Environment:
    return Environment(tmp_path, wheel)


def test_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "src"
    files = {str(file.relative_to(package)) for file in package.rglob("*") if file.is_file()}
    kept = {name for name in files if "__pycache__" not in name}
    assert {name for name in names if name.startswith("storewatch/")} == kept
    assert {Path(name).suffix for name in kept} == {".py", ".typ", ".typed"}


def test_wheel_works_without_the_repository(environment: Environment) -> None:
    environment.run("simulate", "--stores", "8", "--days", "8", "--out", "files")
    environment.run("import", "files")
    said = environment.run("report", "--output", "classic.csv")
    assert said.startswith("Compiling the engine for this machine; this happens once after an installation.\n")
    assert (
        environment.run("report", "--windows", "last_week", "--output", "week.pdf") == "8 stores written to week.pdf\n"
    )
    assert (
        environment.run("report", "--windows", "last_week", "--output", "week.xlsx")
        == "8 stores written to week.xlsx\n"
    )
    assert len((environment.folder / "classic.csv").read_text().splitlines()) == 9
    assert len(pypdf.PdfReader(environment.folder / "week.pdf").pages) >= 1
    with environment.serving() as client:
        assert len(client.get("/v1/stores").json()["items"]) == 8
        assert client.get("/docs").status_code == client.get("/openapi.json").status_code == 200


def test_compiled_code_is_kept_where_it_can_be_written(environment: Environment) -> None:
    """Neither the package nor the cache folder of the user can be written, as in a container or for a system user."""
    kernels = environment.packages / "storewatch" / "engine" / "kernels"
    (kernels / "__pycache__").write_text("a file where Numba wants a folder")  # root may write to any folder
    environment.home = Path("/dev/null")
    environment.run("simulate", "--stores", "3", "--days", "8", "--out", "files")
    environment.run("import", "files")
    compiled = environment.folder / "storewatch-data" / "compiled"
    said = environment.run("report", "--output", "classic.csv")
    assert said == (
        "Compiling the engine for this machine; this happens once after an installation. The compiled code is kept in "
        f"{compiled}.\n3 stores written to classic.csv\n"
    )
    assert environment.run("report", "--output", "again.csv") == "3 stores written to again.csv\n"
    assert len([*compiled.rglob("*.nbi")]) > 10
