"""The command line: commands and options only; what is heavy is imported inside them."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from bench.base.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from bench.run.summary import Row
    from bench.triplets.dataset import Dataset
    from bench.volumes.grey import GreyWish

_INTERRUPTED = 130
_MISSING = "Slices that are not there, for instance 105,111-112."

app = typer.Typer(
    name="bench", no_args_is_help=True, pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its boxes take longer to import than all the rest of the help
    context_settings={"max_content_width": 120},
    help="Compare methods that synthesise a missing slice of an EM volume from its neighbours.",
)  # fmt: skip
data = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Build, describe and verify datasets."
)
app.add_typer(data, name="data")

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Data = Annotated[Path, typer.Option(help="Folder of the datasets.")]
Built = Annotated[str | None, typer.Argument(help="A dataset that has been built.")]
Fold = Annotated[int | None, typer.Option(help="The card's, or 0, if not given.")]
LabelKind = Annotated[str | None, typer.Option(help="ids or membrane_mask; ids if not given.")]
LabelZero = Annotated[str | None, typer.Option(help="Id 0 is membrane, or ignore.")]
GreyRange = Annotated[str | None, typer.Option(help="LOW,HIGH of a 16-bit volume, or auto.")]
VoxelSize = Annotated[str | None, typer.Option(help="Z,Y,X in nm.")]
Axes = Annotated[str | None, typer.Option(help="Of the array as stored, for instance xyz.")]
Channel = Annotated[int | None, typer.Option(help="Which one along C is read, from 0.")]


def _tell_version(wanted: bool) -> None:
    if wanted:
        from bench.base.provenance import version

        typer.echo(f"interslice {version('interslice') or 'unknown'}")
        raise typer.Exit


@app.callback()
def _bench(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    """What stands before every command."""


@app.command()
def run(
    methods: Annotated[str | None, typer.Option(help="For instance ssan,sepconv[taps=25].")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="For instance phantom, phantom[noise=20].")
    ] = None,
    losses: Annotated[str | None, typer.Option(help="l1, lf, ls; ls if not given.")] = None,
    seeds: Annotated[str | None, typer.Option(help="One training each; 0 if not given.")] = None,
    fold: Annotated[int | None, typer.Option(help="Which block is the test split, 0 to 4.")] = None,
    preset: Annotated[str | None, typer.Option(help="quick, medium or paper.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with these options.")] = None,
    source: Annotated[Path | None, typer.Option(help="Volume to build the dataset from.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Labels of that volume.")] = None,
    mask: Annotated[Path | None, typer.Option(help="0 where it shows no tissue.")] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the volumes of public datasets.")
    ] = False,
    grey_range: GreyRange = None,
    missing: Annotated[str | None, typer.Option(help=_MISSING)] = None,
    axes: Axes = None,
    channel: Channel = None,
    label_kind: LabelKind = None,
    label_zero: LabelZero = None,
    voxel_size: VoxelSize = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the datasets.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    precision: Annotated[str | None, typer.Option(help="float32, or bf16 on CUDA.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads torch computes with.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Cells computed side by side.")] = None,
    stages: Annotated[str | None, typer.Option(help="train,predict,score,segment.")] = None,
    max_triplets: Annotated[int | None, typer.Option(help="Of each split: to try out.")] = None,
    samples: Annotated[int | None, typer.Option(help="Crops to train on: to try out.")] = None,
    predict_tile: Annotated[int | None, typer.Option(help="Predict in tiles of this side.")] = None,
    vgg_weights: Annotated[str | None, typer.Option(help="FILE.safetensors or random.")] = None,
    segmenter: Annotated[
        Path | None, typer.Option(help="Segmenter trained elsewhere, for what has no labels.")
    ] = None,
    segmenter_encoder: Annotated[str | None, typer.Option(help="resnet18 if not given.")] = None,
    segmenter_weights: Annotated[str | None, typer.Option(help="For instance imagenet.")] = None,
    segmenter_steps: Annotated[int | None, typer.Option(help="Training steps at most.")] = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Compute again what is there.")] = False,
    as_json: Json = False,
) -> None:
    """Train, predict, score and segment; print the table and where the picture is."""
    words = {key: value for key, value in locals().items() if key not in ("config", "as_json")}
    from bench.cells.config import load_config

    settings = load_config(config, words | {"rerun": rerun or None, "download": download or None})

    from bench.cells.names import check_names

    check_names(settings)

    from bench.run.cells import compute
    from bench.run.summary import summarise

    outcomes, datasets = compute(settings)
    rows = summarise(outcomes)
    if not as_json:
        _print_rows(rows)
    pictures = _draw(rows, datasets, settings.out)
    for picture in [] if as_json else pictures:
        typer.echo(f"picture: {picture}")
    if as_json:
        _print_json({"rows": [row.as_json() for row in rows], "pictures": list(map(str, pictures))})
    if any(outcome.record.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


@app.command()
def profile(
    layers: Annotated[bool, typer.Option("--layers", help="The paper's table 2.")] = False,
    methods: Annotated[str | None, typer.Option(help="For instance ssan,sepconv.")] = None,
    preset: Annotated[str, typer.Option(help="Of the methods: quick, medium, paper.")] = "quick",
    size: Annotated[str, typer.Option(help="SIDE or HEIGHTxWIDTH in pixels.")] = "512",
    channels: Annotated[int, typer.Option(help="Of the layers' feature map.")] = 64,
    backward: Annotated[bool, typer.Option(help="Measure forward + backward too.")] = True,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="Threads torch computes with.")] = None,
    repeats: Annotated[int, typer.Option(help="Of each pass, at most.")] = 5,
    slow: Annotated[bool, typer.Option("--slow", help="Run what takes minutes on a CPU.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("results"),
    as_json: Json = False,
) -> None:
    """Measure what layers and methods cost: parameters, multiply-adds, memory, run time."""
    words = {key: value for key, value in locals().items() if key != "as_json"}
    from bench.profile.command import Wanted, run_profile

    written = run_profile(Wanted(**words), lambda line: typer.echo(line, err=True))
    if as_json:
        _print_json({path.stem: document for path, document in written.items()})
        return
    from bench.profile.terminal import print_profile

    for path, document in written.items():
        print_profile(document, _console())
        typer.echo(f"file: {path}")


def _print_rows(rows: list[Row]) -> None:
    from bench.commands.run_table import print_rows

    print_rows(rows, _console())


def _console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 180)


def _draw(rows: list[Row], datasets: dict[str, Dataset], out: Path) -> list[Path]:
    """Draw a picture of each dataset; the table is worth more, so a failure is only told."""
    from bench.report.comparison import draw_comparison

    pictures = []
    for dataset in datasets.values():
        try:
            picture = draw_comparison(rows, dataset, out)
        except (OSError, UserError) as error:
            typer.echo(f"the picture of '{dataset.name}' could not be drawn: {error}", err=True)
            continue
        if picture is not None:
            pictures.append(picture)
    return pictures


@app.command()
def report(
    tables: Annotated[
        str | None, typer.Option(help="1,2,3,4,5,preparation; all if not given.")
    ] = None,
    figures: Annotated[
        str | None, typer.Option(help="3,...,8,dials,...; all if not given.")
    ] = None,
    formats: Annotated[
        str | None, typer.Option("--format", help="latex,markdown,html,csv; all if not given.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Only these datasets.")] = None,
    preset: Annotated[str | None, typer.Option(help="quick, medium or paper.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("results"),
    data: Data = Path("data"),
) -> None:
    """Make the paper's tables and figures from what runs left; compute nothing again."""
    from bench.base.words import split_variants
    from bench.report.write import wanted, write_report

    wishes = wanted(tables, figures, formats)
    datasets = tuple(split_variants(dataset or ""))

    def tell(line: str) -> None:
        typer.echo(line, err=True)

    written = write_report(out, data, wishes, datasets, preset, tell)
    for path in written:
        typer.echo(path)
    if wishes.whole:
        tell(f"Begin with {written[-1]}.")


