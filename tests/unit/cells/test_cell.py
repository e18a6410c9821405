import dataclasses
from pathlib import Path

import pytest
import torch

from bench.base.files import content_digest
from bench.cells.cell import Cell, budget_of, plan
from bench.cells.config import RESULT_FIELDS, RUNTIME_FIELDS, RunConfig
from bench.cells.variants import parse_variant
from bench.stages import score
from bench.stages.keys import Inputs, Keys
from bench.stages.pipeline import keys as keys_of
from bench.store.weights import save_weights

BASE = {"methods": "tiny", "dataset": "texture", "losses": "l1"}

# What each field that changes results is varied to. Datasets and features come in by digest.
CHANGES = {
    "methods": "tiny[width=5]", "losses": "l1[epsilon=0.1]", "seeds": "1", "preset": "medium",
    "precision": "bf16", "max_triplets": 3, "samples": 10, "predict_tile": 128,
    "micro_batch": 1, "crop": 64,
}  # fmt: skip
BY_DIGEST = {
    "dataset", "fold", "source", "labels", "mask", "grey_range", "missing", "region", "level",
    "axes", "channel", "label_kind", "label_zero", "voxel_size", "vgg_weights", "teacher",
    "segmenter", "segmenter_encoder", "segmenter_weights", "segmenter_steps", "judges",
}  # fmt: skip
RUNTIME_CHANGES = {
    "download": True,
    "data": "elsewhere", "out": "elsewhere", "device": "cpu", "threads": 1, "jobs": 2,
    "scheduler": "tcp://host:8786", "scheduler_file": "file", "stages": "train", "rerun": True,
}  # fmt: skip


def keys(cell: Cell, config: RunConfig, learned_from: str = "f", **digests: object) -> Keys:
    return keys_of(Inputs(cell, config, learned_from, **digests))


def only_trained(**words: object) -> tuple[Cell, RunConfig]:
    config = RunConfig.model_validate(BASE | words)
    return next(cell for cell in plan(config) if cell.trained), config


@pytest.mark.usefixtures("tiny_bench")
def test_each_dataset_has_the_fold_of_its_card_unless_one_is_asked_for() -> None:
    words = {"dataset": "texture,cremi_triplet_a,phantom[trained_on=cremi_triplet_b]"}
    folds = {cell.dataset: cell.fold for cell in plan(RunConfig.model_validate(BASE | words))}
    assert list(folds.values()) == [0, 3, 0]
    asked = plan(RunConfig.model_validate(BASE | words | {"fold": 0}))
    assert {cell.fold for cell in asked} == {0}


def key(fingerprint: str = "f", features: str | None = None, **words: object) -> str:
    cell, config = only_trained(**words)
    return keys(cell, config, fingerprint, features=features).cell


@pytest.mark.usefixtures("tiny_bench")
def test_a_micro_batch_that_holds_all_crops_of_a_step_changes_no_key() -> None:
    assert key(micro_batch=2) == key(micro_batch=5) == key()


@pytest.mark.usefixtures("tiny_bench")
def test_labels_of_neighbours_change_the_key_of_the_membranes_alone() -> None:
    cell, config = only_trained()
    without, known = (keys(cell, config, segmenter="s", carried=carried) for carried in (None, "c"))
    assert known.cell == without.cell
    changed = {name for name, key in known.stages.items() if key != without.stages[name]}
    assert changed == {"segment"}


KNOWN = {
    "average": "6f36ed13d9848bfa371b4e5b16e0f5d26763eb96f4f59228d764f0fc29f18373",
    "linear": "9e11c059cdddd067e5c8e51f4d772bf1c8da322efe3ae80d26d0a52d0698c85b",
    "flow": "aa08fcc8f442aad52f586a73e55d2271a2b419e7d4c793a27d860c4d12a8c7cd",
    "rife l1": "eab28c9c1736d4e1f74977bd0fc176d78f2badb82cbb4da0cd7717ba11e733d5",
    "tiny l1": "81b4d826dc62801d1d57a627adaee1a8d337b46b77688b98abc113aaa80327e9",
}


@pytest.mark.usefixtures("tiny_bench")
def test_the_keys_of_cells_that_are_kept_still_hold() -> None:
    """What is computed with some version is found by a later one, unless figures have changed."""
    config = RunConfig.model_validate(BASE | {"methods": "average,linear,flow,rife,tiny"})
    assert {cell.title: keys(cell, config).cell for cell in plan(config)} == KNOWN


