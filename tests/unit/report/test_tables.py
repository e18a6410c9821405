import csv
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import report_store
from command import bench
from report_store import COUNT, LONG, add, add_ceiling, membranes, scores
from scipy import stats

from bench.base.errors import UserError
from bench.cells.cell import plan
from bench.cells.config import load_config
from bench.report.page.leaderboard import leaderboard
from bench.report.page.printing import print_board, print_notes
from bench.report.render_csv import csv_text
from bench.report.render_markdown import markdown
from bench.report.reported import load_reported
from bench.report.score_rows import AGGREGATIONS, EXTRACTORS
from bench.report.selection import Selection, select
from bench.report.table import DASH, Table, TableCell
from bench.report.tables import TABLES
from bench.report.write import FORMATS, Wanted, wanted, write_report
from bench.scores.ceiling import SegmenterRecord
from bench.scores.results import load_results
from bench.scores.statistics import mean_interval, paired_gain, seed_spread, z_blocks
from bench.store.records import Store, save_document

ROOT = Path(__file__).resolve().parents[3]


def read(out: Path, *datasets: str, preset: str | None = None) -> Selection:
    results = load_results(out, out / "data", print)
    return select(results, datasets, preset, load_reported(), out / "profile")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results")
    report_store.fill(out)
    return out


@pytest.fixture(scope="module")
def tables(filled: Path) -> dict[str, Table]:
    selection = read(filled)
    return {table.name: table for build in TABLES.values() for table in build(selection)}


def cell(table: Table, label: str, column: str, group: str = "mouse_triplet") -> TableCell:
    wanted = [c.group == group and c.title == column for c in table.columns].index(True)
    (row,) = [row for row in table.rows if row.label.startswith(label) and row.cells]
    return row.cells[wanted]


def notes(table: Table, of: TableCell) -> str:
    return " ".join(dict(table.notes)[mark] for mark in of.marks)


def test_table_4_has_the_papers_rows_below_the_untrained_ones(tables: dict[str, Table]) -> None:
    labels = [row.label for row in tables["4"].rows]
    losses = {"SepConv": "1fs", "DAIN-style": "1s", "SSAN": "1fs"}
    paper = [f"{method}-L_{loss}" for method, names in losses.items() for loss in names]
    first = labels.index(paper[0])
    assert labels[first : first + len(paper)] == paper
    assert "Linear filter (the null) (the null)" not in labels
    assert any(label.startswith("Linear") for label in labels[:first])
    assert [row.label for row in tables["4"].rows if row.rule] == [paper[0], f"{LONG}-L_1"]


def test_no_method_and_loss_of_the_store_lacks_a_row(tmp_path: Path) -> None:
    add(tmp_path, "linear", table=scores("linear", 19.0))
    add(tmp_path, "ssan", "lm", table=scores("ssan", 19.5), title="SSAN")
    add(tmp_path, "ssan[extractor=unet]", "lm", table=scores("unet", 19.4), title="SSAN")
    paper, extended = TABLES["4"](read(tmp_path))
    assert cell(paper, "SSAN-L_m", "PSNR (dB)").text == "19.50"
    assert cell(extended, "SSAN-L_m", "PSNR (dB)", "").emphasis == "best"
    assert cell(extended, "SSAN[extractor=unet]-L_m", "PSNR (dB)", "").value is not None
    # The paper compares the variants of SSAN in tables of their own.
    assert "SSAN[extractor=unet]-L_m" not in [row.label for row in paper.rows]


def test_a_mean_is_the_mean_of_the_stored_scores(tables: dict[str, Table]) -> None:
    table = scores("ssanl1", report_store.PSNR["ssan"])
    shown = cell(tables["4"], "SSAN-L_1", "PSNR (dB)")
    expected = mean_interval(table["psnr"], table)
    assert (shown.value, shown.low, shown.high) == pytest.approx(tuple(expected)[:3])
    assert shown.text == "19.30"
    skill = cell(tables["4_extended"], "SSAN-L_1", "PSNR (dB)", "Gain over `linear`")
    itself = cell(tables["4_extended"], "Linear", "PSNR (dB)", "Gain over `linear`")
    assert notes(tables["4_extended"], itself) == "the null itself."
    gain = paired_gain(table["psnr"], scores("linear", 19.0)["psnr"], table)
    assert (skill.value, skill.low) == pytest.approx((gain.mean, gain.low))


def test_best_and_second_are_marked_in_the_direction_of_the_metric(
    tables: dict[str, Table],
) -> None:
    for metric in ("PSNR (dB)", "IE"):
        assert cell(tables["4"], "SSAN-L_1", metric).emphasis == "best"
        assert cell(tables["4"], "Linear", metric).emphasis == "second"
    # Sharpness grows with the PSNR here, and stays below 1.
    assert cell(tables["4_extended"], "SSAN-L_1", "Sharpness", "").emphasis == "best"


def test_a_missing_cell_is_a_dash_with_its_reason(tables: dict[str, Table]) -> None:
    table = tables["4"]
    reasons = {
        "DAIN-style-L_1": "failed in train: the loss became {NaN} & 50% of it",
        "DAIN-style-L_s": "interrupted",
        "SSAN-L_f": "not run; `bench run --config configs/table4.toml --dataset mouse_triplet` "
        "computes the whole table (long; its `ls` needs VGG16 weights).",
    }
    for label, reason in reasons.items():
        shown = cell(table, label, "SSIM")
        assert shown.text == "–"
        assert shown.value is None
        assert reason in notes(table, shown)


