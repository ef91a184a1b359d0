"""Bodies that are made to keep the service busy: each is answered exactly, and others are answered meanwhile."""

import gzip
import http.client
import io
import threading
import time
import zipfile
from collections.abc import Callable, Iterator

import httpx2 as httpx
import pytest
from backports import zstd
from support.real_processes import service
from support.waiting import wait_for

# On a busy machine; 20 times what is allowed on an idle one.
PATIENCE_SECONDS = 5.0
CSV = {"Content-Type": "text/csv"}
EMPTY_MEMBER = gzip.compress(b"", mtime=0)
TOO_MANY_PARTS = (
    "The body cannot be decompressed: it consists of too many parts: the first 1,001 hold 0 bytes; beyond 1,000 parts "
    "each must hold 4,096."
)

Watched = Callable[[Callable[[], httpx.Response]], httpx.Response]


class _Watch(threading.Thread):
    """Asks for /healthz all the time; `worst_seconds` is how long the slowest answer took."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.worst_seconds, self.ending = 0.0, threading.Event()
        self._port = port

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self.ending.is_set():
            begun = time.perf_counter()
            connection.request("GET", "/healthz")
            assert connection.getresponse().read() == b'{"status":"alive"}'
            self.worst_seconds = max(self.worst_seconds, time.perf_counter() - begun)
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
    assert 0 < watch.worst_seconds < PATIENCE_SECONDS


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
        "beyond 1,000 parts each must hold 4,096); nothing of it was imported."
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
