"""The same volume in every kind of file, each written by the library of its format."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import digital_micrograph
import h5py
import mrcfile
import nibabel
import nrrd
import numpy as np
import tensorstore as ts
import tifffile
import zarr

from bench.volumes.formats.stack import Asked
from bench.volumes.region import Part, parse_region
from bench.volumes.sources import open_volume
from bench.volumes.stack_volume import StackVolume

SIZE = (40.0, 6.0, 4.0)  # nm


def opened(source: str | Path, region: str = "", **named: Any) -> StackVolume:
    """Open a volume; words that say how it is read may be given by themselves."""
    asked = Asked(
        **{word: named.pop(word) for word in ("axes", "channel", "level") if word in named}
    )
    part = Part(parse_region(region), named.pop("said", None))
    return open_volume(source, asked=asked, part=part, **named)


def tiff(folder: Path, values: np.ndarray) -> Path:
    path = folder / "v.tif"
    metadata = {"axes": "ZYX", "PhysicalSizeZ": 40, "PhysicalSizeY": 6, "PhysicalSizeX": 4}
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "ZYX"}
    tifffile.imwrite(path, values, ome=True, metadata=metadata | units)
    return path


def hdf5(folder: Path, values: np.ndarray) -> str:
    path = folder / "v.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=values, chunks=(8, 32, 32), compression="gzip")
        file["a"].attrs["resolution"] = SIZE
    return f"{path}:/a"


def zarr2(folder: Path, values: np.ndarray) -> Path:
    array = zarr.create_array(folder / "v.zarr", data=values, chunks=(8, 32, 32), zarr_format=2)
    array.attrs["resolution"] = SIZE
    return folder / "v.zarr"


def zarr3(folder: Path, values: np.ndarray) -> Path:
    array = zarr.create_array(
        folder / "v.zarr", data=values, chunks=(4, 16, 16), shards=(8, 32, 32), zarr_format=3,
        dimension_names=["z", "y", "x"],
    )  # fmt: skip
    array.attrs.update({"resolution": [0.04, 0.006, 0.004], "units": ["um"] * 3})
    return folder / "v.zarr"


def scales(size: tuple[float, ...], unit: str, count: int = 2) -> list[dict[str, Any]]:
    """The metadata of an OME-Zarr image with a channel axis; each scale halves y and x."""
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": unit} for name in "zyx"]
    datasets = [
        {
            "path": f"s{level}",
            "coordinateTransformations": [
                {"type": "scale", "scale": [1.0, size[0], size[1] * 2**level, size[2] * 2**level]}
            ],
        }
        for level in range(count)
    ]
    return [{"version": "0.4", "axes": axes, "datasets": datasets}]


def ome_zarr(folder: Path, values: np.ndarray) -> Path:
    """Version 0.4, in micrometres, with one channel and two scales."""
    group = zarr.open_group(folder / "v.zarr", mode="w", zarr_format=2)
    group.attrs["multiscales"] = scales((0.04, 0.006, 0.004), "micrometer")
    group.create_array("s0", data=values[None], chunks=(1, 8, 32, 32))
    group.create_array("s1", data=values[None, :, ::2, ::2], chunks=(1, 8, 32, 32))
    return folder / "v.zarr"


def ome_zarr_05(folder: Path, values: np.ndarray) -> Path:
    """Version 0.5, whose metadata lie under ``ome``, in nm."""
    group = zarr.open_group(folder / "v.zarr", mode="w", zarr_format=3)
    group.attrs["ome"] = {"version": "0.5", "multiscales": scales(SIZE, "nanometer")}
    group.create_array("s0", data=values[None], chunks=(1, 8, 32, 32))
    group.create_array("s1", data=values[None, :, ::2, ::2], chunks=(1, 8, 32, 32))
    return folder / "v.zarr"


def written(path: Path, spec: dict[str, Any], values: np.ndarray) -> None:
    """Write an array with TensorStore."""
    place = {"driver": "file", "path": f"{path}/"}
    ts.open({**spec, "kvstore": place}, create=True).result()[...] = values


def n5(folder: Path, values: np.ndarray) -> Path:
    path = folder / "v.n5"
    metadata = {
        "dimensions": values.shape[::-1], "blockSize": [32, 32, 8], "dataType": str(values.dtype),
        "compression": {"type": "gzip"},
    }  # fmt: skip
    written(path, {"driver": "n5", "metadata": metadata}, values.T)
    add(path / "attributes.json", {"resolution": SIZE[::-1]})
    return path


def n5_scales(folder: Path, values: np.ndarray) -> Path:
    path = folder / "v.n5"
    for level in range(2):
        part = values[:, :: 2**level, :: 2**level]
        metadata = {
            "dimensions": part.shape[::-1], "blockSize": [32, 32, 8], "dataType": str(part.dtype),
            "compression": {"type": "zstd"},
        }  # fmt: skip
        written(path / "em" / f"s{level}", {"driver": "n5", "metadata": metadata}, part.T)
        factors = {"downsamplingFactors": [2**level, 2**level, 1]}
        add(path / "em" / f"s{level}" / "attributes.json", factors)
    sizes = {"pixelResolution": {"dimensions": SIZE[::-1], "unit": "nm"}}
    (path / "em" / "attributes.json").write_text(json.dumps(sizes))
    return path


def add(path: Path, attributes: dict[str, Any]) -> None:
    """Add to the metadata of an array."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **attributes}))


