"""What to take: hand-made tables, each with one thing that has to be said, or must not be."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from report_store import add, followed, judged, scores

from bench.scores.answer import Answer, answers
from bench.scores.answer_json import answer_json
from bench.scores.answer_words import for_neurites, headline, paragraphs
from bench.scores.results import load_results
from bench.store.records import Failure

LABELLED = {"about": {"labels": True}, "reference": "labels"}


def only(out: Path) -> Answer:
    (answer,) = answers(load_results(out, out / "data", print).entries)
    return answer


def text(answer: Answer) -> str:
    return " ".join(paragraphs(answer))


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """`flow` carries most neurites, `ssan` has the highest PSNR and `dain` the highest FRC."""
    for name, share, psnr in (("linear", 0.4, 18.0), ("flow", 0.7, 18.5)):
        add(tmp_path, name, table=scores(name, psnr), segmented=followed(name, share),
            **LABELLED)  # fmt: skip
    for name, psnr, frc in (("ssan", 19.5, 0.6), ("dain", 19.0, 0.8)):
        table = scores(name, psnr).assign(frc_10=frc)
        add(tmp_path, name, "l1", table=table, segmented=followed(name, 0.55), **LABELLED)
    return tmp_path


def test_neurites_and_pixels_may_ask_for_different_methods(split: Path) -> None:
    judged(split)
    answer = only(split)
    neurites, pixels, rests = paragraphs(answer)
    assert neurites.startswith("Neurites: take `flow`, which carries 0.700 [")
    assert "told apart" not in neurites
    assert "Leaving the slice out carries 0.300, which is fewer (+0.400 [" in neurites
    assert "] for `flow`)." in neurites
    assert pixels.startswith("Pixels: take `ssan (l1)`, which leads in PSNR (19.50 dB [")
    assert "`dain (l1)` leads in FRC < 0.1 (0.8000" in pixels
    assert rests == (
        "This rests on 30 test triplets, 600 neurites and one training of each network (quick: "
        "4,000 training crops of 128 pixels). They lie at 3 places only (columns of tiles, or "
        "blocks of slices), where nothing but large differences can be told. The order may turn "
        "with a longer training."
    )
    assert headline(answer) == ""


def test_a_judge_that_loses_neurites_in_the_real_slice_says_so(split: Path) -> None:
    judged(split, left_out=0.8, real=0.799)
    answer = only(split)
    neurites = paragraphs(answer)[0]
    assert "carries no more than 0.799" in neurites
    assert "this says as much of the segmenter" in neurites
    assert answer_json(answer)["neurites"]["real"]["mean"] == pytest.approx(0.799)


def test_the_null_is_never_taken_for_it_only_smooths(tmp_path: Path) -> None:
    for name, psnr, frc in (("linear", 19.0, 0.5), ("flow", 18.0, 0.7), ("dis", 18.5, 0.6)):
        add(tmp_path, name, table=scores(name, psnr).assign(frc_10=frc))
    pixels = paragraphs(only(tmp_path))[1]
    assert pixels.startswith("Pixels: take `flow`, which leads in FRC < 0.1 (0.7000")
    assert "`linear` leads in PSNR (19.00 dB [" in pixels
    assert pixels.endswith(") by smoothing.")


def test_where_nothing_beats_the_null_nothing_is_taken(tmp_path: Path) -> None:
    for name, psnr in (("linear", 19.0), ("flow", 18.0)):
        add(tmp_path, name, table=scores(name, psnr))
    pixels = paragraphs(only(tmp_path))[1]
    assert pixels.startswith(
        "Pixels: nothing is better than smoothing: `linear`, the null, leads in PSNR (19.00 dB ["
    )


def test_the_data_say_what_the_sentences_say(split: Path) -> None:
    judged(split)
    answer = only(split)
    said = answer_json(answer)
    assert said["dataset"] == "mouse_triplet"
    assert said["neurites"]["metric"] == "carried"
    assert said["neurites"]["best"] == {"method": "flow", "loss": "-"}
    assert said["neurites"]["mean"]["mean"] == pytest.approx(0.7)
    assert said["neurites"]["left_out"]["verdict"] == "worse"
    assert said["neurites"]["left_out"]["gain"]["mean"] == pytest.approx(0.4)
    assert said["pixels"]["psnr"]["best"] == {"method": "ssan", "loss": "l1"}
    assert said["pixels"]["frc_10"]["best"] == {"method": "dain", "loss": "l1"}
    assert said["rests_on"]["seeds"] == {"dain (l1)": [0], "ssan (l1)": [0]}
    assert said["rests_on"]["provisional"]
    assert said["text"] == text(answer)


def test_who_cannot_be_told_apart_is_named_by_merit_with_its_mean(tmp_path: Path) -> None:
    shares = {"linear": 0.3, "before": 0.598, "average": 0.599, "flow": 0.6, "phase": 0.596,
              "after": 0.597, "dis": 0.595}  # fmt: skip
    for name, share in shares.items():
        psnr = 17.0 if name == "linear" else 19.0
        add(tmp_path, name, table=scores(name, psnr), segmented=followed(name, share),
            **LABELLED)  # fmt: skip
    judged(tmp_path)
    answer = only(tmp_path)
    neurites, pixels, _ = paragraphs(answer)
    assert neurites.startswith("Neurites: take `flow`, which carries 0.600 [")
    assert (
        "; `average` (0.599), `before` (0.598), `after` (0.597) and 1 more down to `dis` (0.595) "
        "cannot be told apart from `flow`. Leaving" in neurites
    )
    assert "linear" not in neurites
    assert "linear" not in pixels
    assert "(19.00 dB)" in pixels
    assert len(answer.neurites.tied) == 5  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("left_out", "by_flow", "verdicts"),
    [
        (0.8, 0.3, ("better", "worse")),
        (0.701, 0.3, ("not told apart", "worse")),
        (0.699, 0.3, ("not told apart", "worse")),
        (0.6, 0.3, ("worse", "worse")),
        (0.6, 0.8, ("worse", "better")),
    ],
)
def test_leaving_the_slice_out_is_judged_on_the_same_triplets(
    split: Path, left_out: float, by_flow: float, verdicts: tuple[str, str]
) -> None:
    judged(split, left_out=left_out, left_out_flow=by_flow)
    answer = only(split)
    ways = answer.left_out
    assert tuple(ways[kind].verdict for kind in ("left_out", "left_out_flow")) == verdicts
    assert ways["left_out"].gain.mean == pytest.approx(0.7 - left_out)
    neurites = paragraphs(answer)[0]
    flow = " and carry labels across by flow" if verdicts[1] == "better" else ""
    if "better" in verdicts:
        assert neurites.startswith(f"Neurites: leave the slice out{flow}. That carries 0.800 [")
        assert "the best method, `flow`, carries 0.700 (-0.100 [" in neurites
        assert "take" not in neurites
        said = headline(answer)
        assert said.startswith(f"Leaving the slice out{flow.replace('carry', 'carrying')} carries")
        assert "than any method: 0.800 against 0.700 of `flow` (-0.100 [" in said
    elif left_out > 0.7:
        assert neurites.startswith(
            "Neurites: no method is shown to carry more of them than leaving the slice out (0.701 ["
        )
        assert "If a slice has to be there, take `flow`, which carries 0.700 [" in neurites
        assert headline(answer).startswith(
            "No method is shown to carry more neurites than leaving the slice out: 0.701 against "
            "0.700 of `flow` (-0.001 ["
        )
    else:
        words = {"worse": ", which is fewer (+", "not told apart": " and cannot be told apart from"}
        assert f"Leaving the slice out carries {left_out:.3f}{words[verdicts[0]]}" in neurites
        assert headline(answer) == ""


def test_a_judge_that_loses_the_real_slice_recommends_nothing_for_neurites(split: Path) -> None:
    judged(split, real=0.41, left_out=0.8, steps=60)
    answer = only(split)
    neurites, pixels, rests = paragraphs(answer)
    assert neurites.startswith(
        "Neurites: the segmenter is too weak to judge neurites: through the real slice it carries "
        "0.410 of them, leaving the slice out 0.800 (-0.390 ["
    )
    assert "It was trained for at most 60 steps; train it longer (--segmenter-steps" in neurites
    assert "`" not in neurites
    assert pixels.startswith("Pixels: take `ssan (l1)`")
    assert "The segmenter was trained for at most 60 steps (2,500 are usual)." in rests
    assert headline(answer).startswith("The segmenter is too weak to judge neurites: through")
    said = answer_json(answer)
    assert said["neurites"]["metric"] is None
    assert said["neurites"]["left_out"] is None
    assert said["neurites"]["too_weak"]["real"]["mean"] == pytest.approx(0.41)
    assert said["neurites"]["too_weak"]["left_out"]["mean"] == pytest.approx(0.8)
    assert said["rests_on"]["segmenter_steps"] == 60


@pytest.mark.parametrize(
    ("real", "steps", "weak"),
    [
        (0.41, None, True),  # told apart, whatever is known of the training
        (0.41, 2500, True),
        (0.799, 2500, False),  # not told apart
        (0.799, None, False),
        (0.799, 60, True),  # stopped early: its training is the likelier reason
        (0.801, 60, False),
    ],
)
def test_a_judge_is_trusted_until_it_is_shown_to_be_weak_or_was_stopped_early(
    split: Path, real: float, steps: int | None, weak: bool
) -> None:
    judged(split, real=real, left_out=0.8, steps=steps)
    answer = only(split)
    assert (answer.too_weak is not None) == weak
    neurites, _, rests = paragraphs(answer)
    assert ("leave the slice out" in neurites) == (not weak)
    assert ("The segmenter was trained" in rests) == (steps == 60)


@pytest.mark.parametrize(
    ("left_out", "real", "said"),
    [
        (0.8, 0.9, "leaving the slice out carries 0.800, `flow` 0.700: follow them across the gap"),
        (0.701, 0.9, "0.701, `flow` 0.700: the filled slice is not shown to help or to harm."),
        (0.6, 0.9, "leaving the slice out carries 0.600, `flow` 0.700: the filled slice helps."),
        (0.8, 0.41, "The segmenter is too weak to judge neurites"),
    ],
)
def test_a_repair_says_what_the_filled_slice_is_worth(
    split: Path, left_out: float, real: float, said: str
) -> None:
    judged(split, left_out=left_out, real=real)
    assert said in for_neurites(only(split), "flow")


def test_without_an_interval_nothing_is_recommended(tmp_path: Path) -> None:
    for name, psnr in (("linear", 18.0), ("flow", 19.0)):
        add(tmp_path, name, table=scores(name, psnr)[:2], segmented=followed(name, 0.5)[:2],
            **LABELLED)  # fmt: skip
    said = text(only(tmp_path))
    assert "take" not in said
    assert "told apart" not in said
    assert "Pixels: `flow` leads in PSNR" in said
    assert (
        "the best of 2. There are too few test triplets to tell whether it would be on others."
        in said
    )


def test_a_lead_over_no_slice_is_adjusted_for_how_many_could_have_had_it(tmp_path: Path) -> None:
    """The same difference is one method's lead, but not that of the best of six."""
    for number, names in ((2, ("linear", "flow")), (6, ("before", "after", "average", "phase"))):
        for name in names:
            share = 0.705 if name == "flow" else 0.1
            add(tmp_path, name, table=scores(name, 19.0), segmented=followed(name, share, 0.5),
                **LABELLED)  # fmt: skip
        if number == 2:
            judged(tmp_path, left_out=0.665)
        answer = only(tmp_path)
        left = answer.left_out["left_out"]
        assert left.gain.low > 0
        assert answer.neurites is not None
        assert answer.neurites.compared == number
        if number == 6:
            assert left.verdict == "not told apart"
            assert ", adjusted for the best of 6)" in text(answer)
        else:
            assert left.verdict == "worse"


