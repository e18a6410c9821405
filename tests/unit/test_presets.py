import pytest

from bench.presets import PRESETS


def test_paper_schedule_is_30_epochs_then_20_at_a_tenth() -> None:
    paper, triplets = PRESETS["paper"], 300
    steps = paper.steps(triplets)
    assert steps == 50 * triplets // 3
    assert paper.learning_rate_at(steps * 30 // 50 - 1, steps) == 1e-3
    assert paper.learning_rate_at(steps * 30 // 50, steps) == pytest.approx(1e-4)
    assert len(paper.validation_steps(triplets)) == 50
    assert (paper.crop, paper.batch) == (512, 3)
    assert paper.lowpass == 0
    assert paper.feature_stride == 1


@pytest.mark.parametrize("name", ["quick", "medium"])
def test_a_fixed_number_of_samples_does_not_depend_on_the_dataset(name: str) -> None:
    preset = PRESETS[name]  # type: ignore[index]
    assert preset.steps(10) == preset.steps(1000)
    assert preset.steps(10) * preset.batch >= (preset.samples or 0)


@pytest.mark.parametrize("name", PRESETS)
def test_the_last_step_is_validated(name: str) -> None:
    preset = PRESETS[name]  # type: ignore[index]
    for triplets in (1, 7, 300):
        assert max(preset.validation_steps(triplets)) == preset.steps(triplets)
