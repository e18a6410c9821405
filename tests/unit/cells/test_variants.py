from pathlib import Path

import pytest
import torch

from bench.base.errors import UserError
from bench.cells.cell import plan
from bench.cells.config import RunConfig
from bench.cells.presets import PRESETS
from bench.cells.variants import parse_loss, parse_variant
from bench.store.weights import save_weights


def test_options_change_the_preset_they_start_from() -> None:
    plain, changed = parse_variant("ssan", "quick"), parse_variant("ssan[k=4]", "quick")
    assert plain.options.k != 4
    assert changed.options.k == 4
    assert type(changed.options) is type(plain.options)


def test_spelling_does_not_depend_on_order_or_spaces() -> None:
    one = parse_variant("ssan[k=4, form=released]", "quick")
    other = parse_variant(" ssan[form=released,k=4]", "quick")
    assert one.text == other.text == "ssan[form=released,k=4]"
    assert one.options == other.options


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sepcon", "did you mean 'sepconv'"),
        ("ssan[extractr=unet]", "did you mean 'extractor'"),
        ("ssan[extractor=resnet]", "srdn"),
        ("ssan[k=3]", "k=3"),
        ("ssan[k]", "option=value"),
        ("ssan[k=]", "option=value"),
        ("ssan[", "name[option=value"),
        ("average[k=1]", "option of average"),
        ("ssan[k=2,k=4]", "given twice"),
        ("linear[window=4]", "must be odd"),
        ("sepconv[taps=50]", "odd number of taps"),
        ("ssan[g0=-8]", "cannot be built"),
        ("rife[weight=x]", "did you mean 'weights'?"),
        ("linear[ini=x]", "choose from window"),  # it takes no init
        ("rife[scales=1]", "scales=1 of 'rife' is not valid: it takes several numbers, with /"),
        ("rife[widths=4/4,depth=0]", "rife[depth=0,widths=4/4] is not valid: rife has 2 widths"),
    ],
)
def test_a_wrong_variant_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_variant(text, "quick")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_loss_starts_from_its_preset_and_takes_options() -> None:
    quick, paper = (parse_loss("ls", PRESETS[name]).options for name in ("quick", "paper"))
    assert (quick.lowpass, paper.lowpass) == (1.0, 0.0)
    plain = parse_loss("ls[style=plain, alpha=1e4/1/1]", PRESETS["paper"])
    assert plain.text == "ls[alpha=1e4/1/1,style=plain]"
    assert plain.options.style == "plain"
    assert plain.options.alpha == (1e4, 1.0, 1.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("l3", "no loss 'l3'"),
        ("l2", "did you mean 'l1', 'lf', 'ls' or 'lm'?"),  # all are as near
        ("ls[styl=plain]", "'style'"),
        ("ls[style=flat]", "balance, plain"),
        ("lm[membrane=0]", "lm[membrane=0] is not valid: membrane has to be more than 0."),
        ("lm[membrane=-1]", "membrane has to be more than 0"),
        ("l1[epsilon=0]", "epsilon has to be more than 0"),
        ("ls[alpha=1/-1/1]", "alpha has to be at least 0"),
        ("l1[lowpass=-1]", "lowpass has to be at least 0"),
        ("lm[style=plain]", "'lm' does not use the option style, which is one of ls; leave it"),
        ("lf[beta=1/1/1]", "does not use the option beta"),
        ("l1[feature_crop=32]", "feature_crop, which is one of lf and ls"),
        ("l1[alpha=1/1/1]", "alpha, which is one of lf and ls"),
        ("ls[membrane=2]", "membrane, which is one of lm"),
        ("ls[style=plain,beta=1/1/1]", "leave beta out"),
    ],
)
def test_a_wrong_loss_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_loss(text, PRESETS["quick"])
    assert words in str(caught.value)