def test_deviations_and_random_features_are_footnotes(tables: dict[str, Table]) -> None:
    table = tables["4"]
    (row,) = [row for row in table.rows if row.label == "SSAN-L_s"]
    said = dict(table.notes)
    assert [said[mark] for mark in row.marks] == [
        "SSAN departs from its paper: one_grey channel, 5%."
    ]
    assert notes(table, row.cells[0]) == "Trained with random VGG features."
    assert "SNEMI3D" in " ".join(said[mark] for mark in table.columns[0].marks)


def test_every_table_of_networks_says_how_they_were_not_trained_as_in_the_paper(
    tmp_path: Path,
) -> None:
    def config(lowpass: float, **more: object) -> dict[str, object]:
        budget = {"samples": 4000, "crop": 128, "epochs": None, "features_from": 0.6}
        options = {"lowpass": lowpass, "feature_crop": 64, "style": "balance"}
        return {"preset": budget, "loss": {"name": "ls", "options": options} | more}

    add(tmp_path, "linear", table=scores("linear", 19.0), segmented=membranes(0.6))
    cells = {"ssan": config(1.0), "dain": config(1.0, revision=2), "sepconv": config(1.0)}
    cells |= dict.fromkeys(("ssan[extractor=rdn]", "ssan[aggregation=ssa]"), config(1.0))
    for name, settings in cells.items():
        title = {"ssan": "SSAN", "dain": "DAIN-style"}.get(name.partition("[")[0], "SepConv")
        add(tmp_path, name, "ls", table=scores(name, 18.0), title=title, config=settings,
            segmented=membranes(0.7))  # fmt: skip
    add_ceiling(tmp_path)
    selection = read(tmp_path)
    made = {table.name: table for build in TABLES.values() for table in build(selection)}
    del made["2"]  # of layers: nothing is trained
    assert set(made) == {"neurites", "1", "3", "4", "4_extended", "5", "preparation"}
    for table in made.values():
        said = " ".join(table.caption)
        assert "a low-pass term beside the pixel term;" in said, table.name
        assert "in the last 40 % of the steps and of the central 64 pixels of a crop" in said
    said = " ".join(made["4"].caption)
    assert (
        "by equation 15 as printed, which can rank the truth second (SepConv-L_s, SSAN-L_s" in said
    )
    assert "the continuous form of the style balance (the gradient of equation 15) (DAIN-" in said


def test_a_training_of_minutes_is_said_in_the_first_line(tables: dict[str, Table]) -> None:
    assert "minutes of training, and the order may turn" in tables["4"].caption[0]
    assert "4,000 training crops of 128 pixels, seed 0" in " ".join(tables["4"].caption)
    assert f"mouse_triplet {COUNT}." in " ".join(tables["4"].caption)


def test_what_cannot_be_told_apart_is_a_tie(tmp_path: Path) -> None:
    for name, mean, noise in (("linear", 19.0, 0.05), ("flow", 19.0005, 0.05), ("phase", 18, 0.05)):
        add(tmp_path, name, table=scores(name, mean, noise=noise))
    (table, _) = TABLES["4"](read(tmp_path))
    assert cell(table, "Flow", "PSNR (dB)").emphasis == "best"
    assert cell(table, "Linear", "PSNR (dB)").emphasis == "second"
    assert cell(table, "Linear", "PSNR (dB)").tie
    assert not cell(table, "Phase", "PSNR (dB)").tie
    assert table.notes[0][0] == "="


def test_emphasis_reads_unrounded_values_and_equals_share(tmp_path: Path) -> None:
    for name, mean in (("linear", 19.001), ("flow", 19.002), ("average", 18.9)):
        add(tmp_path, name, table=scores("same", mean))
    add(tmp_path, "phase", table=scores("same", 19.002))
    (table, _) = TABLES["4"](read(tmp_path))
    marks = {
        name: cell(table, name, "PSNR (dB)").emphasis
        for name in ("Flow", "Phase", "Linear", "Average")
    }
    assert marks == {"Flow": "best", "Phase": "best", "Linear": "", "Average": ""}


def test_seeds_are_averaged_triplet_by_triplet(tmp_path: Path) -> None:
    add(tmp_path, "linear", table=scores("linear", 19.0))
    means = (19.0, 20.0)
    for seed, mean in enumerate(means):
        add(tmp_path, "ssan", "l1", seed=seed, table=scores("ssan", mean, seed), title="SSAN")
    failed = report_store.Failure(stage="train", reason="no memory", traceback="")
    add(tmp_path, "ssan", "l1", seed=2, status="failed", failure=failed, title="SSAN")
    (table, _) = TABLES["4"](read(tmp_path))
    shown = cell(table, "SSAN-L_1", "PSNR (dB)")
    assert shown.value == pytest.approx(19.5)
    one, two = scores("ssan", 19.0, 0), scores("ssan", 20.0, 1)
    spread = seed_spread(means)
    assert spread is not None
    expected = mean_interval((one["psnr"] + two["psnr"]) / 2, one, [spread])
    assert shown.low == pytest.approx(expected.low)
    assert "seed 2 is not counted: failed in train: no memory." in notes(table, shown)
    assert "seeds 0, 1" in " ".join(table.caption)


