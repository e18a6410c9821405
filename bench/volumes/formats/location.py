"""Where a volume of many files lies: a folder, or an address on a server or in a bucket."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.base.errors import UserError
from bench.volumes.formats.unreadable import reading

_KIND = re.compile(r"^(?:precomputed|zarr[23]?|n5)://(?=\w+://)")  # as Neuroglancer writes it
_ADDRESS = re.compile(r"(?:https?|s3|gs)://[^/?#]+", re.IGNORECASE)
# Half a minute in all: the library's own 32 tries keep a wrong address waiting for a quarter of an
# hour.
_RETRIES = {"max_retries": 6, "initial_delay": "500ms", "max_delay": "8s"}


def is_address(source: str | Path) -> bool:
    """Whether a source is on a server (``http``, ``https``) or in a bucket (``s3``, ``gs``)."""
    return _ADDRESS.match(_KIND.sub("", str(source))) is not None


@dataclass(frozen=True)
class Location:
    """A folder or address below which the files of a volume lie.

    Attributes:
        root: path of the folder, or the address without what follows a question mark.
        query: what follows the question mark.
    """

    root: str
    query: str = ""

    @classmethod
    def of(cls, source: str | Path) -> Location:
        """The location that a user gives."""
        if not is_address(source):
            return cls(str(source))
        root, mark, query = _KIND.sub("", str(source)).partition("?")
        return cls(root.rstrip("/"), mark + query)

    @property
    def is_remote(self) -> bool:
        """Whether it is an address."""
        return is_address(self.root)

    @property
    def name(self) -> str:
        """Its last part."""
        return self.root.rpartition("/")[2] if self.is_remote else Path(self.root).name

    @property
    def parent(self) -> Location | None:
        """What it lies in; None at the top."""
        if self.is_remote:
            above = self.root.rpartition("/")[0]
            return Location(above, self.query) if is_address(above) else None
        path = Path(self.root).absolute()
        return Location(str(path.parent)) if path != path.parent else None

    def inside(self, name: str) -> Location:
        """A location within it, by its path.

        Raises:
            UserError: the path leads out of it.
        """
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise UserError(f"{self.root} names '{name}', which leads out of it; give that itself.")
        return Location("/".join([self.root.rstrip("/"), *parts]), self.query)

    def folders(self) -> Iterator[Location]:
        """The folders in it, by name; none of an address, which cannot be listed."""
        if self.is_remote:
            return
        for path in sorted(Path(self.root).iterdir()):
            if path.is_dir() and not path.name.startswith("."):
                yield Location(str(path))

    def spec(self) -> dict[str, Any] | str:
        """What TensorStore calls it."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        if endpoint and self.root.lower().startswith("s3://"):
            bucket, _, path = self.root[len("s3://") :].partition("/")
            region = os.environ.get("AWS_REGION", "us-east-1")
            named = {"bucket": bucket, "endpoint": endpoint, "aws_region": region}
            return {"driver": "s3", "path": f"{path}/", **named}
        if self.is_remote:
            return f"{self.root}/{self.query}"
        return {"driver": "file", "path": f"{Path(self.root).absolute()}/"}

    def read(self, name: str) -> bytes | None:
        """The content of a file; None if there is none of that name that may be read.

        Raises:
            UserError: it is there but cannot be read.
        """
        with reading(self.root):
            if not self.is_remote:
                path = Path(self.root) / name
                return path.read_bytes() if path.is_file() else None
            import tensorstore

            store = tensorstore.KvStore.open(self.spec(), context=library_context()).result()
            try:
                found = store.read(name).result()
            except ValueError as error:
                # So answers a bucket that may not be listed for what is not there.
                if str(error).startswith("PERMISSION_DENIED"):
                    return None
                raise
            return bytes(found.value) if found.state == "value" else None

    def document(self, name: str) -> dict[str, Any] | None:
        """The JSON object in a file; None if there is none of that name.

        Raises:
            UserError: it is there but cannot be read, or is no JSON object.
        """
        content = self.read(name)
        if content is None:
            return None
        with reading(f"{self.root}/{name}"):
            value = json.loads(content)
        if not isinstance(value, dict):
            raise UserError(f"{self.root}/{name} is no JSON object; get the volume anew.")
        return value


@lru_cache(1)
def library_context() -> Any:
    """How TensorStore reads: one for all, so that connections are shared."""
    import tensorstore

    kinds = ("http", "s3", "gcs")
    return tensorstore.Context({f"{kind}_request_retries": _RETRIES for kind in kinds})
