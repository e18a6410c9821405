"""From volumes to ``triplets.h5``: align, lay the grid, reject, split, specify, write.

Each volume is read twice, with the slices around one gap in memory at a time: the first pass
measures (see ``survey``), the second writes the windows that were found (see ``write``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from bench.base.errors import UserError
from bench.base.files import atomic_path, file_digest, is_full, remove_leftovers, write_text
from bench.base.progress import Progress, silent
from bench.triplets.build_summary import SHEET_NAME, BuildSummary, Written, summarise
from bench.triplets.candidates import judged, sort_into_splits
from bench.triplets.contact_sheet import draw_contact_sheet
from bench.triplets.digests import digest_path
from bench.triplets.drift import drift_words
from bench.triplets.file import TripletFile
from bench.triplets.fitting_tile import with_tile
from bench.triplets.gap import POSITION
from bench.triplets.label_kind_check import doubt, refuse_image
from bench.triplets.label_placement_check import exchanged, misplacement
from bench.triplets.labelled_slices import label_rows
from bench.triplets.layout import Header, write_doubts
from bench.triplets.options import BuildOptions
from bench.triplets.parts import digest_of, looked_at, parts_of
from bench.triplets.shape_check import check_shapes
from bench.triplets.shared_slices import refuse_shared_slices
from bench.triplets.survey import Source, survey
from bench.triplets.write import Content, check_room, write_triplets
from bench.volumes.cards import Card, is_public
from bench.volumes.facts import VolumeFacts, facts_of
from bench.volumes.formats.voxel_size import check_sizes
from bench.volumes.thinned import thinned, thinned_size
from bench.volumes.tissue import Padding
from bench.volumes.volume import Volume, present_slices

_KEYS = [
    *("volume", "z", "y", "x"),
    *("shift_before_y", "shift_before_x", "shift_after_y", "shift_after_x"),
    *("peak_before", "peak_after", "ncc_before", "ncc_after"),
    *("padding", "uneven", "defect", "blend", "duplicate", "continuity", "blur"),
    *("column", "region", "reason", "split"),
]


def build(
    name: str,
    volumes: Sequence[Volume],
    card: Card,
    options: BuildOptions,
    target: Path,
    *,
    progress: Progress = silent,
    replace: bool = False,
) -> BuildSummary:
    """Make the triplets of a dataset; nothing takes its place before it is whole.

    Beside ``target`` stand its SHA-256 and a contact sheet.

    Args:
        name: of the dataset.
        volumes: source stacks, each with a name of its own.
        card: what is known of the dataset; what the options say of the volume is filled in.
        options: of the build.
        target: path of ``triplets.h5``.
        progress: called after each slice (``measure``) and each triplet (``write``).
        replace: whether a file that is there may be replaced.

    Raises:
        UserError: the volumes do not suit the options or hold no usable triplet, the file is
            there already, or the folder cannot be written to.
    """
    started = time.monotonic()
    card = card.model_copy(update=options.said)
    _check_volumes(volumes)
    if target.exists() and not replace:
        raise UserError(f"{target} is there already; --replace builds it anew.")
    if options.voxel_size is None:
        check_sizes({volume.name: volume.voxel_size for volume in volumes})
    volumes = [thinned(volume, options.every) for volume in volumes]
    asked, options = options, with_tile(volumes, options)
    check_shapes(volumes, options)
    for volume in volumes:
        if volume.has_labels:
            refuse_image(looked_at(volume, options), card.label_kind)
    sources = _measure(volumes, options, progress)
    refuse_shared_slices(sources)
    table = judged([seen.table for _, seen in sources], volumes, options)
    drift = drift_words(volumes, [part for part, _ in sources], table, options)
    kept = ["source", *_KEYS, *([POSITION] if options.gap > 1 else [])]
    table = sort_into_splits(table, drift, volumes, options)[kept]
    content = Content(_header(name, volumes, sources, card, options), volumes, sources, table)
    written = _write(target, content, progress)
    return summarise(target, content, written, asked, drift, time.monotonic() - started)


def _check_volumes(volumes: Sequence[Volume]) -> None:
    if not volumes:
        raise UserError("There is no volume to build from; give one with --source PATH.")
    names = [volume.name for volume in volumes]
    if len(set(names)) < len(names):
        raise UserError(f"Two volumes have one name ({', '.join(names)}); rename a file.")
    if len({volume.has_labels for volume in volumes}) > 1:
        raise UserError("Some volumes have labels and some have none; give labels for all.")


def _measure(volumes: Sequence[Volume], options: BuildOptions, progress: Progress) -> list[Source]:
    """The first pass over every volume, or the places that are drawn from it."""
    parts = [part for volume in volumes for part in parts_of(volume, options)]
    total, done = sum(len(present_slices(part.volume)) for part in parts), 0
    sources, column = list[Source](), 0

    def tick() -> None:
        nonlocal done
        done += 1
        progress(done, total, "measure")

    for part in parts:
        seen = survey(part, options, column, tick)
        seen.table["source"] = len(sources)
        sources.append(Source(part.volume, seen))
        column += seen.columns
    return sources


def _header(
    name: str,
    volumes: Sequence[Volume],
    sources: list[Source],
    card: Card,
    options: BuildOptions,
) -> Header:
    sizes = [volume.voxel_size for volume in volumes if volume.voxel_size]
    said = thinned_size(options.voxel_size, options.every)
    known = thinned_size(card.voxel_size, options.every)
    return Header(
        name=name,
        card=card,
        options=options,
        voxel_size=said or (sizes[0] if sizes else known),
        volumes=tuple(_facts(volume, sources) for volume in volumes),
    )


def _facts(volume: Volume, sources: list[Source]) -> VolumeFacts:
    """What is known of a volume whose parts have been read."""
    parts, seen = zip(*(each for each in sources if each.volume.name == volume.name), strict=True)
    return facts_of(
        volume,
        digest_of(parts, [each.digest for each in seen]),
        Padding.of_parts([each.padding for each in seen]).facts(),
    )


def _write(target: Path, content: Content, progress: Progress) -> Written:
    """The second pass, into a folder that may be full or closed."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target.parent)
        check_room(target.parent, len(content.table), content.header.options.tile)
        return _write_in_order(target, content, progress)
    except OSError as error:
        why = "the disk is full" if is_full(error) else error.strerror or error
        raise UserError(
            f"{target} cannot be written ({why}); make room, or choose another folder with --data."
        ) from error


