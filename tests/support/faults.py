"""Services on every kind of storage, and faults of what they need: disks, databases, object stores, clocks."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import psycopg
import pytest

from storewatch.installation import open_installation
from storewatch.settings import Settings
from support.databases import Postgres
from support.forking import Forked, Forks
from support.object_stores import running_object_store
from support.proxy import Disturbance, Proxy
from support.real_processes import free_port, start
from support.sites import UNLIMITED, Site
from support.waiting import wait_for

FAKETIME: Final = Path(f"/usr/lib/{os.uname().machine}-linux-gnu/faketime/libfaketimeMT.so.1")
# Without these rights root obeys the permissions of files, as a service with a user of its own does.
OBEDIENT: Final = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@dataclass(frozen=True, kw_only=True)
class FaultySite(Site):
    """A service of one process whose surroundings a test can disturb.

    proxy: between the service and its database or lake. postgres: the server of its database.
    """

    process: "subprocess.Popen[bytes] | Forked"
    proxy: Proxy | None = None
    postgres: Postgres | None = None


OpenSite = Callable[[pytest.FixtureRequest], AbstractContextManager[FaultySite]]
Fault = Callable[[FaultySite], AbstractContextManager[None]]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 40 MB; a test without the right to mount one is skipped."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write a file that takes all space of the disk."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as written:
        for size in (1 << 20, 4_096):
            try:
                while True:
                    written.write(bytes(size))
            except OSError:
                continue
    return filler


@contextmanager
def _site(
    request: pytest.FixtureRequest,
    folder: Path,
    *,
    proxy: Proxy | None = None,
    postgres: Postgres | None = None,
    before: tuple[str, ...] = (),
    direct: Mapping[str, str] = MappingProxyType({}),
    **settings: str,
) -> Iterator[FaultySite]:
    """Run a service. direct: the settings of the test, where they differ from those of the service."""
    home, port, log = folder / "home", free_port(), request.getfixturevalue("tmp_path") / "service.log"
    arguments = ("serve", "--port", str(port))
    settings = UNLIMITED | {"STOREWATCH_MIN_FREE_MB": "1"} | settings
    with ExitStack() as stack:
        app = stack.enter_context(open_installation(Settings.from_environment(home, settings | dict(direct))))
        process: subprocess.Popen[bytes] | Forked
        if before:
            process = stack.enter_context(start(home, *arguments, log=log, before=before, **settings))
        else:
            forks: Forks = request.getfixturevalue("forks")
            process = forks.start(home, *arguments, log=log, **settings)
        stack.callback(process.wait)
        stack.callback(process.kill)
        secrets = (str(folder), app.settings.database_url, app.settings.lake_url, "Traceback")
        urls = (f"http://127.0.0.1:{port}",)
        site = FaultySite(app=app, urls=urls, secrets=secrets, process=process, proxy=proxy, postgres=postgres)
        wait_for(site.is_ready)
        yield site


# Services, each with its storage.


def on_a_disk(request: pytest.FixtureRequest) -> AbstractContextManager[FaultySite]:
    """SQLite and a lake in a folder, whose permissions hold for the service."""
    return _site(request, request.getfixturevalue("tmp_path"), before=OBEDIENT or ("env",))


@contextmanager
def on_a_small_disk(request: pytest.FixtureRequest) -> Iterator[FaultySite]:
    """SQLite, a lake and temporary files on a disk of 40 MB."""
    disk = request.getfixturevalue("small_disk")
    (disk / "tmp").mkdir()
    with _site(request, disk, TMPDIR=str(disk / "tmp")) as site:
        yield site


@contextmanager
def on_postgres(request: pytest.FixtureRequest) -> Iterator[FaultySite]:
    """PostgreSQL behind a proxy."""
    postgres: Postgres = request.getfixturevalue("postgres")
    url: str = request.getfixturevalue("postgres_url")
    database = re.split(r"[/?]", url)[3]
    with (
        Proxy(postgres.socket).running() as proxy,
        _site(
            request,
            request.getfixturevalue("tmp_path"),
            proxy=proxy,
            postgres=postgres,
            STOREWATCH_DATABASE_URL=f"postgresql://postgres@127.0.0.1:{proxy.port}/{database}",
            STOREWATCH_REQUEST_SECONDS="5",
            direct={"STOREWATCH_DATABASE_URL": url},
        ) as site,
    ):
        yield site


@contextmanager
def on_an_object_store(request: pytest.FixtureRequest) -> Iterator[FaultySite]:
    """A lake in S3 behind a proxy."""
    folder = request.getfixturevalue("tmp_path")
    with running_object_store(folder / "s3.log", bucket="polls") as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        port = urlsplit(environment["AWS_ENDPOINT_URL"]).port
        assert port is not None
        with (
            Proxy(port).running() as proxy,
            _site(
                request,
                folder,
                proxy=proxy,
                STOREWATCH_LAKE_URL="s3://polls/lake",
                AWS_ENDPOINT_URL=f"http://127.0.0.1:{proxy.port}",
            ) as site,
        ):
            yield site


@contextmanager
def with_a_false_clock(request: pytest.FixtureRequest) -> Iterator[FaultySite]:
    """A service whose clock the test sets; a test without Debian's libfaketime is skipped."""
    if not FAKETIME.is_file():
        pytest.skip("needs Debian's libfaketime")
    folder = request.getfixturevalue("tmp_path")
    (folder / "clock").write_text("+0")
    with _site(
        request,
        folder,
        before=("env",),
        LD_PRELOAD=str(FAKETIME),
        FAKETIME_TIMESTAMP_FILE=str(folder / "clock"),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    ) as site:
        yield site


