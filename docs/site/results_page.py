"""The page of the reference results, made of the records that are committed: no frames are."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.report.write import wanted, write_report

PLACE = Path("results/reference/neurons")
FOLDER = "page"  # in the site, beside the words of the study


def write_results_page(records: Path, pages: Path) -> None:
    """Write the page of the study of neurons below ``pages``.

    Args:
        records: the repository, where they lie.
        pages: of the site.
    """
    with TemporaryDirectory() as folder:
        out = Path(folder)
        shutil.copytree(records / PLACE / "runs", out / "runs")
        wishes = wanted(None, None, "html")
        write_report(out, out / "data", wishes, (), None, lambda _: None)  # frames are not there
        shown = shutil.ignore_patterns("*.pdf", "*.md", ".*")
        shutil.copytree(out / "report", pages / PLACE / FOLDER, ignore=shown)


def results_page() -> str:
    """A link to it, for the page of the answer."""
    return (
        f"[The page of the study of neurites]({PLACE.name}/{FOLDER}/index.html) has every cell, to "
        "sort and to filter, with its figures and the commands. Frames are not kept."
    )
