import base64
import io
import json
import shlex
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from stored import add_cell, add_unfinished

from bench.cells.cell import Cell, budget_of, plan
from bench.cells.config import RunConfig
from bench.report.page import write_page
from bench.report.page.command import command
from bench.report.page.leaderboard import leaderboard, leaders
from bench.report.page.pictures import LIMITS, Album, centre, listing
from bench.report.picture import Picture
from bench.scores.answer import answers
from bench.scores.entry import Entry
from bench.scores.membranes import boundary_f1
from bench.scores.results import Results, load_results
from bench.store.records import Record, Store
from bench.triplets.file import TripletFile


class Elements(HTMLParser):
    """The start tags of a page with their attributes, and the text of its data block."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data, self.text = "", ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        if attributes.get("id") == "data":
            self.data += data
        elif tag not in ("script", "style"):
            self.text += data


@pytest.fixture
def store(tmp_path: Path, texture: TripletFile) -> Path:
    add_cell(tmp_path, texture, "linear", 6.0)
    add_cell(tmp_path, texture, "average", 4.0)
    return tmp_path


def page_of(store: Path, data: Path, tables: str = "", told: list[str] | None = None) -> str:
    notes: list[str] = [] if told is None else told
    target = store / "report.html"
    write_page(load_results(store, data, notes.append), tables, [], target, notes.append)
    return target.read_text(encoding="utf-8")


def test_the_page_says_how_networks_were_not_trained_as_in_the_paper(
    store: Path, texture: TripletFile
) -> None:
    assert "Where the training" not in page_of(store, store)
    folder = add_cell(store, texture, "ssan", 3.0, loss="l1", title="SSAN")
    own = Store(store)
    record = own.load(folder)
    assert record is not None
    record.config = {
        "preset": {"samples": 4000},
        "loss": {"name": "l1", "options": {"lowpass": 1.0, "epsilon": 1e-3}},
    }
    own.save(record, folder)
    said = " ".join(Elements(page_of(store, store)).text.split())
    assert (
        "Preset quick . Where the training is not that of Wang et al. 2021: a low-pass term "
        "beside the pixel term; epsilon 0.001, as in their code (printed: 1e-06)."
    ) in said.replace("quick. ", "quick . ")


def gallery_of(page: str) -> dict:
    return json.loads(Elements(page).data)


def test_unfinished_and_damaged_cells_are_named(
    store: Path, data_folder: Path, texture: TripletFile
) -> None:
    add_unfinished(store, texture)
    text = Elements(page_of(store, data_folder)).text
    assert "6 cells: 1 damaged, 2 done, 1 failed, 1 interrupted, 1 running or killed" in text
    assert "train: the loss is not a number" in text
    assert "record.json is damaged" in text
    assert "scores.parquet is damaged" in text


def test_the_page_names_the_columns_in_which_ties_are_tested(
    store: Path, data_folder: Path
) -> None:
    said = " ".join(Elements(page_of(store, data_folder)).text.split())
    assert "In FRC < 0.1, PSNR (dB) it is by the mean over the seeds of a method" in said


def test_a_store_without_a_single_score_is_a_page(tmp_path: Path, texture: TripletFile) -> None:
    add_cell(tmp_path, texture, "dain", None, loss="l1", status="interrupted")
    text = Elements(page_of(tmp_path, tmp_path / "no-data")).text
    assert "No cell has scores yet" in text
    assert "1 interrupted" in text


def test_names_that_are_code_stay_text(
    store: Path, data_folder: Path, texture: TripletFile
) -> None:
    name = "</script><script>alert(1)</script>"
    add_cell(store, texture, "phase", 5.0, title=name, warnings=["<img src=x onerror=alert(1)>"])
    elements = Elements(page_of(store, data_folder))
    assert sum(tag == "script" for tag, _ in elements.tags) == 2
    assert not any("onerror" in attributes for _, attributes in elements.tags)
    assert name in [cell["title"] for cell in json.loads(elements.data)["cells"]]


def test_two_pages_from_one_store_are_the_same(store: Path, data_folder: Path) -> None:
    assert page_of(store, data_folder) == page_of(store, data_folder)


def test_the_page_asks_for_nothing(store: Path, data_folder: Path) -> None:
    addresses = [
        attributes[name] or ""
        for _, attributes in Elements(page_of(store, data_folder)).tags
        for name in ("src", "href")
        if name in attributes
    ]
    assert addresses
    assert [address for address in addresses if not address.startswith(("#", "data:"))] == []


def test_figures_are_shown_from_the_folder_beside_the_page(store: Path, data_folder: Path) -> None:
    words = "A <b>figure</b> of `texture`."
    picture = Picture("figure7-a[b=1].png", "Figure 7, a[b=1]", words)
    write_page(load_results(store, data_folder, print), "", [picture], store / "page.html", print)
    page = (store / "page.html").read_text(encoding="utf-8")
    sources = [attrs.get("src") for tag, attrs in Elements(page).tags if tag == "img"]
    assert sources == ["figures/figure7-a%5Bb%3D1%5D.png"]
    assert "A &lt;b&gt;figure&lt;/b&gt; of <code>texture</code>." in page
    assert '<a href="#figures">' in page
    assert "img-src 'self' data:" in page
    assert 'id="figures"' not in page_of(store, data_folder)


def test_what_to_take_stands_on_top(store: Path, data_folder: Path) -> None:
    results = load_results(store, data_folder, print)
    write_page(results, "", [], store / "page.html", print, answers(results.entries))
    page = (store / "page.html").read_text(encoding="utf-8")
    text = Elements(page).text
    assert "Pixels: take average, which leads in PSNR (" in text
    assert page.index('id="answer"') < page.index('id="leaderboard"')
    assert 'id="answer"' not in page_of(store, data_folder)


def test_tables_are_taken_as_they_are(store: Path, data_folder: Path) -> None:
    assert "<table id=mine>" in page_of(store, data_folder, "<table id=mine></table>")
    assert 'id="tables"' not in page_of(store, data_folder)


def test_crops_are_the_pixels_of_the_frames(
    store: Path, data_folder: Path, texture: TripletFile
) -> None:
    results = load_results(store, data_folder, print)
    gallery = gallery_of(page_of(store, data_folder))
    entry = results.select(method="average")[0]
    cell = next(cell for cell in gallery["cells"] if cell["id"] == entry.folder.name)
    worst = next(row for row in cell["triplets"] if row["label"] == "worst 1")
    real = gallery["datasets"]["texture"]["real"]["crop"][str(worst["triplet"])]
    frames = [entry.frame(worst["triplet"]), *texture.frames(worst["triplet"])]
    for place, frame in zip([worst["crop"], *real], frames, strict=True):
        picture = base64.b64decode(gallery["pictures"]["crop"][place])
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture))), centre(frame))


def test_triplets_are_ranked_by_their_gain(store: Path, data_folder: Path) -> None:
    gallery = gallery_of(page_of(store, data_folder))
    tables = {
        entry.cell.method: entry.scores.set_index("triplet")["psnr"]
        for entry in load_results(store, data_folder, print).entries
    }
    gain = (tables["average"] - tables["linear"]).sort_values()
    cell = next(cell for cell in gallery["cells"] if cell["title"] == "Average")
    by_label = {row["label"]: row["triplet"] for row in cell["triplets"]}
    assert by_label["worst 1"] == gain.index[0]
    assert by_label["best 1"] == gain.index[-1]
    assert len(cell["triplets"]) == len(gain)


def test_every_triplet_is_listed_once_the_telling_ones_first() -> None:
    values = np.array([5.0, 1.0, 9.0, 3.0, 7.0, np.nan, 2.0, 8.0, 4.0])
    listed = listing(values)
    assert [label for _, label in listed[:7]] == [
        "median", "worst 1", "worst 2", "worst 3", "best 1", "best 2", "best 3",
    ]  # fmt: skip
    assert [position for position, _ in listed[:4]] == [0, 1, 6, 3]
    assert sorted(position for position, _ in listed) == list(range(9))
    assert [label for _, label in listing(np.array([1.0]))] == ["median"]
    assert listing(np.array([])) == []


def test_an_album_never_holds_more_than_its_room() -> None:
    random = np.random.default_rng(0)
    album = Album("crop")
    album.open(300_000)
    taken = 0
    for number in range(6):
        noise = random.integers(0, 256, (300, 300), dtype=np.uint8)
        taken += album.add(("noise", number), lambda frame=noise: [frame]) is not None
    assert taken == 3
    assert sum(map(len, album.pictures)) <= 300_000
    assert album.add(("noise", 0), list) == [0]


def test_ten_methods_with_a_hundred_triplets_stay_below_20_mb(tmp_path: Path) -> None:
    """The albums are bounded, so what else is in the page must leave them room."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "triplet": np.arange(100), "volume": "a volume", "z": np.arange(100), "y": 512,
            "x": 1024, "column": 0, "reason": "",
        }
    )  # fmt: skip
    entries = []
    for number in range(10):
        words = {"method": f"m{number}", "loss": "ls", "dataset": "d", "fold": 0, "seed": 0}
        record = Record(
            status="done", cell=words | {"preset": "quick"}, key="k", config={}, started="now",
            dataset={"fingerprint": "f"},
        )  # fmt: skip
        entry = Entry(tmp_path / f"m{number}-ls-quick-fold0-seed0-0123456789", record)
        metrics = ("psnr", "ssim", "ie", "ie_rms", "frc_10", "frc_25", "sharpness")
        entry.__dict__["scores"] = table.assign(
            **{name: random.normal(size=100) for name in metrics}
        )
        entries.append(entry)
    target = tmp_path / "report.html"
    write_page(Results(entries, []), "", [], target, print)
    places = 10 * 100 * len('"preview": 1300') + 2 * 100 * len('"100": [1300, 1300, 1300],')
    marks = 2 * sum(len('"", ') * 1300 for _ in LIMITS)
    assert target.stat().st_size + places + marks + sum(LIMITS.values()) < 20_000_000


