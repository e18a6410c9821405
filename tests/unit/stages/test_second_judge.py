"""`--judges 2` from end to end: what a second judge leaves, and what it leaves alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.scores.membranes import JUDGED, MEMBRANE_METRICS
from bench.stages.segmenter import load_segmenter, save_segmenter
from bench.store.records import Store
from bench.store.weights import load_tensors, save_tensors
from segmentation.scores import Thresholds
from segmentation.unet import UNet, UNetOptions

pytestmark = pytest.mark.usefixtures("one_thread", "without_picture")
TWO = ("--judges", "2", "--json")
COLUMNS = [f"second_{column}" for name in JUDGED for column in MEMBRANE_METRICS[name].reads]


def rows_of(out: str) -> dict[str, Any]:
    return {row["method"]: row for row in json.loads(out)["rows"]}


def folders(tmp_path: Path, dataset: str = "cells") -> dict[str, Path]:
    """The folder of each segmenter, by the kind of its network."""
    found = (tmp_path / "results/runs" / dataset).glob("segmenter-*")
    return {load_segmenter(folder / "weights.safetensors")[0].options.kind: folder
            for folder in found}  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def table_of(row: dict[str, Any]) -> pd.DataFrame:
    return pd.read_parquet(Path(row["folder"]) / "membranes.parquet")


def test_a_second_judge_is_added_to_finished_cells_and_changes_nothing_of_the_first(  # type: ignore[no-untyped-def]
    run, tmp_path: Path
) -> None:
    rows = rows_of(run("--json")[1])
    cell, first = Path(rows["average"]["folder"]), folders(tmp_path)["unet"]
    before, segmenter = contents(cell), contents(first)
    alone = table_of(rows["average"])

    code, out, err = run(*TWO)
    assert code == 0, err
    assert "predict, score computed before" in err
    assert err.count("Training the second segmenter of 'cells'") == 1
    judged = rows_of(out)
    assert judged["average"]["folder"] == rows["average"]["folder"]
    table = table_of(judged["average"])
    pd.testing.assert_frame_equal(table[list(alone)], alone)
    assert sorted(set(table) - set(alone)) == sorted(COLUMNS)
    assert contents(first) == segmenter
    changed = {name for name, data in contents(cell).items() if before.get(name) != data}
    assert changed == {"record.json", "membranes.parquet"}
    # And back: what is left without it is what was there before it.
    run("--json")
    assert (cell / "membranes.parquet").read_bytes() == before["membranes.parquet"]


def test_its_scores_are_those_it_gives_as_the_only_judge(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    together = rows_of(run(*TWO)[1])
    judges = folders(tmp_path)
    assert sorted(judges) == ["linknet", "unet"]
    given, stricter = tmp_path / "second.safetensors", tmp_path / "first.safetensors"
    shutil.copy(judges["linknet"] / "weights.safetensors", given)
    alone = rows_of(run("--json", "--segmenter", given)[1])
    for method, row in together.items():
        found, expected = row["membranes"], alone[method]["membranes"]
        for name in JUDGED:
            for part in ("metrics", "ceiling", "gap"):
                assert found[part][f"second_{name}"] == pytest.approx(expected[part][name]), name
            assert found["metrics"][f"second_{name}"] != found["metrics"][name]

    code, out, _ = run(*TWO, "--segmenter", given)
    assert code == 1
    reason = json.loads(out)["rows"][0]["failure"]
    assert "nobody to compare it with; leave --judges or --segmenter out" in reason

    # A first judge from elsewhere leaves the second as it is.
    tensors, facts = load_tensors(judges["unet"] / "weights.safetensors")
    save_tensors(stricter, tensors, facts | {"threshold": 0.95})
    code, out, err = run(*TWO, "--segmenter", stricter)
    assert code == 0, err
    assert "Training the second segmenter" not in err
    metrics, own = (each["average"]["membranes"]["metrics"] for each in (rows_of(out), together))
    assert metrics["second_dice"] == own["second_dice"]
    assert metrics["dice"] != own["dice"]


def test_tables_show_both_judges_and_say_whether_they_agree(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run(*TWO)
    assert code == 0, err
    (found,) = json.loads(out)["judges"]
    assert sorted(found["methods"]) == ["average", "linear"]
    assert set(found["tau"]) == {"carried", "adapted_rand_error", "dice"}
    assert abs(found["tau"]["dice"]) == 1.0
    rows = rows_of(out)
    _, terminal, _ = run("--judges", "2")
    assert "cells: two judges" in terminal
    assert found["text"] in terminal
    words = ("--data", tmp_path, "--out", tmp_path / "results")
    assert run.bench("report", "--tables", "judges", "--format", "csv,markdown", *words)[0] == 0
    report = tmp_path / "results/report"
    shown = pd.read_csv(report / "judges.csv").set_index(["column", "row"])["value"]
    metrics, real = (rows["average"]["membranes"][part] for part in ("metrics", "ceiling"))
    for name in ("carried", "second_carried", "dice", "second_dice", "second_adapted_rand_error"):
        title = MEMBRANE_METRICS[name].title
        assert shown[title, "Average"] == pytest.approx(metrics[name]["mean"])
        assert shown[title, "Real slice"] == pytest.approx(real[name]["mean"])
    assert found["text"] in (report / "judges.md").read_text()


def test_who_has_taught_is_refused_as_second_judge(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    words = (*TWO, "--losses", "lm")
    code, out, err = run(*words, methods="tiny")
    assert code == 0, err
    assert rows_of(out)["tiny"]["membranes"]["metrics"]["second_dice"]["mean"] is not None
    second = folders(tmp_path)["linknet"] / "weights.safetensors"
    code, out, err = run(*words, "--teacher", second, methods="tiny")
    assert code == 2
    assert "is the network that judges the frames" in err


def test_without_labels_to_learn_it_from_there_is_none_and_it_is_said(  # type: ignore[no-untyped-def]
    run, tmp_path: Path
) -> None:
    weights = tmp_path / "given.safetensors"
    save_segmenter(weights, UNet(UNetOptions(decoder=(8, 4, 4))), Thresholds(0.5, 0.4), {})
    _, alone, _ = run("--json", "--segmenter", weights, dataset="texture")
    code, out, err = run("--judges", "2", "--segmenter", weights, dataset="texture")
    assert code == 0
    assert "segment computed before" in err
    assert out.count("No second judge: 'texture' has no labels to learn membranes from.") == 1
    _, again, _ = run(*TWO, "--segmenter", weights, dataset="texture")
    assert json.loads(again) == json.loads(alone)


def test_a_lost_second_judge_is_told_and_made_again(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _, first, _ = run(*TWO)
    words = ("--data", tmp_path, "--out", tmp_path / "results")
    assert run.bench("verify", *words)[0] == 0
    weights = folders(tmp_path)["linknet"] / "weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-10])
    code, out, _ = run.bench("verify", *words)
    assert code == 1
    assert str(weights) in out
    code, again, err = run(*TWO)
    assert code == 0, err
    assert "Training the second segmenter" in err
    assert "Training the segmenter" not in err
    assert weights.read_bytes() == whole
    assert json.loads(again)["rows"] == json.loads(first)["rows"]


def test_a_dataset_that_borrows_has_the_second_judge_of_what_it_learned_from(  # type: ignore[no-untyped-def]
    run, tmp_path: Path
) -> None:
    borrowing = "texture[trained_on=cells]"
    code, out, err = run(*TWO, dataset=f"cells,{borrowing}")
    assert code == 0, err
    assert err.count("Training the second segmenter") == 1
    facts = {
        record.cell["dataset"]: record.stages["segment"].facts
        for _, record in Store(tmp_path / "results").records()
    }
    assert facts[borrowing]["second_segmenter"] == facts["cells"]["second_segmenter"]
    rows = [row for row in json.loads(out)["rows"] if row["dataset"] == borrowing]
    assert all(row["membranes"]["ceiling"]["second_dice"]["mean"] == 1.0 for row in rows)


def test_three_judges_are_too_many(run) -> None:  # type: ignore[no-untyped-def]
    code, _, err = run("--judges", 3)
    assert code == 2
    assert "--judges" in err.splitlines()[-1]
