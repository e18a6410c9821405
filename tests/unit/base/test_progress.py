"""What a run says while it works, line by line."""

from __future__ import annotations

import pytest

from bench.base.progress import PlainDisplay, open_display, told_to


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that shows what its one entry says."""
    present = [0.0]
    monkeypatch.setattr("bench.base.progress.time.monotonic", lambda: present[0])
    return present


def test_a_stage_that_has_nothing_to_add_leaves_no_gap(clock: list[float]) -> None:
    lines: list[str] = []
    tick = PlainDisplay(lines.append).stage("segmenter")
    for step, words in ((1, ""), (36, ""), (72, "Dice 0.600")):
        clock[0] = 0.5 * step
        tick(step, 300, words)
    assert lines == [
        "  segmenter: 36/300, 2 minutes left",
        "  segmenter: 72/300 Dice 0.600, 114 s left",
    ]


def test_what_is_left_of_a_training_that_goes_on_is_told_by_its_own_pace(
    clock: list[float],
) -> None:
    lines: list[str] = []
    tick = PlainDisplay(lines.append).stage("train")
    for done in range(501, 521):
        clock[0] += 1
        tick(done, 600, "loss 0.1")
    assert lines == ["  train: 515/600 loss 0.1, 85 s left"]


def test_a_second_pass_is_told_by_its_own_pace(clock: list[float]) -> None:
    lines: list[str] = []
    tick = PlainDisplay(lines.append).stage("build")
    for done in range(1, 101):
        clock[0] += 1
        tick(done, 100, "measure")
    for done in range(1, 11):
        clock[0] += 2
        tick(done, 40, "write")
    assert lines[-2:] == ["  build: 100/100 measure, 0 s left", "  build: 8/40 write, 64 s left"]


def test_within_a_block_somebody_else_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    with told_to(lines.append):
        display = open_display()
        display.cell(1, 2, "average on phantom")
        display.stage("fill")(3, 3, "slices")
        display.close()
    assert lines == ["[1/2] average on phantom", "  fill: 3/3 slices, 0 s left"]
    assert capsys.readouterr() == ("", "")
    open_display().note("aloud")
    assert capsys.readouterr().err == "aloud\n"
