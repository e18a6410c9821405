"""The page of a repair in a real browser: keys, switches, and what they show."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from chromium import Page
from repaired import REFUSED, repaired

READY = "document.querySelector('#paper').dataset.ready === '{} whole'"
STATUS = "document.querySelector('#status').textContent"
NAMES = "['left', 'right'].map(side => document.querySelector(`#${side}-name`).textContent)"
# The pictures that are on the screen, from the lowest to the highest.
VISIBLE = """[...document.querySelectorAll('#paper img:not([hidden])')]
  .sort((a, b) => a.style.zIndex - b.style.zIndex)
  .map(image => image.getAttribute('src').replace('pictures/', ''))"""
HIDDEN = "document.querySelector('{}').hasAttribute('hidden')"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repaired(tmp_path_factory.mktemp("repaired")).folder


@pytest.fixture
def page(browser: Page, folder: Path) -> Iterator[Page]:
    """The page, opened afresh from disk; the console has to stay silent."""
    browser.errors.clear()
    browser.requests.clear()
    browser.media()
    browser.open((folder / "index.html").as_uri(), 1400)
    browser.wait(READY.format(109))
    yield browser
    assert browser.errors == []
    assert [
        url for url in browser.requests if not url.startswith(("file:", "data:", "about:"))
    ] == []


def test_the_arrows_go_from_the_worst_slice_to_the_best(page: Page) -> None:
    assert page.value(STATUS) == "Slice 109, not filled (1 of 4)"
    assert page.value("document.querySelector('#note').textContent") == REFUSED
    assert page.value(VISIBLE) == ["00108.png", "00110.png"]
    for status, visible in (
        ("Slice 106, filled in places (2 of 4)", ["00105.png", "00106-filled.png"]),
        ("Slice 112, filled (3 of 4)", ["00111.png", "00112-filled.png"]),
        ("Slice 103, filled (4 of 4)", ["00102.png", "00103-filled.png"]),
    ):
        page.press("ArrowRight")
        assert page.value(STATUS) == status
        assert page.value(VISIBLE) == visible
    page.press("ArrowLeft")
    assert page.value(STATUS) == "Slice 112, filled (3 of 4)"
    page.click("#list li:nth-child(4) button")
    page.press("ArrowUp")
    assert page.value(STATUS) == "Slice 112, filled (3 of 4)"
    page.click("#left-side [value=damaged]")
    assert page.value(VISIBLE) == ["00112.png", "00112-filled.png"]


def test_the_slider_cuts_the_filled_slice(page: Page) -> None:
    page.press("ArrowRight")
    page.value("document.querySelector('#split').focus()")
    page.press("Home")
    cut = "document.querySelector('#filled').style.clipPath"
    assert page.value(cut) == "inset(0px 0px 0px 0%)"
    page.press("End")
    assert page.value(cut) == "inset(0px 0px 0px 100%)"
    assert page.value(STATUS).startswith("Slice 106")  # the slider's own keys
    assert "split=100" in page.value("location.hash")


def test_space_flickers_before_filled_after_in_turn(page: Page) -> None:
    page.press("ArrowRight")
    page.click("#left-side [value=after]")  # space is of no use to what has the focus now
    page.press(" ")
    for name in ("before, slice 105", "filled, slice 106", "after, slice 107", "before, slice 105"):
        page.wait(f"document.querySelector('#left-name').textContent === '{name}'")
        assert len(page.value(VISIBLE)) == 1
    page.press(" ")
    assert page.value(NAMES) == ["after, slice 107", "filled, slice 106"]
    assert page.value("document.querySelector('#flicker').ariaPressed") == "false"


def test_flicker_waits_for_the_hand_where_motion_is_not_wanted(page: Page) -> None:
    page.media(prefers_reduced_motion="reduce")
    page.press("ArrowRight")
    for name in ("before, slice 105", "filled, slice 106", "after, slice 107"):
        page.click("#flicker")
        assert page.value(NAMES) == [name, ""]
    page.click("#flicker")
    assert page.value(NAMES) == ["before, slice 105", "filled, slice 106"]


def test_the_error_map_and_the_outline_are_switched(page: Page) -> None:
    page.press("e")
    assert page.value(HIDDEN.format("#errors"))  # a slice that was not filled has none
    page.press("ArrowRight")
    page.wait(READY.format(106))
    assert page.value(VISIBLE)[-1] == "00106-error.png"
    assert not page.value(HIDDEN.format("#legend"))
    assert not page.value(HIDDEN.format("#outline"))
    assert page.value("document.querySelector('#outline .line').getBBox().width") > 60
    page.press("o")
    page.click("#error")
    assert page.value(HIDDEN.format("#outline"))
    assert page.value(HIDDEN.format("#errors"))


def test_the_address_brings_the_view_back(page: Page) -> None:
    page.press("ArrowRight")
    page.press("e")
    page.click("#left-side [value=after]")
    address = page.value("location.href")
    page.open(address, 1400)
    page.wait(READY.format(106))
    assert page.value(VISIBLE) == ["00107.png", "00106-filled.png", "00106-error.png"]


def test_every_control_has_a_name(page: Page) -> None:
    page.press("ArrowRight")
    page.press("e")
    controls = {"button", "link", "slider", "radio", "region", "image"}
    found = [(role, name) for role, name in page.accessible() if role in controls]
    assert {role for role, _ in found} == controls
    assert [role for role, name in found if not name.strip()] == []


def test_a_slice_filled_in_places_opens_on_the_first_of_them(
    browser: Page, tmp_path_factory: pytest.TempPathFactory
) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (16, 320, 300)).astype(np.uint8)
    made = repaired(tmp_path_factory.mktemp("places"), grey)
    browser.errors.clear()
    browser.open((made.folder / "index.html").as_uri() + "#slice=106", 1400)
    for name in ("place 1", "place 2", "whole"):
        browser.wait(f"document.querySelector('#paper').dataset.ready === '106 {name}'")
        address = "" if name == "whole" else f"-{name.replace(' ', '-')}"
        assert browser.value(VISIBLE) == [f"00105{address}.png", f"00106-filled{address}.png"]
        browser.press("m")
    browser.wait("document.querySelector('#paper').dataset.ready === '106 place 1'")
    # What was chosen stays where a slice has it; where it has not, the slice is seen as a whole.
    browser.press("ArrowRight")
    browser.wait(READY.format(112))
    assert browser.errors == []


@pytest.mark.parametrize("width", [1400, 390])
def test_no_part_of_the_page_is_wider_than_the_window(page: Page, width: int) -> None:
    page.resize(width)
    page.press("ArrowRight")
    page.press("e")
    assert page.value("document.documentElement.scrollWidth") <= width


def test_a_fact_has_the_width_of_its_column(page: Page) -> None:
    page.open(page.value("location.href").split("#")[0], 1280)
    page.wait(READY.format(109))
    widths = "['#facts', '#facts dd'].map(each => document.querySelector(each).clientWidth)"
    column, fact = page.value(widths)
    assert fact == column
    assert column >= 16 * 15  # 15 rem
