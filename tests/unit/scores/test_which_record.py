"""Of several records of one name one is shown, and the reader hears of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report_store import add, scores

from bench.base.errors import UserError
from bench.report.remarks import method_notes
from bench.scores.budgets import crops_seen
from bench.scores.results import fullest_preset, load_results


def trained(out: Path, key: str, psnr: float, **config: Any) -> None:
    add(out, "ssan", "lm", table=scores("ssan", psnr), key=key, title="SSAN", config=config)


def test_cells_of_one_name_are_told_with_what_they_differ_in(tmp_path: Path) -> None:
    trained(tmp_path, "1" * 10, 19.0, loss={"name": "lm", "teacher": "a"}, method_revision=1)
    trained(tmp_path, "2" * 10, 18.0, loss={"name": "lm", "teacher": "b"}, method_revision=2)
    said: list[str] = []
    (entry,) = load_results(tmp_path, tmp_path / "data", said.append).entries
    assert entry.others == ("teacher", "code")
    (told,) = said
    assert told.startswith("SSAN-Lm on mouse_triplet, seed 0: the store has others of this name")
    assert "(teacher, code)" in told
    assert method_notes((entry,)) == [
        "The store has others of this name, with other settings (teacher, code); the newest of "
        "those that were not cut short is shown."
    ]


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_what_was_never_finished_is_no_other(tmp_path: Path, status: str) -> None:
    trained(tmp_path, "1" * 10, 19.0)
    add(tmp_path, "ssan", "lm", status=status, key="2" * 10, config={"samples": 9})  # type: ignore[arg-type]
    (entry,) = load_results(tmp_path, tmp_path / "data", print).entries
    assert entry.others == ()


def test_a_preset_of_which_nothing_was_scored_yet_is_not_what_a_report_shows(
    tmp_path: Path,
) -> None:
    trained(tmp_path, "1" * 10, 19.0)
    for method in ("dain", "rife"):
        add(tmp_path, method, "lm", preset="overnight", status="running")
    entries = load_results(tmp_path, tmp_path / "data", print).entries
    assert fullest_preset(entries) == "quick"
    assert fullest_preset(each for each in entries if each.scores is None) == "overnight"


def lengths(out: Path, *crops: int, **config: Any) -> None:
    """A training of each length, of the same seed or (where one comes twice) of the next one."""
    seeds: dict[int, int] = {}
    for number, samples in enumerate(crops):
        seed = seeds[samples] = seeds.get(samples, -1) + 1
        add(out, "ssan", "lm", table=scores("ssan", 19.0 + number), key=str(number) * 10,
            seed=seed, config={"preset": {"samples": samples}, **config})  # fmt: skip


def shown(out: Path, crops: int | None = None) -> tuple[list[int], list[str]]:
    said = list[str]()
    entries = load_results(out, out / "data", said.append, crops=crops).entries
    assert all(entry.others == () for entry in entries)
    return [crops_seen(entry) for entry in entries], said


def test_of_two_lengths_the_longer_one_is_shown_and_the_other_told(tmp_path: Path) -> None:
    lengths(tmp_path, 16000, 4000)
    found, said = shown(tmp_path)
    assert found == [16000]
    assert said == [
        "Networks of preset quick that were trained for 4,000 crops too are shown for 16,000; "
        "--samples shows another length, the figure `budget` all."
    ]
    assert shown(tmp_path, 4000)[0] == [4000]
    with pytest.raises(UserError, match=r"for 9 crops; there are trainings of 4,000 and 16,000"):
        shown(tmp_path, 9)


def test_two_lengths_that_both_failed_are_told_too(tmp_path: Path) -> None:
    for key, samples in (("1" * 10, 4000), ("2" * 10, 16000)):
        add(tmp_path, "ssan", "lm", status="failed", key=key,
            config={"preset": {"samples": samples}})  # fmt: skip
    found, said = shown(tmp_path)
    assert found == [16000]
    assert "for 4,000 crops too are shown for 16,000" in said[-1]


def test_seeds_of_two_lengths_are_not_averaged(tmp_path: Path) -> None:
    lengths(tmp_path, 4000, 16000, 4000, 4000)
    assert shown(tmp_path)[0] == [4000] * 3


def test_a_trial_gives_way_to_what_was_not_cut_short(tmp_path: Path) -> None:
    lengths(tmp_path, 80, 80, samples=80)
    add(tmp_path, "ssan", "lm", table=scores("ssan", 19.0), config={"preset": {"samples": 60}})
    assert shown(tmp_path)[0] == [60]


def test_other_seeds_are_other_cells(tmp_path: Path) -> None:
    for seed in (0, 1):
        add(tmp_path, "ssan", "l1", seed=seed, table=scores("ssan", 19.0), config={"seed": seed})
    entries = load_results(tmp_path, tmp_path / "data", pytest.fail).entries
    assert [entry.others for entry in entries] == [(), ()]


def test_a_mean_over_cells_of_different_settings_is_told(tmp_path: Path) -> None:
    """Seeds trained with other settings are no trainings of one kind; other folds are."""
    for fold in (0, 1):
        for seed in (0, 1):
            config = {"seed": seed, "dataset": f"d{fold}", "loss": {"teacher": f"t{fold}"}}
            for method, precision in (("ssan", "float32"), ("dain", ("float32", "bf16")[seed])):
                add(tmp_path, method, "lm", fold=fold, seed=seed, table=scores(method, 19.0),
                    title=method, config={**config, "precision": precision})  # fmt: skip
    results = load_results(tmp_path, tmp_path / "data", print)
    (told,) = results.problems
    assert told == (
        "dain-Lm on mouse_triplet is a mean over cells with different settings (precision); repeat "
        "the runs of those that are not meant."
    )
    rows = [tuple(results.select(method=method)) for method in ("ssan", "dain")]
    assert [method_notes(row) for row in rows] == [[], [told]]