def test_without_labels_nothing_is_said_of_neurites_but_how_to_have_it(tmp_path: Path) -> None:
    for name, psnr in (("linear", 18.0), ("flow", 19.0)):
        add(tmp_path, name, table=scores(name, psnr))
    answer = only(tmp_path)
    neurites, pixels, rests = paragraphs(answer)
    assert answer.neurites is None
    assert not answer.left_out
    assert neurites.startswith("Neurites: nothing was measured. The dataset has no labels; `bench")
    assert "--labels FILE" in neurites
    assert pixels == (
        "Pixels: take `flow`, which leads in PSNR (19.00 dB [18.85, 19.15]) and in FRC < 0.1."
    )
    assert rests.startswith("This rests on 30 test triplets. They lie at 3 places only")
    assert answer_json(answer)["neurites"]["metric"] is None


def test_labels_that_do_not_serve_are_named(tmp_path: Path) -> None:
    why = "No membrane scores: the labels of the test split of 'mine' are one id everywhere."
    for name in ("linear", "flow"):
        add(tmp_path, name, table=scores(name, 19.0), about={"labels": True, "no_membranes": why})
    neurites = paragraphs(only(tmp_path))[0]
    assert neurites == (
        "Neurites: nothing was measured. The labels of the test split of 'mine' are one id "
        "everywhere."
    )