def test_a_row_with_fewer_seeds_than_the_caption_says_so(tmp_path: Path) -> None:
    add(tmp_path, "linear", table=scores("linear", 19.0), segmented=membranes(0.5))
    for method, seeds in (("ssan", (0, 1, 2)), ("dain", (0, 2)), ("sepconv", (1,))):
        for seed in seeds:
            add(tmp_path, method, "l1", seed=seed, table=scores(method, 19.5, seed),
                segmented=membranes(0.6))  # fmt: skip
    selection = read(tmp_path)
    columns = {"4": "PSNR (dB)", "5": "Gap in Dice", "preparation": "FRC < 0.1"}
    for name, column in columns.items():
        table = TABLES[name](selection)[0]
        assert "seeds 0, 1, 2 (" in " ".join(table.caption)
        group = "aligned, kept" if name == "preparation" else "mouse_triplet"
        said = [notes(table, cell(table, row, column, group))
                for row in ("Linear", "Ssan", "Dain", "Sepconv")]  # fmt: skip
        for words, own in zip(said[2:], ("Seeds 0, 2 only.", "Seed 1 only: "), strict=True):
            assert own in words
        assert not any("only" in words for words in said[:2])


def test_folds_are_pooled(tmp_path: Path) -> None:
    for fold, mean in ((0, 18.0), (1, 20.0)):
        add(tmp_path, "linear", fold=fold, table=scores("linear", mean))
    (table, _) = TABLES["4"](read(tmp_path))
    assert cell(table, "Linear", "PSNR (dB)").value == pytest.approx(19.0)
    assert f"mouse_triplet {2 * COUNT}." in " ".join(table.caption)


def test_another_build_of_the_dataset_is_not_compared(tmp_path: Path) -> None:
    for name in ("linear", "average"):
        add(tmp_path, name, table=scores(name, 19.0))
    add(tmp_path, "flow", table=scores("flow", 25.0), about={"fingerprint": "other"})
    (table, _) = TABLES["4"](read(tmp_path))
    shown = cell(table, "Flow", "PSNR (dB)")
    assert shown.text == "–"
    assert "another build of the dataset" in notes(table, shown)


def test_leakage_and_few_triplets_are_said(tmp_path: Path) -> None:
    add(tmp_path, "linear", table=scores("linear", 19.0), about={"leakage": 0.84})
    few = scores("average", 19.0)[:10]
    add(tmp_path, "average", table=few, about={"leakage": 0.84}, config={"max_triplets": 10})
    (table, _) = TABLES["4"](read(tmp_path))
    assert "84 % of the test triplets share pixels" in " ".join(dict(table.notes).values())
    said = notes(table, cell(table, "Average", "PSNR (dB)"))
    assert "Mean over 10 of 30 test triplets." in said
    assert "--max-triplets 10" in said


@pytest.fixture
def uneven(tmp_path: Path) -> Path:
    """Two methods on every triplet, and two that look better on the first few."""
    for name, mean, quality in (("linear", 18.0, 0.6), ("average", 19.0, 0.7)):
        add(tmp_path, name, table=scores(name, mean), segmented=membranes(quality))
    for name in ("flow", "phase"):
        add(tmp_path, name, table=scores(name, 25.0)[:8], segmented=membranes(0.8)[:8],
            config={"max_triplets": 8})  # fmt: skip
    add_ceiling(tmp_path)
    return tmp_path


def test_rows_over_fewer_triplets_are_named_and_not_ranked(uneven: Path) -> None:
    selection = read(uneven)
    paper, extended = TABLES["4"](selection)
    (fifth,) = TABLES["5"](selection)
    for table, columns, group in (
        (paper, ("PSNR (dB)", "SSIM", "IE"), "mouse_triplet"),
        (extended, ("PSNR (dB)",), ""),
        (fifth, ("Dice", "F1"), "mouse_triplet"),
    ):
        for column in columns:
            marks = {
                name: cell(table, name, column, group).emphasis
                for name in ("Average", "Linear", "Flow", "Phase")
            }
            assert marks == {"Average": "best", "Linear": "second", "Flow": "", "Phase": ""}
            assert not cell(table, "Flow", column, group).tie
        said = {row.label.split()[0]: " ".join(dict(table.notes)[mark] for mark in row.marks)
                for row in table.rows}  # fmt: skip
        assert "fewer test triplets than the caption says" in said["Flow"]
        assert "fewer" not in said["Average"]
    assert "mouse_triplet 30." in " ".join(fifth.caption)


def test_the_ceiling_is_over_the_triplets_of_the_fullest_row(uneven: Path) -> None:
    (table,) = TABLES["5"](read(uneven))
    every, few = membranes(0.9), membranes(0.9)[:8]
    assert cell(table, "Real slice", "Dice").value == pytest.approx(every["dice"].mean())
    gap = few["dice"].mean() - membranes(0.8)[:8]["dice"].mean()
    assert cell(table, "Flow", "Gap in Dice").value == pytest.approx(gap)
    (row,) = [row for row in table.rows if row.label == "Flow"]
    said = " ".join(dict(table.notes)[mark] for mark in row.marks)
    assert "to the real slice on its own triplets" in said


def test_where_every_cell_is_on_the_same_few_triplets_so_is_the_ceiling(tmp_path: Path) -> None:
    for name, quality in (("linear", 0.6), ("flow", 0.7)):
        add(tmp_path, name, table=scores(name, 19.0)[:8], segmented=membranes(quality)[:8])
    add_ceiling(tmp_path)
    (table,) = TABLES["5"](read(tmp_path))
    real = membranes(0.9)[:8]["dice"].mean()
    assert cell(table, "Real slice", "Dice").value == pytest.approx(real)
    shown = [cell(table, "Flow", name).value for name in ("Dice", "Gap in Dice")]
    assert sum(value for value in shown if value is not None) == pytest.approx(real)
    assert cell(table, "Flow", "Dice").emphasis == "best"
    assert "fewer" not in " ".join(dict(table.notes).values())
    board = print_board(leaderboard(read(tmp_path).results))
    dice = [column.name for column in board["columns"]].index("dice")
    assert [each["numbers"][dice]["text"] for each in board["beside"]] == [f"{real:.4f}"]


