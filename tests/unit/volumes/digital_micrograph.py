"""Writes DM3 and DM4 files, after the public descriptions of their bytes.

A file is a tree of tags. The tree is big-endian, its values have the byte order that the header
says. DM4 has counts and sizes of 8 bytes in place of 4, and the length of each tag.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

# What the type of an image is called, and of what its pixels are an array.
IMAGE_TYPES = {
    "int16": (1, 2), "float32": (2, 6), "uint8": (6, 10), "int32": (7, 3), "int8": (9, 9),
    "uint16": (10, 4), "uint32": (11, 5), "float64": (12, 7), "bool": (14, 8),
}  # fmt: skip
COMPLEX, PACKED_COMPLEX, COLOUR = 3, 27, 23
_UNICODE, _U4, _F4, _ARRAY, _STRUCT = 4, 5, 6, 20, 15


class Pixels(bytes):
    """The stored pixels of an image, with what they are an array of."""

    kind: Sequence[int]
    count: int


def pixels(values: np.ndarray, kind: Sequence[int], order: str) -> Pixels:
    found = Pixels(values.astype(values.dtype.newbyteorder(order)).tobytes())
    found.kind, found.count = kind, values.size
    return found


class Writer:
    """The bytes of a tree of tags: groups are dicts, with keys that count where it is a list."""

    def __init__(self, version: int, order: str) -> None:
        self.count, self.order, self.version = ">I" if version == 3 else ">Q", order, version

    def counts(self, *numbers: int) -> bytes:
        return b"".join(struct.pack(self.count, number) for number in numbers)

    def group(self, tags: dict[str, Any] | list[Any]) -> bytes:
        named = tags.items() if isinstance(tags, dict) else [("", tag) for tag in tags]
        return b"\1\0" + self.counts(len(named)) + b"".join(self.tag(*each) for each in named)

    def tag(self, name: str, value: Any) -> bytes:
        is_group = isinstance(value, dict | list)
        content = self.group(value) if is_group else self.value(value)
        length = self.counts(len(content)) if self.version == 4 else b""
        return (
            struct.pack(">BH", 20 if is_group else 21, len(name))
            + name.encode()
            + length
            + (content)
        )

    def value(self, value: Any) -> bytes:
        if isinstance(value, Pixels):
            info, content = [_ARRAY, *value.kind, value.count], bytes(value)
        elif isinstance(value, str):
            coding = "utf-16-le" if self.order == "<" else "utf-16-be"
            info, content = [_ARRAY, _UNICODE, len(value)], value.encode(coding)
        elif isinstance(value, float):
            info, content = [_F4], struct.pack(f"{self.order}f", value)
        else:
            info, content = [_U4], struct.pack(f"{self.order}I", value)
        return b"%%%%" + self.counts(len(info), *info) + content


def image(
    values: np.ndarray,
    scales: Sequence[tuple[float, str]],
    order: str = "<",
    *,
    image_type: int | None = None,
    kind: Sequence[int] = (),
    shape: Sequence[int] | None = None,
) -> dict[str, Any]:
    """The tags of an image.

    Args:
        values: the axis that varies slowest first.
        scales: length of a pixel and its unit, of x, y and further axes.
        order: of bytes.
        image_type: as the format numbers them, if not that of the values.
        kind: of what the pixels are an array, likewise.
        shape: that the header says, likewise.
    """
    types = IMAGE_TYPES.get(str(values.dtype), (0, 0))
    return {
        "ImageData": {
            "Calibrations": {
                "Brightness": {"Origin": 0.0, "Scale": 1.0, "Units": ""},
                "Dimension": [
                    {"Origin": 0.0, "Scale": scale, "Units": unit} for scale, unit in scales
                ],
            },
            "Data": pixels(values, kind or types[1:], order),
            "DataType": types[0] if image_type is None else image_type,
            "Dimensions": list(reversed(shape or values.shape)),
            "PixelDepth": values.dtype.itemsize,
        },
        "ImageTags": {"Microscope Info": {"Voltage": 2000.0, "Microscope": "µ-scope"}},
        "Name": "stack",
    }


def thumbnail(order: str = "<") -> dict[str, Any]:
    """A small picture in colour, which stands first in files of DigitalMicrograph."""
    colours = np.full((8, 8), 0x00102030, np.int32)
    return image(colours, [(1.0, ""), (1.0, "")], order, image_type=COLOUR, kind=(3,))


def write(path: Path, images: Sequence[dict[str, Any]], order: str = "<") -> Path:
    """A DM3 or DM4 file, after its name, of which the first image is the thumbnail."""
    writer = Writer(int(path.suffix[-1]), order)
    tags = writer.group(
        {
            "ApplicationBounds": 0, "DocumentObjectList": [{"ImageSource": 0}],
            "ImageList": list(images), "Thumbnails": [{"ImageIndex": 0}],
        }
    )  # fmt: skip
    header = struct.pack(">I", writer.version) + writer.counts(len(tags) + 4)
    path.write_bytes(header + struct.pack(">I", int(order == "<")) + tags + bytes(8))
    return path