def _write_in_order(target: Path, content: Content, progress: Progress) -> Written:
    """Write file, contact sheet and digest, in an order that never vouches for a wrong file."""
    digest = digest_path(target)
    with atomic_path(target) as temporary:
        write_triplets(temporary, content, progress)
        write_doubts(temporary, _doubts(content, temporary))
        with TripletFile(temporary) as file:
            written = Written(file.fingerprint, list(label_rows(file)))
            with atomic_path(target.with_name(SHEET_NAME)) as sheet:
                draw_contact_sheet(
                    file, sheet, {v.name: v.first - v.corner[0] for v in content.volumes}
                )
        whole = file_digest(temporary)
        digest.unlink(missing_ok=True)
    write_text(digest, f"{whole}  {target.name}\n")
    return written


def _doubts(content: Content, path: Path) -> list[str]:
    """What is doubted of the labels; of a public volume the card knows what they are."""
    name, kind = content.header.name, content.header.card.label_kind
    options = content.header.options
    labelled = [looked_at(volume, options) for volume in content.volumes if volume.has_labels]
    doubts = [misplacement(name, volume, kind) for volume in labelled]
    doubts.append(exchanged(name, labelled, kind))
    if not is_public(name):
        with TripletFile(path) as file:
            doubts.append(doubt(file))
    return [sentence for sentence in doubts if sentence]