def test_the_leaderboard_marks_no_best_over_fewer_triplets(uneven: Path) -> None:
    rows = leaderboard(read(uneven).results).rows
    best = {row.entry.cell.method: row.best for row in rows}
    assert {"psnr", "dice"} <= best["average"]
    assert best["flow"] == best["phase"] == set()


def save_segmenter_record(
    folder: Path, settings: dict[str, object], files: dict[str, str] | None = None
) -> None:
    record = SegmenterRecord(
        key="k", settings=settings, threshold=0.5, reference="labels", files=files or {}, means={},
        provenance={}, finished=report_store.STARTED,
    )  # fmt: skip
    save_document(folder / "segmenter.json", record.model_dump(mode="json"))


@pytest.mark.parametrize("learned", ["here", "elsewhere"])
def test_a_segmenter_of_few_steps_is_a_footnote(tmp_path: Path, learned: str) -> None:
    add(tmp_path, "linear", table=scores("linear", 19.0), segmented=membranes(0.6))
    folder = add_ceiling(tmp_path)
    for steps, said in ((30, True), (2500, False)):
        settings: dict[str, object] = {"budget": {"steps": steps}}
        save_segmenter_record(folder, settings if learned == "here" else {"trained_on": settings})
        selection = read(tmp_path)
        (table,) = TABLES["5"](selection)
        sentence = "its segmenter was trained for at most 30 steps only"
        marks = [mark for column in table.columns for mark in column.marks]
        notes_ = [dict(table.notes)[mark] for mark in marks]
        assert (f"mouse_triplet: {sentence}." in notes_) == said
        (leading,) = TABLES["neurites"](selection)
        marks = list(leading.rows[0].marks)
        assert (f"mouse_triplet: {sentence}." in [dict(leading.notes)[m] for m in marks]) == said
        board = leaderboard(selection.results)
        assert (("mouse_triplet", sentence) in print_notes(board)) == said
    save_segmenter_record(folder, {"weights": "given"})
    (table,) = TABLES["5"](read(tmp_path))
    assert "segmenter was trained" not in " ".join(dict(table.notes).values())


def test_few_clusters_one_seed_and_saturation_are_said(tmp_path: Path) -> None:
    few = scores("linear", 19.0)[:20]  # two columns of tiles
    add(tmp_path, "linear", table=few)
    folder = add(tmp_path, "ssan", "l1", table=few)
    store = Store(tmp_path)
    record = store.load(folder)
    assert record is not None
    record.stages["score"].facts["saturated"] = 0.123
    store.save(record, folder)
    paper, extended = TABLES["4"](read(tmp_path))
    for table, first, group in ((paper, "PSNR (dB)", "mouse_triplet"), (extended, "FRC < 0.1", "")):
        said = notes(table, cell(table, "Linear", first, group))
        assert "it takes at least 3 columns of tiles side by side, and there are 2 (" in said
        assert "Each network was trained once (one seed)" in " ".join(table.caption)
        assert "12 % of the pixels of the real slices" in " ".join(dict(table.notes).values())


def test_a_damaged_table_is_a_dash_not_a_crash(tmp_path: Path) -> None:
    add(tmp_path, "linear", table=scores("linear", 19.0))
    folder = add(tmp_path, "flow", table=scores("flow", 19.0))
    (folder / "scores.parquet").write_bytes(b"nothing")
    selection = read(tmp_path)
    (table, _) = TABLES["4"](selection)
    assert "damaged" in notes(table, cell(table, "Flow", "IE"))
    assert len(selection.results.problems) == 1


def test_ablations_stand_under_their_loss(tmp_path: Path) -> None:
    for variants in (EXTRACTORS, AGGREGATIONS):
        for i, (spelling, *_) in enumerate(variants.values()):
            add(tmp_path, spelling, "l1", table=scores(spelling, 19 + i / 10), title="SSAN")
    add(tmp_path, "ssan", "ls", table=scores("ssan", 18.0), title="SSAN")
    selection = read(tmp_path)
    (one,), (three,) = TABLES["1"](selection), TABLES["3"](selection)
    assert [row.label for row in one.rows] == ["Under L_1", "U-Net", "SU-Net", "RDN", "SRDN"]
    assert [row.label for row in three.rows] == ["Under L_1", "KEL", "SSA", "AAL"]
    assert cell(three, "AAL", "PSNR (dB)").emphasis == "best"
    assert cell(three, "AAL", "PSNR (dB)").value == cell(one, "SRDN", "PSNR (dB)").value


def test_table_5_leads_with_the_gap_to_the_real_slice(tables: dict[str, Table]) -> None:
    table = tables["5"]
    titles = [column.title for column in table.columns]
    assert titles == ["Gap in Dice", "Dice", "F1"]
    assert cell(table, "SSAN-L_s", "Gap in Dice").value == pytest.approx(0.2)
    assert cell(table, "SSAN-L_s", "Dice").value == pytest.approx(0.7)
    counts = membranes(0.7).sum(numeric_only=True)
    precision = counts["boundary_hits_predicted"] / counts["boundary_predicted"]
    recall = counts["boundary_hits_true"] / counts["boundary_true"]
    f1 = cell(table, "SSAN-L_s", "F1")
    assert f1.value == pytest.approx(2 * precision * recall / (precision + recall))
    assert table.rows[-1].label == "Real slice (the ceiling)"
    assert cell(table, "Real slice", "Dice").value == pytest.approx(0.9)
    assert "agreement scoring" in " ".join(dict(table.notes).values())
    assert "5 nm a pixel are assumed" in " ".join(dict(table.notes).values())
    assert cell(table, "DAIN-style-L_s", "Dice").text == "–"


