from pathlib import Path

import pytest

from bench.base.errors import UserError
from bench.cells.config import RESULT_FIELDS, RUNTIME_FIELDS, RunConfig, load_config

WORDS = {"methods": "average,ssan[k=4,form=released]", "dataset": "phantom"}


def test_lists_are_split_at_commas_outside_brackets() -> None:
    config = load_config(None, WORDS | {"losses": "l1,ls", "seeds": "0,2"})
    assert config.methods == ("average", "ssan[k=4,form=released]")
    assert config.losses == ("l1", "ls")
    assert config.seeds == (0, 2)


def test_command_line_wins_over_file_and_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('methods = ["average"]\ndataset = "a"\npreset = "paper"\nmax-triplets = 3\n')
    config = load_config(file, {"dataset": "b", "preset": None})
    assert (config.dataset, config.preset, config.max_triplets) == (("b",), "paper", 3)
    assert config.losses == ("ls",)


def test_a_file_says_of_a_volume_what_the_command_line_can_say(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('label-zero = "membrane"\nlabel_kind = "ids"\nvoxel-size = [30, 6, 6]\n')
    config = load_config(file, WORDS)
    assert (config.label_kind, config.label_zero) == ("ids", "membrane")
    assert config.voxel_size == load_config(None, WORDS | {"voxel_size": "30,6,6"}).voxel_size


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ({"preset": "quik"}, "did you mean 'quick'"),
        ({"seeds": "one"}, "--seeds"),
        ({"fold": 7}, "--fold"),
        ({"max_triplets": 0}, "--max-triplets"),
        ({"device": "gpu"}, "--device value 'gpu'; did you mean 'cuda'?"),
        ({"methods": ""}, "--methods"),
        ({"dataset": None}, "--dataset"),
        ({"grey_range": "1,2,3"}, "--grey-range is not valid: give LOW,HIGH or auto."),
        (
            {"missing": "7-3", "source": "a.tif"},
            "--missing is not valid: '7-3' runs backwards; write 3-7.",
        ),
        ({"missing": "7"}, "--missing goes with --source, which is not given."),
        ({"labels": "ids.tif"}, "--labels goes with --source, which is not given."),
        ({"mask": "tissue.tif"}, "--mask goes with --source, which is not given."),
        ({"label_kind": "mask"}, "--label-kind"),
        ({"label_zero": "membranes"}, "did you mean 'membrane'"),
        ({"voxel_size": "30,6"}, "--voxel-size is not valid: give Z,Y,X in nm"),
        ({"voxel_size": "30,6,-6"}, "--voxel-size"),
        ({"voxel_size": "inf,6,6"}, "--voxel-size"),
    ],
)
def test_a_wrong_word_is_named_in_one_sentence(words: dict[str, object], hint: str) -> None:
    with pytest.raises(UserError) as caught:
        load_config(None, WORDS | words)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


FLAGS = [name for name, field in RunConfig.model_fields.items() if field.annotation is bool]


@pytest.mark.parametrize("key", sorted(set(RunConfig.model_fields) - set(FLAGS)))
def test_true_in_a_file_is_no_number_and_no_word(key: str, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    for value in ("true", "[true]"):
        file.write_text(f"{key} = {value}\n")
        words = {name: value for name, value in WORDS.items() if name != key}
        with pytest.raises(UserError, match=f"--{key.replace('_', '-')}"):
            load_config(file, words)


@pytest.mark.parametrize("key", FLAGS)
def test_a_flag_in_a_file_is_true_or_false(key: str, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(f"{key} = true\n")
    assert getattr(load_config(file, WORDS), key) is True


def test_unknown_key_in_a_file_names_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('losess = ["l1"]\n')
    with pytest.raises(UserError, match="did you mean 'losses'"):
        load_config(file, WORDS)


@pytest.mark.parametrize("content", ["losses = [", "\x00", None])
def test_an_unreadable_file_is_a_sentence(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "run.toml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError, match=r"run\.toml"):
        load_config(file, WORDS)


def test_every_field_is_classified() -> None:
    assert set(RunConfig.model_fields) == RESULT_FIELDS | RUNTIME_FIELDS
    assert not RESULT_FIELDS & RUNTIME_FIELDS


def test_a_run_that_comes_with_the_package_is_found_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(Path("configs/table3.toml"), {}).losses == ("ls",)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/table3.toml").write_text('methods = "flow"\ndataset = "mine"\n')
    assert load_config(Path("configs/table3.toml"), {}).dataset == ("mine",)
    with pytest.raises(UserError, match=r"configs/mine.toml cannot be read"):
        load_config(Path("configs/mine.toml"), {})


def test_paths_of_a_file_are_found_beside_it_or_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, here = tmp_path / "gate", tmp_path / "here"
    beside.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    for path in (beside / "one.safetensors", beside / "stack.tif", here / "two.safetensors"):
        path.touch()
    file = beside / "gate.toml"
    file.write_text(
        'dataset = "mine"\nsource = "stack.tif"\nlabels = "elsewhere.tif"\n'
        'methods = ["ssan[g0=8, weights=one.safetensors]", "dain[init=two.safetensors]"]\n'
    )
    config = load_config(file, {})
    assert config.methods == (
        f"ssan[g0=8,weights={beside}/one.safetensors]",
        "dain[init=two.safetensors]",
    )
    assert (config.source, config.labels) == (str(beside / "stack.tif"), "elsewhere.tif")
    (here / "two.safetensors").unlink()
    with pytest.raises(UserError) as error:
        load_config(file, {})
    for folder in (beside, here):
        assert str(folder / "two.safetensors") in str(error.value)
    assert load_config(file, {"methods": "average"}).methods == ("average",)
