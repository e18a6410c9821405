import dataclasses

import pytest

from bench.cells.presets import PRESETS, Preset
from bench.cells.registry import METHODS
from bench.cells.variants import parse_variant


def test_paper_schedule_is_30_epochs_then_20_at_a_tenth() -> None:
    paper, triplets = PRESETS["paper"], 300
    steps = paper.steps(triplets)
    assert steps == 50 * triplets // 3
    assert paper.learning_rate_at(steps * 30 // 50 - 1, steps) == 1e-3
    assert paper.learning_rate_at(steps * 30 // 50, steps) == pytest.approx(1e-4)
    assert len(paper.validation_steps(triplets)) == 50
    assert (paper.crop, paper.batch) == (512, 3)
    assert paper.lowpass == 0
    assert paper.feature_crop == 0


def test_a_short_training_warms_up_and_ends_at_zero() -> None:
    quick = PRESETS["quick"]
    rates = [quick.learning_rate_at(step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(1e-3 / 50, rel=1e-2)
    assert max(rates) == pytest.approx(1e-3, rel=0.01)
    assert rates[500] == pytest.approx(0.5e-3)
    assert rates[-1] < 1e-8
    assert rates[50:] == sorted(rates[50:], reverse=True)


def test_where_the_features_join_it_starts_again_from_a_tenth() -> None:
    quick = PRESETS["quick"]
    whole = [quick.learning_rate_at(step, 1000, opening=600) for step in range(1000)]
    assert whole[:600] == [quick.learning_rate_at(step, 600) for step in range(600)]
    assert whole[600:] == pytest.approx([quick.learning_rate_at(s, 400) / 10 for s in range(400)])


@pytest.mark.parametrize("method", [name for name, m in METHODS.items() if m.kind == "trained"])
def test_overnight_is_quick_for_longer(method: str) -> None:
    quick, overnight = (parse_variant(method, preset) for preset in ("quick", "overnight"))
    assert quick == overnight
    budgets = [PRESETS[name].of_method(method) for name in ("quick", "overnight")]
    differing = {
        field.name
        for field in dataclasses.fields(Preset)
        if getattr(budgets[0], field.name) != getattr(budgets[1], field.name)
    }
    assert differing == {"samples", "validations", "widths", "summary"}


@pytest.mark.parametrize("name", ["quick", "medium"])
def test_a_fixed_number_of_samples_does_not_depend_on_the_dataset(name: str) -> None:
    preset = PRESETS[name]
    assert preset.steps(10) == preset.steps(1000)
    assert preset.steps(10) * preset.batch >= (preset.samples or 0)


@pytest.mark.parametrize("name", PRESETS)
def test_the_last_step_is_validated(name: str) -> None:
    preset = PRESETS[name]
    for triplets in (1, 7, 300):
        assert max(preset.validation_steps(triplets)) == preset.steps(triplets)