def test_every_field_is_covered_here() -> None:
    assert set(CHANGES) | BY_DIGEST == RESULT_FIELDS
    assert set(RUNTIME_CHANGES) == RUNTIME_FIELDS


@pytest.mark.usefixtures("tiny_bench")
@pytest.mark.parametrize("field", CHANGES)
def test_what_changes_results_changes_the_key(field: str) -> None:
    assert key(**{field: CHANGES[field]}) != key()


@pytest.mark.usefixtures("tiny_bench")
@pytest.mark.parametrize("field", RUNTIME_CHANGES)
def test_what_does_not_change_results_does_not_change_the_key(field: str) -> None:
    assert key(**{field: RUNTIME_CHANGES[field]}) == key()


@pytest.mark.usefixtures("tiny_bench")
def test_dataset_and_features_come_in_by_digest() -> None:
    assert key(fingerprint="g") != key()
    assert key(features="d") != key()


@pytest.mark.usefixtures("tiny_bench")
def test_the_segmenter_is_in_the_key_of_its_stage_alone() -> None:
    cell, config = only_trained()
    without, one, other = (keys(cell, config, segmenter=s) for s in (None, "a", "b"))
    assert "segment" not in without.stages
    assert one.stages["segment"] != other.stages["segment"]
    assert one.cell == other.cell == without.cell
    assert {**one.stages, "segment": ""} == {**other.stages, "segment": ""}


def test_a_learning_rate_of_its_own_reaches_one_method_and_leaves_the_keys_of_others() -> None:
    config = RunConfig.model_validate(BASE | {"methods": "sepconv,ssan", "preset": "quick"})
    rates = {cell.variant.info.name: budget_of(cell, config) for cell in plan(config)[1:]}
    assert rates["sepconv"].learning_rate == 5e-4
    assert rates["ssan"].learning_rate == 1e-3
    assert dataclasses.replace(rates["sepconv"], learning_rate=1e-3) == rates["ssan"]
    settings = {c.variant.info.name: keys(c, config).settings for c in plan(config)[1:]}
    assert settings["sepconv"]["preset"]["learning_rate"] == 5e-4
    assert "rates" not in settings["ssan"]["preset"]


def test_the_rate_of_motion_is_in_the_keys_that_it_matters_to() -> None:
    """A method that estimates motion by itself, under a loss whose features join later."""
    config = RunConfig.model_validate(BASE | {"methods": "dain,ssan", "preset": "quick"})
    for cell in plan(config)[1:]:
        moves = cell.variant.info.name == "dain"
        for features in (None, "digest"):
            preset = keys(cell, config, features=features).settings["preset"]
            assert ("motion_share" in preset) == (moves and features is not None)


@pytest.mark.usefixtures("tiny_bench")
def test_what_was_learned_elsewhere_is_the_same_training_and_another_cell() -> None:
    cell, config = only_trained()
    own, elsewhere = keys(cell, config), keys(cell, config, tested="g")
    assert own.stages["train"] == elsewhere.stages["train"]
    assert own.cell != elsewhere.cell
    average = next(cell for cell in plan(config) if cell.is_null)
    assert keys(average, config, tested="g").cell != keys(average, config, "g").cell
    copy = plan(config.model_copy(update={"methods": ("before",)}))[1]
    assert keys(copy, config, tested="g") == keys(copy, config, "g")


@pytest.mark.usefixtures("tiny_bench")
def test_thresholds_retuned_on_another_dataset_are_in_the_key_of_the_membranes(
    tmp_path: Path,
) -> None:
    """A given segmenter does not depend on what is learned from; a method's own thresholds do."""
    given = {"methods": "before", "segmenter": tmp_path / "given.safetensors"}
    config = RunConfig.model_validate(BASE | given)
    copy = plan(config)[1]
    one, other = (keys(copy, config, of, segmenter="s", tested="g") for of in ("e", "f"))
    assert one.cell == other.cell
    differ = {name for name in one.stages if one.stages[name] != other.stages[name]}
    assert differ == {"segment"}


