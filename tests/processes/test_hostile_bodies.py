"""Bodies that are made to keep the service busy: each is answered exactly, and others are answered meanwhile."""

import gzip
import http.client
import io
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from statistics import median

import httpx2 as httpx
import pytest
from backports import zstd
from support.hostile_files import HOSTILE_FILES
from support.hostile_workbooks import HOSTILE_WORKBOOKS
from support.real_processes import service
from support.waiting import wait_for

from storewatch.domain.errors import TooManyRowsError
from storewatch.ingest.pushed import MAX_ROWS

# The promise. A machine that runs other tests beside this one keeps it for most answers, not for each: one process that
# starts can take both cores for longer. So half of all answers keep it, and the slowest one takes ten times as long.
PROMISED_SECONDS = 0.25
CSV = {"Content-Type": "text/csv"}
EMPTY_MEMBER = gzip.compress(b"", mtime=0)
TOO_MANY_PARTS = (
    "The body cannot be decompressed: it consists of too many parts: the first 1,001 hold 0 bytes; after 1,000 parts "
    "each further part needs 4,096."
)

Watched = Callable[[Callable[[], httpx.Response]], httpx.Response]


class _Watch(threading.Thread):
    """Asks for /healthz all the time; `seconds` is how long each answer took."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.seconds: list[float] = []
        self.ending = threading.Event()
        self._port = port

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self.ending.is_set():
            begun = time.perf_counter()
            connection.request("GET", "/healthz")
            assert connection.getresponse().read() == b'{"status":"alive"}'
            self.seconds.append(time.perf_counter() - begun)
        connection.close()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with service(tmp_path_factory.mktemp("hostile") / "home") as (_, client):
        client.timeout = httpx.Timeout(120)
        yield client


@pytest.fixture
def watched(client: httpx.Client) -> Iterator[None]:
    """Fail if the service did not answer others while the test ran."""
    assert client.base_url.port is not None
    watch = _Watch(client.base_url.port)
    watch.start()
    yield
    watch.ending.set()
    watch.join()
    assert median(watch.seconds) < PROMISED_SECONDS
    assert max(watch.seconds) < 10 * PROMISED_SECONDS


def problem(response: httpx.Response) -> tuple[int, str, str]:
    answer = response.json()
    return response.status_code, answer["type"].rsplit(":", 1)[1], answer["detail"]


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", EMPTY_MEMBER * 400_000), ("zstd", zstd.compress(b"") * 800_000)],
    ids=["gzip", "zstd"],
)
@pytest.mark.parametrize("path", ["/v1/observations", "/v1/imports"])
def test_body_of_empty_parts_is_refused(client: httpx.Client, path: str, coding: str, body: bytes) -> None:
    headers = {**CSV, "Content-Encoding": coding}
    if path == "/v1/imports":
        headers["Content-Type"] = "multipart/form-data; boundary=x"
    assert problem(client.post(path, content=body, headers=headers)) == (400, "broken-encoding", TOO_MANY_PARTS)


TOO_MANY = (
    413,
    "too-many-rows",
    str(TooManyRowsError(MAX_ROWS)),
)
TOO_LARGE = "The body has a value of more than 1 MB (from character {}); no row may be that large."
DEEP = "The body is nested too deeply: send plain objects as rows."
NOT_JSON = "The body is not JSON (Expecting ',' delimiter: character 8,000,001)."
POLL = b'{"store_id":"a","observed_at":"2023-01-25T18:00:00Z","status":"active"}'


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize(
    ("media", "body", "answer"),
    [
        ("json", b"[" + b"[]," * 3_000_000 + b"[]]", TOO_MANY),
        ("json", b'{"observations":[' + b"1," * 1_500_000 + b"1]}", TOO_MANY),
        ("json", b"[[" + b"1," * 4_000_000 + b"1]]", (400, "invalid-input", TOO_LARGE.format(1))),
        ("json", b'[{"store_id":"' + b"a" * 8_000_000 + b'"}]', (400, "invalid-input", TOO_LARGE.format(1))),
        ("json", b"[" * 3_000_000, (400, "invalid-input", DEEP)),
        ("json", b"[" + POLL + b"," + b" " * (8_000_000 - len(POLL) - 2) + b"1", (400, "invalid-input", NOT_JSON)),
        ("x-ndjson", b"\n" * 2_000_000 + POLL, TOO_MANY),
    ],
    ids=["arrays", "numbers", "one-array", "one-text", "deep", "cut", "newlines"],
)
def test_pushed_body_is_refused(client: httpx.Client, media: str, body: bytes, answer: tuple[int, str, str]) -> None:
    headers = {"Content-Type": f"application/{media}"}
    assert problem(client.post("/v1/observations", content=body, headers=headers)) == answer


@pytest.mark.usefixtures("watched")
def test_long_line_is_rejected_by_itself(client: httpx.Client) -> None:
    body = b"[" + b"[]," * 1_000_000 + b"[]]\n" + POLL + b"\n"
    response = client.post("/v1/observations", content=body, headers={"Content-Type": "application/x-ndjson"})
    answer = response.json()
    assert (response.status_code, answer["accepted"]) == (200, 1)
    assert answer["rejects"] == [{"index": 0, "reason": "it is longer than 1,000,000 bytes"}]


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("path", ["/v1/labels", "/v1/special-hours"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[" + b"[]," * 3_000_000 + b"[]]", "The body has more than 1,000,000 rows; send it in parts."),
        (b"[[" + b"1," * 4_000_000 + b"1]]", TOO_LARGE.format(1)),
        (b"[" * 3_000_000, DEEP),
    ],
    ids=["arrays", "one-array", "deep"],
)
def test_body_of_rows_is_refused(client: httpx.Client, path: str, body: bytes, reason: str) -> None:
    response = client.put(path, content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["errors"]) == (422, [{"field": "body", "message": reason}])


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize(
    ("path", "media", "body", "answer"),
    [
        ("/v1/imports", "application/x-www-form-urlencoded", b"&" * 8_000_000, (415, "unknown-media-type")),
        ("/v1/reports", "application/json", b"[" + b"[]," * 330_000 + b"[]]", (413, "body-too-large")),
        (
            "/v1/observations",
            "text/csv",
            b"store_id,status,observed_at\nx" + b"," * 8_000_000,
            (422, "rejected-observations"),
        ),
        ("/v1/observations", "text/csv", b"store_id,status,observed_at" + b"," * 8_000_000, (400, "invalid-input")),
        (
            "/v1/observations",
            "text/csv",
            b"store_id,status,observed_at\n" + b'"' * 8_000_000,
            (422, "rejected-observations"),
        ),
        ("/v1/observations", "text/csv", b"store_id,status,observed_at\n" + b"\n" * 8_000_000, TOO_MANY[:2]),
    ],
    ids=["form", "small", "commas", "columns", "quotes", "newlines"],
)
def test_other_body_is_refused(
    client: httpx.Client, path: str, media: str, body: bytes, answer: tuple[int, str]
) -> None:
    assert problem(client.post(path, content=body, headers={"Content-Type": media}))[:2] == answer


def upload(client: httpx.Client, name: str, content: bytes) -> str:
    """Upload a file and return why its import failed."""
    response = client.post("/v1/imports", files={"file": (name, content)})
    assert response.status_code == 202, response.text
    path = f"/v1/imports/{response.json()['items'][0]['import_id']}"
    ended = wait_for(lambda: job if (job := client.get(path).json())["state"] not in ("queued", "running") else None)
    assert ended["state"] == "failed"
    reason: str = ended["error"]
    return reason


@pytest.mark.usefixtures("watched")
def test_uploaded_file_of_empty_parts_is_refused(client: httpx.Client) -> None:
    assert upload(client, "a.csv.gz", EMPTY_MEMBER * 400_000) == (
        "a.csv.gz is a damaged or truncated gzip file (it consists of too many parts: the first 1,001 hold 0 bytes; "
        "after 1,000 parts each further part needs 4,096); nothing of it was imported."
    )


@pytest.mark.usefixtures("watched")
def test_uploaded_zip_with_100_000_files_is_refused(client: httpx.Client) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(100_000):
            archive.writestr(zipfile.ZipInfo(f"{number}.csv"), b"")
    assert upload(client, "all.zip", content.getvalue()) == (
        "all.zip holds too many files; at most 1,000 are unpacked."
    )


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("name", HOSTILE_WORKBOOKS)
def test_uploaded_workbook_is_refused(client: httpx.Client, name: str) -> None:
    content = HOSTILE_WORKBOOKS[name].content()
    reason = HOSTILE_WORKBOOKS[name].refusal("book.xlsx")
    assert upload(client, "book.xlsx", content) == reason.replace("{}", f"{len(content):,}")


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_uploaded_file_that_unpacks_to_too_much_is_refused(client: httpx.Client, name: str) -> None:
    make, reason = HOSTILE_FILES[name]
    content = make()
    assert upload(client, name, content) == name + reason.replace("{size}", f"{len(content):,}")


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("name", ["encoding.parquet", "rows.parquet", "footer.parquet"])
def test_pushed_parquet_that_unpacks_to_too_much_is_refused(client: httpx.Client, name: str) -> None:
    headers = {"Content-Type": "application/vnd.apache.parquet"}
    answer = problem(client.post("/v1/observations", content=HOSTILE_FILES[name][0](), headers=headers))
    if name == "encoding.parquet":
        assert answer == (400, "invalid-input", f"The body{HOSTILE_FILES[name][1]}")
    else:
        assert answer == TOO_MANY
