"""Imports over HTTP: real uploads, and hostile ones."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.access_scene import bearer, key_of, serving
from support.scene import HOURS, POLLS, REPORT, ZONES
from support.waiting import wait_for

from storewatch.access import AccessRules
from storewatch.domain.enums import Role
from storewatch.domain.labels import ALL_STORES, Label, Scope
from storewatch.installation import Installation, open_installation
from storewatch.settings import Settings

BAD_ROWS = "".join(f"cafe,open,2023-01-23 16:0{n}:00 UTC\n" for n in range(5))
REASON = "status 'open' is neither active nor inactive"


@pytest.fixture
def app(installation: Installation) -> Installation:
    return installation


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app, AccessRules(), with_worker=True) as client:
        yield client


def upload(client: TestClient, *files: tuple[str, str | bytes], strict: bool = False, **options: Any) -> Any:
    sent = [("file", file) for file in files]
    return client.post("/v1/imports", files=sent, data={"strict": str(strict).lower()}, **options)


def ended(client: TestClient, import_id: str, **options: Any) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = client.get(f"/v1/imports/{import_id}", **options).json()
        return found if found["state"] in ("complete", "failed", "cancelled") else None

    return wait_for(look)


def imported(client: TestClient, *files: tuple[str, str | bytes], **options: Any) -> list[dict[str, Any]]:
    response = upload(client, *files, **options)
    assert response.status_code == 202, response.text
    return [ended(client, item["import_id"]) for item in response.json()["items"]]


def uploads_of(app: Installation) -> list[str]:
    folder = app.settings.uploads_dir
    return [file.name for file in folder.iterdir()] if folder.is_dir() else []


def problem(response: Any) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["type"].rsplit(":", 1)[-1]


def test_files_become_an_import_each_and_the_report_uses_them(client: TestClient, app: Installation) -> None:
    files = (("store_status.csv", POLLS), ("menu_hours.csv", HOURS), ("timezones.csv", ZONES))
    done = imported(client, *files)
    assert [(item["file"], item["state"], item["counts"]) for item in done] == [
        ("store_status.csv", "complete", {"table": "observations", "rows": 6, "accepted": 6, "rejected": 0}),
        ("menu_hours.csv", "complete", {"table": "weekly_hours", "rows": 2, "accepted": 2, "rejected": 0}),
        ("timezones.csv", "complete", {"table": "timezones", "rows": 1, "accepted": 1, "rejected": 0}),
    ]
    report_id = client.post("/v1/reports", json={}).json()["report_id"]
    text = wait_for(lambda: file.text if (file := client.get(f"/v1/reports/{report_id}/file")).is_success else None)
    assert text == REPORT
    wait_for(lambda: uploads_of(app) == [])


def test_files_of_the_same_table_are_one_import(client: TestClient, app: Installation) -> None:
    header = "store_id,day,start_time_local,end_time_local"
    joined = f"{header},timezone,comment\ncafe,1,09:00,17:00,Mars/Base,x\nnew,1,09:00,17:00,UTC,\n"
    files = (("1.csv", f"{header}\ncafe,0,09:00,17:00\n"), ("polls.csv", POLLS), ("2.csv", joined))
    hours, polls = imported(client, *files)
    assert (hours["file"], polls["file"]) == ("1.csv, 2.csv", "polls.csv")
    assert hours["counts"] == {"table": "weekly_hours, timezones", "rows": 5, "accepted": 4, "rejected": 1}
    assert [(table["table"], table["file"], table["ignored"]) for table in hours["tables"]] == [
        ("weekly_hours", "1.csv, 2.csv", ["comment"]),
        ("timezones", "2.csv", []),
    ]
    assert [(reject["file"], reject["line"]) for reject in hours["first_rejects"]] == [("2.csv", 2)]
    days = [row["day"] for row in client.get("/v1/stores/cafe/weekly-hours").json()["weekly_hours"]]
    assert days == [0, 1]
    store = client.get("/v1/stores/cafe").json()
    assert (store["hours_source"], store["timezone_source"]) == ("given", "rejected")
    inputs = client.get("/v1/status").json()["inputs"]
    assert (inputs["unpolled_ids"], inputs["default_zone"]) == (["new"], ["cafe"])
    assert any("time zone because the rows were rejected" in line for line in inputs["sentences"])
    client.patch("/v1/stores/cafe", json={"timezone": None})
    assert client.get("/v1/stores/cafe").json()["timezone_source"] == "default"
    for _ in range(2):  # an undo and the same import again
        (again,) = imported(client, ("3.csv", f"{header}\ncafe,0,9h,17h\n"))
        assert client.get("/v1/status").json()["inputs"]["older_hours"] == ["cafe"]
        client.post(f"/v1/imports/{again['import_id']}/undo")
        assert client.get("/v1/status").json()["inputs"]["older_hours"] == []
    (again,) = imported(client, ("3.csv", f"{header}\ncafe,0,9h,17h\n"))
    sentence = "with the older hours because all new rows were rejected: cafe"
    assert sentence in again["inputs"]
    inputs = client.get("/v1/status").json()["inputs"]
    assert (inputs["default_hours"], inputs["older_hours"], inputs["older_zone"]) == ([], ["cafe"], [])
    assert sentence in inputs["sentences"]
    imported(client, ("4.csv", f"{header}\ncafe,0,09:00,17:00\n"))
    assert client.get("/v1/status").json()["inputs"]["older_hours"] == []
    wait_for(lambda: uploads_of(app) == [])


def test_closed_all_week_is_kept_and_shown(client: TestClient) -> None:
    client.put(
        "/v1/weekly-hours",
        content=b"store_id,day,start_time_local,end_time_local\ncafe,0,,\n",
        headers={"Content-Type": "text/csv"},
    )
    closed = client.get("/v1/stores/cafe/weekly-hours").json()
    assert (closed["hours_source"], closed["weekly_hours"]) == ("given", [])
    client.patch("/v1/stores/cafe", json={"weekly_hours": None})
    assert client.get("/v1/stores/cafe/weekly-hours").json()["hours_source"] == "default"
    again = client.put("/v1/stores/cafe/weekly-hours", json={"weekly_hours": closed["weekly_hours"]})
    assert (again.status_code, again.json()["weekly_hours"], again.json()["hours_source"]) == (200, [], "given")


def test_pushed_and_bulk_bodies_name_what_they_ignore(client: TestClient) -> None:
    poll = {"store_id": "cafe", "observed_at": "2023-01-23T10:00:00Z", "status": "active"}
    assert "ignored" not in client.post("/v1/observations", json=[poll]).json()
    pushed = client.post("/v1/observations", json=[poll, poll | {"timezone": "UTC"}])
    assert pushed.json()["ignored"] == ["timezone"]
    csv = b"store_id,observed_at,status,timezone_str\ncafe,2023-01-23T10:00:00Z,active,UTC\n"
    assert client.post("/v1/observations", content=csv, headers={"Content-Type": "text/csv"}).json()["ignored"] == [
        "timezone_str"
    ]
    hours = {"store_id": "cafe", "day": 0, "start_time_local": "09:00", "end_time_local": "17:00"}
    assert client.put("/v1/weekly-hours", json=[hours | {"zone": "UTC"}]).json()["ignored"] == ["zone"]
    assert "ignored" not in client.put("/v1/weekly-hours", json=[hours]).json()


def test_one_import_is_named_in_the_location(client: TestClient) -> None:
    response = upload(client, ("polls.csv.gz", gzip.compress(POLLS.encode(), mtime=0)))
    [item] = response.json()["items"]
    assert response.headers["location"] == f"/v1/imports/{item['import_id']}"
    assert ended(client, item["import_id"])["counts"]["accepted"] == 6


def test_rejects_are_shown_paged_and_downloaded(client: TestClient) -> None:
    [done] = imported(client, ("polls.csv", POLLS + BAD_ROWS))
    expected = [
        {"file": "polls.csv", "line": 8 + n, "row": f"cafe,open,2023-01-23 16:0{n}:00 UTC", "reason": REASON}
        for n in range(5)
    ]
    assert done["counts"] == {"table": "observations", "rows": 11, "accepted": 6, "rejected": 5}
    assert done["first_rejects"] == expected
    path = f"/v1/imports/{done['import_id']}/rejects"
    first = client.get(path, params={"limit": 3}).json()
    second = client.get(path, params={"limit": 3, "cursor": first["next"]}).json()
    assert (first["items"] + second["items"], second["next"]) == (expected, None)
    text = client.get(path, params={"format": "csv"})
    assert text.headers["content-type"].startswith("text/csv")
    rows = "".join(f'{row["line"]},"{row["row"]}",{REASON},polls.csv\n' for row in expected)
    assert text.text == "line,row,reason,file\n" + rows
    assert problem(client.get(path, params={"cursor": "x"})) == (422, "invalid-request")


def test_import_is_undone_once(client: TestClient, app: Installation) -> None:
    [wrong] = imported(client, ("polls.csv", POLLS))
    path = f"/v1/imports/{wrong['import_id']}/undo"
    done = client.post(path).json()
    assert (done["observations"], done["restored"], done["was_undone_before"]) == (6, 0, False)
    assert (app.lake.snapshot().rows, app.catalog.stores.count()) == (0, 0)
    assert client.post(path).json()["was_undone_before"]
    assert client.get(f"/v1/imports/{wrong['import_id']}").json()["undone_at"] is not None
    assert problem(client.post("/v1/imports/nobody/undo")) == (404, "unknown-import")


def test_import_is_not_undone_after_a_later_change(client: TestClient) -> None:
    [first] = imported(client, ("zones.csv", ZONES))
    imported(client, ("zones.csv", ZONES))
    assert problem(client.post(f"/v1/imports/{first['import_id']}/undo")) == (409, "import-changed")
    [failed] = imported(client, ("polls.csv", POLLS + BAD_ROWS), strict=True)
    assert problem(client.post(f"/v1/imports/{failed['import_id']}/undo")) == (409, "import-not-complete")


def test_csv_of_rejects_is_guarded_unless_a_program_reads_it(client: TestClient) -> None:
    [done] = imported(client, ("polls.csv", POLLS + "@A1,open,2023-01-23 16:00:00 UTC\n"))
    path = f"/v1/imports/{done['import_id']}/rejects"
    assert "\"'@A1,open," in client.get(path, params={"format": "csv"}).text
    assert '"@A1,open,' in client.get(path, params={"format": "csv", "raw_text": "true"}).text


def test_strict_import_fails_and_keeps_nothing(client: TestClient, app: Installation) -> None:
    [done] = imported(client, ("polls.csv", POLLS + BAD_ROWS), strict=True)
    assert (done["state"], done["strict"], done["counts"]) == ("failed", True, None)
    assert done["error"].startswith("polls.csv: 5 bad rows, so nothing of it was imported")
    assert app.lake.snapshot().rows == 0
    assert client.get(f"/v1/imports/{done['import_id']}/rejects").json() == {"items": [], "next": None}
    wait_for(lambda: uploads_of(app) == [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"a,b\n1,2\n", "the header is not that of any table. Found: a, b"),
        (b"\x00\x01\x02\x03\n" * 10, "is binary"),
        (POLLS.encode("utf-16")[:-1], "truncated UTF-16"),
        (b"PAR1 this is no Parquet", "is not a valid Parquet file; it may be damaged"),
        (gzip.compress(POLLS.encode(), mtime=0)[:-10], "damaged or truncated gzip"),
        (b"x" * 2_000_000, "its header cannot be read as CSV"),
    ],
)
def test_file_that_is_no_table_fails_with_a_reason_that_names_it(
    client: TestClient, app: Installation, content: bytes, reason: str
) -> None:
    [done] = imported(client, ("polls.csv", content))
    assert (done["state"], done["attempts"]) == ("failed", 1)
    assert done["error"].startswith("polls.csv")
    assert reason in done["error"]
    assert str(app.settings.home) not in done["error"]
    wait_for(lambda: uploads_of(app) == [])


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("../../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system32\\polls.csv", "polls.csv"),
        ("/", "upload"),
        ("..", ".."),
        ("a\x1b[31m.csv", "a [31m.csv"),
        ("n" * 2_000, "n" * 200),
        ("stör…e.csv", "stör…e.csv"),
    ],
)
def test_name_of_an_upload_is_only_a_label(client: TestClient, app: Installation, name: str, label: str) -> None:
    [done] = imported(client, (name, POLLS))
    assert (done["file"], done["state"]) == (label, "complete")
    home = {entry.name for entry in app.settings.home.iterdir()}
    assert home <= {"catalog.sqlite3", "catalog.sqlite3-shm", "catalog.sqlite3-wal", "lake", "uploads", "reports"}


def test_name_with_a_nul_byte_is_only_a_label(client: TestClient) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a\0b.csv"\r\n\r\n'
    response = client.post(
        "/v1/imports",
        content=head + POLLS.encode() + b"\r\n--x--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert (response.status_code, response.json()["items"][0]["file"]) == (202, "a b.csv")


@pytest.mark.parametrize(("files", "fields"), [(21, 0), (1_000, 0), (2_000, 0), (1, 201)])
def test_upload_of_too_many_parts_is_refused(client: TestClient, app: Installation, files: int, fields: int) -> None:
    parts = [b'name="file"; filename="a.csv"\r\n\r\nx'] * files + [b'name="map"\r\n\r\na=b'] * fields
    body = b"".join(b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--x--\r\n"
    response = client.post("/v1/imports", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert problem(response) == (422, "invalid-request")
    assert response.json()["detail"] == "body.file: An upload has at most 20 files and 200 fields."
    assert uploads_of(app) == []


def test_form_in_the_encoding_of_urls_is_refused_unread(client: TestClient) -> None:
    response = client.post("/v1/imports", data={"file": "a"})
    assert problem(response) == (415, "unknown-media-type")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"store_id,status\n", "text/csv"),
        (b"{}", "application/json"),
        (
            b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\nno file\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
        (b"anything", "multipart/form-data"),
    ],
)
def test_body_without_a_file_is_refused(client: TestClient, app: Installation, body: bytes, content_type: str) -> None:
    response = client.post("/v1/imports", content=body, headers={"Content-Type": content_type})
    assert problem(response)[0] in (400, 422)
    assert client.get("/v1/imports").json()["items"] == []
    assert uploads_of(app) == []


def test_too_many_files_are_refused(client: TestClient, app: Installation) -> None:
    response = upload(client, *[(f"{n}.csv", POLLS) for n in range(21)])
    assert problem(response) == (422, "invalid-request")
    assert uploads_of(app) == []


def test_file_over_the_limit_is_413_and_nothing_is_stored(tmp_path: Path) -> None:
    settings = Settings.from_environment(tmp_path / "home", {"STOREWATCH_MAX_UPLOAD_MB": "1"})
    with open_installation(settings) as app, serving(app, AccessRules()) as client:
        response = upload(client, ("polls.csv", b"x" * 1_100_000))
        assert problem(response) == (413, "body-too-large")
        assert client.get("/v1/imports").json()["items"] == []
        assert uploads_of(app) == []


def test_queued_import_is_cancelled_and_its_upload_removed_by_the_next_worker(app: Installation) -> None:
    with serving(app, AccessRules()) as client:
        [item] = upload(client, ("polls.csv", POLLS)).json()["items"]
        assert uploads_of(app) == [item["import_id"]]
        cancelled = client.post(f"/v1/imports/{item['import_id']}/cancel")
        assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
        assert problem(client.post(f"/v1/imports/{item['import_id']}/cancel")) == (409, "job-ended")
    with serving(app, AccessRules(), with_worker=True):
        wait_for(lambda: uploads_of(app) == [])
    assert app.lake.snapshot().rows == 0


@pytest.mark.parametrize("import_id", ["nope", "%00", "1"])
def test_import_that_does_not_exist_is_unknown(client: TestClient, import_id: str) -> None:
    for method, path in (("GET", ""), ("GET", "/rejects"), ("POST", "/cancel")):
        assert problem(client.request(method, f"/v1/imports/{import_id}{path}")) == (404, "unknown-import")


def test_scoped_key_writes_only_its_stores_and_sees_only_its_imports(app: Installation) -> None:
    with serving(app, with_worker=True) as client:
        admin, scoped = (
            {"headers": bearer(key_of(app, role, scope))}
            for role, scope in ((Role.ADMIN, ALL_STORES), (Role.OPERATOR, Scope(label=Label("owner", "acme"))))
        )
        stores = "store_id,name,owner\ncafe,Cafe,acme\nbar,Bar,other\n"
        [labels] = upload(client, ("stores.csv", stores), **admin).json()["items"]
        ended(client, labels["import_id"], **admin)
        [item] = upload(client, ("polls.csv", POLLS + "nobody,active,2023-01-23 18:00:00 UTC\n"), **scoped).json()[
            "items"
        ]
        done = ended(client, item["import_id"], **scoped)
        assert done["counts"] == {"table": "observations", "rows": 7, "accepted": 3, "rejected": 4}
        reasons = {(row["row"].split(",")[0], row["reason"]) for row in done["first_rejects"]}
        assert reasons == {(name, f"there is no store '{name}' for this key") for name in ("bar", "nobody")}
        assert app.lake.snapshot().store_ids().to_list() == ["cafe"]
        for name, text in (("hours.csv", HOURS), ("zones.csv", "store_id,timezone_str\nbar,Europe/Berlin\n")):
            [item] = upload(client, (name, text), **scoped).json()["items"]
            assert ended(client, item["import_id"], **scoped)["counts"]["rejected"] == 1
        [item] = upload(client, ("stores.csv", stores), **scoped).json()["items"]
        assert "cannot import labels" in ended(client, item["import_id"], **scoped)["error"]
        assert len(client.get("/v1/imports", **scoped).json()["items"]) == 4
        assert len(client.get("/v1/imports", **admin).json()["items"]) == 5
        for path in ("", "/rejects"):
            assert problem(client.get(f"/v1/imports/{labels['import_id']}{path}", **scoped)) == (404, "unknown-import")
        assert problem(client.post(f"/v1/imports/{labels['import_id']}/cancel", **scoped)) == (404, "unknown-import")


def test_targets_of_a_label_that_no_store_carries_come_with_allow_unknown(client: TestClient) -> None:
    imported(client, ("store_status.csv", POLLS))
    files = [("file", ("targets.csv", "label,value,objective\nbrand,acme,99\n"))]
    counts = []
    for allow_unknown in ("false", "true"):
        [item] = client.post("/v1/imports", files=files, data={"allow_unknown": allow_unknown}).json()["items"]
        counts.append(ended(client, item["import_id"])["counts"]["accepted"])
    assert counts == [0, 1]


def test_viewer_may_not_import(app: Installation) -> None:
    with serving(app, headers=bearer(key_of(app, Role.VIEWER))) as client:
        assert problem(upload(client, ("polls.csv", POLLS))) == (403, "role-too-low")
    assert uploads_of(app) == []


def test_weekly_hours_come_with_the_date_from_which_they_hold(client: TestClient, app: Installation) -> None:
    imported(client, ("menu_hours.csv", HOURS))
    changed = {"files": [("file", ("menu_hours.csv", HOURS.replace("09:00", "10:00")))]}
    response = client.post("/v1/imports", data={"valid_from": "2023-02-01"}, **changed)
    item = response.json()["items"][0]
    assert (response.status_code, item["valid_from"]) == (202, "2023-02-01")
    assert ended(client, item["import_id"])["state"] == "complete"
    store = client.get("/v1/stores/cafe").json()
    assert store["weekly_hours"][0]["start_time_local"] == "09:00:00"
    assert [version["valid_from"] for version in store["versions"]] == ["2023-02-01"]
    refused = client.post("/v1/imports", data={"valid_from": "2023-02-30"}, **changed)
    assert [error["field"] for error in refused.json()["errors"]] == ["body.valid_from"]
    polls = {"files": [("file", ("store_status.csv", POLLS))]}
    other = client.post("/v1/imports", data={"valid_from": "2023-02-01"}, **polls).json()["items"][0]
    assert "only weekly hours can be valid from a date" in ended(client, other["import_id"])["error"]
    wait_for(lambda: uploads_of(app) == [])


@pytest.mark.parametrize(
    ("name", "text", "table"),
    [
        ("special_hours.csv", "store_id,date,start_time_local,end_time_local\ncafe,2023-01-24,,\n", "special_hours"),
        ("targets.csv", "label,value,objective\nowner,acme,99.5\n", "targets"),
        ("sales.csv", "store_id,sales_per_hour\ncafe,12.5\n", "sales"),
    ],
)
def test_tables_of_entries_are_imported(client: TestClient, name: str, text: str, table: str) -> None:
    client.post("/v1/stores", json={"store_id": "cafe", "labels": {"owner": "acme"}})
    (done,) = imported(client, (name, text))
    assert done["counts"] == {"table": table, "rows": 1, "accepted": 1, "rejected": 0}
    assert len(client.get(f"/v1/{table.replace('_', '-')}").json()["items"]) == 1
