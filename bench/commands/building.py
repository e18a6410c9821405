"""From the words of ``bench data build`` to a dataset."""

from __future__ import annotations

from bench.api.building import build_as_said
from bench.base.errors import UserError
from bench.base.words import unknown
from bench.commands.data_build import BuildWords
from bench.triplets.build_summary import BuildSummary
from bench.triplets.reject import Rules


def build_as_told(words: BuildWords) -> BuildSummary:
    """Build the dataset that the command names, and show its progress.

    Raises:
        UserError: an option is not valid, or a volume cannot be fetched or read.
    """
    return build_as_said(
        words.name,
        words.source or [],
        words.data,
        vars(words) | {"rules": _rules(words.rule)},
        download=words.download,
        replace=words.replace,
    )


def _rules(words: list[str] | None) -> dict[str, float] | None:
    """The threshold of each rule that a word ``NAME=NUMBER`` sets."""
    rules = {}
    for word in words or []:
        name, _, number = word.partition("=")
        if name not in Rules.model_fields:
            unknown("rule", name, list(Rules.model_fields))
        try:
            rules[name] = float(number)
        except ValueError as error:
            raise UserError(f"--rule takes NAME=NUMBER, as in blur=2, not '{word}'.") from error
    return rules or None
