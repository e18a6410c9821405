import shlex
from typing import Any

import pytest
import typer
from command import bench

from bench.commands import main as cli

COMMANDS = ("run", "repair", "data build", "report")
commands = pytest.mark.parametrize("name", COMMANDS)


def command(name: str) -> Any:
    found: Any = typer.main.get_command(cli.app)
    for word in name.split():
        found = found.commands[word]
    return found


@pytest.fixture
def help_of(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """The lines below each heading of a command's help, in a terminal of so many columns."""

    def call(name: str, columns: int = 200) -> dict[str, list[str]]:
        monkeypatch.setenv("COLUMNS", str(columns))
        code, out, _ = bench(capsys, *name.split(), "--help")
        assert code == 0
        assert max(map(len, out.splitlines())) <= min(columns, 120)
        sections: dict[str, list[str]] = {"": []}
        for line in filter(None, out.splitlines()):
            if line.endswith(":") and not line.startswith(" "):
                assert line[:-1] not in sections
                sections[line[:-1]] = []
            else:
                list(sections.values())[-1].append(line)
        return sections

    return call


@commands
@pytest.mark.parametrize("columns", [80, 200])
def test_every_option_stands_in_one_group_with_its_whole_text(help_of, name, columns) -> None:  # type: ignore[no-untyped-def]
    sections = help_of(name, columns)
    del sections["Examples"]
    starts = [line.split()[0] for lines in sections.values() for line in lines if line.strip()]
    shown = "".join("".join(lines) for lines in sections.values()).replace(" ", "")
    for param in command(name).params:
        if param.param_type_name == "option":
            assert starts.count(param.opts[0]) == 1, param.opts[0]
        assert param.help.replace(" ", "") in shown, param.name
    assert starts.count("--help") == 1
    assert list(sections.values())[-1][-1].split()[0] == "--help"


def test_the_groups_follow_the_way_from_the_volume_to_the_files(help_of) -> None:  # type: ignore[no-untyped-def]
    assert list(help_of("run"))[1:] == [
        "Data", "Methods and training", "Judging", "Machine", "Output", "Options", "Examples",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "option", "group"),
    [
        ("run", "--dataset", "Data"),
        ("run", "--axes", "Data"),
        ("run", "--crop", "Methods and training"),
        ("run", "--segmenter", "Judging"),
        ("run", "--threads", "Machine"),
        ("run", "--json", "Output"),
        ("repair", "--missing", "Places to fill"),
        ("data build", "--missing", "Data"),
        ("data build", "--gap", "Triplets"),
        ("report", "--tables", "Options"),
    ],
)
def test_an_option_stands_below_its_heading(help_of, name, option, group) -> None:  # type: ignore[no-untyped-def]
    assert any(line.split()[0] == option for line in help_of(name)[group])


@commands
def test_an_example_of_the_help_is_a_command_that_is_understood(help_of, name) -> None:  # type: ignore[no-untyped-def]
    examples = help_of(name, 80)["Examples"]
    assert len(examples) == 3
    for example in map(shlex.split, examples):
        before = ["bench", *name.split()]
        assert example[: len(before)] == before
        # A word that is no option, or a value of the wrong kind, raises.
        command(name).make_context(name, example[len(before) :])
