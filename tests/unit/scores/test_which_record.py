"""Of several records of one name one is shown, and the reader hears of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report_store import add, scores

from bench.report.remarks import method_notes
from bench.scores.results import load_results


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


def test_another_length_is_no_other_but_a_point_of_the_budget(tmp_path: Path) -> None:
    for key, samples in (("1" * 10, 4000), ("2" * 10, 16000)):
        trained(tmp_path, key, 19.0, preset={"samples": samples, "validations": samples // 500})
    (entry,) = load_results(tmp_path, tmp_path / "data", pytest.fail).entries
    assert entry.others == ()


def test_other_seeds_are_other_cells(tmp_path: Path) -> None:
    for seed in (0, 1):
        add(tmp_path, "ssan", "l1", seed=seed, table=scores("ssan", 19.0), config={"seed": seed})
    entries = load_results(tmp_path, tmp_path / "data", pytest.fail).entries
    assert [entry.others for entry in entries] == [(), ()]
