"""The figures of a report: drawn from the store, the same every time, and honest about gaps."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import moving_texture
from figure_store import CELLS, DATASET, TITLES, build_striped, fail, folder_of, make_store
from matplotlib.cbook import is_math_text
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from PIL import Image

from bench.base.errors import UserError
from bench.report.figures import FIGURES, draw_figures
from bench.report.figures.drawing import caption
from bench.report.figures.learning import draw_learning
from bench.report.figures.scene import scene_of, typical, where_they_differ
from bench.report.figures.scores import front
from bench.report.figures.segmentation import FOUND, INVENTED, MISSED, error_overlay
from bench.report.figures.spectrum import radial_power
from bench.report.figures.style import look
from bench.report.figures.subject import subject_of
from bench.report.figures.training import draw_style, spread_apart
from bench.report.run_picture import title_of
from bench.report.selection import Shown
from bench.report.write import Wanted, write_report
from bench.scores.results import Results, load_results
from bench.store.records import NONE
from bench.triplets.file import TripletFile
from segmentation.membranes import Membranes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("striped")
    build_striped(folder, moving_texture())
    return folder


@pytest.fixture(scope="module")
def file(data: Path) -> TripletFile:
    return TripletFile(data / DATASET / "fold0" / "triplets.h5")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, file: TripletFile) -> Path:
    folder = tmp_path_factory.mktemp("results")
    make_store(folder, file)
    return folder


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, out: Path, data: Path) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    told: list[str] = []
    draw_figures(_load(out, data), list(FIGURES), folder, told.append)
    assert told == []
    return folder


def _load(out: Path, data: Path) -> Results:
    return load_results(out, data, pytest.fail)


def _draw(out: Path, data: Path, names: list[str], to: Path) -> tuple[str, list[str]]:
    told: list[str] = []
    draw_figures(_load(out, data), names, to, told.append)
    return (to / "figures.md").read_text(encoding="utf-8"), told


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_a_pdf_and_a_picture_that_is_not_empty(drawn: Path, name: str) -> None:
    stem = f"{'figure' if name.isdigit() else ''}{name}-{DATASET}"
    assert (drawn / f"{stem}.pdf").read_bytes().startswith(b"%PDF")
    with Image.open(drawn / f"{stem}.png") as picture:
        grey = np.asarray(picture.convert("L"))
    assert grey.shape[1] in range(700, 1650)  # a column or two, at 228 dpi
    assert 0.02 < (grey < 250).mean() < 0.98


def test_captions_name_dataset_preset_seeds_triplets_credit_and_remarks(drawn: Path) -> None:
    text = (drawn / "figures.md").read_text(encoding="utf-8")
    (caption,) = (line for line in text.splitlines() if line.startswith("**Figure 7"))
    for words in (f"`{DATASET}`", "preset quick", "seeds: 1", "1 of", "random VGG features"):
        assert words in caption
    assert text.count("](") == len(FIGURES)


def test_a_volume_of_ones_own_is_named_once(out: Path, data: Path) -> None:
    subject = subject_of(_load(out, data), DATASET)
    drawing = FIGURES["pareto"].draw(subject)
    for title, named in ((DATASET, f"`{DATASET}`"), ("Stripes", f"Stripes (`{DATASET}`)")):
        first, *others = drawing.entries
        record = first.record.model_copy(update={"dataset": {"title": title}})
        retitled = replace(drawing, entries=[replace(first, record=record), *others])
        assert f"Dataset: {named}, fold 0" in caption("T.", retitled, subject)
    assert title_of("mine", 421, "") == "mine, triplet 421"
    assert title_of("mouse_triplet", 3, "Kasthuri") == "mouse_triplet, triplet 3 (Kasthuri)"


def test_the_report_shows_every_figure_that_was_drawn(
    tmp_path: Path, file: TripletFile, data: Path
) -> None:
    out = tmp_path / "results"
    make_store(out, file, [("linear", NONE), ("average", NONE)])
    wishes = Wanted((), ("distributions", "pareto"), (), whole=True)
    written = write_report(out, data, wishes, (), None, pytest.fail)
    text = (out / "report" / "report.md").read_text(encoding="utf-8")
    shown = re.findall(r"\]\((\S+\.png)\)", text)
    assert shown == [f"figures/{name}-{DATASET}.png" for name in ("distributions", "pareto")]
    assert {out / "report" / address for address in shown} < set(written)
    assert "](figures/figures.md)" in text


def test_another_process_draws_the_same_bytes(drawn: Path, out: Path, data: Path) -> None:
    again = drawn.parent / f"{drawn.name}-again"
    script = (
        "import sys; from pathlib import Path\n"
        "from bench.scores.results import load_results\n"
        "from bench.report.figures import draw_figures\n"
        "out, data, to = map(Path, sys.argv[1:4])\n"
        "draw_figures(load_results(out, data, print), sys.argv[4:], to, print)\n"
    )
    environment = os.environ | {"PYTHONHASHSEED": "77", "PYTHONPATH": os.pathsep.join(sys.path)}
    # One of each module; a second drawing of all of them is half a minute.
    names = ["4", "7", "8", "pareto", "spectrum"]
    subprocess.run(
        [sys.executable, "-c", script, out, data, again, *names], check=True, env=environment
    )
    pictures = sorted(again.glob("*.p*"))
    assert len(pictures) == 2 * len(names)
    assert [p.name for p in pictures if p.read_bytes() != (drawn / p.name).read_bytes()] == []


def test_only_cells_of_the_build_at_hand_are_set_side_by_side(
    tmp_path: Path, file: TripletFile, data: Path
) -> None:
    out, rebuilt = tmp_path / "results", tmp_path / "data"
    store = make_store(out, file, [("linear", NONE), ("average", NONE), ("flow", NONE)])
    again = build_striped(rebuilt, moving_texture(seed=1))
    null = next(store.root.glob("*/linear-*"))
    record = store.load(null)
    assert record is not None
    record.dataset = again.facts()
    store.save(record, null)
    for folder, counted in ((rebuilt, {"linear"}), (data, {"average", "flow"})):
        told: list[str] = []
        results = load_results(out, folder, told.append)
        scored = {e.cell.method for e in results.entries if e.scores is not None}
        assert scored == counted
        assert results.files[DATASET].path.is_relative_to(folder)
        (sentence,) = told
        assert "computed on another build of it" in sentence
    # Without a build at hand, the one of most cells counts.
    results = load_results(out, tmp_path / "nowhere", lambda _: None)
    assert [e.cell.method for e in results.entries if e.other_build] == ["linear"]


def test_a_damaged_dataset_only_costs_the_pictures(out: Path, data: Path, tmp_path: Path) -> None:
    path = tmp_path / DATASET / "fold0" / "triplets.h5"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"nonsense")
    told: list[str] = []
    results = load_results(out, tmp_path, told.append)
    assert all(entry.scores is not None for entry in results.entries)
    assert results.files == {}
    assert str(path) in told[0]


def test_figures_without_their_cells_are_left_out_and_told(
    tmp_path: Path, file: TripletFile, data: Path
) -> None:
    make_store(tmp_path / "results", file, [("linear", NONE), ("average", NONE)])
    text, told = _draw(
        tmp_path / "results", data, ["3", "4", "5", "6", "pareto"], tmp_path / "figures"
    )
    assert [sentence.partition(" of ")[0] for sentence in told] == [
        "Figure 3", "Figure 4", "Figure 5", "Figure 6",
    ]  # fmt: skip
    assert all(sentence in text for sentence in told)
    assert (tmp_path / "figures" / f"pareto-{DATASET}.pdf").exists()


def test_figure_5_needs_two_losses_to_compare(
    tmp_path: Path, file: TripletFile, data: Path
) -> None:
    make_store(tmp_path / "results", file, [("linear", NONE), ("ssan", "l1")])
    text, told = _draw(tmp_path / "results", data, ["5", "6"], tmp_path / "figures")
    (sentence,) = told
    assert sentence == (
        f"Figure 5 of {DATASET} is left out: ssan has scored frames under one loss only."
    )
    assert sentence in text
    assert "**Figure 6" in text


def _cells(losses: str, methods: str = "sepconv dain rife ssan") -> list[tuple[str, str]]:
    untrained = [(method, NONE) for method in ("linear", "average", "flow")]
    return untrained + [(method, loss) for method in methods.split() for loss in losses.split()]


@pytest.mark.parametrize(
    ("cells", "squares"),
    [
        (_cells("l1", "sepconv dain ssan"), 18),  # three rows of three pairs: no empty column
        (_cells("l1 lm", "sepconv ssan"), 20),
        (_cells("l1 lf ls", "ssan"), 18),
        (_cells("l1 lf ls lm"), 6 + 6 + 32),
    ],
)
def test_figure_7_has_as_many_pairs_as_there_are_methods_and_losses(
    tmp_path: Path, file: TripletFile, data: Path, cells: list[tuple[str, str]], squares: int
) -> None:
    make_store(tmp_path, file, cells)
    drawing = FIGURES["7"].draw(subject_of(_load(tmp_path, data), DATASET))
    axes = drawing.figure.axes
    assert len(axes) == squares
    places = {tuple(np.round(ax.get_position().p0, 4)) for ax in axes}
    left, bottom = zip(*places, strict=True)
    assert len(places) == squares
    assert squares > len(set(left)) * (len(set(bottom)) - 1)  # only the last row may have room
    titles = " ".join(text.get_text() for text in drawing.figure.findobj(Text))
    for loss in {loss for _, loss in cells} - {NONE}:
        assert f"-{loss[:1].upper()}{loss[1:]}" in titles


@pytest.mark.parametrize("cells", [[("linear", NONE), ("ssan", "ls")], _cells("l1 lf ls lm")])
def test_nothing_lies_outside_of_a_figure(
    tmp_path: Path, file: TripletFile, data: Path, cells: list[tuple[str, str]]
) -> None:
    make_store(tmp_path, file, cells)
    subject = subject_of(_load(tmp_path, data), DATASET)
    for name in ("5", "6", "7", "8", "errors", "learning", "pareto", "spectrum"):
        if name == "5" and len(cells) < 4:
            continue  # it needs two losses
        with look():
            figure = FIGURES[name].draw(subject).figure
            figure.canvas.draw()
        for artist in (*figure.axes, *figure.legends):
            box = artist.get_window_extent()
            assert box.xmin > -1, name
            assert box.ymin > -1, name
            assert box.xmax < figure.bbox.width + 1, name
            assert box.ymax < figure.bbox.height + 1, name


def test_figures_show_the_methods_and_losses_that_are_asked_for(
    tmp_path: Path, file: TripletFile, data: Path
) -> None:
    cells = _cells("l1 ls", "ssan dain")
    make_store(tmp_path, file, cells)
    shown = Shown(methods=("flow", "ssan", "dain"), losses=("ls",))
    some = subject_of(_load(tmp_path, data), DATASET, shown)
    whole = subject_of(_load(tmp_path, data), DATASET)
    for name in ("7", "8", "errors", "distributions", "pareto", "spectrum", "learning"):
        entries = FIGURES[name].draw(some).entries
        assert {entry.cell.method for entry in entries} >= {"ssan", "dain"}
        assert all(shown.row(entry.cell.method, entry.cell.loss) for entry in entries)
    assert typical(some, some.leading) == typical(whole, whole.leading)  # the null's still
    told: list[str] = []
    draw_figures(_load(tmp_path, data), ["5"], tmp_path / "to", told.append, shown)
    assert "under one loss only (of what --methods and --losses choose)" in told[0]


def test_captions_of_figures_that_are_there_stay(tmp_path: Path, out: Path, data: Path) -> None:
    first, _ = _draw(out, data, ["pareto", "learning"], tmp_path)
    again, _ = _draw(out, data, ["learning"], tmp_path)
    assert sorted(again.split("\n\n")) == sorted(first.split("\n\n"))
    (tmp_path / f"pareto-{DATASET}.png").unlink()
    last, _ = _draw(out, data, ["learning"], tmp_path)
    assert "pareto" not in last
    assert last.count("**Figure 'learning'") == 1


def test_a_long_name_is_no_wider_than_its_square(
    tmp_path: Path, file: TripletFile, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TITLES, "ssan", "A network with a long name")
    make_store(tmp_path, file, _cells("l1 ls", "ssan"))
    subject = subject_of(_load(tmp_path, data), DATASET)
    for name in ("5", "6", "7", "errors"):
        with look():
            figure = FIGURES[name].draw(subject).figure
            figure.canvas.draw()
        heads = [text for text in figure.findobj(Text) if "long name" in text.get_text()]
        assert heads
        for text in heads:
            assert text.axes is not None
            assert text.get_window_extent().width <= text.axes.get_window_extent().width


def test_figure_8_says_which_methods_it_shows(drawn: Path) -> None:
    text = (drawn / "figures.md").read_text(encoding="utf-8")
    (caption,) = (line for line in text.splitlines() if line.startswith("**Figure 8"))
    assert "At most 5 methods" in caption
    assert "; flow found no room." in caption


def test_a_failed_and_a_damaged_cell_leave_the_rest_standing(
    tmp_path: Path, file: TripletFile, data: Path
) -> None:
    store = make_store(tmp_path / "results", file)
    fail(store, folder_of(store, "ssan", "lf"))
    text, told = _draw(tmp_path / "results", data, ["5", "7"], tmp_path / "one")
    assert told == []
    assert "SSAN-Lf (failed in train: out of luck)" in text
    (folder_of(store, "ssan", "ls") / "frames.h5").write_bytes(b"nonsense")
    _, told = _draw(tmp_path / "results", data, ["3", "5"], tmp_path / "two")
    assert len(told) == 1
    assert told[0].startswith("Figure 5")
    assert "frames.h5" in told[0]


def test_dollars_in_a_name_are_dollars_in_figures_and_captions(
    tmp_path: Path, file: TripletFile, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TITLES, "ssan", "$5^2$")
    make_store(tmp_path / "results", file, [("linear", NONE), ("ssan", "lf"), ("ssan", "ls")])
    subject = subject_of(_load(tmp_path / "results", data), DATASET)
    for kind in FIGURES.values():
        drawing = kind.draw(subject)
        words = [text.get_text() for text in drawing.figure.findobj(Text)]
        named = [word for word in words if "5^2" in word]
        assert named
        assert not any(is_math_text(word) for word in named)
        assert "\\$" not in caption("", drawing, subject)
    assert "$5^2$-Ls: trained with random VGG features" in caption("", drawing, subject)


def test_without_triplets_the_figures_that_need_pixels_are_left_out(
    tmp_path: Path, out: Path
) -> None:
    names = ["3", "5", "6", "7", "8", "errors", "spectrum"]
    _, told = _draw(out, tmp_path / "nowhere", names, tmp_path / "figures")
    drawn = {path.stem.partition("-")[0] for path in (tmp_path / "figures").glob("*.pdf")}
    assert drawn == {"figure3"}
    assert len(told) == len(names) - 1


def test_an_unknown_figure_is_named(out: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no figure 'spectra'; did you mean 'spectrum'"):
        _draw(out, data, ["spectra"], tmp_path)


def test_the_inset_lies_where_the_crops_differ_and_inside_them() -> None:
    one = np.full((90, 90), 100, np.uint8)
    other = one.copy()
    other[70:88, 2:20] = 200
    inset = where_they_differ([one, other])
    assert inset.side == 30
    assert 58 <= inset.top <= 60
    assert 0 <= inset.left <= 2
    assert (inset.of(other) == 200).sum() == 18 * 18
    assert inset.of(other).shape == (30, 30)


def test_all_panels_of_a_figure_share_triplet_crop_and_inset(out: Path, data: Path) -> None:
    subject = subject_of(_load(out, data), DATASET)
    triplet = typical(subject, subject.leading)
    scene = scene_of(subject, subject.leading, triplet)
    assert {frame.shape for frame in scene.frames.values() if frame is not None} == {(80, 80)}
    assert len(scene.frames) == len(CELLS)
    assert subject.null is not None
    assert subject.null.scores is not None
    table = subject.null.scores.set_index("triplet")["psnr"]
    assert table[triplet] == table.sort_values().iloc[len(table) // 2]


def test_seeds_are_averaged_triplet_by_triplet(
    tmp_path: Path, file: TripletFile, data: Path
) -> None:
    make_store(tmp_path, file, [("linear", NONE), ("ssan", "ls")], seeds=2)
    subject = subject_of(_load(tmp_path, data), DATASET)
    entry = subject.find("ssan", "ls")
    assert entry is not None
    tables = [seed.scores for seed in subject.seeds(entry)]
    assert len(tables) == 2
    expected = np.mean([table["psnr"] for table in tables if table is not None], axis=0)
    assert subject.values(entry, "psnr").to_numpy() == pytest.approx(expected)
    assert len(subject.leading) == 2


def test_learning_curves_count_crops_not_steps(out: Path, data: Path) -> None:
    drawing = draw_learning(subject_of(_load(out, data), DATASET))
    errors, quality, losses = drawing.figure.axes
    trained = [entry for entry in drawing.entries if entry.trained]
    assert len(trained) == len(quality.lines) == len(errors.lines) == len(losses.lines) == 7
    for curve in losses.lines:
        assert list(curve.get_xdata()) == [40, 80, 120, 160, 200]
        assert list(curve.get_ydata()) == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    for curve in quality.lines:
        assert list(curve.get_xdata()) == [40, 80, 120, 160, 200]
        assert list(curve.get_ydata()) == pytest.approx([20.2, 20.4, 20.6, 20.8, 21.0])
    error = errors.lines[0].get_ydata()
    assert float(error[-1]) == pytest.approx(np.mean([1 / step for step in range(96, 101)]), 1e-4)


@pytest.mark.parametrize(
    ("revision", "axis", "term"),
    [
        ({}, "signed style term", "equation 15 with their sign"),
        ({"revision": 2}, "style term", "|S(prediction, j) - S(truth, j)|"),
    ],
)
def test_figure_4_says_which_form_of_the_balance_was_trained(
    tmp_path: Path, file: TripletFile, revision: dict[str, int], axis: str, term: str
) -> None:
    store = make_store(tmp_path, file, [("ssan", "ls")])
    folder = folder_of(store, "ssan", "ls")
    record = store.load(folder)
    assert record is not None
    options = {"style": "balance", "lowpass": 1.0}
    record.config["loss"] = {"name": "ls", "options": options} | revision
    store.save(record, folder)
    subject = subject_of(load_results(tmp_path, tmp_path, pytest.fail), DATASET)
    drawing = draw_style(subject)
    label = drawing.figure.axes[0].get_ylabel()
    assert label.startswith(f"{axis} ($")
    said = caption("Title.", drawing, subject)
    assert term in said
    assert "not that of Wang et al. 2021: a low-pass term beside the pixel term;" in said


def test_error_colours_mean_what_the_legend_says() -> None:
    found = np.array([[True, True, False, False, True]])
    truth = Membranes(
        np.array([[True, False, True, False, False]]), np.array([[True, True, True, True, False]])
    )
    picture = error_overlay(np.full((1, 5), 100, np.uint8), found, truth)
    colours = [tuple(pixel / 255) for pixel in picture[0]]
    for pixel, colour in zip(colours, (FOUND, INVENTED, MISSED), strict=False):
        assert pixel == pytest.approx(to_rgb(colour), abs=1 / 255)
    assert colours[3] == colours[4] == pytest.approx((178 / 255,) * 3)


def test_the_front_is_what_nothing_is_both_faster_and_better_than() -> None:
    assert front([1.0, 2.0, 3.0, 0.5, 2.0], [1.0, 0.5, 2.0, -1.0, 1.5]) == [3, 0, 4, 2]


def test_radial_power_of_a_wave_lies_at_its_frequency() -> None:
    x = np.arange(64)
    wave = np.tile(128 + 100 * np.cos(2 * np.pi * x / 8), (64, 1)).astype(np.uint8)
    assert int(np.argmax(radial_power(wave))) + 1 == 64 // 8


def test_labels_keep_their_distance_and_their_order() -> None:
    places = spread_apart([1.0, 0.0, 1.05], 0.5)
    assert places[1] < places[0] < places[2]
    assert min(np.diff(sorted(places))) >= 0.5 - 1e-12


# What a user may have set: a notebook's backend, and a file of settings where the command runs.
SETTINGS = """text.usetex: true
savefig.bbox: tight
savefig.dpi: 30
figure.facecolor: red
image.cmap: hot
font.size: 30
"""


def test_the_user_s_own_settings_of_matplotlib_change_no_figure(
    out: Path, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "matplotlibrc").write_text(SETTINGS)
    (tmp_path / "none").mkdir()
    drawn = {}
    for name, backend in (("none", {}), ("theirs", {"MPLBACKEND": "module://no.such_backend"})):
        results = tmp_path / name / "results"
        shutil.copytree(out / "runs", results / "runs")
        words = ["report", "--figures", "learning", "--out", str(results), "--data", str(data)]
        clean = {key: value for key, value in os.environ.items() if not key.startswith("MPL")}
        subprocess.run(
            [sys.executable, "-m", "bench", *words], cwd=tmp_path / name, check=True,
            env=clean | backend | {"MPLCONFIGDIR": str(tmp_path)},
        )  # fmt: skip
        files = sorted((results / "report/figures").glob("learning*"))
        drawn[name] = [path.read_bytes() for path in files]
    assert len(drawn["none"]) == 2
    assert drawn["theirs"] == drawn["none"]
