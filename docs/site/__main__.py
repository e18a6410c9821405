"""`python docs/site [FOLDER]` gathers the pages of the site, into build/pages: see `make docs`."""

import shutil
import sys
from pathlib import Path

from gathering import ROOT, gather
from results_pages import write_results_pages


def tell(what: str) -> None:
    """Say what is at work: the page of results takes a minute or more."""
    sys.stderr.write(f"{what}\n")


pages = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build" / "pages"
shutil.rmtree(pages, ignore_errors=True)
tell("Gathering the pages of docs/.")
gather(pages)
tell("Making the page of the reference results from their records.")
write_results_pages(ROOT, pages)
