"""A release has the same bytes, whoever computes it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder.cli import main
from dataset_builder.cluster import Workers, map_items
from dataset_builder.fusion import consensus
from dataset_builder.snapshot import Snapshot
from tests.dask_cluster import dask_cluster


@pytest.fixture
def snapshot(
    make_snapshot: Callable[..., Snapshot],
    write_snapshot_folder: Callable[[Snapshot, Path], Path],
    tmp_path: Path,
) -> Path:
    return write_snapshot_folder(make_snapshot(n_clips=24), tmp_path / "snapshot")


def digest(snapshot: Path, out: Path, *options: str) -> str:
    command = ["build", str(snapshot), str(out), "--name", "demo", "--version", "1.0.0", "--json"]
    result = CliRunner().invoke(main, [*command, *options])
    assert result.exit_code == 0, result.output
    return str(json.loads(result.stdout)["release_sha256"])


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make small blocks, and tell how many frames each that is given out has."""
    sizes: list[int] = []
    real = consensus.map_items

    def watched(function, items, workers, **named):
        for block, found in real(function, items, workers, **named):
            sizes.append(len(block.clicks))
            yield block, found

    monkeypatch.setattr(consensus, "map_items", watched)
    monkeypatch.setattr(consensus, "BLOCK_FRAMES", 16)
    return sizes


def test_processes_and_clusters_write_the_bytes_of_one_process(
    snapshot: Path, tmp_path: Path, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    robust = ("--set", "mode=robust")
    paper_here = digest(snapshot, tmp_path / "paper")
    assert len(taken) > 3
    assert max(taken) <= 16
    assert digest(snapshot, tmp_path / "paper_2", "--processes", "2") == paper_here
    robust_here = digest(snapshot, tmp_path / "robust", *robust)
    (elsewhere := tmp_path / "dask").mkdir()
    with dask_cluster(elsewhere) as running:
        there = ("--scheduler", running.address)
        assert digest(snapshot, tmp_path / "robust_dask", *robust, *there) == robust_here
        assert digest(snapshot, tmp_path / "paper_dask", *there) == paper_here
    monkeypatch.setattr(consensus, "BLOCK_FRAMES", 10_000)
    assert digest(snapshot, tmp_path / "one_block", *robust) == robust_here


def test_a_cluster_is_reached_from_within_an_event_loop(tmp_path: Path) -> None:
    """As in a notebook."""

    async def numbers() -> list[tuple[int, int]]:
        return list(map_items(abs, [-1, 2], Workers(scheduler=running.address), what="numbers"))

    with dask_cluster(tmp_path, 1) as running:
        with ThreadPoolExecutor(1) as aside:  # the browser tests keep a loop running in this one
            found = aside.submit(lambda: asyncio.run(numbers())).result()
        assert sorted(found) == [(-1, 1), (2, 2)]
