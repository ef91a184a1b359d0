"""Any text in a path, a parameter, a header or a body is read or refused: the service never answers 5xx.

Schemathesis sends what the OpenAPI document allows; these tests send what it does not know: digits of other scripts,
half characters, invisible ones. Two hundred requests a run; twenty thousand with STOREWATCH_NIGHTLY=1 (`make nightly`).
"""

import base64
import json
import os
import random
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from support.access_scene import serving

from storewatch.access.rules import AccessRules
from storewatch.installation import Installation

ROUNDS = 1_000 if os.environ.get("STOREWATCH_NIGHTLY") else 10
POLL = {"store_id": "cafe", "observed_at": "2023-01-23T15:14:00Z", "status": "active"}
TEXTS = [
    *(
        "2023-01-23T15:14:00Z",
        "2023-01-23",
        "last_week",
        "2023-01-01/2023-02-01",
        "90m",
        "3h",
        "cafe",
        "owner:acme",
        "17",
    ),
    *("Europe/Berlin", "UTC+5", "17 3 * * *", "0", "99.5", "observed", "1674486000", "9:00 AM", "active", "name", "-1"),
]
# Digits 5 of three scripts, a superscript, letters that upper and lower case change, invisible ones, half a character.
LETTERS = [*"\u0665\u096b\uff15\u2075\u017f\u212a\u0130\u200b\ufeff\u00a0\u2028", *'\0\x1f\n"\\%/:']
HALF = "\ud800"


@pytest.fixture
def client(installation: Installation) -> Iterator[TestClient]:
    with serving(installation, AccessRules()) as client:
        client.post("/v1/observations", json=POLL)
        client.get("/v1/stores/cafe")
        yield client


def text_of(chance: random.Random, *, half: bool = False) -> str:
    text = chance.choice(TEXTS)
    for _ in range(chance.randint(0, 3)):
        at = chance.randint(0, len(text))
        letter = chance.choice([*LETTERS, HALF, chr(chance.randrange(0x20, 0xD800))])
        text = text[:at] + letter + text[at + chance.randint(0, 1) :]
    return text if half else text.replace(HALF, "")


def requests(chance: random.Random) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Requests of every kind that takes free text: method, path, and the arguments of the client."""

    def one() -> str:
        return text_of(chance)

    def many(*names: str) -> dict[str, str]:
        return {name: one() for name in names if chance.random() < 0.7}

    def body(value: object) -> dict[str, object]:
        return {"content": json.dumps(value).encode(), "headers": {"Content-Type": "application/json"}}

    def half() -> str:
        return text_of(chance, half=True)

    store = f"/v1/stores/{quote(one(), safe='')}"
    place = base64.urlsafe_b64encode(json.dumps([half(), 10**400]).encode()).decode().rstrip("=")
    span = {"from": half(), "to": half()}
    hours = {"day": half(), "start_time_local": half(), "end_time_local": half()}
    yield "GET", store, {"headers": {"If-None-Match": one().encode(errors="replace")}}
    yield "GET", f"{store}/timeline", {"params": many("from", "to", "policy", "max_gap", "by")}
    yield "GET", f"{store}/outages", {"params": many("from", "to", "min_duration", "cursor", "limit")}
    yield "GET", "/v1/stores", {"params": many("q", "prefix", "label", "zone", "state", "order") | {"cursor": place}}
    yield "GET", "/v1/annotations", {"params": many("store_id", "from", "to", "cursor", "limit")}
    yield "GET", "/v1/audit", {"params": many("from", "to", "actor", "cursor")}
    yield "GET", "/v1/imports", {"params": {"cursor": place, "limit": one()}}
    yield "GET", f"/v1/closures/{quote(one(), safe='')}", {}
    yield "GET", "/get_report", {"params": {"report_id": one()}}
    yield "PATCH", store, body({"timezone": half(), "labels": {half(): half()}})
    yield "PUT", f"{store}/weekly-hours", body({"weekly_hours": [hours]})
    yield "POST", "/v1/observations", body([POLL, {name: half() for name in POLL}])
    yield "POST", "/v1/observations", body({half(): [half()], "observations": [{half(): half()}]})
    yield "POST", "/v1/annotations", body({"store_id": half(), "cause": half(), **span})
    yield "POST", "/v1/closures", body({"label": half(), "value": half(), "reason": half(), **span})
    yield "PUT", "/v1/labels", body([{"store_id": half(), "labels": {half(): half()}}])
    yield "PUT", "/v1/weekly-hours", body([{"store_id": half(), **hours}])
    yield "PUT", "/v1/targets", body([{"store_id": half(), "objective": half()}])
    yield "PUT", "/v1/special-hours", body([{"store_id": half(), "date": half(), **hours}])
    yield "POST", "/v1/reports", body({"windows": [half()], "store_ids": [half()], "labels": {half(): half()}})
    yield "POST", "/v1/schedules", body({"name": half(), "cron": half(), "timezone": half(), "kind": "report"})


def test_no_request_with_odd_texts_is_answered_5xx(client: TestClient) -> None:
    for seed in range(ROUNDS):
        for method, path, arguments in requests(random.Random(seed)):
            answer = client.request(method, path, **arguments)
            assert answer.status_code < 500, (seed, method, path, arguments, answer.text[:300])
