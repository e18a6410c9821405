"""Hostile and mutated input: one sentence, nothing run, nothing written over."""

from __future__ import annotations

import json
import pickle
import random
import re
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import h5py
import numpy as np
import pytest
import report_store
import tifffile
from faults import Answer, times
from PIL import Image
from processes import limit_memory, start

from bench.base.errors import UserError
from bench.base.files import content_digest
from bench.store.records import RECORD, SCHEMA, Failure, Record, Store, now
from bench.volumes.sources import open_volume


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.mark,)


def one_sentence(answer: Answer) -> bool:
    code, _, told = answer
    lines = told.splitlines()
    return (
        code == 2 and len(lines) == 1 and lines[0].startswith("bench: ") and lines[0].isprintable()
    )


@pytest.mark.parametrize("ending", [".h5", ".hdf", ".hdf5", ".tif", ".tiff", "/a.png", "/a.tif"])
def test_a_pickle_named_as_a_volume_is_refused_and_does_not_run(
    command: Callable[..., Answer], tmp_path: Path, tally, ending: str
) -> None:
    mark, file = tmp_path / "mark", tmp_path / f"trap{ending}"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(pickle.dumps(Trap(mark)))
    source = file.parent if "/" in ending else file
    answer = command("data", "build", "mine", "--source", source, "--data", tmp_path / "data")
    fate = "survived" if one_sentence(answer) and not mark.exists() else "lost"
    tally("a pickle under an accepted ending", fate, answer)


@pytest.mark.parametrize("words", [["check", "--baseline"], ["run", "--config"]])
def test_a_pickle_named_as_figures_is_refused_and_does_not_run(
    command: Callable[..., Answer], tmp_path: Path, tally, words: list[str]
) -> None:
    mark, file = tmp_path / "mark", tmp_path / "trap.json"
    file.write_bytes(pickle.dumps(Trap(mark)))
    answer = command(*words, file)
    fate = "survived" if one_sentence(answer) and not mark.exists() else "lost"
    tally("a pickle under an accepted ending", fate, answer)


@pytest.mark.parametrize("option", ["--segmenter", "--vgg-weights", "--config"])
def test_a_pickle_named_as_weights_is_refused_and_does_not_run(
    command: Callable[..., Answer], data: Path, tmp_path: Path, tally, option: str
) -> None:
    mark, file = tmp_path / "mark", tmp_path / "trap.safetensors"
    file.write_bytes(pickle.dumps(Trap(mark)))
    words = ["run", "--methods", "tiny", "--dataset", "cells", "--losses", "lf", "--data", data]
    answer = command(*words, "--out", tmp_path / "results", option, file)
    fate = "survived" if one_sentence(answer) and not mark.exists() else "lost"
    tally("a pickle under an accepted ending", fate, answer)


NAMES = ["../evil", "/tmp/evil", "a" * 300, "a\nb", "a\x1bb", "<script>", "\\input{evil}", ""]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_of_a_dataset_stays_in_its_folder(
    command: Callable[..., Answer], tmp_path: Path, tally, name: str
) -> None:
    source = tmp_path / "grey.tif"
    tifffile.imwrite(source, np.zeros((5, 40, 40), np.uint8))
    folder = tmp_path / "inner" / "data"
    answers = [
        command("data", "build", name, "--source", source, "--data", folder),
        command("run", "--methods", "average", "--dataset", name, "--data", folder),
    ]
    there = {path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "inner")}
    good = all(one_sentence(answer) for answer in answers) and there == {source}
    tally("a hostile name", "survived" if good else "lost", answers)


@pytest.mark.parametrize("file", ["../record.json", "/etc/passwd", "a/b"])
def test_a_record_cannot_name_a_file_outside_its_folder(tmp_path: Path, tally, file: str) -> None:
    cell = {"method": "m", "loss": "-", "dataset": "d", "fold": 0, "seed": 0, "preset": "-"}
    record = Record(status="done", cell=cell, key="k", config={}, started=now())
    content = record.model_dump(mode="json")
    content["stages"] = {"score": {"key": "k", "revision": 1, "file": file, "seconds": 1.0}}
    (tmp_path / RECORD).write_text(json.dumps(content | {"digest": content_digest(content)}))
    with pytest.raises(UserError, match="not a record"):
        Store(tmp_path).load(tmp_path)
    tally("a hostile name", "survived")


