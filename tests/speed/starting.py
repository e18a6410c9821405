"""How long a command takes that computes nothing, and what it imports."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from speed.figures import Figure, Result, Setting, agree
from speed.racing import race

_COMMANDS = (("--help",), ("list", "methods"))
_HEAVY = {"torch", "pandas", "matplotlib"}


def measure(setting: Setting) -> Result:
    """Start each command in a process of its own, in turns with one that only imports."""
    bare = [sys.executable, "-c", "import typer, rich"]
    figures: list[Figure] = []
    for words in _COMMANDS:
        ours = [sys.executable, "-m", "bench", *words]
        figures += race(
            f"bench {' '.join(words)}", partial(_run, bare), partial(_run, ours), 2, setting,
            target="2 x its time",
        )  # fmt: skip
    heavy = [len(heavy_imports(*words)) for words in _COMMANDS]
    return Result(figures, [agree("torch, pandas, matplotlib imported", sum(heavy), 0)], 0)


def heavy_imports(*words: str) -> set[str]:
    """Which of the heavy packages a command imports."""
    script = (
        "import sys, atexit, bench.commands.main\n"
        f"sys.argv = ['bench', *{words!r}]\n"
        f"atexit.register(lambda: print(*sorted({_HEAVY!r} & set(sys.modules)), file=sys.stderr))\n"
        "bench.commands.main.main()"
    )
    return set(_run([sys.executable, "-c", script]).stderr.split())


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True)
