"""The reference of problem types names every one that the code can answer."""

import re
from pathlib import Path

import storewatch
from storewatch import errors
from storewatch.errors import StorewatchError
from storewatch.web.problems import STATUS_OF, problem_name

SOURCES = Path(storewatch.__file__).parent
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "problems.md"


def test_every_problem_type_is_documented_with_its_status() -> None:
    mapped = {problem_name(error): status.value for error, status in STATUS_OF.items()}
    written = {
        name
        for file in SOURCES.rglob("*.py")
        for name in re.findall(r'problem\(\s*[\w.]+,\s*"([a-z-]+)"', file.read_text())
    }
    documented = dict(re.findall(r"^\| `([a-z0-9-]+)` \| ([\d, ]+) \|", REFERENCE.read_text(), re.MULTILINE))
    assert set(documented) - {"http-NNN"} == set(mapped) | written
    for name, status in mapped.items():
        assert documented[name] == str(status), name


def test_every_error_has_a_status() -> None:
    ours = {error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, StorewatchError)}
    assert set(STATUS_OF) <= ours - {StorewatchError}
    assert [error for error in ours - {StorewatchError} if not set(error.mro()) & set(STATUS_OF)] == []
