"""What the documents print is what the code gives; what they tell to type and to run works."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

import h5py
import pandas as pd
import pytest
import typer
from typer.main import get_command

from bench.cells.config import load_config
from bench.commands.main import app
from bench.store.records import CALIBRATION

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
METRICS, STORE = DOCS / "reference/metrics.md", DOCS / "reference/store.md"
COLUMNS = ("psnr", "ssim", "ie", "frc_10", "sharpness")
KINDS = {
    "average, blurred": "average_blurred",
    "real slice, blurred": "truth_blurred",
    "real slice with noise": "truth_noisy",
}

PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
# A line `<!-- not run: why -->` above a block of Python keeps it from being run.
NOT_RUN = re.compile(r"<!-- not run: .+? -->\n```python\n.*?^```$", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
# test_extending.py follows this page to the letter.
EXAMPLES = [
    path
    for path in PAGES
    if "```python" in NOT_RUN.sub("", path.read_text(encoding="utf-8"))
    and path.name != "add-a-method.md"
]
BETWEEN = "\x1e"  # printed between the examples of a page


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, float]]]:
    """A store of `average` and the null on `phantom_small`, and their metrics by method."""
    folder = tmp_path_factory.mktemp("ran")
    done = subprocess.run(
        [
            sys.executable, "-m", "bench", "run", "--methods", "average", "--json",
            "--dataset", "phantom_small", "--segmenter-steps", "20",
            "--data", folder / "data", "--out", folder,
        ],
        capture_output=True, text=True, check=True, cwd=folder, env=environment(),
    )  # fmt: skip
    rows = json.loads(done.stdout)["rows"]
    return folder, {row["method"]: row["metrics"] for row in rows}


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def printed() -> dict[str, list[str]]:
    """The rows of the table of the calibration, by what they are of."""
    section = METRICS.read_text(encoding="utf-8").partition("On `phantom_small` (")[2]
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in section.partition("What to read")[0].splitlines()
        if line.startswith("|")
    ]
    return {row[0]: row[1:] for row in rows[2:]}


def test_the_calibration_of_phantom_small_is_as_printed(
    ran: tuple[Path, dict[str, dict[str, float]]],
) -> None:
    folder, metrics = ran
    [path] = folder.rglob(CALIBRATION)
    means = pd.read_parquet(path).groupby("kind")[list(COLUMNS)].mean()
    found = {
        name: [values[column]["mean"] for column in COLUMNS] for name, values in metrics.items()
    } | {name: means.loc[kind].tolist() for name, kind in KINDS.items()}
    assert printed().keys() == found.keys()
    for name, texts in printed().items():
        for column, text, value in zip(COLUMNS, texts, found[name], strict=True):
            step = 10.0 ** -len(text.partition(".")[2])  # of the last digit
            assert float(text) == pytest.approx(value, abs=step), (name, column)


def told_of(head: str) -> set[str]:
    """The names in the first column of the table of store.md that begins with a cell."""
    rows = STORE.read_text(encoding="utf-8").partition(f"| {head} |")[2].splitlines()[2:]
    cells = (row.split("|")[1] for row in takewhile(lambda row: row.startswith("|"), rows))
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def columns_told(section: str) -> set[str]:
    """The columns that a section of store.md lists."""
    text = STORE.read_text(encoding="utf-8").partition(f"### Columns of {section}\n")[2]
    rows = text.partition("\n## ")[0].partition("\n### ")[0].splitlines()
    cells = (row.split("|")[1] for row in rows if row.startswith("|"))
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_files_hold_what_the_page_of_files_lists(
    ran: tuple[Path, dict[str, dict[str, float]]],
) -> None:
    folder, _ = ran
    scores, membranes = columns_told("scores.parquet"), columns_told("membranes.parquet")
    rare = {"position", "second_..."}  # of wider gaps, of a second judge
    keys = {"triplet", "volume", "z", "y", "x", "column", "reason"}
    for name, columns in (("scores", scores - rare), ("membranes", membranes - rare | keys)):
        paths = list(folder.glob(f"runs/*/*/{name}.parquet"))
        assert paths, name
        assert all(set(pd.read_parquet(path)) == columns for path in paths), name
    [dataset] = folder.rglob("triplets.h5")
    with h5py.File(dataset) as file:
        assert set(file) == told_of("in the file")
        assert set(file["keys"]) == told_of("key") - rare
        assert all(f"`{name}`" in STORE.read_text(encoding="utf-8") for name in file.attrs)


def commands(page: Path) -> Iterator[tuple[str, bool]]:
    """Each `bench ...` of a page, and whether it stands in a block, and so can be typed."""
    text = page.read_text(encoding="utf-8")
    for _, _, block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|[|;>#]|  +", line):  # words behind blanks are a comment
                if found := re.search(r"(?<!make )(?<![\w.-])bench (.+)", part):
                    yield found[1], True
    for code in re.findall(r"`bench ([^`]+)`", FENCE.sub("", text)):
        yield re.split(r"&&|[|;>]", code)[0], False


def words_of(text: str) -> list[str]:
    """The words of a command; brackets stand around what may be left out, dots for more of it."""
    text = text.replace("COMMAND", "run").replace(" ...]", " VALUE]").replace("...", "")
    return shlex.split(re.sub(r"\[(--[^]]*)\]", r"\1", text))


def parse(words: list[str]) -> None:
    """Let the command line read words, and carry nothing out."""
    command = get_command(app)
    if words[0].startswith("-"):  # what stands before every command does its work at once
        known = {name for param in command.params for name in param.opts}
        assert words[0] in known | {"--help"}
        return
    ctx = command.make_context("bench", list(words))
    while hasattr(command, "commands"):
        name, command, words = command.resolve_command(ctx, [*ctx._protected_args, *ctx.args])
        ctx = command.make_context(name, list(words), parent=ctx)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_of_a_page_are_read_by_the_command_line(page: Path) -> None:
    for text, whole in commands(page):
        try:
            with suppress(typer.Exit):  # of --help
                parse(words_of(text))
        except Exception as error:
            words = getattr(error, "format_message", lambda: "")()
            part = "Missing" in words or "requires an argument" in words
            if whole or not part:  # in a sentence a part of a command may stand alone
                pytest.fail(f"bench {text}: {words or error!r}")


def test_a_command_with_an_unknown_option_is_not_read() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse(["run", "--method", "average"])


def test_the_configuration_of_the_page_is_read(tmp_path: Path) -> None:
    text = (DOCS / "reference/configuration.md").read_text(encoding="utf-8")
    [block] = [body for _, language, body in FENCE.findall(text) if language.startswith("toml")]
    (tmp_path / "run.toml").write_text(block)
    config = load_config(tmp_path / "run.toml", {"preset": "overnight"})
    assert (config.preset, config.seeds, config.methods[2]) == (
        "overnight", (0, 1, 2), "sepconv[taps=25]",
    )  # fmt: skip
    assert tomllib.loads(block)["preset"] == "quick"


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_of_a_page_run(page: Path, tmp_path: Path) -> None:
    """The Python of a page, from top to bottom, prints what the `text` below each block says."""
    program, wanted = [], []
    blocks = FENCE.findall(NOT_RUN.sub("", page.read_text(encoding="utf-8")))
    for (_, language, body), (_, below, said) in zip(
        blocks, [*blocks[1:], ("", "", "")], strict=True
    ):
        if language.startswith("python"):
            program += [body, f"print({BETWEEN!r}, end='')"]
            wanted.append(said if below == "text" else None)
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(program)],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for found, text in zip(done.stdout.split(BETWEEN)[:-1], wanted, strict=True):
        assert text is None or found == text