def test_pictures_of_another_dataset_are_left_out(store: Path, tmp_path: Path) -> None:
    page = page_of(store, tmp_path / "elsewhere")
    assert "No pictures of texture" in Elements(page).text
    assert gallery_of(page)["pictures"] == {"crop": [], "preview": []}


def test_damaged_frames_are_told_and_the_page_is_written(store: Path, data_folder: Path) -> None:
    next(store.glob("runs/texture/average-*/frames.h5")).write_bytes(b"no HDF5")
    told: list[str] = []
    page = page_of(store, data_folder, told=told)
    assert len([sentence for sentence in told if "frames.h5" in sentence]) == 1
    assert "frames.h5" in Elements(page).text
    cells = {cell["title"]: cell["triplets"][0] for cell in gallery_of(page)["cells"]}
    assert "crop" in cells["Linear"]
    assert "crop" not in cells["Average"]


def test_boundary_f1_pools_the_counts() -> None:
    table = pd.DataFrame(
        {
            "boundary_hits_predicted": [1, 5], "boundary_predicted": [2, 10],
            "boundary_hits_true": [3, 5], "boundary_true": [4, 4],
        }
    )  # fmt: skip
    precision, recall = 6 / 12, 8 / 8
    assert boundary_f1(table).mean() == pytest.approx(2 * precision * recall / (precision + recall))


