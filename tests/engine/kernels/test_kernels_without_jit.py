"""The kernels as plain Python: the same comparisons with the compiler off, where an index out of range is an error."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_engine_against_reference_without_jit() -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))},
        "NUMBA_DISABLE_JIT": "1",
        "STOREWATCH_HYPOTHESIS": "few",
    }
    names = ["engine_against_reference", "status_between_polls", "outages", "poll_gaps"]
    files = [TESTS / f"test_{name}.py" for name in names]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-p", "no:randomly", *files],
        cwd=TESTS.parent.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