def test_membranes_of_another_segmenter_are_not_compared(tmp_path: Path) -> None:
    report_store.fill(tmp_path)
    store = Store(tmp_path)
    (folder,) = [path for path in store.folders() if path.name.startswith("ssan-l1")]
    record = store.load(folder)
    assert record is not None
    record.stages["segment"].facts["ceiling"] = "segmenter-2"
    store.save(record, folder)
    other = store.root / "mouse_triplet" / "segmenter-2"
    other.mkdir()
    report_store.membranes(0.95).to_parquet(other / "ceiling.parquet", index=False)
    told: list[str] = []
    results = load_results(tmp_path, tmp_path / "data", told.append)
    (table,) = TABLES["5"](select(results, (), None, load_reported(), tmp_path / "profile"))
    assert "The membranes of SSAN-L1 on mouse_triplet were found by another segmenter" in told[0]
    left_out = cell(table, "SSAN-L_1", "Dice")
    assert left_out.text == "–"
    assert "another segmenter found its membranes" in notes(table, left_out)
    assert "`--segmenter-steps`" in notes(table, left_out)
    assert cell(table, "SSAN-L_s", "Gap in Dice").value == pytest.approx(0.2, abs=0.02)
    assert cell(table, "Real slice", "Dice").value == pytest.approx(0.9, abs=0.02)


def test_the_ceiling_of_other_weights_is_not_what_a_gap_is_to(tmp_path: Path) -> None:
    """A segmenter that was lost is trained anew in the same folder, with other weights."""
    folder = add(tmp_path, "linear", table=scores("linear", 19.0), segmented=membranes(0.6))
    store = Store(tmp_path)
    record = store.load(folder)
    assert record is not None
    record.stages["segment"].facts["segmenter"] = "first"
    store.save(record, folder)
    ceiling = add_ceiling(tmp_path)
    for weights, gap in (("first", 0.3), ("second", None)):
        save_segmenter_record(ceiling, {}, {"weights.safetensors": weights})
        (table,) = TABLES["5"](read(tmp_path))
        assert cell(table, "Linear", "Gap in Dice").value == (gap and pytest.approx(gap))
        assert cell(table, "Linear", "Dice").value == pytest.approx(0.6)


def test_the_interval_of_f1_is_that_of_the_jackknife(tables: dict[str, Table]) -> None:
    table = membranes(0.7)
    column, block = table["column"].to_numpy(), z_blocks(table)

    def pooled(rows: np.ndarray) -> float:
        c = table[rows].sum(numeric_only=True)
        precision = c["boundary_hits_predicted"] / c["boundary_predicted"]
        recall = c["boundary_hits_true"] / c["boundary_true"]
        return float(2 * precision * recall / (precision + recall))

    def variance(labels: np.ndarray) -> float:
        left_out = np.array([pooled(labels != label) for label in np.unique(labels)])
        return float((len(left_out) - 1) * left_out.var())

    by_column, by_block = variance(column), variance(block)
    both = by_column + by_block - variance(column * 100 + block)
    error = np.sqrt(max(both, by_column, by_block))
    reach = stats.t.ppf(0.975, (3 if by_column >= by_block else 10) - 1)
    shown = cell(tables["5"], "SSAN-L_s", "F1")
    assert shown.value is not None
    assert shown.low is not None
    assert (shown.value - shown.low) / reach == pytest.approx(error, rel=0.05)


def test_table_2_without_a_profile_says_how_to_get_one(tables: dict[str, Table]) -> None:
    table = tables["2"]
    assert [row.label for row in table.rows] == ["KEL", "SA", "SSA", "AAL"]
    assert all(cell.text == "–" for row in table.rows for cell in row.cells)
    assert dict(table.notes) == {"a": "not measured; run `bench profile --layers`."}


def test_table_2_shows_the_profile(filled: Path, tmp_path: Path) -> None:
    add(tmp_path, "linear", table=scores("linear", 19.0))
    write_profile(tmp_path)
    (table,) = TABLES["2"](read(tmp_path))
    assert [row.label for row in table.rows] == [
        "SA (released, explicit)", "SSA (released, explicit)", "AAL (released, explicit)", "KEL",
    ]  # fmt: skip
    dense, _, aal, _ = (row.cells for row in table.rows)
    assert aal[0].emphasis == "best"
    assert aal[3].text == "275 [270, 280]"
    assert [one.text for one in dense] == ["–", "4949.000", "5,201", "–", "–", "–"]
    assert "computed, not run: 2^36 entries" in " ".join(dict(table.notes).values())


