"""Importing `domain` is cheap: it loads the standard library and the list of time zones, nothing else."""

import subprocess
import sys
from pathlib import Path

import storewatch.domain

MODULES = sorted(file.stem for file in Path(storewatch.domain.__path__[0]).glob("*.py") if file.stem != "columns")
PROGRAM = f"""
import sys
before = set(sys.modules)
import {", ".join(f"storewatch.domain.{name}" for name in MODULES if name != "__init__")}
print(*sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}))
"""


def test_only_columns_imports_more_than_the_standard_library() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "storewatch" in loaded
    assert loaded - set(sys.stdlib_module_names) == {"storewatch", "tzdata"}
