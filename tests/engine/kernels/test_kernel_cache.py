"""An edit of any kernel file compiles its kernels again; without an edit they are loaded from the cache on disk."""

import ast
import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest

import storewatch.engine.kernels

KERNELS = Path(storewatch.engine.kernels.__file__).parent
FILES = sorted(path.name for path in KERNELS.glob("*.py") if path.name != "__init__.py")


class Edit(NamedTuple):
    """An edit of a small kernel, and a kernel that calls it: the first cached code to go stale."""

    old: str
    new: str
    caller: str
    answer: Callable[[ModuleType], int]
    before: int
    after: int


def number_of_evidence(walk: ModuleType) -> int:
    instants, sessions, nothing = np.array([10, 20, 30]), np.zeros(3, np.int64), np.empty(0, np.int64)
    flags = np.empty(0, np.uint8)
    scratch = walk.Scratch(instants, flags, sessions, nothing, nothing, flags, nothing, nothing, flags)
    return int(walk._deciding_evidence(0, 20, 15, 3, scratch))


def first_minutes(polls: ModuleType) -> int:
    hour_us = 3_600_000_000
    stores = polls.PolledStores(*(np.array(values) for values in ([0, 1], [0], [hour_us], [0], [0, 1], [0])))
    unpolled, opened = np.zeros(61, np.int64), np.zeros(61, np.int64)
    polls.count_unpolled(stores, 0, hour_us, hour_us, 0, unpolled, opened)
    return int(opened[0])


def share_of_a_short_gap(sampling: ModuleType) -> int:
    table = np.zeros((3, 2, 3))
    sampling.fill_table(0.02, 0.9, 0.001, table)
    return round(table[sampling.UP_UP, 1, sampling.MEAN])


EDITS = {
    "walk.py": Edit(
        old="return first - 1", new="return first - 2", caller="_deciding_evidence", answer=number_of_evidence,
        before=1, after=0,
    ),
    "polls.py": Edit(
        old="from_us - begin) // MINUTE_US)] += 1", new="from_us - begin) // MINUTE_US)] += 7", caller="count_unpolled",
        answer=first_minutes, before=1, after=7,
    ),
    "sampling.py": Edit(
        old="mean = min(max(mean / chance, 0.0), hours)", new="mean = 8.0 * hours", caller="fill_table",
        answer=share_of_a_short_gap, before=1, after=8,
    ),
}  # fmt: skip


def load(path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import a file as a new process would: nothing of an earlier import is left but the cache on disk."""
    spec = importlib.util.spec_from_file_location(f"copied_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # the cache names the tuples by module and class
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", FILES)
def test_edit_of_a_kernel_file_compiles_its_kernels_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "cache"))
    edit, path = EDITS[name], Path(shutil.copy(KERNELS / name, tmp_path))

    def answer() -> tuple[int, bool]:
        module = load(path, monkeypatch)
        found = edit.answer(module)
        stats = getattr(module, edit.caller).stats
        return found, sum(stats.cache_hits.values()) > 0

    assert answer() == (edit.before, False)
    assert answer() == (edit.before, True)
    text = path.read_text()
    assert text.count(edit.old) == 1
    path.write_text(text.replace(edit.old, f"{edit.new}  # edited"))
    assert answer() == (edit.after, False)
    assert answer() == (edit.after, True)


@pytest.mark.parametrize("name", FILES)
def test_kernel_file_depends_on_no_other_file_but_for_types(name: str) -> None:
    """Check that kernel files import only types: Numba would not see a change of other imported code."""
    imported = {
        (node.module, alias.name)
        for node in ast.walk(ast.parse((KERNELS / name).read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    types = {
        ("typing", "NamedTuple"),
        *(("storewatch.domain.columns", each) for each in ("Float64s", "Int64s", "UInt8s")),
    }
    assert imported - types == {("numba", "njit")}