def test_a_stage_that_has_not_run_is_named(tmp_path: Path) -> None:
    for name in ("linear", "flow"):
        add(tmp_path, name, table=scores(name, 19.0), **LABELLED)
    assert "nothing was measured. The stage `segment` has not run" in text(only(tmp_path))


def test_masks_rank_by_the_adapted_rand_error_and_say_what_they_cannot(tmp_path: Path) -> None:
    for name, rand in (("linear", 0.4), ("flow", 0.1), ("average", 0.3)):
        table = followed(name, 0.5, rand=rand)
        add(tmp_path, name, table=scores(name, 19.0), about={"labels": True},
            segmented=table[[c for c in table if not c.startswith("neurite")]])  # fmt: skip
    answer = only(tmp_path)
    neurites = paragraphs(answer)[0]
    assert neurites.startswith("Neurites: take `flow`, which has an adapted Rand error of")
    assert "Whether neurites are followed across the gap was not measured" in neurites
    assert not answer.left_out
    assert "Segments are compared with those that the segmenter finds" in text(answer)
    assert answer.rests_on.neurites is None


def test_one_method_alone_is_no_choice(tmp_path: Path) -> None:
    add(tmp_path, "linear", table=scores("linear", 18.0), segmented=followed("linear", 0.4),
        **LABELLED)  # fmt: skip
    judged(tmp_path)
    neurites, pixels, _ = paragraphs(only(tmp_path))
    assert neurites.startswith("Neurites: only `linear` was measured; it carries 0.400 [")
    assert "Leaving the slice out carries 0.300, which is fewer" in neurites
    assert pixels == "Pixels: only `linear` was measured, so that there is nothing to choose from."


