"""Whoever uses a method finds what to cite, and this package beside it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from bench.cells.registry import METHODS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "citations.md"
OF_NOBODY = {"before", "after", "average", "linear"}  # copies, a mean and a least-squares fit


def test_every_method_of_a_paper_is_cited() -> None:
    named = re.findall(r"^% (\w+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(METHODS) - set(named) == OF_NOBODY


def test_every_entry_has_a_key_of_its_own_and_closes() -> None:
    text = PAGE.read_text(encoding="utf-8")
    entries = re.findall(r"^@\w+\{(\w+),\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    assert len(entries) == text.count("\n@")
    assert len({key for key, _ in entries}) == len(entries)
    for key, fields in entries:
        assert fields.count("{") == fields.count("}"), key
        assert "author = " in fields, key
        assert "year = " in fields, key


def test_the_citation_is_of_this_version() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {version}\n" in citation
