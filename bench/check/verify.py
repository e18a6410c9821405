"""``bench verify``: every file of the store, and the datasets it names, against the digests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.base.errors import UserError
from bench.base.files import CORRUPT, HOLDER, LOCK, file_digest
from bench.scores.ceiling import RECORD as SEGMENTER
from bench.scores.ceiling import SegmenterRecord
from bench.scores.record_facts import DatasetFacts
from bench.store.records import RECORD, Record, Store, load_document
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.dataset_variant import parse_dataset
from bench.triplets.file import TripletFile
from bench.triplets.verify import verify as verify_dataset

_RECOMPUTED = "repeat the run: it is set aside and computed again."


@dataclass(frozen=True)
class Problem:
    """A file that is not as a record says, and the sentence about it."""

    file: Path
    sentence: str


@dataclass
class Findings:
    """The outcome of checking every file.

    Attributes:
        checked: files that have a digest, damaged or not.
        problems: what is damaged or missing.
        notes: on files that could not be checked or were set aside earlier.
        loose: names of files that no record has a digest of, and how many of each.
    """

    checked: int = 0
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    loose: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """The findings as ``bench verify --json`` prints them."""
        problems = [{"file": str(p.file), "problem": p.sentence} for p in self.problems]
        return {
            "checked": self.checked,
            "problems": problems,
            "notes": self.notes,
            "without_digest": dict(self.loose),
        }

    def lines(self) -> Iterator[str]:
        """The findings as ``bench verify`` prints them, line by line."""
        yield from (f"PROBLEM  {problem.sentence}" for problem in self.problems)
        yield from (f"note     {note}" for note in self.notes)
        if self.loose:
            counts = ", ".join(f"{name} ({count})" for name, count in sorted(self.loose.items()))
            yield (
                f"note     not checked, for no record says what they should be (logs, pictures, "
                f"trainings that are not finished): {counts}"
            )
        verdict = f"{len(self.problems)} problems" if self.problems else "all as they were written"
        yield f"{self.checked} files checked: {verdict}"


def verify_store(out: Path, data: Path) -> Findings:
    """Check every file that a record has a digest of, and the datasets that records name.

    Nothing is changed; ``bench run`` sets damaged files aside and computes them again.

    Args:
        out: folder of the results.
        data: folder of the datasets.

    Raises:
        UserError: there are no results, or not a single record.
    """
    root = Store(out).root
    if not root.is_dir():
        raise UserError(f"There are no results in {root}; name their folder with --out.")
    findings = Findings()
    datasets: dict[Path, set[str]] = {}
    for folder in sorted(path for path in root.glob("*/*") if path.is_dir()):
        for path, fingerprint in _check_folder(folder, data, findings):
            datasets.setdefault(path, set()).add(fingerprint)
    for path, fingerprints in sorted(datasets.items()):
        _check_dataset(path, fingerprints, findings)
    if not findings.checked:
        raise UserError(f"There is no record below {root}, so there is nothing to check it by.")
    return findings


def _check_folder(folder: Path, data: Path, findings: Findings) -> list[tuple[Path, str]]:
    """Check the files of a cell or a segmenter.

    Returns:
        The datasets that the cell was computed on, and their fingerprints.
    """
    known: dict[str, str] = {}
    named: list[tuple[Path, str]] = []
    for name in (RECORD, SEGMENTER):
        path = folder / name
        if not path.exists():
            continue
        findings.checked += 1
        try:
            if name == RECORD:
                found, named = _cell(folder, data)
            else:
                found = load_document(path, SegmenterRecord).files
        except UserError as error:
            findings.problems.append(Problem(path, str(error)))
            return []
        known |= found
    _check_files(folder, known, findings)
    _note_others(folder, known, findings)
    return named


def _cell(folder: Path, data: Path) -> tuple[dict[str, str], list[tuple[Path, str]]]:
    record = load_document(folder / RECORD, Record)
    known = {
        name: digest for done in record.stages.values() for name, digest in done.digests.items()
    }
    variant, fold = parse_dataset(record.cell["dataset"]), record.cell["fold"]
    facts = DatasetFacts.read(record.dataset)
    named = [(dataset_path(data, variant.built, fold), facts.fingerprint)]
    if (source := facts.trained_on) is not None:
        named.append((dataset_path(data, variant.trained_on, fold), source["fingerprint"]))
    return known, named


def _check_files(folder: Path, known: dict[str, str], findings: Findings) -> None:
    for name, digest in known.items():
        path = folder / name
        findings.checked += 1
        try:
            if file_digest(path) == digest:
                continue
            why = f"{path} is damaged (its SHA-256 is not the one in the record); {_RECOMPUTED}"
        except FileNotFoundError:
            why = f"{path} is missing; repeat the run: it is computed again."
        except OSError as error:
            why = f"{path} cannot be read ({error.strerror}); mend that first."
        findings.problems.append(Problem(path, why))


def _note_others(folder: Path, known: dict[str, str], findings: Findings) -> None:
    vouched = {*known, RECORD, SEGMENTER, LOCK, HOLDER}
    others = sorted(path.name for path in folder.iterdir() if path.name not in vouched)
    aside = [name for name in others if name.endswith(CORRUPT)]
    if aside:
        findings.notes.append(f"{folder}: set aside earlier, yours to delete: {', '.join(aside)}.")
    findings.loose.update(name for name in others if name not in aside)


def _check_dataset(path: Path, fingerprints: set[str], findings: Findings) -> None:
    if not path.exists():
        findings.notes.append(f"{path}, which records name, is not there: not checked.")
        return
    findings.checked += 1
    problems = verify_dataset(path)
    findings.problems += [Problem(path, problem) for problem in problems]
    if problems:
        return
    try:
        with TripletFile(path) as file:
            if fingerprints != {file.fingerprint}:
                findings.notes.append(
                    f"{path} is sound, but some records were computed on another build of it."
                )
    except UserError as error:
        findings.problems.append(Problem(path, str(error)))
