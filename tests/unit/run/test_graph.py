"""The tasks of a run: what cells share is there once, what takes longest comes first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.base.progress import PlainDisplay
from bench.cells.cell import plan
from bench.cells.config import RunConfig
from bench.cells.datasets import open_datasets
from bench.run.graph import Graph, Key
from bench.run.worker import Worker
from bench.triplets.file import TripletFile


def graph_of(data: Path, out: Path, **words: Any) -> Graph:
    usual = {"methods": "average,tiny", "losses": "l1", "dataset": "cells", "data": data,
             "out": out}  # fmt: skip
    config, display = RunConfig.model_validate(usual | words), PlainDisplay(lambda _: None)
    worker = Worker(plan(config), config, display)
    return Graph(worker, open_datasets(config, display))


def names(graph: Graph) -> list[str]:
    return [key[0] for key in graph.tasks]


@pytest.mark.usefixtures("tiny_bench", "texture")
def test_what_cells_have_in_common_is_one_task(
    data_folder: Path, cells: TripletFile, tmp_path: Path
) -> None:
    """Both cells of `tiny` learn from `cells`, so the second takes over the first's training."""
    graph = graph_of(data_folder, tmp_path, dataset="cells,texture[trained_on=cells]")
    found = names(graph)
    assert found.count("train tiny l1") == 1
    assert found.count("predict tiny l1") == 2
    training = next(key for key in graph.tasks if key[0] == "train tiny l1")
    needing = [task for key, task in graph.tasks.items() if key[0] == "predict tiny l1"]
    assert all(training in task.needs for task in needing)
    segmenters = {key[1]: task.needs for key, task in graph.tasks.items() if key[0] == "segmenter"}
    own = ("segmenter", "cells")
    assert segmenters == {"cells": (), "texture[trained_on=cells]": (own,)}


@pytest.mark.usefixtures("tiny_bench")
def test_what_is_computed_again_is_trained_for_each_cell(
    data_folder: Path, cells: TripletFile, texture: TripletFile, tmp_path: Path
) -> None:
    two = "cells,texture[trained_on=cells]"
    graph = graph_of(data_folder, tmp_path, dataset=two, rerun=True)
    assert names(graph).count("train tiny l1") == 2


@pytest.mark.usefixtures("tiny_bench", "cells")
def test_the_longest_chain_is_begun_first_and_a_task_stands_behind_what_it_needs(
    data_folder: Path, tmp_path: Path
) -> None:
    graph = graph_of(data_folder, tmp_path)
    order = [key for key, _ in graph.longest_first()]
    assert [key[0] for key in order][:2] == ["train tiny l1", "segmenter"]

    def left(key: Key) -> float:
        after = [left(other) for other, task in graph.tasks.items() if key in task.needs]
        return graph.tasks[key].seconds + max(after, default=0)

    assert [left(key) for key in order] == sorted(map(left, order), reverse=True)
    for key, task in graph.tasks.items():
        assert all(order.index(need) < order.index(key) for need in task.needs)


def test_what_is_done_is_looked_at_and_what_it_took_is_expected_of_the_next(
    run: Any, data_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results"
    assert run("--losses", "l1", "--stages", "train,predict,score", methods="tiny")[0] == 0
    words = {"methods": "tiny", "stages": "train,predict,score"}
    assert names(graph_of(data_folder, out, **words)) == ["look linear", "look tiny l1"]
    (record,) = out.glob("runs/cells/tiny*/record.json")
    stages = json.loads(record.read_text())["stages"]
    again = graph_of(data_folder, out, **words | {"seeds": "1"})
    expected = {key[0]: task.seconds for key, task in again.tasks.items() if "tiny" in key[0]}
    assert expected == {f"{name} tiny l1": stage["seconds"] for name, stage in stages.items()}


def test_where_all_is_done_no_worker_is_wanted(run: Any, data_folder: Path, tmp_path: Path) -> None:
    out, words = tmp_path / "results", {"methods": "average", "stages": "train,predict"}
    assert not graph_of(data_folder, out, **words).is_done
    assert run("--stages", "train,predict", methods="average")[0] == 0
    assert graph_of(data_folder, out, **words).is_done
