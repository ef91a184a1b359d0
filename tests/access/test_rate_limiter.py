"""Moving windows in memory and in a real Redis."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from support.waiting import wait_for

from storewatch.access.rate_limits import Quota, RateLimiter, RateLimits, address_group
from storewatch.domain.errors import InvalidInputError

LIMITS = RateLimits(per_key="3 per 30 second", per_address="2 per 30 second")


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    with subprocess.Popen(
        [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder], stdout=subprocess.DEVNULL
    ) as process:
        wait_for(lambda: _answers(port))
        yield port
        process.terminate()


def _answers(port: int) -> bool:
    try:
        with redis.Redis(port=port) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture(params=["memory", "redis"])
def limits(request: pytest.FixtureRequest) -> Iterator[RateLimits]:
    if request.param == "memory":
        yield LIMITS
        return
    port = request.getfixturevalue("redis_port")
    with redis.Redis(port=port) as client:
        client.flushall()
    yield RateLimits(per_key=LIMITS.per_key, per_address=LIMITS.per_address, url=f"redis://127.0.0.1:{port}/0")


def test_requests_over_the_limit_are_exhausted_and_others_are_not(limits: RateLimits) -> None:
    limiter = RateLimiter(limits)
    quotas = [limiter.take("key", "k1") for _ in range(4)]
    assert [(quota.remaining, quota.exhausted) for quota in quotas] == [(2, False), (1, False), (0, False), (0, True)]
    assert quotas[0] == Quota(name="key", limit=3, window_s=30, remaining=2, reset_s=quotas[0].reset_s, exhausted=False)
    assert 28 <= quotas[0].reset_s <= 30
    assert limiter.take("key", "k2").remaining == 2
    assert limiter.take("address", "k1").remaining == 1


def test_window_moves_on() -> None:
    limiter = RateLimiter(RateLimits(per_key="1 per second", per_address="1 per second"))
    assert not limiter.take("key", "k1").exhausted
    assert limiter.take("key", "k1").exhausted
    assert wait_for(lambda: not limiter.take("key", "k1").exhausted)


def test_processes_count_together_in_redis(redis_port: int) -> None:
    limits = RateLimits(per_key="3 per minute", per_address="3 per minute", url=f"redis://127.0.0.1:{redis_port}/1")
    one, two = RateLimiter(limits), RateLimiter(limits)
    assert [limiter.take("key", "shared").remaining for limiter in (one, two, one)] == [2, 1, 0]
    assert two.take("key", "shared").exhausted


def test_process_counts_alone_while_redis_is_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed")
    path = tmp_path / "redis.sock"
    command = [server, "--port", "0", "--unixsocket", path, "--save", "", "--dir", tmp_path]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        wait_for(path.exists)
        limiter = RateLimiter(
            RateLimits(per_key="2 per minute", per_address="2 per minute", url=f"redis+unix://{path}")
        )
        assert limiter.take("key", "k1").remaining == 1
        process.kill()
        process.wait()
    assert [limiter.take("key", "k1").exhausted for _ in range(3)] == [False, False, True]
    assert caplog.text.count("cannot be reached") == 1


@pytest.mark.parametrize("text", ["", "many", "3", "3 per fortnight", "3 per minute; 5 per hour"])
def test_limit_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="rate limit"):
        RateLimiter(RateLimits(per_key=text, per_address="1 per second"))


@pytest.mark.parametrize("url", ["redis://:secret@127.0.0.1:1/0", "nonsense://secret", "secret"])
def test_redis_that_cannot_be_reached_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot be reached") as refused:
        RateLimiter(RateLimits(per_key="1 per second", per_address="1 per second", url=url))
    assert "secret" not in str(refused.value)


def test_memory_stays_bounded_however_many_addresses_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storewatch.access.rate_limits.MAX_WINDOWS", 100)
    limiter = RateLimiter(LIMITS)
    for number in range(1000):
        limiter.take("address", str(number))
    assert len(limiter._memory.events) <= 101


def test_ipv6_addresses_count_by_their_network() -> None:
    assert address_group("2001:db8:1:2:3:4:5:6") == address_group("2001:db8:1:2::9") == "2001:db8:1:2::"
    assert address_group("::ffff:192.0.2.1") == "::ffff:192.0.2.1"
    assert address_group("192.0.2.1") == "192.0.2.1"
    assert address_group("testclient") == "testclient"