def write_profile(out: Path) -> None:
    def row(layer: str, gmac: float, mib: float | None, ms: float = 0.0) -> dict[str, object]:
        cost = None
        if mib is not None:
            seconds = {"median": ms / 1e3, "low": (ms - 5) / 1e3, "high": (ms + 5) / 1e3}
            cost = {"seconds": seconds | {"repeats": 5}, "peak_mib": mib}
        return {
            "layer": layer, "form": "released", "implementation": "explicit", "parameters": 5201,
            "gmac": gmac, "gmac_closed_form": gmac, "forward": cost, "backward": cost,
            "computed": cost is None, "note": "2^36 entries" if cost is None else "",
        }  # fmt: skip

    rows = [row("sa", 4949, None), row("ssa", 81.202, 4576, 327), row("aal", 10.368, 960, 275)]
    document = {"schema": 1, "size": [1, 64, 512, 512], "device": "cpu", "provenance": {},
                "rows": rows}  # fmt: skip
    path = out / "profile" / "layers.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def report(out: Path, formats: tuple[str, ...] = FORMATS) -> Path:
    """Everything but the figures, made of a store."""
    wishes = Wanted(tuple(TABLES), (), formats, whole=True)
    write_report(out, out / "data", wishes, (), None, print)
    return out / "report"


def test_two_reports_of_one_store_are_the_same(filled: Path, tmp_path: Path) -> None:
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        shutil.copytree(filled / "runs", folder / "runs")
    one, two = map(report, folders)
    names = {path.name for path in one.iterdir() if path.name != ".lock"}
    assert {"table4.tex", "table4_extended.csv", "claims.md", "report.md", "index.html"} <= names
    assert [name for name in names if (one / name).read_bytes() != (two / name).read_bytes()] == []
    index = (one / "report.md").read_text()
    assert "1 failed, 1 running" in index
    assert "DAIN-style-Ls on mouse_triplet, seed 0: still running, or interrupted" in index
    assert "- Table 2: Cost of the layers: `table2.md`" in index.split("## Nothing measured")[1]
    assert "## Table 2" not in index
    assert index.index("## Table 4") < index.index("## Nothing measured")


def section(text: str, title: str) -> str:
    return text.split(f"## {title}")[1].split("\n## ")[0]


def test_a_small_store_is_a_short_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("linear", "average"):
        add(tmp_path, name, table=scores(name, report_store.PSNR[name]), dataset="mine")
    folder = report(tmp_path)
    text, page = (folder / "report.md").read_text(), (folder / "index.html").read_text()
    table = section(text, "Table 4: Methods and losses")
    assert [line.split("|")[1].strip() for line in table.splitlines() if line[:1] == "|"][2:] == [
        "Average", "Linear (the null)",
    ]  # fmt: skip
    (said,) = [line for line in table.splitlines() if line.startswith("Not measured:")]
    assert "; SepConv-L1; " in said
    assert "`bench run --config configs/table4.toml --dataset mine` computes" in said
    assert "In full: `table4.md`." in said
    assert "not aligned, kept PSNR" not in section(text, "What the preparation hides")[:200]
    nothing = section(text, "Nothing measured")
    assert "claims" not in nothing
    assert "Not measured: Copy of the slice before; " in page
    assert "Table 2: Cost of the layers (<code>table2.md</code>)" in page
    # The files keep the rows of the paper, each with its reason.
    assert (folder / "table4.md").read_text().count("| SSAN-L") == 3
    # A paper takes what was measured.
    assert "SSAN-$" not in (folder / "table4.tex").read_text()
    assert not (folder / "table1.tex").exists()
    # Of what the paper claims nothing was measured.
    assert not (folder / "claims.md").exists()
    (told,) = capsys.readouterr().out.splitlines()
    assert told == "Left out: tables without a number, 4 (the end of report.md names them)."


def test_the_report_names_every_row_of_its_tables_and_every_footnote(filled: Path) -> None:
    folder = report(filled)
    text = (folder / "report.md").read_text()
    for name in ("table4", "table4_extended", "table5", "claims"):
        own = (folder / f"{name}.md").read_text().split("\n- <sup>")
        rows = [line.split("|")[1] for line in own[0].splitlines() if line.startswith("| ")][2:]
        labels = [row.split("<sup>")[0].strip() for row in rows if not row.startswith(" *")]
        assert [label for label in labels if label not in text] == []
    assert "for calibration: not methods" in text  # a heading that has only a footnote
    marks = dict(re.findall(r"^- <sup>(\S+)</sup> (.*)$", (folder / "table4.md").read_text(), re.M))
    shown = section(text, "Table 4: Methods and losses")
    assert [note for note in marks.values() if note.rstrip(".").lower() not in shown.lower()] == []


def test_a_long_footnote_of_several_tables_is_said_once(tmp_path: Path) -> None:
    long = ["; ".join(f"departure {i}" for i in range(20))]
    add(tmp_path, "linear", table=scores("linear", 19.0))
    add(tmp_path, "ssan", "l1", table=scores("ssan", 19.5), title="SSAN", deviations=long)
    folder = report(tmp_path)
    text, page = (folder / "report.md").read_text(), (folder / "index.html").read_text()
    assert text.count(long[0]) == 1
    assert f"- <sup>A</sup> SSAN departs from its paper: {long[0]}." in text
    assert text.count("| SSAN-L1<sup>A</sup> |") == 2
    assert page.count(f"departs from its paper: {long[0]}") == 1
    assert page.count('SSAN-<i>L</i><sub>1</sub><sup><a href="#note-A">A</a></sup>') == 2
    assert '<li id="note-A">' in page
    assert long[0] in (folder / "table4.md").read_text()


def test_csv_holds_what_was_not_rounded(tables: dict[str, Table]) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(tables["4"]))))
    (row,) = [r for r in rows if r["row"] == "SSAN-L1" and r["column"] == "PSNR (dB)"]
    assert float(row["value"]) == cell(tables["4"], "SSAN-L_1", "PSNR (dB)").value
    assert float(row["low"]) < float(row["value"]) < float(row["high"])
    assert row["emphasis"] == "best"
    (row,) = [r for r in rows if r["row"] == "DAIN-style-L1" and r["column"] == "IE"]
    assert row["value"] == ""
    assert "failed in train" in row["notes"]


