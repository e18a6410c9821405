import sys
from pathlib import Path

import pytest
from tiny import Tiny

from bench.base.errors import UserError
from bench.base.files import file_digest
from bench.cells.registry import load_method, method_names, origin


def install(folder: Path, name: str) -> None:
    """What an installed package with one entry point leaves on the path."""
    info = folder / f"plugin_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: plugin-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[interslice.methods]\n{name} = tiny:Tiny\n")


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_method_of_another_package_is_found_by_its_entry_point(plugins: Path) -> None:
    install(plugins, "theirs")
    assert "theirs" in method_names()
    assert load_method("theirs") is Tiny


def test_a_record_can_say_which_code_a_method_of_another_package_had(plugins: Path) -> None:
    install(plugins, "theirs")
    assert origin("theirs") == {
        "package": "plugin-theirs 1.0",
        "source": file_digest(Path(str(sys.modules["tiny"].__file__))),
    }
    assert origin("ssan") == {}


def test_a_class_is_no_name_of_a_method() -> None:
    with pytest.raises(UserError, match=r"only check-method takes one.*interslice\.methods"):
        load_method("tiny:Tiny")


def test_a_plug_in_cannot_hide_behind_a_built_in_name(plugins: Path) -> None:
    install(plugins, "ssan")
    with pytest.raises(UserError, match=r"tiny:Tiny.*'ssan'.*another name"):
        load_method("ssan")
    assert method_names().count("ssan") == 1


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'sepconv'"):
        load_method("sepcon")
