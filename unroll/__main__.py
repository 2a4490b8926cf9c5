"""The command line: python -m unroll COMMAND."""

import csv
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from unroll import catalogue, environment, files, lockfile, scheduler, suite
from unroll.comparison import IN_WORDS
from unroll.failures import Refusal, told_plainly
from unroll.shapes_command import show_shapes

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("data/environment")
COMPARISON = Path("reports/comparison.csv")
LOCK = Path("dvc.lock")
PARKED = Path(".unroll/parked.lock")
LOGS = Path(".unroll/logs")
DVC = ("-m", "dvc", "repro")

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.command("shapes")(show_shapes)


@app.callback()
def about() -> None:
    """Recurrent networks for text, compared honestly."""


@app.command()
def repro(
    suite_name: Annotated[
        str, typer.Option("--suite", help="auto, keep, or a suite of params.yaml")
    ] = suite.AUTO,
    jobs: Annotated[
        int, typer.Option(help="stages at once; 0: one a core, or as params.yaml says a GPU")
    ] = 0,
) -> None:
    """Choose a suite, run every stage that changed, and show the comparison."""
    console = Console()
    # As Ctrl-C does: the stages that are running end with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if jobs < 0:
        raise Refusal(f"JOBS is {jobs}: give a positive number, or 0 for one a core")
    whole = catalogue.load(PARAMS)
    chosen, reason = suite.choose(suite_name, whole.suites)
    console.print(f"suite [bold]{chosen}[/bold]: {reason}")
    if chosen != suite.KEEP and suite.write_selection(PARAMS, whole.suites[chosen]):
        console.print(f"wrote its lists into `select` of {PARAMS}")
        whole = catalogue.load(PARAMS)
    device = environment.choose_device(whole.device)
    if not _environment_is_recorded(device):
        scheduler.run_one([*DVC, "--single-item", "environment"], LOGS / "environment.log")
    survey = _survey(console)
    if survey.stale:
        gpus = _visible_gpus() if device == "cuda" else []
        slots = jobs or len(gpus) * whole.machine.runs_per_gpu or len(os.sched_getaffinity(0))
        console.print(f"{len(survey.stale)} stages to run, {slots} at once")
        scheduler.run_all(survey.stale, slots, LOGS, gpus, console)
    if survey.compared:
        console.print("nothing has changed: only the tracker looks again")
        # As dvc.yaml has it, but without DVC, which would rewrite the lock to say the same.
        scheduler.run_one(["-m", "stages.track"], LOGS / "seal.log")
    else:
        # One plain run of all: it finds the stages done, runs those that stand alone, seals the lock.
        scheduler.run_one(DVC, LOGS / "seal.log")
    lockfile.arrange(LOCK, PARKED, survey.names)
    _show(console, whole)


def _survey(console: Console) -> scheduler.Survey:
    """Put dvc.lock in order before anything runs: an entry that comes back saves its stage a run."""
    survey = scheduler.survey(Path.cwd())
    before = LOCK.read_bytes() if LOCK.exists() else None
    if parked := lockfile.arrange(LOCK, PARKED, survey.names):
        console.print(f"moved {len(parked)} entries that `select` no longer names from {LOCK} to {PARKED}")
    changed = LOCK.exists() and LOCK.read_bytes() != before
    return scheduler.survey(Path.cwd()) if changed else survey


def _environment_is_recorded(device: str) -> bool:
    wanted = {"text.json": environment.text_record(), "training.json": environment.training_record(device)}
    return all(
        (ENVIRONMENT / name).exists() and files.read_json(ENVIRONMENT / name) == record
        for name, record in wanted.items()
    )


def _visible_gpus() -> list[str]:
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(index) for index in range(torch.cuda.device_count())]


def _show(console: Console, whole: catalogue.Catalogue) -> None:
    """Print each corpus by its headline, and where to look next."""
    with open(COMPARISON, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for name in whole.select.corpora:
        headline = whole.corpora[name].headline
        table = Table(title=f"{name}: {IN_WORDS[headline]} on the test split, %", title_justify="left")
        for column in ("network", "mean", "std", "95 % interval", "seeds", "parameters"):
            table.add_column(column, justify="left" if column == "network" else "right")
        for row in rows:
            if (row["corpus"], row["metric"]) == (name, headline):
                interval = f"{_percent(row['ci_low'])} to {_percent(row['ci_high'])}" if row["std"] else "-"
                figures = [_percent(row["mean"]), _percent(row["std"]), interval]
                table.add_row(row["network"], *figures, row["seeds"], f"{int(row['parameters']):,}")
        console.print(table)
    console.print(
        f"The whole comparison: {COMPARISON.with_suffix('.md')}, {COMPARISON}\n"
        "Learning curves: reports/history/   predictions: reports/predictions/\n"
        "Every run side by side in MLflow: make ui"
    )


def _percent(value: str) -> str:
    return f"{100 * float(value):.1f}" if value else "-"


if __name__ == "__main__":
    with told_plainly():
        app()
