"""docs/how-to/add-a-method.md to the letter: its files, its commands, the new row in the table."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/add-a-method.md").read_text(encoding="utf-8")


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[number]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The package made and installed as the page says, into a folder of its own."""
    folder = tmp_path_factory.mktemp("blend")
    (folder / "pyproject.toml").write_text(block("toml"))
    (folder / "blend.py").write_text(block("python"))
    installed = tmp_path_factory.mktemp("installed")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{installed}{os.pathsep}{ROOT}",
        # Nothing is fetched, and the environment that runs the tests stays as it is.
        "PIP_TARGET": str(installed), "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    install, _ = block("sh").splitlines()
    answer = subprocess.run(
        install.replace("pip", f"{sys.executable} -m pip", 1).split(),
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return folder, environment


def run(words: list[str], environment: tuple[Path, dict[str, str]]) -> str:
    return told(words, environment)[0]


def told(words: list[str], environment: tuple[Path, dict[str, str]]) -> tuple[str, str]:
    """What a command prints, and what it says beside it."""
    folder, variables = environment
    answer = subprocess.run(
        words, cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout, answer.stderr


def test_the_page_s_method_keeps_every_promise(
    environment: tuple[Path, dict[str, str]],
) -> None:
    _, check = block("sh").splitlines()
    words = check.removeprefix("bench").split()
    said = run([sys.executable, "-m", "bench", *words], environment)
    assert "keeps every promise" in said
    assert "BROKEN" not in said


def test_the_page_s_commands_put_it_into_the_table_and_the_leaderboard(
    environment: tuple[Path, dict[str, str]], data_folder: Path, tmp_path: Path
) -> None:
    """On a small dataset with a short `quick`, so that it takes seconds."""
    learn, report = block("sh", 1).splitlines()
    words = learn.removeprefix("bench").replace("phantom", "texture").split()
    folders = ["--data", str(data_folder), "--out", str(tmp_path)]
    bench = [sys.executable, str(ROOT / "tests/tiny.py")]
    rows = {
        row["method"]: row
        for row in json.loads(run([*bench, *words, "--json", *folders], environment))["rows"]
    }
    assert set(rows) == {"linear", "average", "blend"}
    assert rows["blend"]["status"] == "done"
    assert rows["blend"]["skill"]["psnr"]["low"] is not None

    run([*bench, *report.removeprefix("bench").split(), *folders, "--format", "html"], environment)
    page = (tmp_path / "report/index.html").read_text()
    board = page[page.index('id="leaderboard"') :]
    assert "Blend" in board[: board.index("</section>")]


def test_a_method_whose_code_has_changed_is_not_taken_for_what_it_was(
    environment: tuple[Path, dict[str, str]], data_folder: Path, tmp_path: Path
) -> None:
    words = [sys.executable, str(ROOT / "tests/tiny.py"), "run", "--methods", "blend"]
    words += ["--dataset", "texture", "--losses", "l1", "--stages", "train,predict,score"]
    words += ["--data", str(data_folder), "--out", str(tmp_path)]
    changed = "its code has changed since then"
    run(words, environment)
    assert changed not in told(words, environment)[1]
    module = Path(environment[1]["PIP_TARGET"]) / "blend.py"
    text = module.read_text()
    try:
        module.write_text(text.replace("padding=1", "padding=1, bias=True"))
        assert changed in told(words, environment)[1]
        told([*words, "--rerun"], environment)
        assert changed not in told(words, environment)[1]
    finally:
        module.write_text(text)
