"""The command line, called in this process."""

from __future__ import annotations

import pytest

from bench.commands import main as cli


def bench(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Run a command in this process: exit code, standard output, standard error."""
    arguments = ["bench", *map(str, words)]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as leaving:
        patch.setattr("sys.argv", arguments)
        cli.main()
    captured = capsys.readouterr()
    code = leaving.value.code
    return (code if isinstance(code, int) else 0), captured.out, captured.err
