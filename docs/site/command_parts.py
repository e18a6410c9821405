"""Every command with its options, as the command line itself knows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tables import code, table
from typer.main import get_command

from bench.commands.grouping import InGroups
from bench.commands.main import app

WIDTH = 10_000  # nothing is wrapped


def commands() -> str:
    """A section for each command, in the order of the help."""
    return "\n\n".join(_section(path, command) for path, command in every(get_command(app)))


def every(group: Any, path: str = "bench") -> Iterator[tuple[str, Any]]:
    """Every command below a group, with the words that call it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from every(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _section(path: str, command: Any) -> str:
    ctx = command.context_class(command, info_name=path, max_content_width=WIDTH)
    pieces = " ".join(command.collect_usage_pieces(ctx))
    parts = [f"## {path}", _prose(command.help or ""), f"```text\n{path} {pieces}\n```"]
    for heading, listed in _lists(command, ctx).items():
        if rows := [row for row in listed if row[0] != "--help"]:
            parts.append(table([heading, ""], [(code(name), _prose(text)) for name, text in rows]))
    if command.epilog:
        parts += ["**Examples**", f"```sh\n{command.epilog}\n```"]
    return "\n\n".join(parts)


def _lists(command: Any, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    if isinstance(command, InGroups):
        return command.lists(ctx)
    lists: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for param in command.get_params(ctx):
        if row := param.get_help_record(ctx):
            argument = param.param_type_name == "argument"
            lists["Arguments" if argument else "Options"].append(row)
    return lists


def _prose(text: str) -> str:
    """The words of a help as Markdown: what it would read as markup stays as it is."""
    return text.replace("<", "&lt;").replace("*", "\\*").replace("[", "\\[")
