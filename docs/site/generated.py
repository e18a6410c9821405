"""Parts of pages that are made from the code or the tree: `<!-- generated: NAME -->` in a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import field_parts as parts
from command_parts import commands
from results_pages import results_pages

DECISIONS = Path(__file__).resolve().parents[1] / "decisions"


def decisions() -> str:
    """A list of the decisions, by their titles."""
    found = sorted(DECISIONS.glob("0*.md"))
    titles = [path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") for path in found]
    return "\n".join(f"- [{title}]({path.name})" for title, path in zip(titles, found, strict=True))


GENERATED: dict[str, Callable[[], str]] = {
    each.__name__: each
    for each in (
        decisions, commands, parts.figure_keys, parts.machine_keys, parts.cards, parts.card,
        parts.card_file, parts.build, parts.phantom, parts.methods, parts.classes, parts.losses,
        parts.presets, parts.record, parts.repair, results_pages,
    )
}  # fmt: skip
