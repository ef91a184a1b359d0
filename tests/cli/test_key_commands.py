"""`storewatch key` and the start of `storewatch serve`."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.command_line import run_command, run_process
from support.scene import settings_in

from storewatch.access.keys import public_id
from storewatch.catalog import AuditFilter
from storewatch.installation import open_installation


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_command(*arguments, home=home, environment={"STOREWATCH_LOG_LEVEL": "ERROR"})


CREATE = [
    "create",
    "--name",
    "poller",
    "--role",
    "operator",
    "--scope",
    "owner=acme",
    "--expires",
    "90d",
    "--allow-unknown",
]


def test_key_is_created_listed_and_revoked(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    begun = datetime.now(UTC)
    made = run(settings.home, "key", *CREATE)
    key = made.stdout.removesuffix("\n")
    key_id = public_id(key)
    assert key_id is not None, made
    assert "not shown again" in made.stderr
    assert key not in made.stderr
    listed = run(settings.home, "key", "list").stdout
    assert listed.startswith(f"{key_id}  active   poller  (operator, only owner=acme, until ")
    assert run(settings.home, "key", "revoke", key_id).stdout == f"Key {key_id} is revoked.\n"
    assert run(settings.home, "key", "list").stdout.startswith(f"{key_id}  revoked  poller")
    with open_installation(settings) as app:
        (kept,) = app.catalog.keys.list_()
        rows = app.catalog.audit.list_(AuditFilter(), limit=10)
    assert kept.expires_at is not None
    assert begun + timedelta(days=90) <= kept.expires_at <= datetime.now(UTC) + timedelta(days=90)
    assert [(row.action, row.object_id, row.outcome) for row in rows] == [
        ("key.revoke", key_id, "done"),
        ("key.create", key_id, "done"),
    ]
    assert rows[0].actor_name.endswith(" on the command line")


@pytest.mark.parametrize(
    "wrong",
    [
        ["create", "--name", "x", "--role", "admin", "--scope", "owner=acme"],
        ["create", "--name", "x", "--role", "viewer", "--scope", "acme"],
        ["create", "--name", "x", "--role", "viewer", "--expires", "soon"],
        ["create", "--name", "x", "--role", "viewer", "--expires", "2001-01-01T00:00:00Z"],
        ["create", "--name", "x", "--role", "viewer", "--expires", "999999999w"],
        ["create", "--name", "x", "--role", "root"],
        ["create", "--name", "", "--role", "viewer"],
        ["revoke", "0123456789"],
    ],
)
def test_wrong_command_makes_no_key_and_exits_with_2(tmp_path: Path, wrong: list[str]) -> None:
    settings = settings_in(tmp_path)
    refused = run(settings.home, "key", *wrong)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Traceback" not in refused.stderr
    with open_installation(settings) as app:
        assert app.catalog.keys.list_() == []


@pytest.mark.parametrize("options", [["--host", "0.0.0.0"], ["--require-key"]])  # noqa: S104
def test_service_refuses_to_start_without_a_key(tmp_path: Path, options: list[str]) -> None:
    refused = run_process("serve", "--port", "1", *options, home=settings_in(tmp_path).home)
    assert refused.returncode == 2
    assert "storewatch key create --name NAME --role admin" in refused.stderr
