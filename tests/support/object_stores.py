"""An S3 server of this machine."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.real_processes import free_port


@contextmanager
def running_object_store(log: Path, *, bucket: str) -> Iterator[dict[str, str]]:
    """Run an S3 server with an empty bucket. Yields the environment variables of its clients."""
    import boto3  # noqa: PLC0415 - slow to import, and few tests need it
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    port, region, secret = free_port(), "us-east-1", "testing"
    endpoint = f"http://127.0.0.1:{port}"
    with log.open("wb") as written:
        server = subprocess.Popen(
            [sys.executable, "-c", f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"],
            stdout=written,
            stderr=written,
        )
    try:
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=secret,
            aws_secret_access_key=secret,
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                client.create_bucket(Bucket=bucket)
                break
            except BotoCoreError:
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, "the S3 server did not start"
        yield {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": secret,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": region,
        }
    finally:
        server.kill()
        server.wait()
