"""Downloads: only the right file ever takes its name."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
import pytest
from command import bench
from conftest import moving_texture

from bench.base.errors import UserError
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile
from bench.volumes.cards import CARDS, Card, CardFile
from bench.volumes.download import download

CONTENT = np.random.default_rng(0).bytes(3_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class _Handler(SimpleHTTPRequestHandler):
    """Serves files; some paths break off, and some servers know no ranges.

    Attributes:
        asked: the range of each request since the test began.
    """

    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers["Range"])
        if self.path.startswith("/breaks"):
            self._break_off(ranges="without-ranges" not in self.path)
        elif self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/volume.hdf")
            self.end_headers()
        else:
            super().do_GET()

    def _break_off(self, *, ranges: bool) -> None:
        """Send half of what is promised; what is asked for after that is whole."""
        wanted = self.headers["Range"] if ranges else None
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = None if self.headers["Range"] else len(CONTENT) // 2
        self.wfile.write(CONTENT[start:end])

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "volume.hdf").write_bytes(CONTENT)
    with HTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def card(url: str, size: int | None = len(CONTENT), sha256: str = DIGEST) -> Card:
    file = CardFile(name="volume.hdf", url=url, size=size, sha256=sha256)
    return Card(name="remote", title="Remote", files=(file,))


@pytest.mark.parametrize("size", [len(CONTENT), None])
@pytest.mark.parametrize("path", ["volume.hdf", "moved"])
def test_the_file_is_fetched_with_progress(
    address: str, tmp_path: Path, size: int | None, path: str
) -> None:
    steps: list[tuple[int, int, str]] = []
    found = download(
        card(f"{address}/{path}", size), tmp_path / "new", lambda *step: steps.append(step)
    )
    assert found == tmp_path / "new" / "volume.hdf"
    assert found.read_bytes() == CONTENT
    assert steps[-1] == (len(CONTENT), len(CONTENT), "bytes")
    assert [done for done, _, _ in steps] == sorted({done for done, _, _ in steps})


def test_a_file_that_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "volume.hdf").write_bytes(CONTENT)
    assert download(card("http://127.0.0.1:1/nobody"), tmp_path).read_bytes() == CONTENT


def test_another_file_of_that_name_is_not_overwritten(address: str, tmp_path: Path) -> None:
    mine = tmp_path / "volume.hdf"
    mine.write_bytes(CONTENT[:-1])
    with pytest.raises(UserError, match="move it away"):
        download(card(f"{address}/volume.hdf"), tmp_path)
    assert mine.read_bytes() == CONTENT[:-1]


@pytest.mark.parametrize(
    ("path", "changes", "words"),
    [
        ("volume.hdf", {"sha256": "0" * 64}, "not the file it should be"),
        ("volume.hdf", {"size": len(CONTENT) + 1}, "3,000,001 bytes"),
        ("volume.hdf", {"size": 1000}, "1,000 bytes"),
        ("absent.hdf", {}, "cannot be fetched"),
    ],
)
def test_a_wrong_file_is_not_kept(
    address: str, tmp_path: Path, path: str, changes: dict, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        download(card(f"{address}/{path}", **changes), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "file:///etc/hostname", "ftp://127.0.0.1/"]
)
def test_no_connection_and_other_schemes_are_told(tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError, match=r"cannot be fetched .* --source"):
        download(card(url), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_card_without_an_address_asks_for_the_volume() -> None:
    with pytest.raises(UserError, match="--source PATH"):
        download(Card(name="mine", title="Mine"), Path("nowhere"))


# Downloads that break off. They are in `NAME.part` until they are whole.

CASES = {
    "nothing": b"",
    "its first half": CONTENT[:1_500_000],
    "all of it": CONTENT,
    "the beginning of another file": bytes(1_000),
    "more than there is": CONTENT + b"more",
}


@pytest.mark.parametrize("path", ["breaks", "breaks-without-ranges"])
@pytest.mark.parametrize("there", list(CASES))
def test_a_download_that_broke_off_goes_on(
    address: str, tmp_path: Path, path: str, there: str
) -> None:
    if CASES[there]:
        (tmp_path / "volume.hdf.part").write_bytes(CASES[there])
    assert download(card(f"{address}/{path}"), tmp_path).read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["volume.hdf"]


def test_only_what_is_lacking_is_asked_for(address: str, tmp_path: Path) -> None:
    _Handler.asked.clear()
    (tmp_path / "volume.hdf.part").write_bytes(CONTENT[:1_500_000])
    steps: list[tuple[int, int, str]] = []
    found = download(card(f"{address}/breaks"), tmp_path, lambda *step: steps.append(step))
    assert _Handler.asked == ["bytes=1500000-"]
    assert found.read_bytes() == CONTENT
    assert steps[0][0] > 1_500_000
    assert steps[-1] == (len(CONTENT), len(CONTENT), "bytes")


def test_what_was_fetched_is_kept_where_the_server_goes_away(tmp_path: Path) -> None:
    (tmp_path / "volume.hdf.part").write_bytes(CONTENT[:1_500_000])
    with pytest.raises(UserError, match=r"cannot be fetched .* goes on from here"):
        download(card("http://127.0.0.1:1/nobody"), tmp_path)
    assert (tmp_path / "volume.hdf.part").read_bytes() == CONTENT[:1_500_000]


# `bench run --download`: the volume of a card, fetched, built and computed on.


@pytest.fixture
def public(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Card:
    """A card with an address, of a volume as CREMI stores them."""
    path = tmp_path / "served" / "volume.hdf"
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file["volumes/raw"] = moving_texture()
    content = path.read_bytes()
    monkeypatch.setattr(sys.modules[__name__], "CONTENT", content)
    wanted = card(f"{address}/breaks", len(content), hashlib.sha256(content).hexdigest())
    wanted = wanted.model_copy(update={"build": {"tile": 80, "stride": 80, "search": 4}})
    monkeypatch.setattr("bench.volumes.cards.CARDS", {**CARDS, "remote": wanted})
    return wanted


@pytest.mark.usefixtures("public", "without_picture")
def test_a_run_with_download_fetches_builds_and_computes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("run", "--methods", "average", "--dataset", "remote", "--losses", "l1", "--json",
             "--data", tmp_path / "data", "--out", tmp_path / "results")  # fmt: skip
    code, _, told = bench(capsys, *words)
    assert code == 2
    assert "`bench run` does if it is given --download, or --source PATH" in told

    code, out, told = bench(capsys, *words, "--download")
    assert code == 0, told
    assert {row["method"]: row["status"] for row in json.loads(out)["rows"]} == {
        "linear": "done", "average": "done"
    }  # fmt: skip
    # It is there: nothing is fetched or built again, and no option need be left out.
    (tmp_path / "data/volumes/volume.hdf").unlink()
    _Handler.asked.clear()
    code, again, _ = bench(capsys, *words, "--download")
    assert (code, again, _Handler.asked) == (0, out, [])

    code, _, told = bench(capsys, *words, "--download", "--source", "stack.tif")
    assert (code, "leave --source out" in told) == (2, True)


@pytest.mark.usefixtures("public", "without_picture")
def test_a_damaged_dataset_is_built_anew_from_what_is_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("run", "--methods", "average", "--dataset", "remote", "--stages", "train,predict",
             "--download", "--data", tmp_path / "data", "--out", tmp_path / "results")  # fmt: skip
    assert bench(capsys, *words)[0] == 0
    path = dataset_path(tmp_path / "data", "remote", 0)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1000] + bytes(1000))
    assert bench(capsys, *words)[0] == 0
    assert TripletFile(path).indices("test").size
