"""A folder of pictures, one for each slice: PNG where the source is such a folder, else TIFF."""

from __future__ import annotations

from pathlib import Path

from bench.volumes.writing.content import MARK, Content, as_line
from bench.volumes.writing.tiff import checked_file, described_by_imagej, tiff_tags

_PNG_TYPES = ("uint8", "uint16")
_SHOWN_AS_PNG = (".png", ".jpg", ".jpeg", ".bmp")  # none of which says a voxel size
_DIGITS = 4  # of a number, at least


def write_pictures(part: Path, content: Content) -> None:
    """Write a folder of pictures; a slice that is still missing has none.

    A picture that is synthetic says so itself: PNG in a text of the name ``interslice``, TIFF in a
    line of its description. Names are those of a source that is a folder, with another ending where
    its kind is not written.
    """
    import tifffile
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    part.mkdir()
    inverted = content.stack.inverted
    size = content.notes.voxel_size
    shape = (1, *content.stack.shape[1:])
    tags = tiff_tags(inverted, content.source.compressed, size)
    as_png = _are_png(content)
    for z, values in content.slices():
        if values is None:
            continue
        path, marks = part / _name(content, z, as_png), content.marks_of(z)
        if as_png:
            text = PngInfo()
            if marks:
                text.add_text(MARK, as_line(marks))
            Image.fromarray(values).save(path, format="PNG", pnginfo=text)
        else:
            description = described_by_imagej(shape, size, marks)
            with checked_file(path) as file:
                tifffile.imwrite(file, values, description=description, **tags)


def _are_png(content: Content) -> bool:
    """Whether the pictures are PNG files."""
    names = content.stack.names
    shown = bool(names) and Path(names[0]).suffix.lower() in _SHOWN_AS_PNG
    return shown and content.dtype.name in _PNG_TYPES


def _name(content: Content, z: int, as_png: bool) -> str:
    stack = content.stack
    kept, ending = ((".png",), ".png") if as_png else ((".tif", ".tiff"), ".tif")
    if stack.names:
        name = Path(stack.names[z])
        return name.name if name.suffix.lower() in kept else f"{name.stem}{ending}"
    digits = max(_DIGITS, len(str(stack.first + stack.shape[0] - 1)))
    return f"slice{stack.first + z:0{digits}d}{ending}"
