"""An installation with stores of two owners, in which every table has rows of the other owner.

Every text of the other owner contains CANARY, every number and time of the other owner is in NUMBERS. OWN names nothing
like it, so that no error can suggest it as a name that is near.
"""

from typing import Any
from uuid import UUID, uuid4

from fastapi.testclient import TestClient

from support.waiting import wait_for

CANARY, ABSENT = "canary", "absent"
OWN, FOREIGN = "zz-77", f"{CANARY}-store"
UNPOLLED = f"{CANARY}-unpolled"
NUMBERS = ("98765432", "87.6543", "2031-07-19", "03:33", "04:44", "09:09:09", "Vaduz")
SPAN = {"from": "2023-01-23T09:09:09Z", "to": "2023-01-23T10:00:00Z"}
PLANNED = {"from": "2023-01-23T14:00:00Z", "to": "2023-01-23T15:00:00Z"}
HOURS = [{"day": 0, "start_time_local": "03:33:00", "end_time_local": "04:44:00"}]
SPECIAL = {"date": "2031-07-19", "start_time_local": "03:33", "end_time_local": "04:44"}

Ids = dict[str, str]


def own_data(client: TestClient, admin: dict[str, str], operator: dict[str, str]) -> Ids:
    """Enter a store of acme with polls and entries, and run a report and an import under its key. Return their ids."""
    ok(client.post("/v1/stores", json={"store_id": OWN, "labels": {"owner": "acme", "team": "x"}}, headers=admin))
    polls = [
        {"store_id": OWN, "observed_at": f"2023-01-23T{hour}:00:00Z", "status": status}
        for hour, status in (("12", "active"), ("13", "inactive"), ("17", "inactive"))
    ]
    ok(client.post("/v1/observations", json=polls, headers=operator))
    closure = ok(client.post("/v1/closures", json=_span(OWN) | {"reason": "own"}, headers=operator))
    annotation = ok(client.post("/v1/annotations", json=_span(OWN) | {"cause": "own"}, headers=operator))
    for day in ("2023-01-25", "2023-01-26"):
        row = {"store_id": OWN, "date": day, "start_time_local": "10:00", "end_time_local": "12:00"}
        ok(client.put("/v1/special-hours", json=[row], headers=operator))
    ok(client.put("/v1/targets", json=[{"store_id": OWN, "objective": 99}], headers=operator))
    ok(client.put("/v1/sales", json=[{"store_id": OWN, "sales_per_hour": 9}], headers=operator))
    report_id, import_id = run_jobs(client, operator, OWN)
    ids = {"report_id": report_id, "import_id": import_id, "closure_id": closure["closure_id"]}
    return ids | {"store_id": OWN, "annotation_id": annotation["annotation_id"], "key_id": "x", "name": "x"}


def foreign_data(client: TestClient, admin: dict[str, str]) -> Ids:
    """Enter rows of the other owner into every table. Return the ids of some."""
    hidden = f"{CANARY}-owner"
    ok(client.post("/v1/stores", json={"store_id": UNPOLLED, "labels": {f"{CANARY}-label": CANARY}}, headers=admin))
    store = {"store_id": FOREIGN, "labels": {"owner": hidden, "name": f"{CANARY}-name", f"{CANARY}-label": CANARY}}
    ok(client.post("/v1/stores", json=store, headers=admin))
    change = {"timezone": "Europe/Vaduz", "weekly_hours": HOURS}
    ok(client.patch(f"/v1/stores/{FOREIGN}", json=change, headers=admin))
    version = {"weekly_hours": HOURS, "valid_from": "2031-07-19"}
    ok(client.patch(f"/v1/stores/{FOREIGN}", json=version, headers=admin))
    poll = {"store_id": FOREIGN, "reason": f"{CANARY}-reason", "source": f"{CANARY}-source"}
    polls = [
        {"observed_at": f"2023-01-24T{hour}:09:09Z", "status": status} | poll
        for hour, status in (("08", "active"), ("09", "inactive"))
    ]
    ok(client.post("/v1/observations", json=polls, headers=admin))
    entries = {"special-hours": SPECIAL, "targets": {"objective": 87.6543}, "sales": {"sales_per_hour": 98765432.25}}
    for target in ({"store_id": FOREIGN}, {"label": "owner", "value": hidden}):
        for path, row in entries.items():
            ok(client.put(f"/v1/{path}", json=[target | row], headers=admin))
    by_label = {"label": "owner", "value": hidden, "reason": f"{CANARY}-planned"} | SPAN
    ok(client.post("/v1/closures", json=by_label, headers=admin))
    closure = ok(client.post("/v1/closures", json=_span(FOREIGN) | {"reason": f"{CANARY}-closed"}, headers=admin))
    texts = {"cause": f"{CANARY}-cause", "note": f"{CANARY}-note"}
    annotation = ok(client.post("/v1/annotations", json=_span(FOREIGN) | texts, headers=admin))
    definition = {"name": f"{CANARY}-definition", "parameters": {"store_ids": [FOREIGN]}}
    ok(client.post("/v1/report-definitions", json=definition, headers=admin))
    schedule = {"name": f"{CANARY}-schedule", "kind": "report", "cron": "0 6 * * *"}
    ok(client.post("/v1/schedules", json=schedule, headers=admin))
    key = ok(client.post("/v1/keys", json={"name": f"{CANARY}-key", "role": "viewer"}, headers=admin))
    report_id, import_id = run_jobs(client, admin, FOREIGN)
    ids = {"report_id": report_id, "import_id": import_id, "closure_id": closure["closure_id"]}
    ids |= {"store_id": FOREIGN, "annotation_id": annotation["annotation_id"], "key_id": key["key_id"]}
    return ids | {"name": f"{CANARY}-definition"}


