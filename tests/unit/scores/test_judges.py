"""Two judges: how far they agree, and what is said of it."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path

import pytest
from report_store import add, followed, judged_twice, membranes, scores

from bench.scores.contenders import contenders
from bench.scores.judge_words import judges_sentence
from bench.scores.judges import Judgement, judgements
from bench.scores.results import load_results


def judged(out: Path) -> Judgement:
    (found,) = judgements(load_results(out, out / "data", print).entries)
    return found


def carried(found: Judgement):  # type: ignore[no-untyped-def]
    return next(each for each in found.agreements if each.metric == "carried")


FIRST = {"before": 0.30, "average": 0.42, "linear": 0.55, "flow": 0.61, "phase": 0.70}
SECOND = {"before": 0.28, "average": 0.60, "linear": 0.50, "flow": 0.72, "phase": 0.66}


def store(out: Path, second: dict[str, float]) -> Judgement:
    for name in FIRST:
        judged_twice(out, name, FIRST[name], second[name])
    return judged(out)


def test_tau_and_turned_pairs_are_those_counted_by_hand(tmp_path: Path) -> None:
    found = carried(store(tmp_path, SECOND))
    pairs = list(combinations(FIRST, 2))
    signs = [(FIRST[a] - FIRST[b]) * (SECOND[a] - SECOND[b]) for a, b in pairs]
    assert found.tau == pytest.approx(sum(math.copysign(1, s) for s in signs) / len(pairs))
    turned = [{one.name, other.name} for one, other in found.turned]
    expected = [{a, b} for (a, b), sign in zip(pairs, signs, strict=True) if sign < 0]
    assert sorted(map(sorted, turned)) == sorted(map(sorted, expected))
    assert all(FIRST[one.name] > FIRST[other.name] for one, other in found.turned)


def test_judges_that_agree_are_one_sentence(tmp_path: Path) -> None:
    said = judges_sentence(store(tmp_path, {n: 0.9 * v for n, v in FIRST.items()}))
    assert said.startswith("Both judges order the 5 methods alike (Kendall's tau 1.00 in carried")


def test_pairs_that_turn_round_are_named_and_whether_either_judge_is_sure(tmp_path: Path) -> None:
    said = judges_sentence(store(tmp_path / "sure", FIRST | {"before": 0.80}))
    assert "in carried average and before, flow and before, linear and before and 1 more" in said
    assert "Both judges tell apart, each the other way round: in carried average and" in said
    close = {**FIRST, "linear": 0.6101, "flow": 0.61}
    said = judges_sentence(store(tmp_path / "close", close))
    assert "in carried flow and linear. No such pair is told apart by both judges." in said


def test_cells_of_another_second_judge_are_not_compared(tmp_path: Path) -> None:
    store(tmp_path, SECOND)
    judged_twice(tmp_path, "dis", 0.9, 0.1, judge="another")
    add(tmp_path, "after", table=scores("after", 19.0), segmented=followed("after", 0.9))
    assert [each.name for each in judged(tmp_path).methods] == sorted(FIRST)


def test_what_another_second_judge_says_stands_in_no_column(tmp_path: Path) -> None:
    store(tmp_path, SECOND)
    judged_twice(tmp_path, "dis", 0.9, 0.1, judge="another")
    said = list[str]()
    entries = load_results(tmp_path, tmp_path / "data", said.append).entries
    means = {
        each.name: (each.mean("carried"), each.mean("second_carried"))
        for each in contenders(entries)
    }
    first, second = means["dis"]
    assert first is not None
    assert first.mean == pytest.approx(0.9)
    assert second is None
    assert {name for name, (_, mean) in means.items() if mean is not None} == {*FIRST}
    [told] = said
    assert told.startswith("The second judge of Dis on mouse_triplet is another than that of most")


def test_who_was_judged_once_is_in_no_comparison(tmp_path: Path) -> None:
    add(tmp_path, "linear", table=scores("linear", 19.0), segmented=membranes(0.6))
    assert judgements(load_results(tmp_path, tmp_path / "data", print).entries) == []


def test_a_judge_that_finds_all_alike_has_no_tau_and_turns_nothing(tmp_path: Path) -> None:
    found = store(tmp_path, SECOND)
    dice = next(each for each in found.agreements if each.metric == "dice")
    assert math.isnan(dice.tau)
    assert dice.turned == ()
    assert "nan in Dice" not in judges_sentence(found)