@data.command("build")
def data_build(
    name: Annotated[str, typer.Argument(help="A card's name, or a new one for your own volume.")],
    source: Annotated[
        list[Path] | None, typer.Option(help="HDF5, FILE.h5:/path, TIFF, folder.")
    ] = None,
    labels: Annotated[list[Path] | None, typer.Option(help="Labels, one for each source.")] = None,
    mask: Annotated[
        list[Path] | None, typer.Option(help="0 where there is no tissue, one for each source.")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch the card's files.")] = False,
    data: Data = Path("data"),
    tile: Annotated[int | None, typer.Option(help="Side of a triplet in pixels.")] = None,
    stride: Annotated[int | None, typer.Option(help="Step of the grid in pixels.")] = None,
    search: Annotated[int | None, typer.Option(help="Search radius of the alignment.")] = None,
    align: Annotated[bool | None, typer.Option(help="Align neighbours to the middle.")] = None,
    histogram: Annotated[str | None, typer.Option(help="dataset, before, middle, none.")] = None,
    split: Annotated[str | None, typer.Option(help="blocked or paper.")] = None,
    split_axis: Annotated[str | None, typer.Option(help="z, y or x.")] = None,
    fold: Annotated[int | None, typer.Option(help="Which block is the test split.")] = None,
    grey_range: GreyRange = None,
    missing: Annotated[
        list[str] | None, typer.Option(help=f"{_MISSING} One for each source.")
    ] = None,
    axes: Axes = None,
    channel: Channel = None,
    label_kind: LabelKind = None,
    label_zero: LabelZero = None,
    voxel_size: VoxelSize = None,
    rule: Annotated[
        list[str] | None, typer.Option(help="Rejection threshold, for instance blur=2.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Build anew what is there.")] = False,
    as_json: Json = False,
) -> None:
    """Build a dataset's triplets from its volume."""
    from bench.base.progress import open_display
    from bench.run.datasets import build_dataset, download_volume
    from bench.volumes.source_options import Given

    display = open_display()
    try:
        if download and source:
            raise UserError("--download fetches the card's volume; leave --source out.")
        if download:
            source = [download_volume(name, data, display)]
        given = Given(
            source or [], labels or [], mask or [], _missing(missing), _grey_range(grey_range),
            axes, channel,
        )  # fmt: skip
        summary = build_dataset(
            name, given, data, display, replace=replace, tile=tile, stride=stride, search=search,
            align=align, histogram=histogram, split=split, split_axis=split_axis, fold=fold,
            rules=_rules(rule), label_kind=label_kind, label_zero=label_zero,
            voxel_size=voxel_size,
        )  # fmt: skip
    finally:
        display.close()
    _print_pairs(summary.describe(), as_json=as_json)


@data.command("info")
def data_info(
    name: Built = None, data: Data = Path("data"), fold: Fold = None, as_json: Json = False
) -> None:
    """Say what a dataset holds: counts, split, leakage, options."""
    from bench.triplets.folders import built_path, given_name

    path = built_path(given_name(name, data), data, fold)

    from bench.triplets.file import TripletFile, describe

    _print_pairs(describe(TripletFile(path)), as_json=as_json)


@data.command("verify")
def data_verify(
    name: Built = None, data: Data = Path("data"), fold: Fold = None, as_json: Json = False
) -> None:
    """Check every byte of a dataset against its digests."""
    from bench.triplets.folders import built_path, given_name

    path = built_path(given_name(name, data), data, fold)

    from bench.triplets.file import verify

    problems = verify(path)
    if as_json:
        _print_json({"file": str(path), "problems": problems})
    else:
        typer.echo("\n".join(problems) or f"{path}: every byte as it was written")
    if problems:
        raise typer.Exit(1)


@app.command()
def verify(
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("results"),
    data: Data = Path("data"),
    as_json: Json = False,
) -> None:
    """Check every file of the results, and their datasets, against the digests in the records."""
    from bench.check.verify import verify_store

    findings = verify_store(out, data)
    if as_json:
        _print_json(findings.as_json())
    else:
        typer.echo("\n".join(findings.lines()))
    if findings.problems:
        raise typer.Exit(1)


@app.command()
def check(
    baseline: Annotated[Path, typer.Option(help="The accepted figures.")],
    accept: Annotated[bool, typer.Option("--accept", help="Accept today's figures.")] = False,
    reason: Annotated[str, typer.Option(help="Why they are accepted.")] = "",
    config: Annotated[Path | None, typer.Option(help="Run this; a baseline may name one.")] = None,
    out: Annotated[Path | None, typer.Option(help="Compare this folder of results.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the datasets.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit file.")] = None,
    summary: Annotated[Path | None, typer.Option(help="Write a Markdown summary.")] = None,
    as_json: Json = False,
) -> None:
    """Compare new figures with the accepted ones; exit code 1 if any got worse.

    The new figures are those of --out; without it, of the configuration that the baseline names.
    """
    from bench.base.files import write_text
    from bench.check import findings as gate
    from bench.check.wanted import Figures

    figures = Figures(baseline, config, out, data, lambda words: typer.echo(words, err=True))
    if accept:
        typer.echo(f"{baseline}: {figures.accept(reason)} cells accepted", err=True)
        return
    findings = figures.compare()
    if junit is not None:
        gate.write_junit(findings, junit)
    if summary is not None:
        write_text(summary, gate.markdown(findings))
    if as_json:
        _print_json(gate.as_json(findings))
    else:
        gate.print_findings(findings, _console())
    if any(finding.trips for finding in findings):
        raise typer.Exit(1)


@app.command("check-method")
def check_method_(
    method: Annotated[str, typer.Argument(help="MODULE:CLASS, or a method's name.")],
    as_json: Json = False,
) -> None:
    """Check somebody's method against what every method promises."""
    from bench.cells.registry import load_target
    from bench.check.contract import check_method

    verdicts = []
    for verdict in check_method(load_target(method)):
        verdicts.append(verdict)
        if not as_json:
            typer.echo(
                f"kept    {verdict.title}"
                if verdict.kept
                else f"BROKEN  {verdict.title}: {verdict.reason}"
            )
    kept = all(verdict.kept for verdict in verdicts)
    if as_json:
        checks = [{"promise": v.title, "kept": v.kept, "reason": v.reason} for v in verdicts]
        _print_json({"method": method, "kept": kept, "checks": checks})
    else:
        typer.echo(f"{method} {'keeps every promise' if kept else 'breaks promises'}")
    if not kept:
        raise typer.Exit(1)


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="methods, datasets, losses or presets")],
    data: Data = Path("data"),
    as_json: Json = False,
) -> None:
    """List what can be named on the command line."""
    from bench.commands.listing import listing

    _print_pairs(listing(what, data), as_json=as_json)