def test_seeds_are_averaged_first(tmp_path: Path) -> None:
    add(tmp_path, "flow", table=scores("flow", 19.0), segmented=followed("flow", 0.6),
        **LABELLED)  # fmt: skip
    for seed, share in ((0, 0.9), (1, 0.1), (2, 0.11)):
        add(tmp_path, "ssan", "l1", seed=seed, table=scores("ssan", 18.0 + seed, seed),
            segmented=followed(f"ssan{seed}", share), **LABELLED)  # fmt: skip
    judged(tmp_path)
    answer = only(tmp_path)
    assert answer.neurites is not None
    assert answer.neurites.best.method == "flow"
    assert [each.name for each in answer.neurites.tied] == ["ssan (l1)"]  # its trainings differ
    assert "3 trainings of `ssan (l1)` (quick" in text(answer)


def test_failed_cells_and_those_over_fewer_triplets_are_named_and_not_taken(split: Path) -> None:
    failure = Failure(stage="train", reason="no", traceback="")
    add(split, "sepconv", "l1", status="failed", failure=failure)
    add(split, "phase", table=scores("phase", 30.0)[:8], segmented=followed("phase", 0.95)[:8],
        **LABELLED, config={"max_triplets": 8})  # fmt: skip
    add(split, "average", table=scores("average", 18.1), **LABELLED)
    judged(split)
    answer = only(split)
    assert answer.neurites is not None
    assert answer.psnr is not None
    assert (answer.neurites.best.method, answer.psnr.best.method) == ("flow", "ssan")
    assert answer.neurites.compared == 4
    assert set(answer.rests_on.not_compared) == {"sepconv (l1)", "phase", "average"}
    said = text(answer)
    assert "`sepconv (l1)` (failed)" in said
    assert "`phase` (was scored on fewer test triplets)" in said
    assert "`average` (has no membrane scores)" in said


def test_a_run_cut_short_is_called_a_trial(tmp_path: Path) -> None:
    for name in ("linear", "flow"):
        add(tmp_path, name, table=scores(name, 19.0)[:8], config={"max_triplets": 8})
    said = text(only(tmp_path))
    assert "At most 8 triplets of a split were looked at: a trial, no answer." in said


def test_where_nothing_was_measured_nothing_is_recommended(tmp_path: Path) -> None:
    failure = Failure(stage="train", reason="no", traceback="")
    for name in ("ssan", "dain"):
        add(tmp_path, name, "l1", status="failed", failure=failure)
    said = text(only(tmp_path))
    assert (
        said == "Nothing was measured. Not compared: `dain (l1)` (failed) and `ssan (l1)` (failed)."
    )


