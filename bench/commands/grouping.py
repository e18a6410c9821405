"""Help in groups: which option stands where in it, and the examples at its end.

Typer groups only with rich, whose boxes would slow every help down.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import typer
from typer.core import TyperCommand

_PLACES, _DATA, _TRIPLETS, _TRAINING, _JUDGING, _MACHINE, _OUTPUT = _GROUPS = (
    "Places to fill",
    "Data",
    "Triplets",
    "Methods and training",
    "Judging",
    "Machine",
    "Output",
)

# Each declares an option as typer.Option does; a command without groups lists it like any other.
of_places = partial(typer.Option, rich_help_panel=_PLACES)
of_data = partial(typer.Option, rich_help_panel=_DATA)
of_triplets = partial(typer.Option, rich_help_panel=_TRIPLETS)
of_training = partial(typer.Option, rich_help_panel=_TRAINING)
of_judging = partial(typer.Option, rich_help_panel=_JUDGING)
of_machine = partial(typer.Option, rich_help_panel=_MACHINE)
of_output = partial(typer.Option, rich_help_panel=_OUTPUT)


class WithExamples(TyperCommand):
    """A command whose epilog is examples, a line each, which its help leaves unwrapped."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 (Typer gives it)
        """Write the examples below everything else."""
        with formatter.section("Examples"):
            for line in (self.epilog or "").splitlines():
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class InGroups(WithExamples):
    """A command whose help has a list of options for each group."""

    def lists(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        """The arguments, each group, and at last the options that are in none; what is empty too.

        Returns:
            By heading, what is given and what the help says of it.
        """
        lists: dict[str, list[tuple[str, str]]]
        lists = {heading: [] for heading in ("Arguments", *_GROUPS, "Options")}
        for param in self.get_params(ctx):
            argument = param.param_type_name == "argument"
            heading = "Arguments" if argument else getattr(param, "rich_help_panel", None)
            if row := param.get_help_record(ctx):
                lists[heading or "Options"].append(row)
        return lists

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write each list that is not empty."""
        lists = self.lists(ctx)
        longest = max(len(name) for rows in lists.values() for name, _ in rows)
        for heading, rows in lists.items():
            if rows:
                with formatter.section(heading):
                    # All lists have their texts in the same column.
                    formatter.write_dl([(name.ljust(longest), text) for name, text in rows])
