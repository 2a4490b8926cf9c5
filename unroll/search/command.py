"""python -m unroll search NAME: finds what it needs, and shows how far it is."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from unroll import catalogue, environment, files, records
from unroll.comparison.scores import lower_is_better
from unroll.failures import Refusal
from unroll.params import Params, plain
from unroll.pipeline.stopping import stopped_plainly
from unroll.search import crew, report, sampler
from unroll.search.course import Course, Trial
from unroll.search.origin import origin_of
from unroll.search.record import Record
from unroll.search.sampler import Sampler
from unroll.search.space import Start
from unroll.search.spec import Search
from unroll.search.trainer import Trainer

PARAMS = Path("params.yaml")
VOCABULARY = Path("data/vocabulary")
VECTORS = Path("data/vectors")
CHECKPOINTS = Path(".unroll/checkpoints")
FOUND = Path("reports/search")


@stopped_plainly()
def search_settings(
    name: Annotated[str, typer.Argument(help="a search of params.yaml")],
    jobs: Annotated[
        int, typer.Option(min=0, help="trainings at once; 0: one a core, or as params.yaml says a GPU")
    ] = 0,
) -> None:
    """Search the settings of a network on validation alone; what was stopped goes on."""
    whole = catalogue.load(PARAMS)
    if name not in whole.searches:
        known = ", ".join(whole.searches) or "nothing yet"
        raise Refusal(f"{PARAMS}: searches has no {plain(name)}: choose one of {known}")
    search, optuna = whole.searches[name], sampler.version()
    corpus, network = whole.corpora[search.corpus], whole.networks[search.network]
    data, vectors = VOCABULARY / search.corpus, VECTORS / search.corpus / search.network / "training"
    vectors = vectors if network.embedding.vectors else None
    _check_data(search, data, vectors, network.embedding.vectors)
    device = environment.choose_device(whole.device)
    start = Start(_lines_of(search.network), whole.training, corpus.training, corpus.has_trees)
    headline = "perplexity" if getattr(network, "task", "") == "next_word" else corpus.headline
    read = [data / "vocabulary.txt", data / "train", data / "validation", *([vectors] if vectors else [])]
    profile = records.of_machine(device)["training.json"] | {"optuna": optuna}
    origin = origin_of(search, start, corpus.labels, headline, read, profile)
    table = FOUND / f"{name}.csv"
    record = Record(table, list(search.space), search.seeds, origin)
    # Trials that are there already stay, though fewer be asked for now.
    search = search.model_copy(update={"trials": max(search.trials, len(record.rows) - 1)})
    key, classes = origin["data"] + origin["code"], len(corpus.labels)
    trainer = Trainer(data, vectors, corpus.headline, classes, device, CHECKPOINTS, key)
    slots = jobs or whole.machine.at_once(gpus=int(device == "cuda"))
    processes = min(slots, search.at_once * len(search.seeds))
    console = Console()
    with (
        crew.at_work(trainer, processes) as train,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task(f"search {name}", total=search.trials + 1, completed=len(record.rows))

        def ended(trials: list[Trial]) -> None:
            record.write(trials)
            progress.update(task, completed=len(trials))
            if console.is_terminal:
                console.print(report.of_trial(headline, trials[-1]), highlight=False, markup=False)

        course = Course(name, search, start, record.known, train, ended)
        trials = course.run(Sampler(search, lower_is_better(headline)))
    page = table.with_suffix(".md")
    files.write_text(page, report.markdown(name, search, start.network, headline, trials))
    console.print(report.in_a_line(headline, trials), highlight=False, markup=False, soft_wrap=True)
    console.print(f"The setting, and what it cost: {page}; every trial: {table}", soft_wrap=True)


def _lines_of(network: str) -> dict:
    return Params(PARAMS).document["networks"][network]


def _check_data(search: Search, data: Path, vectors: Path | None, names: tuple[str, ...]) -> None:
    """Look for what the stages before training make, but for the test split.

    Raises:
        Refusal: it is not there, or vectors are those of other names.
    """
    stage = f"vectors@{search.corpus}" if vectors else f"vocabulary@{search.corpus}"
    selected = f"select.corpora ({search.corpus})"
    if vectors:
        selected += f" and select.networks ({search.network})"
    mend = f"name what the search needs in {selected} of {PARAMS}, then dvc repro {stage} makes it"
    needed = [data / "vocabulary.txt", data / "train", data / "validation"]
    for path in [*needed, *([vectors / "vectors.json"] if vectors else [])]:
        if not path.exists():
            raise Refusal(f"{path} is missing: {mend}")
    if vectors and files.read_json(vectors / "vectors.json").get("vectors") != list(names):
        raise Refusal(f"{vectors} has not the vectors {', '.join(names)}: {mend}")
