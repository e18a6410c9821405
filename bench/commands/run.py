"""``bench run``: compute cells, and print what came of them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.commands.grouping import of_data, of_judging, of_machine, of_output, of_training
from bench.commands.options import (
    MISSING,
    REGION,
    Axes,
    Channel,
    GreyRange,
    Jobs,
    Json,
    LabelKind,
    LabelZero,
    Level,
    OtherData,
    Preset,
    Scheduler,
    SchedulerFile,
    Threads,
    VoxelSize,
    takes,
)
from bench.commands.printing import PAGE, console, print_json

RUN_EXAMPLES = """\
bench run --methods average,flow --dataset phantom
bench run --methods average,ssan --losses l1 --dataset mine --source stack.tif
bench run --config run.toml --jobs 2"""


@dataclass(frozen=True)
class RunWords:
    """What ``bench run`` is told; what is not given is None, and then the configuration says it."""

    methods: Annotated[str | None, of_training(help="For instance ssan,sepconv[taps=25].")] = None
    dataset: Annotated[str | None, of_data(help="For instance phantom, phantom[noise=20].")] = None
    losses: Annotated[str | None, of_training(help="l1, lf, ls, lm; ls if not given.")] = None
    seeds: Annotated[str | None, of_training(help="One training each; 0 if not given.")] = None
    fold: Annotated[int | None, of_data(help="Which block is the test split, 0 to 4.")] = None
    preset: Preset = None
    config: Annotated[Path | None, typer.Option(help="TOML file with these options.")] = None
    source: Annotated[str | None, of_data(help="Volume to build the dataset from.")] = None
    labels: Annotated[str | None, of_data(help="Labels of that volume.")] = None
    mask: Annotated[str | None, of_data(help="0 where it shows no tissue.")] = None
    download: Annotated[
        bool, of_data("--download", help="Fetch the volumes of public datasets.")
    ] = False
    grey_range: GreyRange = None
    missing: Annotated[str | None, of_data(help=MISSING)] = None
    region: Annotated[str | None, of_data(help=REGION)] = None
    level: Level = None
    axes: Axes = None
    channel: Channel = None
    label_kind: LabelKind = None
    label_zero: LabelZero = None
    voxel_size: VoxelSize = None
    data: OtherData = None
    out: Annotated[Path | None, of_output(help="Folder of the results.")] = None
    device: Annotated[str | None, of_machine(help="auto, cpu or cuda.")] = None
    precision: Annotated[str | None, of_machine(help="float32, or bf16 on CUDA.")] = None
    threads: Threads = None
    jobs: Jobs = None
    scheduler: Scheduler = None
    scheduler_file: SchedulerFile = None
    stages: Annotated[str | None, of_output(help="train,predict,score,segment.")] = None
    max_triplets: Annotated[int | None, of_data(help="Of each split: to try out.")] = None
    samples: Annotated[int | None, of_training(help="Crops to train on: to try out.")] = None
    crop: Annotated[int | None, of_training(help="Side of the training crops in pixels.")] = None
    micro_batch: Annotated[
        int | None, of_training(help="Crops of a step at once: fewer, less memory.")
    ] = None
    predict_tile: Annotated[int | None, of_machine(help="Predict in tiles of this side.")] = None
    vgg_weights: Annotated[str | None, of_training(help="FILE.safetensors or random.")] = None
    teacher: Annotated[
        Path | None,
        of_training(
            help="Weights of the network through which the loss lm sees membranes; it is trained "
            "on the labels if not given."
        ),
    ] = None
    segmenter: Annotated[
        Path | None,
        of_judging(
            help="Weights of the network that finds membranes in the frames to score them; it is "
            "trained on the labels if not given."
        ),
    ] = None
    segmenter_encoder: Annotated[str | None, of_judging(help="resnet18 if not given.")] = None
    segmenter_weights: Annotated[str | None, of_judging(help="For instance imagenet.")] = None
    segmenter_steps: Annotated[
        int | None,
        of_judging(
            help="Steps at most that the networks of --segmenter and --teacher are trained for "
            "where they are not given; 2500 if not given."
        ),
    ] = None
    judges: Annotated[int | None, of_judging(help="2: another network judges too.")] = None
    rerun: Annotated[bool, of_output("--rerun", help="Compute again what is there.")] = False
    as_json: Json = False

    def settings(self) -> dict[str, Any]:
        """What was given of a configuration's keys; a flag that is not given says nothing."""
        own = ("config", "as_json")
        said = {name: value for name, value in vars(self).items() if name not in own}
        return {name: value for name, value in said.items() if value is not False}


def _report_command(data: Path, out: Path) -> str:
    """The command that reports on a store; folders that it looks in by itself are not named."""
    usual = (("--data", data, Path("data")), ("--out", out, Path("results")))
    words = [word for name, path, own in usual if path != own for word in (name, str(path))]
    return shlex.join(["bench", "report", *words])


@takes(RunWords)
def run(words: RunWords) -> None:
    """Train, predict, score and segment; print the table and where the picture is."""
    from bench.cells.config import load_config

    settings = load_config(words.config, words.settings())

    from bench.cells.names import check_names

    check_names(settings)

    from bench.commands.pictures import draw_pictures
    from bench.commands.run_table import print_rows
    from bench.run.compute import compute
    from bench.scores.answer_json import answer_json
    from bench.scores.judge_words import judges_json
    from bench.scores.judges import judgements
    from bench.scores.summary import answers_of, summarise

    outcomes, datasets = compute(settings)
    if not outcomes:  # this process helped another one to train
        return
    rows = summarise(outcomes)
    if not words.as_json:
        print_rows(rows, console(PAGE))
    pictures = draw_pictures(rows, datasets, settings.out)
    if words.as_json:
        judged = list(map(judges_json, judgements([row.figures.entry for row in rows])))
        print_json(
            {
                "rows": [row.as_json() for row in rows],
                "answers": list(map(answer_json, answers_of(rows))),
                "pictures": list(map(str, pictures)),
            }
            | ({"judges": judged} if judged else {})
        )
    else:
        for picture in pictures:
            typer.echo(f"picture: {picture}")
        typer.echo(f"next: {_report_command(settings.data, settings.out)}")
    if any(outcome.record.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)
