"""The site of docs/ is built strictly and needs no network; links of README hold in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What a browser fetches by itself, unlike an <a href>.
FETCHED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """The anchors of a page, and what a browser fetches to show it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.fetched: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors.add(found.get("id") or "")
        if address := found.get(FETCHED.get(tag, "")):
            self.fetched.append(address)


def gather(pages: Path) -> None:
    subprocess.run([sys.executable, ROOT / "docs/site", pages], check=True)


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """The site of the pages in ``folder / "pages"``, by a process of its own."""
    config = folder / "mkdocs.yml"
    config.write_text(f"INHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: pages\nsite_dir: site\n")
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--config-file", config],
        capture_output=True, text=True, check=False,
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    gather(folder / "pages")
    built = build(folder)
    assert built.returncode == 0, built.stderr
    return folder / "site"


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = sorted(set(site.rglob("*.html")) - {site / "404.html"})  # which servers alone show
    assert len(pages) > 30
    for path in pages:
        for address in (each for each in Page(path).fetched if not each.startswith("data:")):
            assert not urlparse(address).netloc, (path, address)
            assert (path.parent / unquote(urlparse(address).path)).exists(), (path, address)


def test_the_page_of_the_answer_shows_its_rows(site: Path) -> None:
    study = "results/reference/neurons"
    table = (ROOT / study / "report-64000/neurites.md").read_text(encoding="utf-8")
    # Of the nerve cord nothing is carried: it has no ids.
    carried = re.findall(r"^\| (?:RIFE|SSAN)-Lm.*?(0\.\d+ ± 0\.\d+)", table, re.MULTILINE)
    assert len(carried) == 2
    page = (site / study / "page-64000/index.html").read_text(encoding="utf-8")
    assert [figure for figure in [*carried, "64,000"] if figure not in page] == []


def test_a_page_is_read_in_one_sitting() -> None:
    """Only docs/reference may be long: what is looked up there is not read through."""
    pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "results/reference").glob("**/README.md")]
    long = [page for page in pages if len(page.read_text(encoding="utf-8").split()) > 1500]
    assert not [page for page in long if ROOT / "docs/reference" not in page.parents]


def test_lists_and_tables_are_none_of_a_paragraph(site: Path) -> None:
    """A list wants an empty line before it, and what belongs to its items four spaces."""
    for path in sorted(site.rglob("*.html")):
        text = re.sub(r"<pre.*?</pre>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for paragraph in re.findall(r"<p>(.*?)</p>", text, re.DOTALL):
            assert not re.search(r"^\s*([-*|]|\d+\.) |```", paragraph, re.MULTILINE), (
                path,
                paragraph,
            )


@pytest.mark.parametrize("name", sorted(path.name for path in ROOT.glob("*.md")))
def test_links_into_docs_hold(site: Path, name: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    links = [link for link in links if not urlparse(link).scheme]
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        assert (ROOT / unquote(path)).exists(), link
        if anchor:
            page = site / Path(path).relative_to("docs").with_suffix(".html")
            assert anchor in Page(page).anchors, link


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ("[x](metrics.md#nowhere)", "does not contain an anchor '#nowhere'"),
        ("![x](nowhere.png)", "'reference/nowhere.png' is not found"),
    ],
)
def test_a_broken_link_ends_the_build(site: Path, tmp_path: Path, planted: str, said: str) -> None:
    shutil.copytree(site.parent / "pages", tmp_path / "pages")
    with (tmp_path / "pages/reference/methods.md").open("a", encoding="utf-8") as page:
        page.write(f"\n{planted}\n")
    built = build(tmp_path)
    assert built.returncode == 1
    assert said in built.stderr
