"""The work of a service's clients, repeated until it is acknowledged. What is refused must be refused clearly."""

import csv
import io
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any, Final, Protocol

import httpx2 as httpx

from storewatch.catalog import Job
from storewatch.domain.enums import ENDED, JobKind, JobState
from storewatch.domain.error_families import UnavailableError
from storewatch.installation import prepare_service
from support.sites import Poll, Site
from support.waiting import wait_for

PROBLEM: Final = "urn:storewatch:problem:"
LATER: Final = frozenset(
    PROBLEM + name
    for name in (
        "storage-full",
        "storage-unavailable",
        "catalog-unavailable",
        "lake-unavailable",
        "lake-conflict",
        "over-capacity",
        "time-limit",
    )
)
DAMAGED: Final = PROBLEM + "lake-damaged"
FIRST_POLL_AT: Final = datetime.now(UTC).replace(microsecond=0) - timedelta(days=5)
VAGUE: Final = "because of an error in the service"


class RefusedError(Exception):
    """The service has refused a request, or a job has failed, with a clear reason; it can be sent again."""


class Work(Protocol):
    """Does one piece of work, and returns when it was acknowledged. Raises RefusedError, and TransportError."""

    def __call__(self, caller: "Caller", number: int) -> None:
        """number: of the piece; it is the same until the piece was acknowledged."""


class Caller:
    """A client of a site. After a lost connection it goes on with another process of the service."""

    def __init__(self, site: Site, *, insists: bool = False) -> None:
        """insists: `ask` sends a request that was lost or refused again."""
        self.site = site
        self.refusals: Counter[str] = Counter()
        self._insists = insists
        self._urls = cycle(site.urls)
        self._client: httpx.Client | None = None

    def send(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Send a request once, and return its answer if it succeeded. Raises RefusedError and TransportError."""
        if self._client is None:
            self._client = httpx.Client(base_url=next(self._urls), timeout=60)
        try:
            return check_clear(self.site, self._client.request(method, path, **content))
        except httpx.TransportError as error:
            self.refusals[type(error).__name__] += 1
            self.close()
            raise
        except RefusedError as refused:
            self.refusals[str(refused)] += 1
            raise

    def ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Send a request that may be sent twice."""
        while True:
            try:
                return self.send(method, path, **content)
            except (httpx.TransportError, RefusedError):
                if not self._insists:
                    raise
                threading.Event().wait(0.1)

    def ended(self, path: str) -> None:
        """Wait until the job of a report or an import is complete. Raises RefusedError when it failed."""

        def ask() -> dict[str, Any] | None:
            threading.Event().wait(0.02)
            try:
                found: dict[str, Any] = self.ask("GET", path).json()
            except RefusedError:
                return None
            return found if found["state"] in ENDED else None

        found = wait_for(ask, 120)
        check_end(self.site, found["state"], found["error"])

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def check_clear(site: Site, answer: httpx.Response) -> httpx.Response:
    """Return a successful answer. Check that any other says what is wrong, when to try again, and no more."""
    for secret in site.secrets:
        assert secret not in answer.text
    if answer.is_success:
        return answer
    what = f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}"
    if answer.request.url.path == "/readyz":
        assert answer.status_code == 503, what
        raise RefusedError(answer.json()["status"])
    kind = answer.json()["type"]
    if kind == DAMAGED:
        assert answer.status_code == 500, what
    else:
        assert (answer.status_code, kind in LATER) == (503, True), what
        assert int(answer.headers["Retry-After"]) >= 1, what
    raise RefusedError(kind.removeprefix(PROBLEM))


def push(caller: Caller, number: int) -> None:
    polls = polls_of("pushed", number)
    _push(caller, polls)
    caller.site.ledger.add(polls)


def import_file(caller: Caller, number: int) -> None:
    polls = polls_of("imported", number)
    caller.ended(f"/v1/imports/{_upload(caller, polls, 'polls.csv')}")
    caller.site.ledger.add(polls)


def undo(caller: Caller, number: int) -> None:
    """Push polls, import others in their place and more, and undo the import."""
    right = polls_of("undone", number)
    wrong = [(store_id, at, not active) for store_id, at, active in right]
    wrong += [(f"more-{store_id}", at, active) for store_id, at, active in right]
    _push(caller, right)
    import_id = _upload_once(caller, wrong, f"undo-{number}.csv")
    caller.ended(f"/v1/imports/{import_id}")
    caller.ask("POST", f"/v1/imports/{import_id}/undo")
    caller.site.ledger.add(right)


def delete(caller: Caller, number: int) -> None:
    """Push polls and delete some of them."""
    polls = polls_of("deleted", number)
    kept, gone = polls[:4], polls[4:]
    _push(caller, polls)
    until = gone[-1][1] + timedelta(microseconds=1)
    body = {"store_id": gone[0][0], "from": gone[0][1].isoformat(), "to": until.isoformat()}
    caller.ask("POST", "/v1/observations/deletions", json=body)
    caller.site.ledger.add(kept)