def test_a_training_as_long_as_the_papers_needs_no_caution(tmp_path: Path) -> None:
    budget = {"samples": None, "crop": 512, "epochs": 50}
    for name in ("ssan", "dain"):
        add(tmp_path, name, "l1", table=scores(name, 19.0), preset="paper",
            config={"preset": budget})  # fmt: skip
    said = text(only(tmp_path))
    assert "(paper: 50 epochs of crops of 512 pixels)" in said
    assert "longer training" not in said


def test_a_network_of_which_one_training_saw_another_build_is_compared(split: Path) -> None:
    add(split, "ssan", "l1", seed=1, table=scores("ssan", 30.0),
        about={"labels": True, "fingerprint": "old"})  # fmt: skip
    judged(split)
    answer = only(split)
    assert answer.psnr is not None
    assert (answer.psnr.best.name, answer.psnr.mean.mean) == ("ssan (l1)", pytest.approx(19.5))
    assert answer.rests_on.not_compared == {}


def test_a_trial_beside_whole_runs_makes_no_trial_of_these(split: Path) -> None:
    add(split, "dis", table=scores("dis", 18.0)[:8], segmented=followed("dis", 0.5)[:8],
        **LABELLED, config={"max_triplets": 8})  # fmt: skip
    judged(split)
    assert "a trial" not in text(only(split))
    assert answer_json(only(split))["rests_on"]["max_triplets"] is None


def test_too_few_slices_show_no_worth_of_smoothing_either(tmp_path: Path) -> None:
    for name, psnr in (("linear", 19.0), ("flow", 18.0)):
        add(tmp_path, name, table=scores(name, psnr)[:10])
    pixels = paragraphs(only(tmp_path))[1]
    assert pixels.startswith("Pixels: `linear` leads in PSNR (")
    assert "nothing is better" not in pixels
    assert "too few test triplets to tell" in pixels


def test_an_infinite_score_is_not_called_too_few_triplets(tmp_path: Path) -> None:
    perfect = scores("flow", 19.0)
    perfect.loc[3, "psnr"] = math.inf
    add(tmp_path, "flow", table=perfect)
    add(tmp_path, "dis", table=scores("dis", 19.5))
    pixels = paragraphs(only(tmp_path))[1]
    assert pixels.startswith("Pixels: `flow` leads in PSNR (inf dB), the best of 2. A score is not")
    assert "too few" not in pixels


def test_trainings_whose_membranes_were_not_scored_are_not_counted(split: Path) -> None:
    """Neurites then rest on fewer trainings than pixels, and which is said."""
    failure = Failure(stage="segment", reason="no memory", traceback="")
    for seed, share in ((1, None), (2, 0.6)):
        more = {"status": "failed", "failure": failure} if share is None else {}
        segmented = None if share is None else followed("ssan2", share)
        add(split, "ssan", "l1", seed=seed, table=scores("ssan", 19.5, seed),
            segmented=segmented, **LABELLED, **more)  # fmt: skip
    judged(split)
    answer = only(split)
    assert answer.rests_on.seeds["ssan (l1)"] == (0, 1, 2)
    assert answer_json(answer)["rests_on"]["followed"] == {"ssan (l1)": [0, 2]}
    said = "Membranes were scored of fewer trainings: of `ssan (l1)` seeds 0 and 2 alone."
    assert said in text(answer)


def test_who_leads_in_pixels_but_lacks_membranes_is_left_out_of_those_alone(split: Path) -> None:
    add(split, "dis", table=scores("dis", 25.0), segmented=followed("dis", 0.9)[:20], **LABELLED)
    judged(split)
    said = text(only(split))
    assert "Neurites: take `flow`" in said
    assert "Pixels: take `dis`" in said
    assert "Not compared: `dis` (has membrane scores of fewer test triplets)." in said


def test_as_many_triplets_of_another_fold_are_not_compared(tmp_path: Path) -> None:
    for fold, (name, psnr) in enumerate((("flow", 18.0), ("dis", 25.0))):
        add(tmp_path, name, fold=fold, table=scores(name, psnr))
    answer = only(tmp_path)
    assert answer.psnr is not None
    assert answer.psnr.compared == 1
    assert list(answer.rests_on.not_compared.values()) == ["was scored on other test triplets"]
