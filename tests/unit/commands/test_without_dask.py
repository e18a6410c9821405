"""What is computed in one process does not wait for the import of Dask."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "modules",
    ["bench.run.compute, bench.scores.summary", "bench.commands.repairing, bench.commands.filling"],
)
def test_one_process_imports_nothing_of_dask(modules: str) -> None:
    code = f"import sys, {modules}\nprint({{'dask', 'distributed'}} & set(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"
