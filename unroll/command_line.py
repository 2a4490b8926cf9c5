"""What `python -m unroll COMMAND` does."""

import csv
import itertools
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from unroll import catalogue, environment, files, records
from unroll.changes import show_changes
from unroll.doctor.command import doctor, refuse_what_blocks
from unroll.executors import places
from unroll.export.command import export_network
from unroll.failures import Refusal
from unroll.ladder.spec import climbed
from unroll.params import Selection
from unroll.pipeline import content, lock_text, remote, scheduler, suite, summary, survey
from unroll.pipeline.check import check_stages
from unroll.pipeline.stopping import stopped_plainly
from unroll.pipeline.unchanged import check_unchanged
from unroll.playground.command import try_networks
from unroll.prediction.command import predict_texts
from unroll.reference import spec
from unroll.search.command import search_settings
from unroll.shapes.command import show_shapes

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("data/environment")
COMPARISON = Path("reports/comparison.csv")
PAGE = Path("reports/index.html")
REFERENCE = Path("reports/reference.csv")
LADDER = Path("reports/ladder")
COMPARISONS = Path("reports/comparison")
SCORES = Path("reports/scores")
HISTORY = Path("reports/history")
LOCK = Path("dvc.lock")
PARKED = Path("parked.lock")
LOGS = Path(".unroll/logs")

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.command("shapes")(show_shapes)
app.command("predict")(predict_texts)
app.command("export")(export_network)
app.command("try")(try_networks)
app.command("search")(search_settings)
app.command("changes")(show_changes)
app.command("unchanged")(check_unchanged)
app.command("check")(check_stages)
app.command("doctor")(doctor)


@app.callback()
def about() -> None:
    """Recurrent networks for text, compared honestly."""


@app.command()
@stopped_plainly()
def repro(
    suite_name: Annotated[
        str, typer.Option("--suite", help="auto, keep, or a suite of params.yaml")
    ] = suite.AUTO,
    jobs: Annotated[
        int, typer.Option(help="stages at once; 0: one a core, or as params.yaml says a GPU")
    ] = 0,
    on: Annotated[
        places.Place, typer.Option(help="where to train, evaluate and compare; data are prepared here")
    ] = places.Place.here,
) -> None:
    """Choose a suite, run every stage that changed, and show how each network did."""
    console, quiet = Console(), Console(quiet=True)
    if jobs < 0:
        raise Refusal(f"JOBS is {jobs}: give a positive number, or 0 for one a core")
    refuse_what_blocks()
    places.check(on)
    whole = catalogue.load(PARAMS)
    chosen, reason = suite.choose(suite_name, whole.suites)
    console.print(f"suite [bold]{chosen}[/bold]: {reason}")
    parts = (whole.select,) if chosen == suite.KEEP else whole.suites[chosen]
    device = environment.choose_device(whole.device)
    gpus = _visible_gpus() if device == "cuda" else []
    slots = jobs or whole.machine.at_once(len(gpus))

    def run(stages: survey.Graph) -> None:
        console.print(f"{len(stages)} stages to run, {slots} at once", highlight=False)
        scheduler.run_all(stages, slots, LOGS, gpus, console)

    def learn(stages: survey.Graph) -> None:
        if on == places.Place.here:
            return run(stages)
        console.print(f"{len(stages)} stages to run on {on.value}", highlight=False)
        alike = {name: files.read_json(ENVIRONMENT / name) for name in records.of_machine(device)}
        places.run(on, stages, whole.machine, device, alike, LOGS, console, jobs)

    shared = remote.fetch(console, LOGS)
    names: dict[str, None] = {}  # of every part's stages, in order
    parked: set[str] = set()
    last: survey.Graph = {"environment": set(), "report": {"environment"}}
    for number, part in enumerate(parts, start=1):
        if len(parts) > 1:
            console.print(f"part {number} of {len(parts)}: {', '.join(part.corpora)}")
        changed = suite.write_selection(PARAMS, part)
        if changed:
            console.print(f"wrote its lists into `select` of {PARAMS}")
        if changed or not _environment_is_recorded(catalogue.load(PARAMS), device):
            scheduler.run_all({"environment": set()}, slots, LOGS, gpus, quiet)
            last = {"report": set()}
        found, gone = _survey()
        stale = found.stale
        names |= dict.fromkeys(found.names)
        parked |= gone
        if prepared := survey.preparation(stale):
            run(prepared)
            # Models that DVC knows may turn out unchanged, once their data have come out as they were.
            known = (lock_text.blocks(LOCK) or {}).keys() & (stale.keys() - prepared.keys())
            stale = survey.take(Path.cwd()).stale if known else survey.without(stale, prepared)
        if stale:
            learn(stale)
    # Before the tracker, which reads the lock and is to see every part.
    lock_text.arrange(LOCK, PARKED, names)
    if not found.reported:
        scheduler.run_all(last, slots, LOGS, gpus, quiet)
    # Before the tracker too, which may be locked and waited for.
    _show(console, parts)
    if _write_reference(whole.reference, parts):
        console.print(f"The reference systems: {REFERENCE.with_suffix('.md')}, {REFERENCE}")
    if written := _write_ladders(whole, parts):
        console.print(f"The ladder: {', '.join(f'{LADDER / corpus}.md' for corpus in written)}")
    try:
        if found.reported and "track" in (lock_text.blocks(LOCK) or {}):
            console.print("nothing is left to run: only the tracker looks again")
            # As dvc.yaml has it, but without DVC, which would rewrite the lock to say the same.
            scheduler.run_one(["-m", "stages.track"], LOGS / "track.log")
        else:
            scheduler.run_all({"track": set()}, slots, LOGS, gpus, quiet)
        untracked = None
    except Refusal as refusal:
        untracked = refusal  # told at the end: the results do not depend on the tracker
    lock_text.arrange(LOCK, PARKED, names)
    if parked := parked - set(names):
        console.print(f"moved {len(parked)} entries of other suites from {LOCK} to {PARKED}")
    shared.send()
    if untracked:
        again = "python -m unroll repro or dvc repro track does once the fault is mended"
        raise Refusal(f"these are the results, but MLflow does not show them all: {again}. {untracked}")