SHARDING = {
    "@type": "neuroglancer_uint64_sharded_v1", "preshift_bits": 1, "minishard_bits": 2,
    "shard_bits": 1, "hash": "murmurhash3_x86_128", "minishard_index_encoding": "gzip",
    "data_encoding": "gzip",
}  # fmt: skip


def precomputed(
    folder: Path, values: np.ndarray, *, corner: tuple[int, ...] = (0, 0, 0), **scale: Any
) -> Path:
    path = folder / "v"
    kind = "segmentation" if scale.get("encoding") == "compressed_segmentation" else "image"
    for level in range(2):
        part = values[:, :: 2**level, :: 2**level]
        spec = {
            "driver": "neuroglancer_precomputed",
            "multiscale_metadata": {
                "type": kind, "data_type": str(values.dtype), "num_channels": 1
            },
            "scale_metadata": {
                "size": part.shape[::-1], "chunk_size": [32, 32, 8], "encoding": "raw",
                "resolution": [SIZE[2] * 2**level, SIZE[1] * 2**level, SIZE[0]],
                "voxel_offset": [low // 2**level for low in corner[::-1]], **scale,
            },
        }  # fmt: skip
        written(path, spec, part.T[..., None])
    return path


def sharded(folder: Path, values: np.ndarray) -> Path:
    return precomputed(folder, values, sharding=SHARDING)


def packed(folder: Path, values: np.ndarray, **scale: Any) -> Path:
    """As CloudVolume writes on a disk: each chunk packed with gzip under a name that says so."""
    path = precomputed(folder, values, **scale)
    for file in list(path.glob("*_*/*")):
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    return path


def mrc(folder: Path, values: np.ndarray) -> Path:
    """Signed bytes, as the standard has them."""
    path = folder / "v.mrc"
    with mrcfile.new(path) as file:
        file.set_data((values ^ 128).view(np.int8))
        file.voxel_size = tuple(10 * side for side in SIZE[::-1])
    return path


def dm3(folder: Path, values: np.ndarray, ending: str = ".dm3") -> Path:
    """In micrometres, behind a thumbnail."""
    stack = digital_micrograph.image(values, [(side / 1e3, "µm") for side in SIZE[::-1]])
    images = [digital_micrograph.thumbnail(), stack]
    return digital_micrograph.write(folder / f"v{ending}", images)


def dm4(folder: Path, values: np.ndarray) -> Path:
    return dm3(folder, values, ".dm4")


def nrrd_file(folder: Path, values: np.ndarray, encoding: str = "gzip") -> Path:
    path = folder / "v.nrrd"
    header = {
        "space dimension": 3, "space directions": np.diag(SIZE[::-1]), "space units": ["nm"] * 3,
        "kinds": ["domain"] * 3, "encoding": encoding,
    }  # fmt: skip
    nrrd.write(str(path), values.T, header)
    return path


def raw_nrrd(folder: Path, values: np.ndarray) -> Path:
    return nrrd_file(folder, values, "raw")


def nifti(folder: Path, values: np.ndarray, ending: str = ".nii") -> Path:
    path = folder / f"v{ending}"
    image = nibabel.Nifti1Image(values.T, np.diag([*(side / 1e3 for side in SIZE[::-1]), 1]))
    image.header.set_xyzt_units("micron")
    nibabel.save(image, path)
    return path


def packed_nifti(folder: Path, values: np.ndarray) -> Path:
    return nifti(folder, values, ".nii.gz")


def npy(folder: Path, values: np.ndarray) -> Path:
    np.save(folder / "v.npy", values)
    return folder / "v.npy"


def npz(folder: Path, values: np.ndarray) -> Path:
    np.savez_compressed(folder / "v.npz", values)
    return folder / "v.npz"


KINDS = [
    tiff, hdf5, zarr2, zarr3, ome_zarr, ome_zarr_05, n5, n5_scales, precomputed, sharded, packed,
    mrc, dm3, dm4, nrrd_file, raw_nrrd, nifti, packed_nifti, npy, npz,
]  # fmt: skip
WITHOUT_SIZE = (npy, npz)