def test_the_page_opens_on_the_best_method_and_its_typical_triplet(
    store: Path, data_folder: Path, texture: TripletFile
) -> None:
    add_cell(store, texture, "ssan", 2.0, loss="l1", title="SSAN")
    gallery = gallery_of(page_of(store, data_folder))
    best = {cell["id"]: cell for cell in gallery["cells"]}[gallery["opens"]["texture"]]
    assert best["title"] == "SSAN-L1"
    assert "crop" in best["triplets"][0]
    tables = {
        entry.cell.method: entry.scores.set_index("triplet")["psnr"]
        for entry in load_results(store, data_folder, print).entries
    }
    gain = (tables["ssan"] - tables["linear"]).sort_values()
    assert best["triplets"][0]["triplet"] == gain.index[len(gain) // 2]


def test_the_leader_is_the_best_method_not_its_luckiest_training(
    tmp_path: Path, texture: TripletFile
) -> None:
    """One training of `sepconv` is ahead of all, the mean of both is behind `ssan`."""
    for seed, error in ((1, 9.0), (0, 1.0)):
        folder = add_cell(tmp_path, texture, "sepconv", error, loss="l1")
        record = Store(tmp_path).load(folder)
        assert record is not None
        record.cell["seed"] = seed
        Store(tmp_path).save(record, folder)
        folder.rename(folder.with_name(folder.name.replace("seed0", f"seed{seed}")))
    add_cell(tmp_path, texture, "ssan", 3.0, loss="l1")
    board = leaderboard(load_results(tmp_path, tmp_path, print))
    assert board.rows[0].entry.cell.method == "sepconv"
    assert leaders(board)["texture"].cell.method == "ssan"


def _asked_for(text: str) -> tuple[RunConfig, Cell]:
    """What ``bench run`` would compute; its null comes first."""
    words = shlex.split(text)
    assert words[:2] == ["bench", "run"]
    names = [word.removeprefix("--").replace("-", "_") for word in words[2::2]]
    config = RunConfig(**dict(zip(names, words[3::2], strict=True)))
    return config, plan(config)[-1]


@pytest.mark.parametrize(
    "asked",
    [
        {"methods": "average", "dataset": "phantom"},
        {"methods": "ssan[extractor=unet,k=4]", "losses": "ls[style=plain]", "seeds": "3"},
        {"methods": "dain", "losses": "lm", "preset": "overnight", "samples": 16000, "fold": 2},
        {"methods": "rife", "losses": "l1", "crop": 96, "micro_batch": 1, "max_triplets": 5},
    ],
)
def test_the_command_of_a_cell_computes_it(tmp_path: Path, asked: dict) -> None:
    asked = {"dataset": "phantom[noise=20]"} | asked
    config = RunConfig(**asked)
    cell = plan(config)[-1]
    settings = {"samples": config.samples, "predict_tile": None, "precision": config.precision}
    settings |= {"max_triplets": config.max_triplets}
    settings |= {"preset": asdict(budget_of(cell, config))} if cell.trained else {}
    record = Record(
        status="done", cell=cell.words(), key="k", config=settings, started="now",
        method={"kind": "trained" if cell.trained else "classical"},
    )  # fmt: skip
    again, same = _asked_for(command(Entry(tmp_path, record)))
    assert same.words() == cell.words()
    assert again.max_triplets == config.max_triplets
    if cell.trained:
        assert budget_of(same, again) == budget_of(cell, config)


def test_the_command_names_the_file_of_weights(tmp_path: Path) -> None:
    cell = {
        "method": "rife[weights=rife40]", "loss": "-", "dataset": "mine", "fold": 1, "seed": 0,
        "preset": "-",
    }  # fmt: skip
    record = Record(status="done", cell=cell, key="k", config={}, started="now")
    assert command(Entry(tmp_path, record)) == (
        "bench run --methods 'rife[weights=rife40.safetensors]' --dataset mine --fold 1"
    )