def _survey() -> tuple[survey.Survey, set[str]]:
    """Put dvc.lock in order before anything runs: an entry that comes back saves its stage a run.

    Return what is stale then, and the entries that went: while a part runs the lock holds no other's,
    since every entry costs time.
    """
    found = survey.take(Path.cwd())
    before = LOCK.read_bytes() if LOCK.exists() else None
    gone = set(lock_text.arrange(LOCK, PARKED, found.names))
    changed = LOCK.exists() and LOCK.read_bytes() != before
    return survey.take(Path.cwd()) if changed else found, gone


def _environment_is_recorded(whole: catalogue.Catalogue, device: str) -> bool:
    return all(
        (ENVIRONMENT / name).exists() and files.read_json(ENVIRONMENT / name) == record
        for name, record in records.of(whole, device).items()
    )


def _visible_gpus() -> list[str]:
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(index) for index in range(torch.cuda.device_count())]


def _show(console: Console, parts: tuple[Selection, ...]) -> None:
    """Print the answer of each corpus of each part, and where to look next."""
    for part in parts:
        for corpus in part.corpora:
            for table, verdict in summary.tables(files.read_json(COMPARISONS / f"{corpus}.json")):
                console.print(table)
                console.print(verdict, highlight=False, end="\n\n")
    if len(parts) > 1:
        console.print(f"{COMPARISON} and `select` are those of the last part alone")
    else:
        console.print(f"The whole comparison: {PAGE}, {COMPARISON.with_suffix('.md')}, {COMPARISON}")
    console.print(
        f"Scores: {SCORES}/   learning curves: {HISTORY}/   predictions: reports/predictions/\n"
        "Every run side by side in MLflow: make ui"
    )


def _write_reference(presets: spec.Presets, parts: tuple[Selection, ...]) -> bool:
    """Write the table of the reference systems, if all that it speaks of has just been brought up to date."""
    needed = spec.needed(presets)
    current = {pair for part in parts for pair in itertools.product(part.corpora, part.all_networks)}
    if not needed or not needed <= current:
        return False
    from unroll.reference import report  # here alone: scipy's statistics take a second to import

    results = {pair: report.Result(_report(*pair), _last_epochs(*pair)) for pair in needed}
    table = report.rows(presets, results)
    files.write_csv(REFERENCE, table)
    files.write_text(REFERENCE.with_suffix(".md"), report.markdown(presets, table))
    return True


def _write_ladders(whole: catalogue.Catalogue, parts: tuple[Selection, ...]) -> list[str]:
    """Write the ladder of each corpus all of whose rungs are in the comparison that has just been made.

    A corpus in several parts has the comparison of the last of them. Return those written; what an earlier
    run has written of others stays.
    """
    compared = {corpus: whole.compared(part) for part in parts for corpus in part.corpora}
    found = climbed(whole.ladder, compared)
    if not found:
        return []
    from unroll.ladder import report, steps  # here alone, as above

    for corpus, ladder in found.items():
        scores = {path.stem: content.md5_of(path) for path in (SCORES / corpus).glob("*.json")}
        climb = steps.Climb(
            ladder,
            files.read_json(COMPARISONS / f"{corpus}.json"),
            whole.corpora[corpus].published,
            whole.made_of,
            scores,
        )
        files.write_csv(LADDER / f"{corpus}.csv", steps.rows(climb))
        files.write_text(LADDER / f"{corpus}.md", report.markdown(climb))
    return list(found)


def _last_epochs(corpus: str, network: str) -> list[dict[str, str]]:
    last_epochs = []
    for seed in _report(corpus, network)["seeds"]:
        with open(HISTORY / corpus / network / f"{seed}.csv", encoding="utf-8", newline="") as stream:
            last_epochs.append(list(csv.DictReader(stream))[-1])
    return last_epochs


def _report(corpus: str, network: str) -> dict:
    return files.read_json(SCORES / corpus / f"{network}.json")
