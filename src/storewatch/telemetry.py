"""Logs, metrics and request ids.

The metrics count what happens in this process; any module may count. `docs/guides/operating.md` explains each, and
a test checks that its table is complete. Logging uses the standard library: `logging.getLogger(__name__)`, a short
event as the message and fields in `extra`. Every line logged inside `bound` has the bound fields.
"""

import logging
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import IO, Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)

from storewatch.domain.errors import InvalidInputError

disable_created_metrics()  # type: ignore[no-untyped-call] # they double the number of series, and nobody reads them
REGISTRY: Final = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

REQUESTS: Final = Counter(
    "storewatch_http_requests", "Requests answered.", ("method", "route", "status"), registry=REGISTRY
)
REQUEST_SECONDS: Final = Histogram(
    "storewatch_http_request_seconds",
    "Time from the first byte of a request to the last byte of its response.",
    ("method", "route"),
    buckets=_SECONDS,
    registry=REGISTRY,
)
IN_FLIGHT: Final = Gauge("storewatch_http_requests_in_flight", "Requests being answered.", registry=REGISTRY)
# reason: crowded (closed to make room for another), full (no room), slow-head, large-head or malformed.
CONNECTIONS_CLOSED: Final = Counter(
    "storewatch_connections_closed", "Connections closed by a limit.", ("reason",), registry=REGISTRY
)
# source: push (POST /v1/observations) or import (files); outcome: accepted or rejected.
OBSERVATIONS: Final = Counter(
    "storewatch_observations", "Observations accepted or rejected.", ("source", "outcome"), registry=REGISTRY
)
COMMIT_ROWS: Final = Histogram(
    "storewatch_commit_rows",
    "Observations of one commit to the lake.",
    buckets=(1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000),
    registry=REGISTRY,
)
COMMIT_SECONDS: Final = Histogram(
    "storewatch_commit_seconds", "Time to write one commit of the lake durably.", buckets=_SECONDS, registry=REGISTRY
)
REPORT_SECONDS: Final = Histogram(
    "storewatch_report_seconds",
    "Time of one run of a report, until its file is stored.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
# state: complete, failed or cancelled.
JOB_SECONDS: Final = Histogram(
    "storewatch_job_seconds", "Time of one run of a job.", ("kind", "state"), buckets=_SECONDS, registry=REGISTRY
)
JOB_RETRIES: Final = Counter("storewatch_job_retries", "Runs of jobs after their first.", ("kind",), registry=REGISTRY)

_SENSITIVE: Final = r"(?:authorization|cookie|password|passwd|secret|token|key)"
# The user and password in a URL, API keys, and the value after the name of a secret in a query, a header or JSON.
_SECRETS: Final = (
    (re.compile(r"(://)[^\s/@:\"']*:[^\s/\"']*@"), r"\1***@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',]+"), r"\1 ***"),
    (re.compile(r"(sw_[0-9A-Za-z]{10}_)[0-9A-Za-z]+"), r"\1***"),  # API keys (access/keys.py)
    (
        re.compile(
            rf"(?i)({_SENSITIVE}\\*[\"']?\s*[=:]\s*\\*[\"']?)"
            r"(?!bearer|basic|null|None)[^\s&\"',;)}\]\\]+"
        ),
        r"\1***",
    ),
)
_SECRET_FIELD: Final = re.compile(rf"(?i)(?:.*[-_])?{_SENSITIVE}")
# First lines of what asyncio and uvicorn log.
_CAUSED_BY_CLIENTS: Final = frozenset(
    {"socket.accept() out of system resource", "Invalid HTTP request received.", "Unsupported upgrade request."}
)
_NOISE: Final = ("color_message",)  # a field of uvicorn


def redact(text: str) -> str:
    """Replace everything that may be a secret in a line of the log."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def configure_logging(level: str = "INFO", stream: IO[str] | None = None) -> None:
    """Send every log line of this process to `stream` (standard error): JSON, or for people when it is a terminal.

    Replaces the handlers that libraries have set up. Secrets are redacted in every line, also in those of libraries.
    """
    # Importing structlog takes 0.1 s, so it is imported only where something is logged.
    import structlog  # noqa: PLC0415

    stream = stream or sys.stderr
    render: Any = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if stream.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _clean_fields,
            render,
        ],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    handler.addFilter(_OncePerMinute())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error"):
        library = logging.getLogger(name)
        library.handlers[:] = [logging.NullHandler()]  # its lines go to the handler of the root
        library.propagate = True
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # seven lines about itself


class _OncePerMinute(logging.Filter):
    """Drops repeats, within a minute, of lines that any client can cause; the next line states how many.

    Otherwise a flood of connections is a flood of lines, which fills the disk.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next_s: dict[str, float] = {}
        self._dropped: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name not in ("asyncio", "uvicorn.error"):
            return True
        event = record.getMessage().partition("\n")[0]
        if event not in _CAUSED_BY_CLIENTS:
            return True
        if record.created < self._next_s.get(event, 0.0):
            self._dropped[event] = self._dropped.get(event, 0) + 1
            return False
        self._next_s[event] = record.created + 60.0
        record.repeats = self._dropped.pop(event, 0)
        return True


def _clean_fields(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> dict[str, Any]:
    """Remove noise and secrets while names and values are still separate."""
    return {name: _clean(name, value) for name, value in fields.items() if name not in _NOISE}


def _clean(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SECRET_FIELD.fullmatch(name):
        return "***"
    if isinstance(value, Mapping):
        return {str(key): _clean(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(name, inner) for inner in value]
    return redact(str(value))


def serve_metrics(host: str, port: int) -> None:
    """Serve the metrics of this process from a new thread, for processes that serve nothing else.

    Raises InvalidInputError when the address cannot be used.
    """
    try:
        start_http_server(port, host, REGISTRY)
    except OSError as error:
        raise InvalidInputError(
            f"Metrics cannot be served on {host}:{port} ({error.strerror}); choose another with --metrics-host or "
            "--metrics-port."
        ) from None


@contextmanager
def bound(**fields: str | None) -> Iterator[None]:
    """Add fields, such as `request_id` and `job_id`, to every line logged in the block; None leaves a field out."""
    from structlog.contextvars import bound_contextvars  # noqa: PLC0415

    with bound_contextvars(**{name: value for name, value in fields.items() if value is not None}):
        yield


def current_request_id() -> str | None:
    """Return the id of the request being answered, or of the request that created the job that runs here."""
    from structlog.contextvars import get_contextvars  # noqa: PLC0415

    return get_contextvars().get("request_id")