CODE = [
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\" onclick=\"alert(1)",
    "\\input{/etc/passwd}", "\\write18{id}", "$\\input{x}$ % & _ ^^41", "`</code><s>` | a",
    "]]>{{ 7 }}",
]  # fmt: skip


class Tags(HTMLParser):
    """What of a page is no text: its tags, and the attributes that would run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.handlers = Counter[str](), list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.handlers += [name for name, _ in attributes if name.startswith("on")]


def test_names_that_are_code_are_text_in_a_report(
    command: Callable[..., Answer], tmp_path: Path, tally
) -> None:
    """In every place that a name gets into: method, variant, dataset, loss, reason, warning."""
    out = tmp_path / "results"
    table, segmented = report_store.scores("x", 19.0), report_store.membranes(0.7)
    every = " ".join(CODE)
    about = {"title": every, "credit": every, "licence": every}
    report_store.add(out, "linear", table=table, dataset=every, about=about)
    for code in CODE:
        failure = Failure(stage="train", reason=code, traceback="")
        report_store.add(
            out, f"ssan[weights={code}]", "l1", table=table, title=code, dataset=every, about=about,
            deviations=[code], warnings=[code], segmented=segmented,
        )  # fmt: skip
        report_store.add(
            out, f"dain[k={code}]", f"l1[x={code}]", status="failed", title=code, dataset=every,
            failure=failure,
        )  # fmt: skip
    answer = command("report", "--out", out, "--data", tmp_path / "data")
    assert answer[0] == 0, answer
    folder = out / "report"
    page = Tags((folder / "index.html").read_text(encoding="utf-8"))
    tex = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.tex"))
    # Of Markdown, what stands between backticks or behind a backslash is text too.
    markdown = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.md"))
    tags = Tags(re.sub(r"`[^`\n]*`|\\.", "", markdown))
    inputs = set(re.findall(r"\\input\{([^}]*)\}", tex))
    wrong = {
        "page": page.tags["script"] != 2 or page.tags["s"] or page.handlers,
        "LaTeX": not set() < inputs <= {path.stem for path in folder.glob("*.tex")} - {"tables"}
        or re.search(r"\\write18|\^\^41", tex),
        "Markdown": set(tags.tags) - {"sup", "u"} or tags.handlers,
        "folder": {path.name for path in tmp_path.iterdir()} != {"results"},
    }
    for kind, found in wrong.items():
        for code in CODE:
            fate = "lost" if found else "survived"
            tally(f"code in a name: {kind}", fate, (code, found))


GIANT = 2**31 - 1


def bombs(folder: Path) -> dict[str, tuple[Path | str, str]]:
    """Sources that say they are vast or lie elsewhere, and a word of the sentence about each."""
    deep, secret = folder / "bomb.h5", folder / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["grey"] = np.zeros((5, 40, 40), np.uint8)
    with h5py.File(deep, "w") as file:
        for name, shape, chunks in (
            ("wide", (10, 10**6, 10**6), (1, 64, 64)),
            ("deep", (10**9, 64, 64), (1, 64, 64)),
            ("lumps", (4000, 4000, 4000), (2000, 1000, 1000)),
        ):
            file.create_dataset(name, shape, np.uint8, chunks=chunks, compression="gzip")
        file["link"] = h5py.ExternalLink(str(secret), "grey")
    tiff, png = folder / "absurd.tif", folder / "pngs" / "z0.png"
    tifffile.imwrite(tiff, np.zeros((5, 40, 40), np.uint8))
    content = bytearray(tiff.read_bytes())
    with tifffile.TiffFile(tiff) as file:
        for page in file.pages:
            for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
                at = page.tags[tag].offset
                content[at + 2 : at + 12] = struct.pack("<HII", 4, 1, GIANT)
    tiff.write_bytes(content)
    png.parent.mkdir()
    header = struct.pack(">IIBBBBB", GIANT, GIANT, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    png.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(struct.pack(">I", len(body)) + kind + body
                   + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks)
    )  # fmt: skip
    return {
        "a huge width": (f"{deep}:/wide", "read at once"),
        "a huge depth": (f"{deep}:/deep", "beyond the limit of 100,000"),
        "huge chunks": (f"{deep}:/lumps", "chunks"),
        "an external link": (f"{deep}:/link", "points to other files"),
        "a huge TIFF": (tiff, "beyond the limit of 134,217,728"),
        "a huge PNG": (png.parent, "exceeds limit"),
    }


def test_what_claims_to_be_vast_is_refused_in_little_memory(tmp_path: Path, tally) -> None:
    """In a process that may have 512 MiB more than it begins with; a slice would take terabytes."""
    for name, (source, words) in bombs(tmp_path).items():
        command = ["data", "build", "mine", "--source", source, "--data", tmp_path / "data"]
        answer = start(command, tmp_path, partial(limit_memory, 2**29)).end()
        good = one_sentence(answer) and words in answer[2]
        tally("a file that claims to be vast, or points elsewhere", "survived" if good else "lost",
              (name, answer))  # fmt: skip


def mutated(content: bytes, where: random.Random) -> bytes:
    """A few bytes changed, a piece cut out or repeated."""
    result = bytearray(content)
    for _ in range(where.randrange(1, 6)):
        at, length = where.randrange(len(result)), where.randrange(1, 40)
        how = where.randrange(4)
        if how == 0:
            result[at] = where.randrange(256)
        elif how == 1:
            result[at : at + length] = where.randbytes(length)
        elif how == 2:
            del result[at : at + length]
        else:
            result[at:at] = result[at : at + length]
        result = result or bytearray(b"\0")
    return bytes(result)


def volumes(folder: Path) -> list[Path]:
    grey = np.random.default_rng(0).integers(0, 256, (4, 24, 24), dtype=np.uint8)
    tifffile.imwrite(folder / "a.tif", grey)
    tifffile.imwrite(folder / "b.tif", grey, compression="zlib")
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("volumes/raw", data=grey, chunks=(1, 8, 8), compression="gzip")
    (folder / "pngs").mkdir()
    for z, image in enumerate(grey):
        Image.fromarray(image).save(folder / "pngs" / f"{z}.png")
    return [folder / "a.tif", folder / "b.tif", folder / "a.h5", folder / "pngs" / "1.png"]


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")  # a decoder may warn of what it then refuses
def test_mutated_volumes_are_read_or_refused_in_one_sentence(tmp_path: Path, tally) -> None:
    where = random.Random(0)
    whole = {path: path.read_bytes() for path in volumes(tmp_path)}
    for _ in times(25, 125):
        for path, content in whole.items():
            path.write_bytes(mutated(content, where))
            kept = path.read_bytes()
            source = path.parent if path.suffix == ".png" else path
            try:
                with open_volume(source) as volume:
                    for z in range(min(volume.shape[0], 8)):
                        volume.slice(z)
                fate, why = "survived", ""
            except UserError as error:
                why = str(error)
                fate = "survived" if "\n" not in why else "lost"
            except Exception as error:
                fate, why = "lost", repr(error)
            tally("a mutated TIFF, HDF5 or PNG", fate if path.read_bytes() == kept else "lost", why)
            path.write_bytes(content)


@pytest.mark.timeout(600)
def test_mutated_configurations_end_in_one_sentence(
    command: Callable[..., Answer], tmp_path: Path, tally
) -> None:
    """Every configuration is refused before any work: its dataset is not built."""
    where, file = random.Random(1), tmp_path / "run.toml"
    sound = (
        b'methods = ["average", "tiny[width=6]"]\ndataset = "nowhere"\nlosses = "l1,ls[beta=1]"\n'
        b'seeds = [0, 1]\nfold = 1\npreset = "quick"\nmax-triplets = 3\nthreads = 1\n'
        b'stages = ["train"]\nsegmenter-steps = 5\n'
    )
    for _ in times(100, 2000):
        content = mutated(sound, where)
        file.write_bytes(content)
        try:
            answer = command(
                "run", "--config", file, "--data", tmp_path / "data", "--out", tmp_path / "results",
            )  # fmt: skip
            good = one_sentence(answer) and file.read_bytes() == content
        except Exception as error:
            answer, good = repr(error), False
        tally("a mutated configuration", "survived" if good else "lost", (content, answer))
    assert [path.name for path in tmp_path.iterdir()] == ["run.toml"]


SOUND = [
    "run --methods average,tiny[width=6] --dataset nowhere --losses l1 --seeds 0,1 --preset quick",
    "run --methods ssan[k=4] --dataset nowhere --stages train --device cpu --threads 1 --json",
    "data build mine --source nowhere.tif --tile 64 --stride 32 --fold 1 --rule blur=2 --align",
    "data build mine --source kept.tif --labels kept.tif --grey-range 0,255 --split paper",
    "data build mine --source kept.tif --label-kind ids --label-zero ignore --voxel-size 9,4,4",
    "data info mine --fold 1 --json",
    "data verify mine --fold 0",
    "verify --out nowhere --data data --json",
    "report --tables 1,2 --figures 3 --format latex,csv --dataset mine --preset quick --out no",
    "check --baseline kept.tif --out nowhere --json",
    "check-method tiny:Tiny_ --json",
    "list methods --json",
]  # fmt: skip
TOKENS = [
    "--", "-", "", "--json", "--help", "--out", "--fold", "-1", "9" * 40, "nan", "1e999", "../..",
    "/dev/null", "a" * 5000, "\udcff", "\x1b[2J", "é\n", "[", "ssan[", "]]", ",,", "=", "'\"",
    "${HOME}", "%s%n", "kept.tif", "kept.tif:/x", "None", "true",
]  # fmt: skip


def mutated_words(where: random.Random) -> list[str]:
    """A sound command with some of its words left out, repeated, exchanged or spoilt."""
    words = where.choice(SOUND).split()
    for _ in range(where.randrange(1, 4)):
        at, how = where.randrange(len(words)), where.randrange(5)
        if how == 0 and len(words) > 2:
            del words[at]
        elif how == 1:
            words.insert(at, words[where.randrange(len(words))])
        elif how == 2:
            words[at] = where.choice(TOKENS)
        elif how == 3:
            words.insert(at + 1, where.choice(TOKENS))
        else:
            spoilt = mutated(words[at].encode(errors="surrogatepass") or b"x", where)
            words[at] = spoilt.decode("utf-8", errors="surrogateescape")
    return [word.replace("\0", "") for word in words]  # no system passes on a NUL


@pytest.mark.timeout(1800)
def test_mutated_command_lines_end_in_one_sentence(
    command: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally
) -> None:
    monkeypatch.chdir(tmp_path)
    where, kept = random.Random(3), tmp_path / "kept.tif"
    tifffile.imwrite(kept, np.zeros((5, 40, 40), np.uint8))
    content = kept.read_bytes()
    for _ in times(50, 2000):
        words = mutated_words(where)
        try:
            answer = command(*words)
            good = one_sentence(answer) if answer[0] == 2 else answer[0] in (0, 1)
        except BaseException as error:
            answer, good = repr(error), False
        good = good and kept.read_bytes() == content
        tally("a mutated command line", "survived" if good else "lost", (words, answer))


def test_records_of_every_schema_load(tmp_path: Path, tally) -> None:
    """One folder for each schema there ever was; a new one needs a new file here."""
    old = Path(__file__).parent / "records"
    assert [path.name for path in sorted(old.iterdir())] == [
        f"schema{number}" for number in range(1, SCHEMA + 1)
    ]
    for folder in old.iterdir():
        record = Store(tmp_path).load(folder)
        assert record is not None
        assert record.stages["score"].digests == {"scores.parquet": "0" * 64}
        tally("a record of an earlier schema", "survived")
