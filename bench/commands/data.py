"""``bench data``: the commands that build, describe and verify datasets."""

from __future__ import annotations

import typer

from bench.commands.data_build import BUILD_EXAMPLES, build
from bench.commands.data_info import info
from bench.commands.data_verify import verify
from bench.commands.grouping import InGroups

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Build, describe and verify datasets."
)
app.command(cls=InGroups, epilog=BUILD_EXAMPLES)(build)
for command in (info, verify):
    app.command()(command)
