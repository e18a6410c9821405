"""The stages of a cell in their order, and the module of each, which is not imported here."""

from __future__ import annotations

from collections.abc import Mapping

# A module has its stage under the name STAGE; a stage stands behind the one that it reads.
STAGES: Mapping[str, str] = {
    "train": "bench.stages.train",
    "predict": "bench.stages.predict",
    "score": "bench.stages.score",
    "segment": "bench.stages.segment",
}
