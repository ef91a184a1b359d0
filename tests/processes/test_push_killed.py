"""Polls pushed to a real process that is really killed: acknowledged polls are stored."""

import json
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path

import httpx2 as httpx
from support.real_processes import service
from support.scene import settings_in
from support.waiting import wait_for

from storewatch.installation import open_installation

CLIENTS = 20
SEEN_AT = "2023-01-23T15:14:00Z"


class Clients:
    """Each pushes one poll after the other, each of another store, until the service is gone or `stop` is called."""

    def __init__(self, service: httpx.Client, name: str) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self._url, self._name = service.base_url, name
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._push, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _push(self, client: int) -> None:
        number = 0
        with httpx.Client(base_url=self._url, timeout=30) as http:
            while not self._stopping.is_set():
                number += 1
                store_id = f"{self._name}-{client}-{number}"
                try:
                    answer = http.post(
                        "/v1/observations",
                        content=json.dumps({"store_id": store_id, "observed_at": SEEN_AT, "status": "active"}),
                        headers={"Content-Type": "application/json"},
                    )
                except httpx.TransportError:
                    return
                (self.acknowledged if answer.status_code == 200 else self.refused).append(store_id)


def stored(home: Path) -> list[str]:
    """The stores in the lake, one entry an observation, after `optimize` dropped repeats."""
    with open_installation(settings_in(home.parent)) as app:
        app.lake.optimize(now=datetime.now(UTC))
        return app.lake.snapshot().read(-(2**62), 2**62)["store_id"].to_list()


def test_store_can_be_read_in_every_process_when_its_push_is_acknowledged(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with service(home, "--no-worker") as (_, one), service(home, "--no-worker") as (_, other):
        for number, (pushing, reading) in enumerate(2 * [(one, one), (one, other), (other, one)]):
            store_id = f"store/{number}"
            body = {"store_id": store_id, "observed_at": SEEN_AT, "status": "active"}
            assert pushing.post("/v1/observations", json=body).status_code == 200
            path = f"/v1/stores/store%2F{number}"
            at = {"from": "2023-01-23T15:00:00Z", "to": "2023-01-23T16:00:00Z"}
            store, seen = reading.get(path), reading.get(f"{path}/observations", params=at)
            listed, counted = reading.get("/v1/stores"), reading.get("/v1/store-counts")
            assert (store.status_code, store.json()["store_id"]) == (200, store_id)
            assert seen.json()["items"] == [
                {"observed_at": SEEN_AT, "status": "active", "reason": None, "source": None}
            ]
            assert listed.json()["items"][-1]["store_id"] == store_id
            assert counted.json()["stores"] == number + 1


def test_stop_in_order_finishes_every_request_that_was_taken(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with service(home, "--no-worker") as (process, client):
        clients = Clients(client, "only")
        wait_for(lambda: len(clients.acknowledged) >= 100)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) in (0, -signal.SIGTERM)
        clients.stop()
    found = stored(home)
    assert set(clients.acknowledged) <= set(found)
    assert set(clients.refused).isdisjoint(found)