def save_fresh(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    save_weights(path, parse_variant(text, "quick").build(), {})
    return path


def test_given_weights_are_called_by_their_file_and_must_fit(tmp_path: Path) -> None:
    path = save_fresh(tmp_path / "mine.safetensors", "linear[window=3]")
    given = parse_variant(f"linear[weights={path},window=3]", "quick")
    assert (given.text, given.weights) == ("linear[weights=mine,window=3]", path)
    wrong = {
        f"linear[weights={path}]": "do not fit",
        f"average[weights={path}]": "has no weights",
        f"linear[weights={tmp_path / 'none.safetensors'}]": "cannot be read",
    }
    for text, words in wrong.items():
        with pytest.raises(UserError, match=words):
            parse_variant(text, "quick")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    paths = [save_fresh(tmp_path / folder / "w.safetensors", "linear") for folder in ("a", "b")]
    methods = [f"linear[weights={path}]" for path in paths]
    assert len(plan(RunConfig(methods=(methods[0],) * 2, dataset=("texture",)))) == 2
    with pytest.raises(UserError, match="rename one"):
        plan(RunConfig(methods=tuple(methods), dataset=("texture",)))


def save_small(path: Path) -> Path:
    """Weights of a `rife` whose file says of what sizes it is."""
    small = {"widths": [4, 4], "scales": [2, 1], "depth": 1, "normalise": True}
    model = parse_variant("rife[widths=4/4,scales=2/1,depth=1]", "quick").build()
    save_weights(path, model, {"method": "rife", "options": small})
    return path


@pytest.mark.parametrize("option", ["weights", "init"])
@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_a_file_that_says_its_options_fits_in_every_preset(
    option: str, preset: str, tmp_path: Path
) -> None:
    path = save_small(tmp_path / "small.safetensors")
    given = parse_variant(f"rife[{option}={path}]", preset)
    assert given.text == f"rife[{option}=small]"
    assert (given.weights, given.init)[option == "init"] == path
    assert given.options.widths == (4, 4)
    assert parse_variant(given.written, preset) == given
    with pytest.raises(UserError) as caught:
        parse_variant(f"rife[{option}={path},depth=2]", preset)
    assert str(caught.value) == (
        f"The weights {path} are not of a 'rife' with depth=2 and else the options that the file "
        "names; leave out what the weights were not made with."
    )


def test_a_published_file_has_to_be_imported_first(tmp_path: Path) -> None:
    path = tmp_path / "flownet.pkl"
    for zipped in (True, False):
        torch.save({"a": torch.ones(2)}, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(UserError) as caught:
            parse_variant(f"rife[weights={path}]", "quick")
        assert str(caught.value).endswith(
            f"import them first with `bench weights import rife {path} --out rife.safetensors`."
        )
        with pytest.raises(UserError, match="is a pickle, which is never executed here"):
            parse_variant(f"ssan[weights={path}]", "quick")


def test_a_file_of_another_method_or_of_other_options_is_refused(tmp_path: Path) -> None:
    path = save_small(tmp_path / "small.safetensors")
    with pytest.raises(UserError, match="those of 'rife', not of 'ssan'"):
        parse_variant(f"ssan[weights={path}]", "quick")
    model = parse_variant("rife", "quick").build()
    save_weights(path, model, {"method": "rife", "options": {"widths": "wide"}})
    with pytest.raises(UserError, match="options that 'rife' does not have"):
        parse_variant(f"rife[weights={path}]", "quick")


def test_what_a_training_starts_from_is_checked_before_anything_is_computed(
    tmp_path: Path,
) -> None:
    path = save_fresh(tmp_path / "mine.safetensors", "ssan[g0=16]")
    given = parse_variant(f"ssan[init={path},g0=16]", "quick")
    assert (given.text, given.init, given.weights) == ("ssan[g0=16,init=mine]", path, None)
    wrong = {
        f"ssan[init={path}]": "do not fit .* widths of preset 'quick'",
        f"average[init={path}]": "has no weights",
        f"linear[init={path}]": "closed form",
        f"ssan[init={tmp_path / 'none.safetensors'}]": "cannot be read",
        f"ssan[init={path},weights={path},g0=16]": "names both",
    }
    for text, words in wrong.items():
        with pytest.raises(UserError, match=words):
            parse_variant(text, "quick")


def test_two_starts_of_one_name_are_refused(tmp_path: Path) -> None:
    paths = [save_fresh(tmp_path / folder / "w.safetensors", "ssan") for folder in ("a", "b")]
    methods = tuple(f"ssan[init={path}]" for path in paths)
    with pytest.raises(UserError, match="rename one"):
        plan(RunConfig(methods=methods, dataset=("texture",), losses=("l1",)))
