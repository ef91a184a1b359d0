"""Schemathesis sends the real service requests that /openapi.json allows, and requests that it forbids, as every role.

Every check of Schemathesis is on: no 5xx, no undocumented status, content type, header or body, no bad input taken, no
good input refused, no route without its key. The systematic cases are sent once, as the role that may do everything.
STOREWATCH_SCHEMATHESIS=thorough sends all of them as every role, and some thousands of random ones.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.errors import format_exception
from schemathesis.engine import Status, events, from_schema
from schemathesis.python.asgi import shutdown_lifespans
from support.access_scene import REQUIRED, key_of
from support.scene import import_scene, settings_in

from storewatch.domain.enums import Role
from storewatch.installation import open_installation, prepare_service
from storewatch.web.service import create_service

THOROUGH = os.environ.get("STOREWATCH_SCHEMATHESIS") == "thorough"
# At most so many fuzzed cases of an operation, beside its examples and the systematic ones.
CASES = 100 if THOROUGH else 3
# What is good by its schema may still be refused, with 422: the schema cannot say that `from` is before `to`, what a
# cursor holds, which zones exist, or that polls of 1969 are none. Bodies of bytes (CSV, Parquet) are 400 when broken.
GOOD = ["2xx", "3xx", "401", "403", "404", "409", "410", "429"]
BAD = ["400", "401", "403", "404", "405", "406", "408", "409", "410", "413", "415", "422", "429"]


@schemathesis.serializer(
    "application/x-ndjson", "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"
)
def as_it_is(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """Send the generated text or bytes as they are; Schemathesis knows nothing else about these types."""
    return value if isinstance(value, bytes) else str(value).encode()


# Checks that an operation need not pass, and why.
EXCEPT = {
    # The good rows of a body are stored, and the answer lists the others; a form has no types, its `0` is false.
    "negative_data_rejection": [
        "pushObservations",
        "replaceLabels",
        "replaceLabelsByPost",
        "replaceWeeklyHours",
        "replaceWeeklyHoursByPost",
        "replaceSpecialHours",
        "replaceTargets",
        "replaceSales",
        "createImports",
    ],
}
# In the classic contract, 500 means that a report failed or was cancelled.
CLASSIC = {
    "include-operation-id": ["getClassicReport", "getClassicReportByPost"],
    "checks": {
        "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "500"]},
        "positive_data_acceptance": {"expected-statuses": [*GOOD, "422", "500"]},
    },
}


@schemathesis.check
def no_unexpected_failure(_: schemathesis.CheckContext, response: schemathesis.Response, __: schemathesis.Case) -> None:
    """Fail for an unexpected 500, also where a 500 is documented."""
    assert b"urn:storewatch:problem:internal" not in response.content


# Operations whose systematic cases are sent in the thorough form only: the first waits for a commit two hundred times,
# the others have the bodies of createReport, replaceLabels and replaceWeeklyHours.
FUZZED_ONLY = [
    "pushObservations",
    "createReportDefinition",
    "replaceReportDefinition",
    "replaceLabelsByPost",
    "replaceWeeklyHoursByPost",
]


def configuration(key: str, role: Role) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "request-timeout": 60,  # a busy machine has been seen to need more than the 10 s of the default
            "max-stream-events": 1,  # those of a report that waits for its turn would not end
            "continue-on-failure": True,
            "headers": {"Authorization": f"Bearer {key}"},
            "generation": {"max-examples": CASES, "deterministic": True, "no-shrink": True, "database": "none"}
            # Keys are made up by the check ignored_auth; in every case they would make most answers 401.
            | {"with-security-parameters": False},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": [*GOOD, "400", "422"]},
                "negative_data_rejection": {"expected-statuses": BAD},
            },
            "operations": [
                *({"include-operation-id": ids, "checks": {name: {"enabled": False}}} for name, ids in EXCEPT.items()),
                CLASSIC,
                *(
                    {"include-operation-id": name, "phases": {"coverage": {"enabled": THOROUGH}}}
                    for name in FUZZED_ONLY
                ),
            ],
            "phases": {"stateful": {"enabled": False}, "coverage": {"enabled": THOROUGH or role is Role.ADMIN}},
        }
    )


def send_all_cases(schema: Any) -> tuple[Counter[str], list[str]]:
    """Send the cases of every operation in the schema; return the number of cases of each, and each finding once."""
    asked: Counter[str] = Counter()
    found: dict[tuple[str, str, str], str] = {}
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            error = event.value if isinstance(event, events.NonFatalError) else event.exception
            found[str(event), "", ""] = format_exception(error, with_traceback=True)
        if not isinstance(event, events.ScenarioFinished):
            continue
        recorder = event.recorder
        asked[recorder.label] += len(recorder.cases)
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.status is not Status.FAILURE or check.failure_info is None:
                    continue
                failure, answer = check.failure_info.failure, recorder.interactions[case_id].response
                text = f"{recorder.label}: {check.name}: {failure.title}\n{failure.message}\n"
                text += f"{check.failure_info.code_sample}\n"
                if answer is not None:
                    text += f"{answer.status_code} {answer.content[:500].decode(errors='replace')}\n"
                found.setdefault((recorder.label, check.name, failure.title), text)
    return asked, list(found.values())


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.name.lower())
def test_service_keeps_what_its_openapi_promises(tmp_path: Path, role: Role) -> None:
    with open_installation(settings_in(tmp_path)) as app:
        import_scene(app, tmp_path / "files")
        service = create_service(prepare_service(app, with_worker=True, access=REQUIRED))
        schema = schemathesis.openapi.from_asgi("/openapi.json", service, config=configuration(key_of(app, role), role))
        try:
            asked, found = send_all_cases(schema)
        finally:
            shutdown_lifespans()
    print(f"{role.name.lower()}: {asked.total()} cases of {len(asked)} operations")
    assert len(asked) >= 40
    if found:
        pytest.fail("\n\n".join(found), pytrace=False)