def test_markdown_rows_have_one_number_of_columns(tables: dict[str, Table]) -> None:
    for table in tables.values():
        lines = [x for x in markdown(table).splitlines() if x.startswith("|")]
        assert {line.replace("\\|", "").count("|") for line in lines} == {len(table.columns) + 2}


@pytest.mark.parametrize(("word", "nearest"), [("mouse_triple", "mouse_triplet")])
def test_an_unknown_dataset_names_the_nearest(filled: Path, word: str, nearest: str) -> None:
    with pytest.raises(UserError, match=f"did you mean '{nearest}'"):
        read(filled, word)


def test_each_configuration_fills_its_table() -> None:
    wanted = {
        "table1": {(names[0], "ls") for names in EXTRACTORS.values()},
        "table3": {(names[0], "ls") for names in AGGREGATIONS.values()},
        "table4": {("sepconv", "lf"), ("dain", "ls"), ("ssan", "l1"), ("flow", "-")},
        "table5": {("sepconv", "ls"), ("dain", "ls"), ("ssan", "ls")},
    }
    for name, rows in wanted.items():
        cells = plan(load_config(Path("configs", f"{name}.toml"), {}))
        assert rows <= {(cell.variant.text, cell.loss) for cell in cells}
        assert {cell.dataset for cell in cells} == {"mouse_triplet"}


def test_the_command_writes_the_table_asked_for(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = bench(
        capsys, "report", "--tables", "4", "--format", "csv,markdown", "--out", filled
    )
    folder = filled / "report"
    assert code == 0
    assert out.split() == [
        str(folder / f"{name}{suffix}")
        for suffix in (".md", ".csv")
        for name in ("table4", "table4_extended")
    ]
    assert "| SSAN-Ls" in (folder / "table4.md").read_text()


def test_what_has_no_number_is_not_written_for_a_paper_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(tmp_path, "linear", table=scores("linear", 19.0))
    words = ("report", "--tables", "neurites,1,4,judges", "--format", "latex", "--out", tmp_path)
    code, out, told = bench(capsys, *words)
    assert code == 0
    assert [Path(line).name for line in out.split()] == [
        "table4.tex", "table4_extended.tex", "tables.tex",
    ]  # fmt: skip
    assert told.splitlines() == [
        "There is no table `neurites`: no membranes were scored; `bench run` does so in its stage "
        "`segment`.",
        "There is no table `judges`: no cell was judged twice; `bench run --judges 2` does so.",
        "Not written as LaTeX, because nothing in them was measured: table1. `bench report "
        "--format markdown` says which command fills them.",
    ]
    assert not (tmp_path / "report" / "neurites.tex").exists()


def test_a_page_of_some_tables_is_not_made_and_that_is_said(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("report", "--tables", "4", "--format", "html", "--out", filled)
    code, out, told = bench(capsys, *words)
    assert (code, out) == (0, "")
    assert told.splitlines() == [
        "The page is of everything, and stays as it is; make it without --tables, --figures."
    ]


def test_rows_and_columns_may_be_chosen(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ("--columns", "dice,ssim,psnr", "--methods", "flow,sepconv,ssan", "--losses", "ls")
    words = ("--tables", "neurites,4,5", "--format", "csv,markdown", "--out", filled)
    code, _, told = bench(capsys, "report", *words, *chosen)
    assert code == 0
    assert told.splitlines() == [
        "These tables keep their columns: 5; --columns is of neurites, 1, 3, 4, differences."
    ]

    def read_csv(name: str) -> tuple[list[str], list[str]]:
        text = (filled / "report" / f"{name}.csv").read_text(encoding="utf-8")
        lines = list(csv.DictReader(io.StringIO(text)))
        rows, columns = zip(*((line["row"], line["column"]) for line in lines), strict=True)
        return list(dict.fromkeys(rows)), list(dict.fromkeys(columns))

    rows = ["Flow", "SepConv-Ls", "SSAN-Ls"]
    assert read_csv("table4") == (rows, ["SSIM", "PSNR (dB)"])
    assert read_csv("table4_extended") == (rows, ["SSIM", "PSNR (dB)"])
    labels, columns = read_csv("neurites")
    assert labels[: len(rows)] == rows
    assert columns == ["Dice", "SSIM", "PSNR (dB)"]
    labels, columns = read_csv("table5")
    assert labels == [*rows[1:], "Real slice (the ceiling)"]
    assert columns == ["Gap in Dice", "Dice", "F1"]
    said = (filled / "report" / "table4_extended.md").read_text(encoding="utf-8")
    assert "A gain is paired" in said
    assert "Sharpness" not in said
    # The null has no row and is still what gains are over.
    extended = (filled / "report" / "table4_extended.csv").read_text(encoding="utf-8")
    gain = [line for line in csv.DictReader(io.StringIO(extended)) if line["group"]]
    assert [line["value"] != "" for line in gain] == [True, True, True]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("table4_extended", ["4"]),
        ("table5,neurites,table1", ["neurites", "1", "5"]),
        ("4,table4,table4_extended", ["4"]),
    ],
)
def test_a_table_may_be_called_by_its_file(words: str, names: list[str]) -> None:
    assert list(wanted(words, None, None).tables) == names


def test_the_whole_report_says_where_to_begin(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, told = bench(capsys, "report", "--format", "markdown", "--out", filled)
    assert code == 0
    begin = filled / "report/report.md"
    assert told.splitlines()[-1] == f"Begin with {begin}."
    assert out.splitlines() == [str(begin)]
    made = list((filled / "report").rglob("*.md"))
    assert f" {len(made)} md" in told
    assert not any(str(path) in told for path in made if path != begin)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--tables", "6"), "There is no table '6'; choose from neurites, 1, 2, 3, 4, 5, prep"),
        (("--columns", "psnrr"), "There is no column 'psnrr'; did you mean 'psnr'?"),
        (("--columns", "xyz"), "There is no column 'xyz'; choose from carried, adapted_rand_er"),
        (("--methods", "sann"), "There is no result of a method 'sann'; did you mean 'ssan'?"),
        (("--losses", "lx"), "There is no result of a loss 'lx'; did you mean 'l1' or 'ls'?"),
        (
            ("--methods", LONG, "--losses", "ls"),
            "No cell on mouse_triplet is of these methods and losses; take others",
        ),
        (("--tables", "1", "--format", "latx"), "There is no format 'latx'; did you mean 'latex'?"),
        (("--tables", "1", "--preset", "paper"), "No cell of the store has the preset 'paper'"),
        (("--tables", "1", "--preset", "quik"), "There is no preset 'quik'; did you mean 'quick'?"),
    ],
)
def test_an_unknown_word_is_one_sentence(
    filled: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str
) -> None:
    code, _, error = bench(capsys, "report", "--out", filled, *words)
    assert code == 2
    assert sentence in error
    assert "Traceback" not in error