def _grey_range(text: str | None) -> GreyWish | None:
    from bench.volumes.grey import parse_grey_range

    try:
        return None if text is None else parse_grey_range(text)
    except ValueError as error:
        raise UserError(f"--grey-range takes LOW,HIGH or auto, not '{text}'.") from error


def _missing(texts: list[str] | None) -> list[tuple[int, ...]]:
    from bench.volumes.holes import parse_missing

    try:
        return [parse_missing(text) for text in texts or []]
    except ValueError as error:
        raise UserError(f"--missing is not valid: {error}.") from error


def _rules(words: list[str] | None) -> dict[str, float] | None:
    """Thresholds by rule, of ``NAME=NUMBER`` words."""
    from bench.base.words import unknown
    from bench.triplets.reject import Rules

    rules = {}
    for word in words or []:
        name, _, number = word.partition("=")
        if name not in Rules.model_fields:
            unknown("rule", name, list(Rules.model_fields))
        try:
            rules[name] = float(number)
        except ValueError as error:
            raise UserError(f"--rule takes NAME=NUMBER, as in blur=2, not '{word}'.") from error
    return rules or None


def _print_pairs(pairs: list[tuple[str, str]], *, as_json: bool) -> None:
    if as_json:
        # A name may stand more than once: several volumes, for instance.
        names = dict.fromkeys(name for name, _ in pairs)
        grouped = {name: [value for key, value in pairs if key == name] for name in names}
        _print_json({name: v[0] if len(v) == 1 else v for name, v in grouped.items()})
        return
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        typer.echo(f"{name:<{width}}  {value}")


