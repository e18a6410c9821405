"""A run in one process."""

from __future__ import annotations

import subprocess
import sys


def test_a_run_in_one_process_imports_nothing_of_dask() -> None:
    code = (
        "import sys, bench.run.compute, bench.run.summary\n"
        "print({'dask', 'distributed'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"
