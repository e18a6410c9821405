"""A figure that was written, as a page shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Picture:
    """A figure that was written.

    Attributes:
        file: name of its PNG in the folder of the figures.
        head: which figure it is, and of which dataset.
        words: its caption.
    """

    file: str
    head: str
    words: str

    @property
    def address(self) -> str:
        """Where it lies, relative to its folder."""
        return quote(self.file)


def captioned(pictures: Iterable[Picture], folder: str = "") -> list[str]:
    """Each picture in Markdown, with its caption, on a page that has them in that folder."""
    parts = []
    for picture in pictures:
        image = f"![{picture.head}]({folder}{picture.address})"
        parts += [image, f"**{picture.head}.** {picture.words}"]
    return parts