# Faults: each begins and ends while the service runs.


@contextmanager
def disk_full(site: FaultySite) -> Iterator[None]:
    filler = fill(site.home.parent)
    yield
    filler.unlink()


def mode(pattern: str, bits: int) -> Fault:
    """Return a fault that takes permissions away from everything in the home that matches a pattern."""

    @contextmanager
    def fault(site: FaultySite) -> Iterator[None]:
        before = {path: path.stat().st_mode for path in [site.home, *site.home.rglob("*")] if path.match(pattern)}
        for path, old in before.items():
            with suppress(FileNotFoundError):
                path.chmod(old & bits)
        yield
        for path, old in before.items():
            with suppress(FileNotFoundError):  # a file that was no longer needed
                path.chmod(old)

    return fault


@contextmanager
def folders_read_only(site: FaultySite) -> Iterator[None]:
    folders = [site.home, *(path for path in site.home.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    yield
    for folder in folders:
        with suppress(FileNotFoundError):
            folder.chmod(0o700)


@contextmanager
def file_cut(site: FaultySite) -> Iterator[None]:
    """Cut the newest file of the lake in half, and restore it."""
    newest = site.app.lake.snapshot().listing.sort("order")["path"][-1]
    file = site.home / "lake" / newest
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    yield
    file.write_bytes(whole)


@contextmanager
def commit_empty(site: FaultySite) -> Iterator[None]:
    """Empty the newest commit of the lake, as a power cut without fsync does, and restore it."""
    commit = max((site.home / "lake" / "_delta_log").glob("0*.json"))
    whole = commit.read_bytes()
    commit.write_bytes(b"")
    yield
    commit.write_bytes(whole)


def database_stopped(site: FaultySite) -> AbstractContextManager[None]:
    assert site.postgres is not None
    return site.postgres.stopped()


@contextmanager
def database_read_only(site: FaultySite) -> Iterator[None]:
    with psycopg.connect(site.app.settings.database_url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        connection.execute("SELECT pg_reload_conf()")
        yield
        connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        connection.execute("SELECT pg_reload_conf()")


def slow(seconds: float) -> Fault:
    def fault(site: FaultySite) -> AbstractContextManager[None]:
        assert site.proxy is not None
        return site.proxy.delayed(seconds)

    return fault


def disturbed(disturbance: Disturbance, pattern: bytes = b"", *, times: int | None = None) -> Fault:
    """Return a fault that disturbs the requests whose first bytes match a pattern: all of them, or the first ones."""

    @contextmanager
    def fault(site: FaultySite) -> Iterator[None]:
        assert site.proxy is not None
        left = iter(range(10**9 if times is None else times))

        def disturb(chunk: bytes) -> Disturbance | None:
            return disturbance if re.match(pattern, chunk) and next(left, None) is not None else None

        with site.proxy.disturbed(disturb):
            yield

    return fault


def clock_off(offset: timedelta) -> Fault:
    @contextmanager
    def fault(site: FaultySite) -> Iterator[None]:
        clock = site.home.parent / "clock"
        _set(clock, f"{offset.total_seconds():+.0f}")
        yield
        _set(clock, "+0")

    return fault


def _set(clock: Path, offset: str) -> None:
    new = clock.with_suffix(".new")
    new.write_text(offset)
    new.rename(clock)
