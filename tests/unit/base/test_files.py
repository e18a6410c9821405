import errno
import os
import platform
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.base.errors import UserError
from bench.base.files import (
    LOCK,
    atomic_path,
    is_full,
    locked,
    probe_folder,
    remove_leftovers,
    write_text,
)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "record.json"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("power cut")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["record.json"]


def test_a_failing_replace_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "record.json"
    write_text(target, "old")

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="Input/output"):
        write_text(target, "new")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["record.json"]


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".tmp-frames.h5-abc").write_text("half")
    (tmp_path / "record.json").write_text("whole")
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == ["record.json"]


def test_a_file_in_the_way_of_a_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(UserError, match="choose another one"):
        probe_folder(tmp_path / "results")


def test_a_full_disk_is_recognised_through_a_chain_of_errors() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    outer = RuntimeError("cannot write")
    outer.__cause__ = full
    assert is_full(full)
    assert is_full(outer)
    assert is_full(OSError("Can't write data (No space left on device)"))
    assert not is_full(OSError(errno.EACCES, os.strerror(errno.EACCES)))


def test_the_second_waits_for_the_first_and_is_told_who_it_is(tmp_path: Path) -> None:
    told: list[str] = []
    order: list[str] = []

    def second() -> None:
        with locked(tmp_path, told.append):
            order.append("second")

    with locked(tmp_path, told.append):
        waiter = threading.Thread(target=second)
        waiter.start()
        waiter.join(0.3)
        assert waiter.is_alive()
        order.append("first")
    waiter.join(10)
    assert order == ["first", "second"]
    assert told == [f"Process {os.getpid()} on {platform.node()}"]
    assert os.listdir(tmp_path) == [LOCK]


def test_a_lock_ends_with_its_holder_however_it_ends(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from bench.base.files import locked\n"
        "with locked(Path(sys.argv[1]), print): os._exit(9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == 9
    told: list[str] = []
    with locked(tmp_path, told.append):
        assert told == []


# What Windows does not have.
ELSEWHERE = ("fcntl", "grp", "pwd", "resource", "termios")


def test_every_module_is_imported_without_what_only_unix_has() -> None:
    code = (
        # What Dask imports on this system is not what it imports on Windows.
        "import importlib, pkgutil, sys, distributed\n"
        f"for name in {ELSEWHERE}: sys.modules[name] = None\n"
        "for root in ('bench', 'methods', 'segmentation'):\n"
        "    package = importlib.import_module(root)\n"
        "    for module in pkgutil.walk_packages(package.__path__, f'{root}.'):\n"
        "        if not module.name.endswith('__main__'):\n"
        "            importlib.import_module(module.name)\n"
        "            print(module.name)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert {"bench.base.files", "bench.profile.measuring"} <= set(answer.stdout.split())
