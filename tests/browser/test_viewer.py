"""The page in a real browser, driven by clicks and keys."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from chromium import Page
from PIL import Image
from stored import add_cell, add_unfinished

from bench.report.page import write_page
from bench.report.picture import Picture
from bench.scores.cell_scores import image_scores
from bench.scores.results import load_results
from bench.triplets.file import TripletFile

DRAWN = "!document.querySelector('#paper').hidden && document.querySelector('#canvas').width > 1"
CURRENT = "document.querySelector('#triplets [aria-current=true]').dataset.triplet"
TITLES = (
    "[...document.querySelectorAll('.board tbody tr:not([hidden]) th a')].map(a => a.textContent)"
)
# The grey level of a place of the picture, as it is on the screen.
PIXEL = "[...document.querySelector('#canvas').getContext('2d').getImageData({}, {}, 1, 1).data]"
WHOLE = """[...document.querySelector('#canvas').getContext('2d')
  .getImageData(0, 0, 80, 80).data].filter((_, i) => i % 4 === 0)"""


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, data_folder: Path, texture: TripletFile
) -> Path:
    """A store with finished and unfinished cells, and its page."""
    folder = tmp_path_factory.mktemp("report")
    add_cell(folder, texture, "linear", 6.0)
    add_cell(folder, texture, "average", 4.0)
    add_cell(folder, texture, "ssan", 2.0, loss="l1", title="SSAN", warnings=["has seen little"])
    add_unfinished(folder, texture)
    tables = (
        '<div class="scroll"><table><tr><td>' + "a wide table " * 40 + "</td></tr></table></div>"
    )
    write_page(load_results(folder, data_folder, print), tables, [], folder / "report.html", print)
    return folder


@pytest.fixture
def page(browser: Page, folder: Path) -> Iterator[Page]:
    """The page, opened afresh; whatever a test does, the console has to stay silent."""
    browser.errors.clear()
    browser.requests.clear()
    browser.media()
    browser.open((folder / "report.html").as_uri(), 1280)
    browser.wait(DRAWN)
    yield browser
    assert browser.errors == []
    assert [
        url for url in browser.requests if not url.startswith(("file:", "data:", "about:"))
    ] == []


def test_the_leaderboard_sorts_and_filters(page: Page) -> None:
    assert page.value(TITLES) == ["SSAN-L1", "Average", "Linear"]
    psnr = ".board th:nth-child(4)"
    page.click(f"{psnr} button")
    assert page.value(TITLES) == ["Linear", "Average", "SSAN-L1"]
    assert page.value(f"document.querySelector('{psnr}').ariaSort") == "ascending"
    page.click(".board th:first-child button")
    assert page.value(TITLES) == ["Average", "Linear", "SSAN-L1"]
    page.click(".filters [name=text]")
    page.type("ave")
    assert page.value(TITLES) == ["Average"]
    assert page.value("document.querySelector('.filters output').value") == "1 of 3 cells"
    page.value("document.querySelector('.filters [name=text]').value = ''")
    page.choose(".filters [name=kind]", "trained")
    assert page.value(TITLES) == ["SSAN-L1"]


def test_a_cell_of_the_leaderboard_opens_in_the_viewer(page: Page) -> None:
    page.click(".board tbody tr:nth-child(1) a")
    page.wait(
        "document.querySelector('#cell').selectedOptions[0].textContent.startsWith('SSAN-L1')"
    )
    page.choose("#cell", page.value("document.querySelector('#cell').options[1].value"))
    page.wait("document.querySelector('#status').textContent.startsWith('Average')")


def test_the_arrows_go_through_triplets_and_cells(page: Page) -> None:
    order = page.value(
        "[...document.querySelectorAll('#triplets button')].map(b => b.dataset.triplet)"
    )
    page.press("ArrowRight")  # nothing has the focus
    page.press("ArrowRight")
    assert page.value(CURRENT) == order[2]
    page.press("ArrowLeft")
    assert page.value(CURRENT) == order[1]
    first = page.value("document.querySelector('#cell').value")
    page.press("ArrowDown")
    second = page.value("document.querySelector('#cell').value")
    assert second != first
    assert page.value(CURRENT) == order[1]
    page.press("ArrowUp")
    assert page.value("document.querySelector('#cell').value") == first
    page.click("#triplets li:nth-child(4) button")
    assert page.value(CURRENT) == order[3]
    page.press("ArrowRight")
    assert page.value("document.activeElement.dataset.triplet") == order[4]


def test_the_slider_shows_left_and_right(page: Page, texture: TripletFile) -> None:
    page.click("#left [value=before]")
    page.click("#right [value=truth]")
    page.value("document.querySelector('#split').focus()")
    page.press("Home")
    before, truth, _ = texture.frames(int(page.value(CURRENT)))
    assert page.value(WHOLE) == truth.ravel().tolist()
    page.press("End")
    assert page.value(WHOLE) == before.ravel().tolist()
    page.press("ArrowLeft")  # the slider's own key: the triplet stays
    assert page.value("document.querySelector('#split').value") == "99"
    assert page.value(CURRENT) in page.value("location.hash")


def test_flicker_goes_back_and_forth(page: Page) -> None:
    page.click("#flicker")
    for side in ("truth", "prediction", "truth"):
        page.wait(f"document.querySelector('#left-name').textContent === '{side}'")
    page.click("#flicker")
    assert page.value("document.querySelector('#flicker').ariaPressed") == "false"
    assert page.value("document.querySelector('#right-name').textContent") == "prediction"


def test_flicker_waits_for_the_hand_where_motion_is_not_wanted(page: Page) -> None:
    page.media(prefers_reduced_motion="reduce")
    name = "document.querySelector('#left-name').textContent"
    page.click("#flicker")
    page.wait(f"{name} === 'truth' && document.querySelector('#right-name').textContent === ''")
    page.value("new Promise(done => setTimeout(done, 700))")
    assert page.value(name) == "truth"
    page.click("#flicker")
    assert page.value(name) == "prediction"


def test_the_error_is_signed(page: Page, folder: Path, texture: TripletFile) -> None:
    triplet = int(page.value(CURRENT))
    key = page.value("document.querySelector('#cell').value")
    results = load_results(folder, folder, lambda _: None)
    frame = next(e for e in results.entries if e.folder.name == key).frame(triplet)
    error = frame.astype(int) - texture.frames(triplet)[1]
    page.click("#error")
    assert not page.value("document.querySelector('#legend').hidden")
    for extreme, brighter in ((error.argmax(), 0), (error.argmin(), 2)):
        y, x = np.unravel_index(extreme, error.shape)
        pixel = page.value(PIXEL.format(x, y))
        assert pixel[brighter] > pixel[2 - brighter]  # red is too bright, blue too dark
    page.click("#error")
    assert page.value("document.querySelector('#legend').hidden")


def test_zoom_enlarges_the_picture_within_its_frame(page: Page) -> None:
    width = "document.querySelector('#canvas').getBoundingClientRect().width"
    stage = "document.querySelector('#stage').getBoundingClientRect().width"
    before, frame = page.value(width), page.value(stage)
    page.value("document.querySelector('#zoom').focus()")
    page.press("End")
    assert page.value(width) == pytest.approx(8 * before, rel=0.01)
    assert page.value(stage) == frame
    assert (
        page.value("getComputedStyle(document.querySelector('#canvas')).imageRendering")
        == "pixelated"
    )


def test_the_address_brings_the_view_back(page: Page, folder: Path) -> None:
    page.press("ArrowRight")
    page.click("#error")
    triplet, address = page.value(CURRENT), page.value("location.href")
    page.open(address, 1280)
    page.wait(DRAWN)
    assert page.value(CURRENT) == triplet
    assert page.value("document.querySelector('#error').ariaPressed") == "true"


def test_light_and_dark_follow_the_system_until_they_are_switched(page: Page) -> None:
    paper, dark = "getComputedStyle(document.body).backgroundColor", "rgb(21, 24, 26)"
    pressed = "document.querySelector('#dark').ariaPressed"
    light = page.value(paper)
    assert light != dark
    page.media(prefers_color_scheme="dark")
    page.wait(f"{pressed} === 'true'")  # the browser tells of it with its next picture
    assert page.value(paper) == dark
    page.value("document.querySelector('#dark').focus()")
    page.press(" ")
    assert [page.value(paper), page.value(pressed)] == [light, "false"]
    page.open(page.value("location.href"), 1280)  # it is remembered, whatever the system wants
    assert page.value(paper) == light
    page.click("#dark")
    page.media(prefers_color_scheme="light")
    assert [page.value(paper), page.value(pressed)] == [dark, "true"]
    page.value("localStorage.clear()")


def test_the_page_opens_on_the_best_method_and_its_median(page: Page) -> None:
    status = page.value("document.querySelector('#status').textContent")
    assert status.startswith("SSAN-L1, triplet")
    assert "(median)" in status
    page.value("location.hash = 'cell=' + document.querySelector('#cell').options[1].value")
    page.wait("document.querySelector('#status').textContent.startsWith('Average')")


def test_the_download_is_the_table_as_it_is_shown(page: Page, folder: Path, tmp_path: Path) -> None:
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.click(".board th:nth-child(4) button")  # the worst first
    page.click(".filters [name=text]")
    page.type("a")  # SSAN, Average, Linear; the title of none has another
    page.choose(".filters [name=kind]", "classical")
    page.click("#csv")
    target = tmp_path / "leaderboard.csv"
    end = time.monotonic() + 30
    while not target.exists():
        assert time.monotonic() < end, "nothing was downloaded"
        time.sleep(0.05)
    table = pd.read_csv(target)
    assert table["cell"].tolist() == page.value(TITLES) == ["Linear", "Average"]
    results = load_results(folder, folder, lambda _: None)
    for row in table.itertuples():
        (entry,) = results.select(method=str(row.cell).lower())
        measured = image_scores([entry])
        assert row.triplets == measured.count
        assert (row.dataset, row.fold) == (entry.cell.dataset, entry.cell.fold)
        for name in ("frc_10", "psnr", "ssim"):
            mean = measured.mean(name)
            found = [getattr(row, f"{name}{end}") for end in ("", "_low", "_high")]
            assert found == pytest.approx(mean[:3], nan_ok=True)


def test_the_command_of_a_cell_is_copied(page: Page) -> None:
    page.call("Browser.setPermission", setting="granted", permission={"name": "clipboard-write"})
    page.call("Browser.setPermission", setting="granted", permission={"name": "clipboard-read"})
    command = page.value("document.querySelector('#command').textContent")
    assert command.startswith("bench run --methods ssan --losses l1 --dataset texture")
    page.click(".command .copy")
    page.wait("document.querySelector('.command .copy').textContent === 'Copied'")
    assert page.value("navigator.clipboard.readText()") == command
    page.value("navigator.clipboard.writeText = () => Promise.reject()")
    page.click("#cells tbody tr:nth-child(2) .copy")
    page.wait("getSelection().toString().startsWith('bench run')")


def test_every_control_has_a_name(page: Page) -> None:
    page.click("#error")
    controls = {"button", "link", "slider", "combobox", "searchbox", "radio", "region", "image"}
    found = [(role, name) for role, name in page.accessible() if role in controls]
    assert {role for role, _ in found} == controls
    assert [role for role, name in found if not name.strip()] == []


@pytest.mark.parametrize("width", [1280, 390])
def test_no_part_of_the_page_is_wider_than_the_window(page: Page, width: int) -> None:
    page.resize(width)
    assert page.value("document.documentElement.scrollWidth") <= width


def test_a_store_without_pictures_or_scores_is_no_error(
    browser: Page, texture: TripletFile, tmp_path: Path
) -> None:
    browser.errors.clear()
    add_cell(tmp_path, texture, "ssan", None, loss="l1", status="interrupted")
    target = tmp_path / "report.html"
    write_page(load_results(tmp_path, tmp_path, print), "", [], target, print)
    browser.open(target.as_uri(), 390)
    add_cell(tmp_path, texture, "linear", 6.0)
    write_page(load_results(tmp_path, tmp_path, print), "", [], target, print)
    browser.open(target.as_uri(), 390)
    browser.wait("!document.querySelector('#missing').hidden")
    assert browser.errors == []


def test_a_figure_beside_the_page_is_shown(
    browser: Page, texture: TripletFile, tmp_path: Path
) -> None:
    browser.errors.clear()
    add_cell(tmp_path, texture, "linear", 6.0)
    picture = Picture("pareto-mine[a=1].png", "Figure 'pareto', mine[a=1]", "Gain against time.")
    (tmp_path / "figures").mkdir()
    Image.new("L", (30, 20)).save(tmp_path / "figures" / picture.file)
    target = tmp_path / "report.html"
    write_page(load_results(tmp_path, tmp_path, print), "", [picture], target, print)
    browser.open(target.as_uri(), 390)
    browser.value("document.querySelector('#figures').scrollIntoView()")
    browser.wait("document.querySelector('#figures img').naturalWidth === 30")
    assert browser.errors == []
