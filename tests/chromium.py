"""Chromium without a window, spoken to over its own pipe: nothing to install but the browser."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_REQUIRED = "INTERSLICE_REQUIRE_CHROMIUM"

_NAMES = (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome",
    "google-chrome-stable",
)  # fmt: skip
_PATIENCE = 180.0  # seconds; a sign that something hangs, not a measure of speed
_KEYS = {
    "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35,
    " ": 32, "e": 69, "m": 77, "o": 79,
}  # fmt: skip


def find_chromium() -> str | None:
    """The path of the first browser that is there."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


class Page:
    """A tab, driven the way a user drives it: real clicks and keys.

    Attributes:
        errors: what the console complained of, and exceptions nobody caught.
        requests: every address that was asked for.
    """

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive = send, receive
        self._rest = b""
        self._count = 0
        self._session: str | None = None
        self.errors: list[str] = []
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol and wait for its answer."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def open(self, address: str, width: int, height: int = 900) -> None:
        """Open an address in a window of this size and wait until it is loaded."""
        self.resize(width, height)
        self.call("Page.navigate", url="about:blank")  # a new hash alone would load nothing
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def resize(self, width: int, height: int = 900) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def media(self, **features: str) -> None:
        """Pretend that the user prefers this, for instance ``prefers_color_scheme="dark"``."""
        wanted = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        self.call("Emulation.setEmulatedMedia", features=wanted)

    def value(self, expression: str) -> Any:
        """The value of a piece of JavaScript."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str) -> Any:
        """Wait until a piece of JavaScript is true."""
        end = time.monotonic() + _PATIENCE
        while not (value := self.value(expression)):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.02)
        return value

    def click(self, selector: str) -> None:
        """Bring an element into view and click its middle."""
        place = self.value(
            f"""(() => {{
              const found = document.querySelector({json.dumps(selector)});
              found.scrollIntoView({{block: 'center', inline: 'center', behavior: 'instant'}});
              const box = found.getBoundingClientRect();
              return [box.x + box.width / 2, box.y + box.height / 2];
            }})()"""
        )
        button = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **button)

    def press(self, key: str) -> None:
        """Press a key where the focus is."""
        code = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, **code)

    def type(self, text: str) -> None:
        """Type where the focus is."""
        self.call("Input.insertText", text=text)

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a list; its menu is the system's and takes no clicks."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{found}.value = {json.dumps(value)}")
        for event in ("input", "change"):
            self.value(f"{found}.dispatchEvent(new Event('{event}', {{bubbles: true}}))")

    def accessible(self) -> list[tuple[str, str]]:
        """Role and name of everything that a screen reader meets."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"]
        ]

    def screenshot(self, target: Path) -> None:
        """Save the whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        target.write_bytes(base64.b64decode(shot["data"]))

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._receive], [], [], _PATIENCE)
            assert ready, "Chromium does not answer."
            part = os.read(self._receive, 1 << 20)
            assert part, "Chromium is gone."
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        self._notice(answer.get("method", ""), answer.get("params", {}))
        return answer

    def _notice(self, method: str, given: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(given["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning"):
            self.errors.append(str(given["args"]))
        elif method == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            self.errors.append(given["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])


@contextmanager
def chromium(executable: str) -> Iterator[Page]:
    """A browser with one tab; it ends with the block."""
    to_browser, from_us = os.pipe()
    to_us, from_browser = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                executable, "--headless", "--remote-debugging-pipe", "--no-sandbox",
                "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-background-networking", "--disable-extensions", "--hide-scrollbars",
                f"--user-data-dir={profile}",
            ],
            preexec_fn=_as_three_and_four(to_browser, from_browser), close_fds=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        try:
            yield Page(from_us, to_us)
        finally:
            os.close(from_us)
            os.close(to_us)
            process.terminate()
            process.wait(_PATIENCE)


def _as_three_and_four(read: int, write: int) -> Callable[[], None]:
    """Chromium reads its commands from file 3 and writes its answers to file 4."""

    def place() -> None:
        # Copied first to numbers that are certainly free, so that neither overwrites the other.
        one, other = os.dup(read), os.dup(write)
        high = max(one, other, 9) + 1
        os.dup2(one, high), os.dup2(other, high + 1)
        os.dup2(high, 3), os.dup2(high + 1, 4)
        for number in (3, 4):
            os.set_inheritable(number, True)

    return place


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    executable = find_chromium()
    if executable is None:
        if os.environ.get(_REQUIRED) == "1":
            pytest.fail(f"{_REQUIRED}=1, but there is no Chromium on the PATH")
        pytest.skip("there is no Chromium on the PATH")
    with chromium(executable) as page:
        yield page
