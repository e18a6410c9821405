"""The command line: commands and options only; what is heavy is imported inside them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from bench.errors import UserError

if TYPE_CHECKING:
    from bench.summary import Row

app = typer.Typer(
    name="bench", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Compare methods that synthesise a missing slice of an EM volume from its neighbours.",
)  # fmt: skip
data = typer.Typer(no_args_is_help=True, help="Build, describe and verify datasets.")
app.add_typer(data, name="data")

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Data = Annotated[Path, typer.Option(help="Folder of the datasets.")]


@app.command()
def run(
    methods: Annotated[str | None, typer.Option(help="For instance ssan,sepconv[taps=25].")] = None,
    dataset: Annotated[str | None, typer.Option(help="For instance phantom.")] = None,
    losses: Annotated[str | None, typer.Option(help="l1, lf, ls; ls if not given.")] = None,
    seeds: Annotated[str | None, typer.Option(help="One training each; 0 if not given.")] = None,
    fold: Annotated[int | None, typer.Option(help="Which block is the test split, 0 to 4.")] = None,
    preset: Annotated[str | None, typer.Option(help="quick, medium or paper.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with these options.")] = None,
    source: Annotated[Path | None, typer.Option(help="Volume to build the dataset from.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Labels of that volume.")] = None,
    grey_range: Annotated[str | None, typer.Option(help="LOW,HIGH of a 16-bit volume.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the datasets.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    precision: Annotated[str | None, typer.Option(help="float32, or bf16 on CUDA.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads torch computes with.")] = None,
    stages: Annotated[str | None, typer.Option(help="train,predict,score.")] = None,
    max_triplets: Annotated[int | None, typer.Option(help="Of each split: to try out.")] = None,
    predict_tile: Annotated[int | None, typer.Option(help="Predict in tiles of this side.")] = None,
    vgg_weights: Annotated[str | None, typer.Option(help="FILE.safetensors or random.")] = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Compute again what is there.")] = False,
    as_json: Json = False,
) -> None:
    """Train, predict and score methods on a dataset; print the table and where the picture is."""
    words = {key: value for key, value in locals().items() if key not in ("config", "as_json")}
    from bench.config import load_config

    settings = load_config(config, words | {"rerun": rerun or None})

    from bench.datasets import open_datasets
    from bench.plan import plan
    from bench.progress import open_display
    from bench.report.comparison import draw_comparison
    from bench.runner import run_cells
    from bench.store import Store, file_name
    from bench.summary import summarise

    cells = plan(settings)
    display = open_display()
    try:
        files = open_datasets(settings, display)
        outcomes = run_cells(cells, files, settings, display)
    finally:
        display.close()
    rows = summarise(outcomes)
    pictures = []
    for name, file in files.items():
        picture = Store(settings.out).root / file_name(name) / "comparison.png"
        chosen = [row for row in rows if row.outcome.cell.dataset == name]
        if draw_comparison(chosen, file, picture) is not None:
            pictures.append(picture)
    _print_run(rows, pictures, as_json=as_json)
    if any(outcome.record.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


def _print_run(rows: list[Row], pictures: list[Path], *, as_json: bool) -> None:
    if as_json:
        _print_json({"rows": [row.as_json() for row in rows], "pictures": list(map(str, pictures))})
        return
    from rich.console import Console

    from bench.terminal import print_rows

    console = Console(width=None if sys.stdout.isatty() else 180)
    print_rows(rows, console)
    for picture in pictures:
        console.print(f"picture: {picture}", soft_wrap=True, highlight=False)


@data.command("build")
def data_build(
    name: Annotated[str, typer.Argument(help="A card's name, or a new one for your own volume.")],
    source: Annotated[
        list[Path] | None, typer.Option(help="HDF5, FILE.h5:/path, TIFF, folder.")
    ] = None,
    labels: Annotated[list[Path] | None, typer.Option(help="Labels, one for each source.")] = None,
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
    grey_range: Annotated[str | None, typer.Option(help="LOW,HIGH of a 16-bit volume.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Build anew what is there.")] = False,
    as_json: Json = False,
) -> None:
    """Build a dataset's triplets from its volume."""
    from bench.datasets import build_dataset, download_volume
    from bench.progress import open_display

    display = open_display()
    try:
        if download:
            source = [download_volume(name, data, display)]
        summary = build_dataset(
            name, source or [], labels or [], data, display, replace=replace,
            grey_range=_pair(grey_range), tile=tile, stride=stride, search=search, align=align,
            histogram=histogram, split=split, split_axis=split_axis, fold=fold,
        )  # fmt: skip
    finally:
        display.close()
    _print_pairs(summary.describe(), as_json=as_json)


@data.command("info")
def data_info(name: str, data: Data = Path("data"), fold: int = 0, as_json: Json = False) -> None:
    """Say what a dataset holds: counts, split, leakage, options."""
    from bench.data.triplets import describe

    _print_pairs(describe(_open(name, data, fold)), as_json=as_json)


@data.command("verify")
def data_verify(name: str, data: Data = Path("data"), fold: int = 0, as_json: Json = False) -> None:
    """Check every byte of a dataset against its digests."""
    from bench.data.triplets import dataset_path, verify

    path = dataset_path(data, name, fold)
    if not path.exists():
        raise UserError(f"There is no {path}; `bench data build {name}` makes it.")
    problems = verify(path)
    if as_json:
        _print_json({"file": str(path), "problems": problems})
    else:
        print("\n".join(problems) or f"{path}: every byte as it was written")  # noqa: T201
    if problems:
        raise typer.Exit(1)


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="methods, datasets, losses or presets")],
    as_json: Json = False,
) -> None:
    """List what can be named on the command line."""
    from bench.listing import listing

    _print_pairs(listing(what), as_json=as_json)


def _open(name: str, data: Path, fold: int) -> Any:
    from bench.data.triplets import TripletFile, dataset_path

    path = dataset_path(data, name, fold)
    if not path.exists():
        raise UserError(f"There is no {path}; `bench data build {name}` makes it.")
    return TripletFile(path)


def _pair(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--grey-range takes LOW,HIGH, not '{text}'.") from error
    return low, high


def _print_pairs(pairs: list[tuple[str, str]], *, as_json: bool) -> None:
    if as_json:
        _print_json(dict(pairs))
        return
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        print(f"{name:<{width}}  {value}")  # noqa: T201


def _print_json(document: Any) -> None:
    print(json.dumps(document, indent=1, allow_nan=False))  # noqa: T201


def main() -> None:
    """Run the command line; a user's mistake ends in one sentence and exit code 2."""
    try:
        code = app(standalone_mode=False)
    except UserError as error:
        _leave(str(error), 2)
    except KeyboardInterrupt:
        _leave("interrupted; the same command goes on from here.", 130)
    except Exception as error:
        if type(error).__name__ == "Abort":  # what click makes of Ctrl-C
            _leave("interrupted; the same command goes on from here.", 130)
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        _leave(" ".join(message().split()), 2)
    sys.exit(code if isinstance(code, int) else 0)


def _leave(sentence: str, code: int) -> NoReturn:
    print(f"bench: {sentence}", file=sys.stderr)  # noqa: T201
    sys.exit(code)
