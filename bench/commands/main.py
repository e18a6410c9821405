"""The command line as a whole: its commands, and how a mistake or an interruption ends it.

Each command has a module of its own, and imports what is heavy only when it runs: help and wrong
names are answered at once.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from itertools import takewhile
from typing import Annotated, NoReturn

import typer

from bench.base.errors import UserError, lacks_memory_to_load
from bench.base.files import is_full, printable
from bench.commands import data, weights
from bench.commands.check import check
from bench.commands.check_method import check_method
from bench.commands.grouping import InGroups, WithExamples
from bench.commands.list import list_names
from bench.commands.profile import profile
from bench.commands.repair import REPAIR_EXAMPLES, repair
from bench.commands.report import REPORT_EXAMPLES, report
from bench.commands.run import RUN_EXAMPLES, run
from bench.commands.verify import verify

_INTERRUPTED = 130

app = typer.Typer(
    name="bench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its boxes take longer to import than all the rest of the help
    context_settings={"max_content_width": 120},
    help="Compare methods that synthesise a missing slice of an EM volume from its neighbours.",
)
app.command(cls=InGroups, epilog=RUN_EXAMPLES)(run)
app.command(cls=InGroups, epilog=REPAIR_EXAMPLES)(repair)
app.command()(profile)
app.command(cls=WithExamples, epilog=REPORT_EXAMPLES)(report)
for command in (verify, check, check_method):
    app.command()(command)
app.command("list")(list_names)
app.add_typer(data.app, name="data")
app.add_typer(weights.app, name="weights")


def _tell_version(wanted: bool) -> None:
    if wanted:
        from bench.base.provenance import version

        typer.echo(f"interslice {version('interslice') or 'unknown'}")
        raise typer.Exit


@app.callback()
def _bench(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    """What stands before every command."""


def main() -> None:
    """Run the command line; a user's mistake ends in one sentence and exit code 2."""
    # A batch system stops a job by this signal, and kills it a while later.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _run()
    finally:
        # Whoever called this from a program of their own, and forks, gets it back as it was.
        signal.signal(signal.SIGTERM, before)


def _run() -> None:
    # matplotlib opens no window here, and fails at once where it does not know this one.
    os.environ.pop("MPLBACKEND", None)
    for stream in (sys.stdout, sys.stderr):  # a file's name may hold bytes that are not UTF-8
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
    except UserError as error:
        _leave(str(error), 2)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except OSError as error:
        _leave_if_unloadable(error)
        if is_full(error) and error.filename is None:  # standard output names none
            _leave("The disk that the output goes to is full; make room and repeat this.", 2)
        if error.filename is None or not error.strerror:
            raise
        _leave(f"{error.filename} cannot be read or written ({error.strerror}).", 2)
    except Exception as error:
        _leave_if_unloadable(error)
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help
            typer.echo(message(), err=True)
            sys.exit(2)
        words = " ".join(message().split())
        _leave(_advised(words, error), 2)
    if code == _INTERRUPTED:  # by us or by typer, which turns Ctrl-C into this code
        # A run can go on from what it left; the files of a build are not whole.
        keeps = sys.argv[1:2] in (["run"], ["repair"])
        goes_on = "goes on from here" if keeps else "begins anew"
        _leave(f"interrupted; the same command {goes_on}.", _INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _advised(words: str, error: Exception) -> str:
    """The words of a mistake that Typer found, with what to do about it."""
    if "unexpected extra argument" in words:
        if (count := _put_by_the_shell()) > 1:
            return (
                f"The shell put {count} files in the place of the pattern; give their folder "
                "instead, as in --source slices."
            )
        return f"{words}; a list has commas and no blanks, as in --methods average,flow."
    wanted = getattr(getattr(error, "param", None), "help", None)
    if words.startswith("Missing") and wanted:
        return f"{words.rstrip('.')}: {wanted.rstrip('.')}."
    return words


def _put_by_the_shell() -> int:
    """The number of words after --source or --labels: several where the shell expanded a `*`."""
    words = sys.argv[1:]
    places = [i + 1 for i, word in enumerate(words) if word in ("--source", "--labels")]
    runs = (list(takewhile(lambda word: not word.startswith("-"), words[i:])) for i in places)
    return max(map(len, runs), default=0)


def _leave_if_unloadable(error: Exception) -> None:
    """Leave where a library found no memory; Python says so in several kinds of errors."""
    if lacks_memory_to_load(error):
        library = str(error).partition(":")[0]
        _leave(
            f"There is too little memory to load {library}; allow the command more "
            "(`ulimit -v`), or end other programs.",
            2,
        )


def _leave(sentence: str, code: int) -> NoReturn:
    typer.echo(f"bench: {printable(sentence)}", err=True)
    sys.exit(code)
