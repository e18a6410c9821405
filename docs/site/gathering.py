"""The pages of the site, in one folder: those of docs/ with their generated parts, and the results.

Links are written as they hold in the repository. Where a page lands elsewhere in the site, they are
written anew; one that leads to what is no page of the site ends the build.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from generated import GENERATED

ROOT = Path(__file__).resolve().parents[2]
DOCS, RESULTS, CODE = ROOT / "docs", ROOT / "results" / "reference", ROOT / "docs" / "site"
LINK = re.compile(r"(?<=\]\()([^)#\s]+)")
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
ELSEWHERE = re.compile(r"[a-z]+:")
MARK = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)


def gather(pages: Path) -> None:
    """Write every page, and what pages show, below the empty folder ``pages``.

    Raises:
        SystemExit: A page links to what is no page, or asks for a part that nothing generates.
    """
    for source in sources():
        target = pages / page(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            target.write_text(MARK.sub(made, linked(source)), encoding="utf-8")
        else:
            shutil.copyfile(source, target)


def sources() -> Iterator[Path]:
    """Files of the site; of the results not the records, which are for programs."""
    for path in sorted([*DOCS.rglob("*"), *RESULTS.rglob("*")]):
        records = RESULTS in path.parents and path.relative_to(RESULTS).parts[1:2] == ("runs",)
        if path.is_file() and not records and CODE not in path.parents:
            yield path


def page(source: Path) -> Path:
    """The place of a file of the repository in the site."""
    return source.relative_to(DOCS if DOCS in source.parents else ROOT)


def linked(source: Path) -> str:
    """The Markdown of ``source`` with its links as they hold in the site."""
    place = page(source).parent.as_posix()

    def link(match: re.Match[str]) -> str:
        if ELSEWHERE.match(match[1]):
            return match[1]
        target = Path(posixpath.normpath(source.parent / unquote(match[1])))
        if not target.is_file() or not {DOCS, RESULTS} & set(target.parents):
            raise SystemExit(
                f"{source.relative_to(ROOT)} links to {match[1]}, which is no page of the site: "
                "mend the link, or write it as code."
            )
        return quote(posixpath.relpath(page(target).as_posix(), place))

    parts = FENCE.split(source.read_text(encoding="utf-8"))
    parts[::2] = [LINK.sub(link, part) for part in parts[::2]]
    return "".join(parts)


def made(mark: re.Match[str]) -> str:
    """The generated part that a mark asks for."""
    if mark[1] not in GENERATED:
        raise SystemExit(f"Nothing generates {mark[0]}: there are {', '.join(GENERATED)}.")
    return GENERATED[mark[1]]()
