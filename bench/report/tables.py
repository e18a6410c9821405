"""The tables: the paper's by their numbers, and ours by name; what a slice is worth leads."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.report.difference_table import differences
from bench.report.gap_table import gaps
from bench.report.judges_table import judges
from bench.report.layer_table import layers
from bench.report.membrane_table import segmentation
from bench.report.neurite_table import neurites
from bench.report.preparation_table import preparation
from bench.report.score_tables import aggregations, extractors, methods
from bench.report.selection import Selection
from bench.report.table import Table

TABLES: Mapping[str, Callable[[Selection], list[Table]]] = {
    "neurites": neurites,
    "1": extractors,
    "2": layers,
    "3": aggregations,
    "4": methods,
    "5": segmentation,
    "preparation": preparation,
    "gaps": gaps,
    "judges": judges,
    "differences": differences,
}
# What else a table is called: by the files that it is written to.
TABLE_FILES: Mapping[str, str] = {
    **{f"table{name}": name for name in TABLES if name.isdigit()},
    "table4_extended": "4",
}
LEADING = "neurites"
CHOOSING = (LEADING, "1", "3", "4", "differences")  # of these the columns may be chosen
# Why a table is not there: those that need more than a run of some methods.
LACKS: Mapping[str, str] = {
    "neurites": "no membranes were scored; `bench run` does so in its stage `segment`",
    "gaps": "no dataset has gaps of several slices; `--dataset 'NAME[gap=2]'` has",
    "judges": "no cell was judged twice; `bench run --judges 2` does so",
    "differences": "`--over METHOD:LOSS` says which row the others are set beside",
}
