"""`python docs/site [FOLDER]` gathers the pages of the site, into build/pages: see `make docs`."""

import shutil
import sys
from pathlib import Path

from gathering import ROOT, gather
from results_page import write_results_page

pages = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build" / "pages"
shutil.rmtree(pages, ignore_errors=True)
gather(pages)
write_results_page(ROOT, pages)
