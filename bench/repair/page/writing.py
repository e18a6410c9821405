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
from bench.repair.page.left import Shown, left_in, left_shown
from bench.repair.page.pictures import LIMIT, Album, colours, scale_end
from bench.repair.page.views import parts
from bench.repair.page.words import provenance, row, said, summary, worst_first
from bench.repair.parts import places_of
from bench.repair.plan import Plan
from bench.repair.record import RepairRecord
from bench.repair.slices import Slices
from bench.repair.words import judged_words, promised, title_of
from bench.volumes.volume import Volume

PAGE = "index.html"


def write_page(
    record: RepairRecord, plan: Plan, tasks: Sequence[Task], filling: Filling, tick: Progress
) -> None:
    """Write the page of a repair beside its record: ``index.html`` and ``pictures``.

    It holds no time of its own, so that two pages of one repair are the same byte for byte.

    Args:
        record: that was saved.
        plan: that was carried out.
        tasks: what was to be filled.
        filling: whose arrays are still kept.
        tick: called as slices are done.
    """
    slices = worst_first(record.slices)
    folder, top = filling.evidence.folder, scale_end([each.mean_error or 0 for each in slices])
    left = left_in(plan, filling.volume)
    album = Album(folder, LIMIT // _pictures(tasks, left, filling.volume))
    made = Exhibits(filling, album, top)
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
        judged=judged_words(record),
        noted=any(map(said, slices)),
        left=list(left_shown(left, Slices(filling.volume), album)),
        provenance=provenance(record, file_digest(folder / RECORD)),
        scale=", ".join("rgb({} {} {})".format(*colour) for colour in colours().tolist()),
        top=top,
    )
    write_text(folder / PAGE, page)


def _pictures(tasks: Sequence[Task], left: Sequence[Shown], volume: Volume) -> int:
    """How many pictures of slices there will be at most."""
    shape = volume.shape[1], volume.shape[2]
    windows = (len(parts(shape, places_of(task))) for task in tasks)
    return 4 * sum(windows) + sum(each.pictures for each in left)