def _print_json(document: Any) -> None:
    typer.echo(json.dumps(document, indent=1, allow_nan=False))


def main() -> None:
    """Run the command line; a user's mistake ends in one sentence and exit code 2."""
    # matplotlib opens no window here, and fails at once where it does not know this one.
    os.environ.pop("MPLBACKEND", None)
    for stream in (sys.stdout, sys.stderr):  # a file's name may hold bytes that are not UTF-8
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Batch systems stop a job so, and a while later kill it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = app(standalone_mode=False)
    except UserError as error:
        _leave(str(error), 2)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except OSError as error:
        if error.filename is None or not error.strerror:
            raise
        _leave(f"{error.filename} cannot be read or written ({error.strerror}).", 2)
    except Exception as error:
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help
            typer.echo(message(), err=True)
            sys.exit(2)
        words = " ".join(message().split())
        _leave(_advised(words, error), 2)
    if code == _INTERRUPTED:  # by us or by typer, which turns Ctrl-C into this code
        # Only a run leaves what can be gone on from; what a build wrote is not whole.
        goes_on = "goes on from here" if sys.argv[1:2] == ["run"] else "begins anew"
        _leave(f"interrupted; the same command {goes_on}.", _INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _advised(words: str, error: Exception) -> str:
    """A mistake that only typer has met, with what to do about it."""
    if "unexpected extra argument" in words:
        if (count := _put_by_the_shell()) > 1:
            return (
                f"The shell put {count} files in the place of the pattern; give their folder "
                "instead, as in --source slices."
            )
        return f"{words}; a list has commas and no blanks, as in --methods average,flow."
    wanted = getattr(getattr(error, "param", None), "help", None)
    if words.startswith("Missing") and wanted:
        return f"{words.rstrip('.')}: {wanted.rstrip('.')}."
    return words


def _put_by_the_shell() -> int:
    """How many words stand behind --source or --labels: more than one where it expanded a `*`."""
    words = sys.argv[1:]
    places = [i + 1 for i, word in enumerate(words) if word in ("--source", "--labels")]
    runs = (list(takewhile(lambda word: not word.startswith("-"), words[i:])) for i in places)
    return max(map(len, runs), default=0)


def _leave(sentence: str, code: int) -> NoReturn:
    # A name may hold control characters; none of them reaches the terminal.
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in sentence)
    typer.echo(f"bench: {''.join(shown)}", err=True)
    sys.exit(code)