def shared_label_data(client: TestClient, admin: dict[str, str]) -> None:
    """Enter rows for a label that the own store carries too, but that is not the scope of its key."""
    shared = {"label": "team", "value": "x"}
    special = SPECIAL | {"date": "2031-07-20", "start_time_local": "10:00", "end_time_local": "11:00"}
    rows = {"special-hours": special, "targets": {"objective": 87.6543}, "sales": {"sales_per_hour": 98765432.25}}
    for path, row in rows.items():
        ok(client.put(f"/v1/{path}", json=[shared | row], headers=admin))
    ok(client.post("/v1/closures", json=shared | {"reason": f"{CANARY}-shared"} | PLANNED, headers=admin))


def run_jobs(client: TestClient, headers: dict[str, str], store_id: str) -> tuple[str, str]:
    """Run a report on a store, and an import with rejected rows and a saved mapping; return both ids."""
    report_id = ok(client.post("/v1/reports", json={"store_ids": [store_id]}, headers=headers))["report_id"]
    rows = f"{store_id},active,2023-01-23 12:00:00 UTC\n{store_id},{store_id}-open,2023-01-23 12:00:00 UTC\n"
    text = f"store_id,stat,timestamp_utc\n{rows}".encode()
    options = {"map": "stat=status"} | ({"save_map": f"{store_id}-map"} if store_id == FOREIGN else {})
    sent = {"file": (f"{store_id}.csv", text, "text/csv")}
    answer = ok(client.post("/v1/imports", files=sent, data=options, headers=headers))
    import_id = answer["items"][0]["import_id"]
    if store_id == FOREIGN:  # default hours, because the row is rejected
        hours = f"store_id,day,start_time_local,end_time_local\n{UNPOLLED},0,03:33,{CANARY}\n".encode()
        refused = ok(client.post("/v1/imports", files={"file": ("hours.csv", hours, "text/csv")}, headers=headers))
        _wait(client, f"/v1/imports/{refused['items'][0]['import_id']}", headers)
    for path in (f"/v1/reports/{report_id}", f"/v1/imports/{import_id}"):
        _wait(client, path, headers)
    return report_id, import_id


def unknown(ids: Ids) -> Ids:
    """Return ids of the same form of things that do not exist."""
    return {name: _unknown(value) for name, value in ids.items()}


def ok(response: Any) -> Any:
    assert response.status_code < 300, (response.request.method, response.request.url, response.text)
    return response.json() if response.content else None


def _wait(client: TestClient, path: str, headers: dict[str, str]) -> None:
    def ended() -> bool:
        return bool(client.get(path, headers=headers).json()["state"] in ("complete", "failed"))

    wait_for(ended)
    assert client.get(path, headers=headers).json()["state"] == "complete", path


def _unknown(value: str) -> str:
    if value.isdecimal():
        return str(int(value) + 7_000_000)
    try:
        UUID(value)
    except ValueError:
        return value.replace(CANARY, ABSENT) if CANARY in value else "a" * len(value)
    return str(uuid4())


def _span(store_id: str) -> dict[str, str]:
    return {"store_id": store_id} | (
        SPAN if store_id == FOREIGN else {"from": "2023-01-22T01:00:00Z", "to": "2023-01-22T02:00:00Z"}
    )
