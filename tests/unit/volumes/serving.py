"""A folder on Python's own HTTP server, with parts of files, and what was asked of it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Served:
    """Where a folder is served, how often each file was fetched, and how many at the same time."""

    address: str = ""
    fetched: Counter[str] = field(default_factory=Counter)
    at_once: int = 0


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *words, served: Served, wait_s: float, busy: list[str], **named) -> None:
        self.served, self.wait_s, self.busy = served, wait_s, busy
        super().__init__(*words, **named)

    def do_GET(self) -> None:
        self.busy.append(self.path)
        self.served.at_once = max(self.served.at_once, len(self.busy))
        threading.Event().wait(self.wait_s)
        if Path(self.translate_path(self.path)).is_file():
            self.served.fetched[self.path.partition("?")[0].lstrip("/")] += 1
        path = Path(self.translate_path(self.path))
        if "Range" in self.headers and path.is_file():
            self._send_part(path.read_bytes(), self.headers["Range"].removeprefix("bytes="))
        else:
            super().do_GET()
        self.busy.remove(self.path)

    def _send_part(self, content: bytes, wanted: str) -> None:
        """What sharded volumes need, and Python's own server cannot do."""
        first, _, last = wanted.partition("-")
        start = int(first) if first else len(content) - int(last)
        stop = int(last) + 1 if first and last else len(content)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        self.wfile.write(content[start:stop])

    def end_headers(self) -> None:
        self.send_header("ETag", '"1"')  # which S3 has to send
        super().end_headers()

    def log_message(self, *words: object) -> None:
        """Nothing is printed."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 256  # with the usual 5, more requests at once wait for a second


@contextmanager
def serving(folder: Path, wait_s: float = 0.0) -> Iterator[Served]:
    """Serve a folder; each answer takes so many seconds."""
    served, busy = Served(), list[str]()
    handler = partial(_Handler, directory=str(folder), served=served, wait_s=wait_s, busy=busy)
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        served.address = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
