"""Kill a run at random moments; the same command goes on and ends with the same table."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def command(data: Path, out: Path) -> list[str]:
    return [
        sys.executable, str(ROOT / "tests/tiny.py"), "run",
        "--methods", "average,tiny,tiny[width=6]",
        "--dataset", "texture", "--losses", "l1", "--data", str(data), "--out", str(out),
        "--threads", "1", "--json",
    ]  # fmt: skip


def table(stdout: str) -> list[dict[str, object]]:
    rows = json.loads(stdout)["rows"]
    return [{k: v for k, v in row.items() if k != "folder"} for row in rows]


@pytest.fixture(scope="module")
def whole(
    data_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[dict[str, object]], float]:
    """The table of an uninterrupted run, and how long it took."""
    started = time.monotonic()
    answer = subprocess.run(
        command(data_folder, tmp_path_factory.mktemp("whole")),
        capture_output=True, text=True, check=True, cwd=ROOT, env=ENVIRONMENT,
    )  # fmt: skip
    return table(answer.stdout), time.monotonic() - started


@pytest.mark.parametrize("seed", [0, 1])
def test_a_killed_run_goes_on(
    data_folder: Path, whole: tuple[list[dict[str, object]], float], tmp_path: Path, seed: int
) -> None:
    expected, seconds = whole
    moments = random.Random(seed)
    for _ in range(2):  # the resumed run is killed too
        process = subprocess.Popen(
            command(data_folder, tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd=ROOT, env=ENVIRONMENT,
        )  # fmt: skip
        time.sleep(moments.uniform(0.3, 0.9) * seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    answer = subprocess.run(
        command(data_folder, tmp_path),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=ENVIRONMENT,
    )
    assert table(answer.stdout) == expected
    assert not list(tmp_path.rglob(".tmp-*"))
    assert not list(tmp_path.rglob("checkpoint.safetensors"))


def _heed_ctrl_c() -> None:
    """Where the tests run in the background of a shell, it has them ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_leaves_a_record_that_says_so_and_the_run_goes_on(
    data_folder: Path, whole: tuple[list[dict[str, object]], float], tmp_path: Path
) -> None:
    said = []
    with subprocess.Popen(
        command(data_folder, tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, cwd=ROOT, env=ENVIRONMENT | {"TINY_PAUSE": "0.5"}, preexec_fn=_heed_ctrl_c,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if "] tiny l1" in line:  # the cell may or may not have its record by now
                process.send_signal(signal.SIGINT)
    assert process.returncode == 130, said
    assert "the same command goes on" in said[-1]
    records = [json.loads(path.read_text()) for path in tmp_path.rglob("record.json")]
    assert {record["status"] for record in records} <= {"done", "interrupted"}
    answer = subprocess.run(
        command(data_folder, tmp_path), capture_output=True, text=True, check=True, cwd=ROOT,
        env=ENVIRONMENT,
    )  # fmt: skip
    assert table(answer.stdout) == whole[0]
