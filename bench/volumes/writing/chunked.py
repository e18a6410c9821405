"""Zarr, OME-Zarr, N5 and neuroglancer precomputed, through TensorStore."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.volumes.writing.content import Content

_SCALE = "0"  # the only one of an OME-Zarr image


def write_zarr(part: Path, content: Content) -> None:
    """Write a Zarr 3 array."""
    size, offset = content.voxel_size, content.offset
    said = {"resolution": size, "offset": offset, "unit": None if size is None else "nm"}
    known = {name: value for name, value in said.items() if value is not None}
    _write_zarr_array(part, content, {**known, **content.attributes})


def write_ome_zarr(part: Path, content: Content) -> None:
    """Write an OME-Zarr 0.5 image of one scale."""
    size, offset = content.voxel_size, content.offset
    unit = {} if size is None else {"unit": "nanometer"}
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": size or (1.0, 1.0, 1.0)}]
    if offset is not None:
        steps.append({"type": "translation", "translation": offset})
    image = {
        "name": content.name,
        "axes": [{"name": axis, "type": "space", **unit} for axis in "zyx"],
        "datasets": [{"path": _SCALE, "coordinateTransformations": steps}],
    }
    ome = {"version": "0.5", "multiscales": [image]}
    _write_zarr_array(part / _SCALE, content, {})
    group = {"zarr_format": 3, "node_type": "group"}
    _write_json(part / "zarr.json", {**group, "attributes": {"ome": ome, **content.attributes}})


def _write_zarr_array(path: Path, content: Content, attributes: dict[str, Any]) -> None:
    chunk = {"name": "regular", "configuration": {"chunk_shape": content.chunk}}
    metadata = {
        "shape": content.stack.shape,
        "data_type": content.dtype.name,
        "chunk_grid": chunk,
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "zstd", "configuration": {"level": 3}},
        ],
        "fill_value": 0,
        "dimension_names": ["z", "y", "x"],
        "attributes": attributes,
    }
    store = _created(path, {"driver": "zarr3", "metadata": metadata})
    for box, values in content.blocks():
        store[box].write(values).result()


def write_n5(part: Path, content: Content) -> None:
    """Write an N5 array, which stores x first."""
    metadata = {
        "dimensions": content.stack.shape[::-1],
        "blockSize": content.chunk[::-1],
        "dataType": content.dtype.name,
        "compression": {"type": "gzip"},
    }
    store = _created(part, {"driver": "n5", "metadata": metadata})
    for (z, y, x), values in content.blocks():
        store[x, y, z].write(values.T).result()
    size = content.voxel_size
    said: dict[str, Any] = {"axes": ["x", "y", "z"]}
    if size is not None:
        said |= {"pixelResolution": {"unit": "nm", "dimensions": size[::-1]}}
    _add(part / "attributes.json", {**said, **content.attributes})


def write_precomputed(part: Path, content: Content) -> None:
    """Write a neuroglancer precomputed volume of one scale, which stores x first."""
    size = content.voxel_size or (1.0, 1.0, 1.0)  # `check_target` asks for one
    # Only whole voxels can be said.
    corner = [round(a / b) for a, b in zip(content.offset or (0.0,) * 3, size, strict=True)]
    kind = {"type": "image", "data_type": content.dtype.name, "num_channels": 1}
    scale = {
        "size": content.stack.shape[::-1],
        "chunk_size": content.chunk[::-1],
        "resolution": size[::-1],
        "voxel_offset": corner[::-1],
        "encoding": "raw",
    }
    spec = {"multiscale_metadata": kind, "scale_metadata": scale}
    store = _created(part, {"driver": "neuroglancer_precomputed", **spec})
    for (z, y, x), values in content.blocks():
        store[x, y, z].write(values.T[..., None]).result()
    _add(part / "info", content.attributes)


def _created(path: Path, spec: dict[str, Any]) -> Any:
    """A new array; its files reach the disk together, when all are written."""
    import tensorstore as ts

    context = ts.Context({"file_io_sync": False})
    place = {"driver": "file", "path": f"{path.absolute()}/"}
    store = ts.open({**spec, "kvstore": place}, create=True, context=context).result()
    return store[ts.d[:].translate_to[0]]  # wherever its first voxel lies


def _add(path: Path, attributes: dict[str, Any]) -> None:
    """Add to the metadata of an array."""
    _write_json(path, {**json.loads(path.read_text(encoding="utf-8")), **attributes})


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")
