"""``make bench``: run the benchmarks, each in a process of its own, and print the table."""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console

from bench.base.files import write_text
from speed.figures import UnequalError
from speed.rows import ROWS
from speed.running import run, say
from speed.shares import NAME as SHARES
from speed.shares import markdown as shares_table
from speed.table import markdown, print_table

_NAMES = (*ROWS, SHARES)


def main() -> int:
    """Run what was asked for; returns 1 if a benchmark could not be run."""
    words = _words()
    failed = 0
    context = get_context("forkserver")
    context.set_forkserver_preload(["speed.running"])  # imported once, computed with never
    for name in words.only or _NAMES if words.run else []:
        # A fresh process: no memory, no caches and no threads that another benchmark left.
        with ProcessPoolExecutor(1, mp_context=context) as process:
            asked = process.submit(run, name, words.size, words.patience, words.threads)
            try:
                document = asked.result()
            except (MemoryError, BrokenProcessPool, UnequalError) as error:
                say(f"{name}: not run, {error}")
                failed = 1
                continue
        text = json.dumps(document, indent=1, allow_nan=False)
        write_text(words.out / f"{name}.json", text + "\n")
    if words.markdown:
        sys.stdout.write(markdown(words.out))
    else:
        print_table(words.out, Console(width=None if sys.stdout.isatty() else 160))
    sys.stdout.write(f"\n{shares_table(words.out)}")
    return failed


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=_NAMES, metavar="NAME", help=", ".join(_NAMES))
    parser.add_argument("--size", type=int, help="image side, for slow machines")
    parser.add_argument("--patience", type=float, default=40.0, help="seconds for a pair's turns")
    parser.add_argument("--threads", type=int, default=1, help="torch computes with")
    parser.add_argument("--out", type=Path, default=Path("results/speed"))
    parser.add_argument("--show", dest="run", action="store_false", help="only print the table")
    parser.add_argument(
        "--markdown", action="store_true", help="print it as docs/reference/speed.md has it"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