@pytest.mark.usefixtures("tiny_bench")
@pytest.mark.parametrize("samples", [None, 60, 59])
def test_a_record_says_how_many_samples_where_they_are_not_the_preset_s(
    samples: int | None,
) -> None:
    config = RunConfig.model_validate(BASE | {"samples": samples})
    said = {cell.title: keys(cell, config).settings["samples"] for cell in plan(config)}
    assert said == {"linear": None, "tiny l1": 59 if samples == 59 else None}


@pytest.mark.usefixtures("tiny_bench")
def test_the_columns_of_overlapping_tiles_are_in_the_keys_of_what_holds_them() -> None:
    cell, config = only_trained()
    apart, overlap = (keys(cell, config, segmenter="s", overlapping=o) for o in (False, True))
    assert apart.cell == overlap.cell
    differ = {name for name in apart.stages if apart.stages[name] != overlap.stages[name]}
    assert differ == {"score", "segment"}


@pytest.mark.usefixtures("tiny_bench")
def test_methods_keep_their_keys_whoever_stands_beside_them() -> None:
    assert key(methods="tiny") == key(methods="average,tiny,before")


@pytest.mark.usefixtures("tiny_bench")
def test_the_null_joins_first_and_only_once() -> None:
    def titles(methods: str) -> list[str]:
        config = RunConfig.model_validate(BASE | {"methods": methods, "seeds": "0,1"})
        return [cell.title for cell in plan(config)]

    assert titles("average,tiny") == ["linear", "average", "tiny l1", "tiny l1"]
    assert titles("average,linear") == ["average", "linear"]


@pytest.mark.usefixtures("tiny_bench")
def test_a_classical_method_is_one_cell_whatever_losses_and_seeds() -> None:
    cells = plan(RunConfig.model_validate(BASE | {"methods": "flow", "losses": "l1,ls"}))
    assert [cell.title for cell in cells] == ["linear", "flow"]


@pytest.mark.usefixtures("tiny_bench")
def test_given_weights_make_one_cell_known_by_their_content(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    config = RunConfig.model_validate(
        BASE | {"methods": f"tiny[weights={path}]", "seeds": "0,1", "losses": "l1,ls"}
    )
    found = []
    for bias in (0.0, 1.0):
        model = parse_variant("tiny", "quick").build()
        torch.nn.init.constant_(model.body.bias, bias)
        save_weights(path, model, {})
        _, cell = plan(config)
        assert (cell.title, cell.trained) == ("tiny[weights=w]", False)
        found.append(keys(cell, config).cell)
    assert found[0] != found[1]


@pytest.mark.usefixtures("tiny_bench")
def test_what_a_training_starts_from_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    found = [key()]
    for bias in (0.0, 1.0):
        model = parse_variant("tiny", "quick").build()
        torch.nn.init.constant_(model.body.bias, bias)
        save_weights(path, model, {})
        cell, config = only_trained(methods=f"tiny[init={path}]")
        assert (cell.title, cell.trained) == ("tiny[init=w] l1", True)
        assert budget_of(cell, config).learning_rate == pytest.approx(1e-4)  # a tenth
        found.append(keys(cell, config).cell)
        moved = path.rename(tmp_path / "moved.safetensors")
        cell, config = only_trained(methods=f"tiny[init={moved}]")
        assert keys(cell, config).cell == found[-1]
    assert len(set(found)) == 3


def test_the_calibration_is_in_the_key_of_the_nulls_scores_alone() -> None:
    config = RunConfig.model_validate(BASE | {"methods": "average,linear[window=3]"})
    for cell in plan(config):
        stages = keys(cell, config).stages
        without = content_digest([stages["predict"], score.REVISION])
        assert (stages["score"] == without) is (cell.title != "linear")


@pytest.mark.usefixtures("tiny_bench")
def test_a_loss_that_computes_what_it_did_keeps_its_key() -> None:
    """The balance of ``ls`` has another form than it had; no other reading of any loss has."""

    def settings(loss: str) -> dict[str, object]:
        cell, config = only_trained(losses=loss)
        found: dict[str, object] = keys(cell, config, features="d").settings["loss"]
        return found

    assert settings("ls")["revision"] == 2
    for unchanged in ("l1", "lf", "ls[style=plain]"):
        assert set(settings(unchanged)) == {"name", "options", "features"}