def test_one_unlabelled_slice_takes_no_row_from_table_5(tmp_path: Path) -> None:
    unlabelled = membranes(0.6)
    unlabelled.loc[3, ["dice", "voi_split"]] = np.nan
    unlabelled.loc[3, ["true_positive", "false_positive", "false_negative"]] = 0
    add(tmp_path, "linear", table=scores("linear", 19.0), segmented=unlabelled)
    real = membranes(0.9)
    real.loc[3, "dice"] = np.nan
    real.to_parquet(add_ceiling(tmp_path) / "ceiling.parquet", index=False)
    (table,) = TABLES["5"](read(tmp_path))
    labelled = unlabelled["dice"].dropna()
    assert cell(table, "Linear", "Dice").value == pytest.approx(labelled.mean())
    assert cell(table, "Linear", "Gap in Dice").value == pytest.approx(0.3)
    assert cell(table, "Real slice", "Dice").value == pytest.approx(labelled.mean() + 0.3)


def test_table_5_says_why_there_is_no_membrane_and_what_is_doubted(tmp_path: Path) -> None:
    lack = "No membrane scores: the labels of the test split of 'a' hold no membrane."
    add(tmp_path, "linear", table=scores("linear", 19.0), dataset="a",
        about={"labels": True, "no_membranes": lack})  # fmt: skip
    doubt = "The labels of 'b' fit the picture better flipped in x."
    add(tmp_path, "linear", table=scores("linear", 19.0), dataset="mouse_triplet",
        segmented=membranes(0.5), about={"labels": True, "doubts": [doubt]})  # fmt: skip
    # Of before that was looked at: the truth has no membrane, so everything was right.
    nothing = membranes(1.0).assign(true_positive=0, false_negative=0)
    add(tmp_path, "linear", table=scores("linear", 19.0), dataset="old", segmented=nothing)
    (table,) = TABLES["5"](read(tmp_path))
    assert {column.group for column in table.columns} == {"a", "mouse_triplet"}
    absent = cell(table, "Linear", "Dice", "a")
    assert absent.text == DASH
    assert "the labels of the test split of 'a' hold no membrane" in notes(
        table, cell(table, "Linear", "Gap in Dice", "a")
    )
    assert f"mouse_triplet: {doubt}" in " ".join(dict(table.notes).values())
    said = print_notes(leaderboard(read(tmp_path).results))
    assert {("a", lack), ("mouse_triplet", doubt)} <= set(said)


def test_a_seed_that_was_trained_on_one_fold_alone_is_said(tmp_path: Path) -> None:
    """How trainings differ is then known of one fold, and not in the share of the other."""
    for fold in (0, 1):
        add(tmp_path, "linear", fold=fold, table=scores("linear", 18.0))
    for fold, seed in ((0, 0), (0, 1), (1, 0)):
        add(tmp_path, "ssan", "l1", fold=fold, seed=seed, table=scores("ssan", 19.0, seed))
    table = TABLES["4"](read(tmp_path))[0]
    said = notes(table, cell(table, "Ssan-L_1", "PSNR (dB)"))
    assert "Not every seed was trained on every fold (fold 0: 0, 1; fold 1: 0)" in said
    add(tmp_path, "ssan", "l1", fold=1, seed=1, table=scores("ssan", 19.0, 1))
    table = TABLES["4"](read(tmp_path))[0]
    assert "every fold" not in notes(table, cell(table, "Ssan-L_1", "PSNR (dB)"))


def test_the_row_that_was_trained_for_another_length_is_named(tmp_path: Path) -> None:
    for name, samples in (("ssan", 4000), ("dain", 16000), ("sepconv", 4000)):
        budget = {"samples": samples, "crop": 128, "epochs": None}
        add(tmp_path, name, "l1", table=scores(name, 19.0), config={"preset": budget})
    said = " ".join(TABLES["4"](read(tmp_path))[0].caption)
    assert "4,000 training crops of 128 pixels" in said
    assert "16,000 training crops of 128 pixels (Dain-L_1)" in said
    assert said.count("(Dain-L_1)") == 1
