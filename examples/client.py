"""A small client of storewatch's API that needs only the standard library. Copy it and change it.

    python client.py http://127.0.0.1:8000 report.csv

pushes the newest poll once more, which changes no figure, lists the stores, creates a report, follows it to its end and
saves its file. Set STOREWATCH_KEY where the service requires a key.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode


class ProblemError(Exception):
    """An answer that is an error. problem: its document. type: the stable name of the error."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status}: {problem.get('detail', 'no detail')} (request {problem.get('request_id')})")
        self.status, self.problem, self.type = status, problem, problem.get("type")


class Client:
    """Calls the service at `url`. On 429 and 503 it waits and tries again, up to `tries` times."""

    def __init__(self, url: str, key: str | None = None, tries: int = 5) -> None:
        self.url, self.tries = url.rstrip("/"), tries
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def push(self, observations: list[dict[str, str]]) -> dict[str, Any]:
        """Push polls. When this returns, the accepted polls are durable. Pushing them again changes nothing."""
        done: dict[str, Any] = self._json("POST", "/v1/observations", observations)
        return done

    def stores(self, **filters: str) -> Iterator[dict[str, Any]]:
        """Yield every store, page by page. filters: those of the list, such as label="brand:acme"."""
        cursor: dict[str, str] = {}
        while True:
            page = self._json("GET", f"/v1/stores?{urlencode(filters | cursor)}")
            yield from page["items"]
            if page["next"] is None:
                return
            cursor = {"cursor": page["next"]}

    def newest_poll(self, store: dict[str, Any]) -> dict[str, str]:
        """Return the newest poll of a store in the list that was polled, as it can be pushed."""
        last = datetime.fromisoformat(store["last_poll"])
        span = urlencode({"from": store["last_poll"], "to": (last + timedelta(seconds=1)).isoformat()})
        polls = self._json("GET", f"/v1/stores/{quote(store['store_id'], safe='')}/observations?{span}")["items"]
        return {"store_id": store["store_id"]} | {name: value for name, value in polls[0].items() if value is not None}

    def report(self, file: Path, **wanted: Any) -> dict[str, Any]:
        """Create a report, wait for its end and save its file. Return the figures of the run."""
        place = f"/v1/reports/{self._json('POST', '/v1/reports', wanted)['report_id']}"
        while (state := self._follow(f"{place}/events")) not in {"complete", "failed", "cancelled"}:
            time.sleep(1)  # the service restarted; the report goes on
        report = self._json("GET", place)
        if state != "complete":
            raise ProblemError(200, {"detail": f"the report {state}: {report['error']}"})
        with self._open("GET", f"{place}/file") as answer:
            file.write_bytes(answer.read())
        figures: dict[str, Any] = report["figures"]
        return figures

    def _follow(self, path: str) -> str | None:
        """Read server-sent events to their end. Return the last state in them."""
        state = None
        try:
            with self._open("GET", path) as events:
                for line in events:
                    if line.startswith(b"data:"):
                        state = json.loads(line[5:])["state"]
        except (OSError, HTTPException):  # the connection broke, or the service does not answer at the moment
            return None
        return state

    def _json(self, method: str, path: str, body: Any = None) -> Any:
        with self._open(method, path, body) as answer:
            return json.load(answer)

    def _open(self, method: str, path: str, body: Any = None) -> HTTPResponse:
        data = None if body is None else json.dumps(body).encode()
        headers = self.headers | ({} if data is None else {"Content-Type": "application/json"})
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310
        for left in reversed(range(self.tries)):
            try:
                answer: HTTPResponse = urllib.request.urlopen(request, timeout=60)  # noqa: S310
            except urllib.error.HTTPError as error:
                with error:
                    is_problem = error.headers.get_content_type() == "application/problem+json"
                    problem = json.load(error) if is_problem else {"detail": error.reason}
                if error.code not in {429, 503} or not left:
                    raise ProblemError(error.code, problem) from None
                time.sleep(float(error.headers.get("Retry-After", 1)))
            else:
                return answer
        raise AssertionError("tries is at least 1")


def main() -> None:
    client = Client(sys.argv[1], os.environ.get("STOREWATCH_KEY"))
    try:
        newest = next(client.stores(sort="-last_poll", limit="1"), None)
        if newest is None:  # nothing is stored yet
            poll = {"store_id": "cafe", "observed_at": datetime.now(UTC).isoformat(), "status": "active"}
            print(f"{client.push([poll])['accepted']} poll of a new store accepted")
        elif newest["last_poll"]:
            print(f"{client.push([client.newest_poll(newest)])['accepted']} poll accepted again")
        print(f"{sum(1 for _ in client.stores())} stores")
        figures = client.report(Path(sys.argv[2]))
        print(f"{figures['rows']} stores in {sys.argv[2]}, as of {figures['as_of']}")
    except ProblemError as error:
        sys.exit(f"The service says {error}")


if __name__ == "__main__":
    main()
