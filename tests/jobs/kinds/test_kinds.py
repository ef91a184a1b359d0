"""Each kind of job is registered once, in a file of its own; a new kind is one new file and its enum word."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import storewatch
from storewatch.cli import app
from storewatch.domain.enums import JobKind
from storewatch.domain.errors import InvalidInputError
from storewatch.jobs.handler import RetryRule
from storewatch.jobs.kinds import handlers, read_kind, schedulable
from storewatch.web.api.schedules.models import ScheduleBody

TOY = """
from storewatch.domain.enums import JobKind
from storewatch.domain.errors import InvalidInputError
from storewatch.jobs.handler import JobHandler, Lane
from storewatch.jobs.running import JobResult


def run(running, services):
    return JobResult(result={"twice": 2 * running.job.parameters["size"]})


def check_parameters(parameters, catalog):
    if "size" not in parameters:
        raise InvalidInputError("A toy needs a size.")
    return dict(parameters)


HANDLER = JobHandler(
    kind=JobKind.TOY,
    lane=Lane(name="toys", slots=3),
    help="Play.",
    run=run,
    check_parameters=check_parameters,
)
"""


def test_every_kind_has_a_handler() -> None:
    assert list(handlers()) == list(JobKind)
    assert all(handler.kind is kind and handler.help.endswith(".") for kind, handler in handlers().items())
    assert {handler.kind for handler in schedulable()} == set(JobKind) - {JobKind.IMPORT}


def test_kinds_that_share_a_lane_agree_on_its_slots() -> None:
    lanes = {handler.lane for handler in handlers().values()}
    assert len(lanes) == len({lane.name for lane in lanes})


def test_name_of_no_kind_is_refused_with_those_that_exist() -> None:
    assert read_kind("report") is JobKind.REPORT
    with pytest.raises(InvalidInputError, match="no kind of job 'soup'; use report, optimize or retention"):
        read_kind("soup")


def test_each_pause_between_attempts_is_longer() -> None:
    rule = RetryRule()
    assert [rule.pause_after(attempts).total_seconds() for attempts in (1, 2, 3)] == [2, 10, 50]


def test_help_and_api_describe_every_kind_that_can_be_scheduled() -> None:
    described = ScheduleBody.model_fields["parameters"].description or ""
    shown = " ".join(CliRunner().invoke(app, ["schedule", "create", "--help"], terminal_width=100).output.split())
    for handler in schedulable():
        assert f"For {handler.kind}: {handler.parameters_help}." in described
        assert f"{handler.kind} {handler.help}" in shown
        assert handler.parameters_help.split()[0] in shown


def test_new_kind_is_one_file_and_its_word(tmp_path: Path) -> None:
    package = tmp_path / "source" / "storewatch"
    shutil.copytree(Path(storewatch.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    enums = package / "domain" / "enums.py"
    word = '    RETENTION = "retention"\n'
    text = enums.read_text(encoding="utf-8")
    assert word in text
    enums.write_text(text.replace(word, f'{word}    TOY = "toy"\n'), encoding="utf-8")
    (package / "jobs" / "kinds" / "toy.py").write_text(TOY, encoding="utf-8")
    command = [sys.executable, str(Path(__file__).with_name("toy_kind.py")), str(tmp_path / "home")]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(package.parent)}, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [
        "A toy needs a size.",
        "{'twice': 14}",
        "There is no kind of job 'play'; use report, optimize, retention or toy.",
    ], done.stderr
