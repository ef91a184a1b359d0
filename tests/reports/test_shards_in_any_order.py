"""Shards that are computed in any order, in other processes: the files are the same to the byte."""

import pickle
import random
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.report_world import AS_OF_US, import_world
from support.scene import settings_in

from storewatch.domain.enums import ReportFormat, ReportTable, Section
from storewatch.installation import Installation, open_installation
from storewatch.reports.assembly import ComputeShards, compute_content
from storewatch.reports.compute.collectors import Collector, Parts, collect_and_merge, report_shards
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.shards import SHARD_ROWS, ReportInputs
from storewatch.reports.exports import WRITERS
from storewatch.reports.request.request import read_request
from storewatch.stores.evidence import StoreList

FORMS = [
    *(({"format": form}) for form in (ReportFormat.JSON, ReportFormat.NDJSON, ReportFormat.XLSX, ReportFormat.PDF)),
    *({"format": ReportFormat.PARQUET, "table": table} for table in ReportTable),
    *({"format": ReportFormat.WIDE_CSV, "table": table} for table in ReportTable),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("world")
    with open_installation(settings_in(folder)) as app:
        import_world(app, folder / "files")
        yield app


def shuffled(
    context: ReportContext,
    collectors: Sequence[Collector[Any]],
    shard_rows: int = SHARD_ROWS,
) -> list[Any]:
    """Compute shards in another order; collectors and parts are pickled on their way, and parts wait in files."""
    shards = report_shards(context, collectors, shard_rows)
    numbers = [number for number, (first, last) in enumerate(shards.bounds) if first < last]
    assert len(numbers) > 2
    random.Random(8).shuffle(numbers)
    sent = pickle.dumps(collectors)
    kept = [Parts(context.folder, in_memory_bytes=0) for _ in collectors]
    for number in numbers:
        shard = shards.read(number)
        for collector, parts in zip(pickle.loads(sent), kept, strict=True):  # noqa: S301
            part = pickle.loads(pickle.dumps(collector.collect(shard)))  # noqa: S301
            parts.add(number, part)
    return [collector.merge(parts.in_order()) for collector, parts in zip(collectors, kept, strict=True)]


def written(world: Installation, folder: Path, asked: dict[str, Any], compute_shards: ComputeShards) -> Path:
    """Write a report with every section to a file."""
    every = {"windows": ["last_week", "today"], "by": "day", "group_by": "brand", "peers": "brand", "target": 99.5}
    request = read_request(every | {"compare_before": True, "include": list(Section)} | asked)
    inputs = ReportInputs(
        store_list=StoreList.read(world.catalog),
        snapshot=world.lake.snapshot(),
        as_of_us=AS_OF_US,
        policy=request.chosen_policy,
    )
    folder.mkdir()
    content = compute_content(
        ReportContext.of(request, inputs, folder),
        inputs.store_list.store_ids,
        catalog=world.catalog,
        compute_shards=compute_shards,
    )
    WRITERS[request.format](content, folder / "report")
    return folder / "report"


@pytest.mark.parametrize("asked", FORMS, ids=lambda asked: "-".join(asked.values()))
def test_shards_in_any_order_write_the_same_file(world: Installation, tmp_path: Path, asked: dict[str, Any]) -> None:
    plain = written(world, tmp_path / "plain", asked, partial(collect_and_merge, shard_rows=300))
    other = written(world, tmp_path / "other", asked, partial(shuffled, shard_rows=300))
    assert plain.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("more", [{"worst": 7}, {"with_outages": True}], ids=str)
def test_shards_in_any_order_choose_the_same_stores(world: Installation, tmp_path: Path, more: dict[str, Any]) -> None:
    asked = {"format": ReportFormat.JSON} | more
    plain = written(world, tmp_path / "plain", asked, partial(collect_and_merge, shard_rows=150))
    other = written(world, tmp_path / "other", asked, partial(shuffled, shard_rows=150))
    assert plain.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("form", [ReportFormat.JSON, ReportFormat.XLSX])
def test_shards_of_any_size_write_the_same_file(world: Installation, tmp_path: Path, form: ReportFormat) -> None:
    whole = written(world, tmp_path / "whole", {"format": form}, collect_and_merge)
    parts = written(world, tmp_path / "parts", {"format": form}, partial(shuffled, shard_rows=300))
    assert whole.read_bytes() == parts.read_bytes()
