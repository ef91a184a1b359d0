"""The form of log lines, and that none contains a secret."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from storewatch.telemetry import bound, configure_logging, current_request_id, redact

SECRET = "hunter2"  # noqa: S105


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in (None, "uvicorn", "uvicorn.error")]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_line_is_json_with_its_fields_and_what_is_bound() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    with bound(request_id="r1", job_id=None):
        logging.getLogger("storewatch.room").info("done %d", 3, extra={"ms": 1.5})
        assert current_request_id() == "r1"
    logging.getLogger("storewatch.room").warning("later")
    first, second = lines(stream)
    assert first.pop("timestamp").endswith("Z")
    assert first == {"event": "done 3", "level": "info", "logger": "storewatch.room", "request_id": "r1", "ms": 1.5}
    assert (second["event"], second["level"], "request_id" in second) == ("later", "warning", False)
    assert current_request_id() is None


def test_level_hides_what_is_below_it() -> None:
    stream = io.StringIO()
    configure_logging("WARNING", stream)
    logging.getLogger("storewatch").info("hidden")
    logging.getLogger("storewatch").warning("shown")
    assert [line["event"] for line in lines(stream)] == ["shown"]


def test_traceback_is_within_its_line() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    logging.getLogger("storewatch").error("failed", exc_info=ValueError("broken"))
    (line,) = lines(stream)
    assert line["exception"] == "ValueError: broken"


def test_libraries_write_through_the_same_pipe_without_noise() -> None:
    stream = io.StringIO()
    logging.getLogger("uvicorn").addHandler(logging.StreamHandler(stream))
    configure_logging(stream=stream)
    logging.getLogger("uvicorn.error").info("Started", extra={"color_message": "Started!"})
    logging.getLogger("uvicorn").info("queue")
    assert [(line["logger"], line["event"]) for line in lines(stream)] == [
        ("uvicorn.error", "Started"),
        ("uvicorn", "queue"),
    ]
    assert "color_message" not in stream.getvalue()


def test_terminal_gets_lines_for_people() -> None:
    stream = Terminal()
    configure_logging(stream=stream)
    logging.getLogger("storewatch").info("ready", extra={"token": SECRET, "address": "127.0.0.1"})
    assert not stream.getvalue().startswith("{")
    assert "ready" in stream.getvalue()
    assert "127.0.0.1" in stream.getvalue()
    assert SECRET not in stream.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://user:{SECRET}@host/db is away",
        f"postgresql://user:p@{SECRET}@host/db",
        f"redis://:{SECRET}@host:6379/0",
        f"Authorization: Bearer {SECRET}",
        f"authorization=Basic {SECRET}",
        f"{{'authorization': 'Bearer {SECRET}', 'x': 1}}",
        f"X-API-Key: {SECRET}",
        f"GET /v1/stores?key={SECRET}&limit=3",
        f"GET /v1/stores?limit=3&access_token={SECRET}",
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
        f'{{"password": "{SECRET}"}}',
        f'{{\\"api_key\\": \\"{SECRET}\\"}}',
        f"Cookie: session={SECRET}",
        f"sw_abcdefghij_{SECRET}",
    ],
)
@pytest.mark.parametrize("stream_type", [io.StringIO, Terminal])
def test_secrets_are_redacted_wherever_they_stand(text: str, stream_type: type[io.StringIO]) -> None:
    stream = stream_type()
    configure_logging(stream=stream)
    log = logging.getLogger("storewatch")
    log.info(text)
    log.info("as an argument: %s", text)
    log.info("as a field", extra={"detail": text})
    log.info("deep in a field", extra={"detail": {"parts": [text, {"password": SECRET, "key": 12}]}})
    log.error("as an error", exc_info=RuntimeError(text))
    with bound(path=text):
        log.info("bound")
    assert SECRET not in redact(text)
    assert SECRET not in stream.getvalue()
    assert stream.getvalue().count("***") >= 5


def test_what_is_no_secret_is_kept() -> None:
    text = "GET https://host:8000/v1/keys?key_id=abc&limit=3 for key sw_abcdefghij: 12 stores @ 10:30"
    assert redact(text) == text
