"""The reference of problem types has every type that the code can answer."""

import re
from pathlib import Path

import storewatch
from storewatch.domain import errors
from storewatch.domain.error_families import FAMILIES, StorewatchError, family_of, problem_name
from storewatch.web.problems import STATUS_OF

SOURCES = Path(storewatch.__file__).parent
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "problems.md"


ERRORS = {error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, StorewatchError)}
ERRORS -= {StorewatchError, *FAMILIES}


def test_every_problem_type_is_documented_with_its_status() -> None:
    mapped = {problem_name(error): STATUS_OF[family_of(error)].value for error in ERRORS}
    written = {
        name
        for file in SOURCES.rglob("*.py")
        for name in re.findall(r'problem\(\s*[\w.]+,\s*"([a-z-]+)"', file.read_text())
    }
    documented = dict(re.findall(r"^\| `([a-z0-9-]+)` \| ([\d, ]+) \|", REFERENCE.read_text(), re.MULTILINE))
    assert set(documented) - {"http-NNN"} == set(mapped) | written
    for name, status in mapped.items():
        assert documented[name] == str(status), name


def test_every_family_has_a_status() -> None:
    assert set(STATUS_OF) == set(FAMILIES)


def test_every_error_has_one_family() -> None:
    for error in ERRORS:
        assert len(set(error.mro()) & set(FAMILIES)) == 1, error
