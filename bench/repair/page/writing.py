"""A repair in, one HTML file and its pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.base.files import file_digest, write_text
from bench.base.html_page import html_page
from bench.base.progress import Progress
from bench.repair.evidence import RECORD
from bench.repair.fill import Filling
from bench.repair.gaps import Task
from bench.repair.page.exhibits import Exhibits
from bench.repair.page.pictures import LIMIT, Album, colours, scale_end
from bench.repair.page.views import MIDDLE, parts
from bench.repair.page.words import provenance, row, summary, worst_first
from bench.repair.record import RepairRecord
from bench.repair.trust import JUDGED
from bench.repair.words import promised, title_of

PAGE = "index.html"


def write_page(
    record: RepairRecord, tasks: Sequence[Task], filling: Filling, tick: Progress
) -> None:
    """Write the page of a repair beside its record: ``index.html`` and ``pictures``.

    It holds no time of its own, so that two pages of one repair are the same byte for byte.

    Args:
        record: that was saved.
        tasks: what was to be filled.
        filling: whose arrays are still kept.
        tick: called as slices are done.
    """
    slices = worst_first(record.slices)
    folder, top = filling.evidence.folder, scale_end([each.mean_error or 0 for each in slices])
    made = Exhibits(filling, Album(folder, LIMIT // _pictures(record, tasks, filling)), top)
    by_number = {filling.volume.first + task.z: task for task in tasks}
    shown = list[dict[str, Any]]()
    for done, each in enumerate(slices, start=1):
        shown.append(made.of(by_number[each.slice], each, record))
        tick(done, len(slices), "slices")
    page = html_page(
        "bench.repair.page",
        out=record.out,
        source=record.source["path"],
        summary=summary(record),
        data={"slices": shown},
        rows=[row(each, record) for each in slices],
        scores=[title_of(name) for name in promised(record)],
        judged=not set(JUDGED).isdisjoint(promised(record)),
        noted=any(each.note for each in slices),
        left=record.left,
        provenance=provenance(record, file_digest(folder / RECORD)),
        scale=", ".join("rgb({} {} {})".format(*colour) for colour in colours().tolist()),
        top=top,
        middle=MIDDLE,
    )
    write_text(folder / PAGE, page)


def _pictures(record: RepairRecord, tasks: Sequence[Task], filling: Filling) -> int:
    """How many pictures of slices there will be."""
    volume = filling.volume
    seen = {z for task in tasks for z in (task.gap.before, task.z, task.gap.after)}
    return (len(record.filled) + len(seen - volume.missing)) * len(
        parts((volume.shape[1], volume.shape[2]))
    )