def report(caller: Caller, number: int) -> None:
    known = caller.site.ledger.stores()
    report_id = caller.send("POST", "/v1/reports", json={"format": "csv"}).json()["report_id"]
    caller.ended(f"/v1/reports/{report_id}")
    rows = list(csv.reader(io.StringIO(caller.ask("GET", f"/v1/reports/{report_id}/file").text)))
    assert {len(row) for row in rows} == {7}
    found = [row[0] for row in rows[1:]]
    assert (known - set(found), len(found)) == (set(), len(set(found)))


def optimize(caller: Caller, number: int) -> None:
    _maintain(caller.site, JobKind.OPTIMIZE, {})


def retention(caller: Caller, number: int) -> None:
    _maintain(caller.site, JobKind.RETENTION, {"observations_days": 3_650, "reports_days": 30, "lake_versions_days": 7})


def _push(caller: Caller, polls: list[Poll]) -> None:
    body = [{"store_id": each[0], "observed_at": each[1].isoformat(), "status": _status(each)} for each in polls]
    answer = caller.ask("POST", "/v1/observations", json=body).json()
    assert (answer["accepted"], answer["rejected"]) == (len(polls), 0)


def _upload(caller: Caller, polls: list[Poll], name: str) -> str:
    """Upload a file of polls and return the id of its import."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["store_id", "timestamp_utc", "status"])
    writer.writerows((each[0], each[1].isoformat(), _status(each)) for each in polls)
    answer = caller.send("POST", "/v1/imports", files={"file": (name, text.getvalue().encode(), "text/csv")})
    import_id: str = answer.json()["items"][0]["import_id"]
    return import_id


def _upload_once(caller: Caller, polls: list[Poll], name: str) -> str:
    """Upload a file, unless an attempt whose answer was lost has done so already."""
    while True:
        known = caller.ask("GET", "/v1/imports", params={"limit": 100}).json()["items"]
        found = [each["import_id"] for each in known if each["file"] == name and each["state"] != "failed"]
        if found:
            assert len(found) == 1
            return str(found[0])
        try:
            return _upload(caller, polls, name)
        except (httpx.TransportError, RefusedError):
            threading.Event().wait(0.1)


def _maintain(site: Site, kind: JobKind, parameters: dict[str, Any]) -> None:
    try:
        job_id = prepare_service(site.app, with_worker=False).jobs.accept(kind, parameters)
    except UnavailableError as error:
        raise RefusedError(str(error)) from error

    def ask() -> Job | None:
        try:
            job = site.app.catalog.jobs.find(job_id)
        except UnavailableError:
            return None
        return job if job is not None and job.state in ENDED else None

    job = wait_for(ask, 120)
    check_end(site, job.state, job.error)


def check_end(site: Site, state: str, error: str | None) -> None:
    for secret in site.secrets:
        assert secret not in (error or "")
    if state != JobState.COMPLETE:
        assert state == JobState.FAILED
        assert error is not None
        assert VAGUE not in error, error
        raise RefusedError(error)


def polls_of(store: str, number: int, count: int = 10) -> list[Poll]:
    """Return polls of five days ago; no other number has the same. They belong to seven stores."""
    at = [FIRST_POLL_AT + timedelta(seconds=number, microseconds=place) for place in range(count)]
    return [(f"{store}-{number % 7}", each, place % 3 > 0) for place, each in enumerate(at)]


def _status(poll: Poll) -> str:
    return "active" if poll[2] else "inactive"


class Repeated:
    """Work that is done again and again on a thread, until `finish`. What was begun is tried until acknowledged."""

    def __init__(self, site: Site, work: Work, *, first: int = 0, insists: bool = False) -> None:
        self.done = 0
        self.tried = 0
        self.caller = Caller(site, insists=insists)
        self._failure: BaseException | None = None
        self._work, self._number = work, first
        self._may_lose_connection = insists
        self._stopping, self._abandoned = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name=f"client-{work}")
        self._thread.start()

    def check(self) -> None:
        """Raise the failure of the work, if there is one."""
        if self._failure is not None:
            raise self._failure

    def require(self, done: int) -> None:
        """Wait until so much was acknowledged."""
        wait_for(lambda: self.done >= done or self._failure is not None, 120)
        self.check()

    def finish(self) -> None:
        """Wait for the acknowledgement of work that begins now, then stop."""
        self.require(self.done + 2)
        self._stopping.set()
        self._thread.join(120)
        assert not self._thread.is_alive()
        self.check()

    def abandon(self) -> None:
        """Stop although work may not be acknowledged; for the end of a test that failed."""
        self._abandoned = True
        self._stopping.set()
        self._thread.join(120)

    def _run(self) -> None:
        try:
            while (not self._try() or not self._stopping.is_set()) and not self._abandoned:
                self._stopping.wait(0.02)
        except BaseException as error:  # noqa: BLE001 - raised in the test
            self._failure = error
        finally:
            self.caller.close()

    def _try(self) -> bool:
        """Try once; return whether the work was acknowledged."""
        try:
            self._work(self.caller, self._number)
        except (RefusedError, httpx.TransportError) as error:
            if isinstance(error, httpx.TransportError) and not self._may_lose_connection:
                raise
            threading.Event().wait(0.1)
            return False
        finally:
            self.tried += 1
        self.done += 1
        self._number += 1
        return True
