"""Downloads: only the right file ever takes its name."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from bench.data.cards import Card, CardFile
from bench.data.download import download
from bench.errors import UserError

CONTENT = np.random.default_rng(0).bytes(3_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/volume.hdf")
            self.end_headers()
        else:
            super().do_GET()

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
    steps: list[tuple[int, int]] = []
    found = download(
        card(f"{address}/{path}", size), tmp_path / "new", lambda *step: steps.append(step)
    )
    assert found == tmp_path / "new" / "volume.hdf"
    assert found.read_bytes() == CONTENT
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})


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
