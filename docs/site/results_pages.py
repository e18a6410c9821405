"""The pages of the reference results, made of the records that are committed: no frames are."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.report.write import wanted, write_report

PLACE = Path("results/reference/neurons")


@dataclass(frozen=True)
class ResultsPage:
    """What a page shows of the study of neurites.

    Attributes:
        folder: in the site, beside the words of the study.
        words: what the page has, after "the page of".
        preset: of the trained cells.
        crops: that they were trained on.
        datasets: all of the study's if empty.
        losses: all of the study's if None.
    """

    folder: str
    words: str
    preset: str
    crops: int | None = None
    datasets: tuple[str, ...] = ()
    losses: str | None = None


PAGES = (
    ResultsPage(
        "page-64000",
        "the answer (64,000 crops, `lm`, two volumes)",
        "overnight",
        crops=64_000,
        datasets=("mouse_triplet", "vnc_triplet"),
        losses="lm",
    ),
    ResultsPage("page", "every method (4,000 crops, three volumes)", "quick"),
)


def write_results_pages(records: Path, pages: Path) -> None:
    """Write the pages of the study of neurites below ``pages``.

    Args:
        records: the repository, where they lie.
        pages: of the site.
    """
    with TemporaryDirectory() as folder:
        out = Path(folder)
        shutil.copytree(records / PLACE / "runs", out / "runs")
        for page in PAGES:
            wishes = wanted(None, None, "html", losses=page.losses)
            wishes = replace(wishes, crops=page.crops)
            # What it tells of are the frames, which are not there, and the other page's lengths.
            write_report(out, out / "data", wishes, page.datasets, page.preset, lambda _: None)
            shown = shutil.ignore_patterns("*.pdf", "*.md", ".*")
            target = pages / PLACE / page.folder
            shutil.move(out / "report", out / page.folder)
            shutil.copytree(out / page.folder, target, ignore=shown)


def results_pages() -> str:
    """Links to them, for the page of the answer."""
    links = " and of ".join(
        f"[{page.words}]({PLACE.name}/{page.folder}/index.html)" for page in PAGES
    )
    return (
        f"The pages of {links} have every cell of theirs, to sort and to filter, with figures and "
        "commands. Frames are not kept."
    )
