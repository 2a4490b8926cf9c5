"""One network, one corpus, one seed: from the files that it learns from to those of the trained model."""

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from unroll import environment, files
from unroll.distillation import opinions
from unroll.failures import Refusal, damaged
from unroll.networks import checkpoints
from unroll.networks.batches import EncodedSplit, load_texts
from unroll.networks.embeddings import pretrained
from unroll.networks.spec import BagNetwork, RecurrentNetwork
from unroll.networks.tasks import Headline, predict
from unroll.progress import Display
from unroll.training import interruption, launch, live, team
from unroll.training.experiment import Experiment, forget
from unroll.training.loop import Training

PARTS = {"sentences": "train", "phrases": "train/phrases"}
"""What is learned from, by its supervision."""


@dataclass(frozen=True)
class Assignment:
    """Which network is trained, on what, and how."""

    corpus: str
    network_name: str
    seed: int
    network: BagNetwork | RecurrentNetwork
    training: Training
    labels: tuple[str, ...]
    headline: Headline

    @property
    def name(self) -> str:
        return f"{self.corpus}-{self.network_name}-{self.seed}"


@dataclass(frozen=True)
class Places:
    """Where a training reads and writes."""

    profile: Path
    data: Path
    """The vocabulary and the encoded splits."""
    vectors: Path
    model: Path
    history: Path
    checkpoints: Path
    """The folder of every training's."""
    times: Path
    teacher: Path | None = None
    """The folder of the ensemble that teaches the network."""
    tutor: Path | None = None
    """The folder of what its tutor makes of the rows."""
    opinions: Path | None = None
    """Where it is to be said what the trained network makes of the rows that it read."""


def carry_out(asked: Assignment, places: Places, command: list[str], started: float) -> None:
    """Train a network and write what comes of it; the stage began at `started`, by time.monotonic.

    Of several processes that are to train it together, each is `python COMMAND`.

    Raises:
        Refusal: as experiment.run does; or something to read is missing or damaged.
    """
    rules = asked.training
    if rules.processes > 1 and not team.is_member():
        return launch.together(rules.processes, command)
    with team.join() as ours, interruption.noticed() as stopping:
        profile = files.read_json(places.profile)
        device = profile["device"]
        environment.prepare_torch(device, rules.matmul_precision)
        vocabulary = (places.data / "vocabulary.txt").read_bytes().count(b"\n")
        experiment = Experiment(
            asked.network, rules, asked.headline, vocabulary, len(asked.labels), asked.seed
        )
        train, validation = read_splits(places.data, places.vectors, rules.supervision, device, vocabulary)
        more = read_more(places.data, places.vectors, experiment, device)
        if places.tutor:
            train, more = _tutored(train, more, places.tutor, experiment)
        model = experiment.model(pretrained(places.vectors, "vocabulary"), device)
        document = {"corpus": asked.corpus, "labels": asked.labels, "profile": profile}
        document |= {"vocabulary_sha256": files.sha256_of(places.data / "vocabulary.txt")}
        document |= experiment.document(model, train)
        read = [places.data / "train", places.data / "validation", places.vectors]
        if places.tutor:
            document["tutor"] = files.read_json(places.tutor / opinions.TUTOR)
            read.append(places.tutor)
        if places.teacher:  # of the rows that it has learned from it has the last word
            train = _taught(train, places.teacher / f"{opinions.TRAIN}.npy", experiment)
            document["teacher"] = files.read_json(places.teacher / "weights.json")
            read.append(places.teacher)
        checkpoint = f"{asked.name}-{checkpoints.key_of(document, read)}.safetensors"
        run = partial(experiment.run, model, train, validation, places.checkpoints / checkpoint, **more)
        if not ours.leads:
            run(stopping=stopping, team=ours)
            return
        with (
            Display(f"train {asked.corpus} {asked.network_name} {asked.seed}") as shown,
            live.view(asked.corpus, asked.network_name, asked.seed) as ended,
        ):
            loop_started = time.monotonic()
            fitted = run(shown, ended, stopping, ours)
            loop_ended = time.monotonic()
        document["best_epoch"] = fitted.best_epoch
        files.write_csv(places.history, fitted.history)
        with files.whole_folder(places.model) as folder:
            checkpoints.save_model(folder, fitted.weights, document)
        if places.opinions:
            model.load_state_dict(fitted.weights)
            with files.whole_folder(places.opinions) as folder:
                if not experiment.predicts_words:
                    _write_opinions(folder, model, train, validation)
        forget(places.checkpoints, asked.name)
        # Times do not repeat, so they stay outside the outs.
        seconds = {"all": time.monotonic() - started, "loop": loop_ended - loop_started}
        speed = {"seconds": seconds, "tokens_per_second": fitted.tokens_per_second}
        files.write_json(places.times, speed)


def read_splits(
    data: Path, vectors: Path | None, supervision: str, device: str, vocabulary: int
) -> tuple[EncodedSplit, EncodedSplit]:
    """Return what is learned from, and validation, of the corpus in `data`.

    Raises:
        Refusal: it has no phrases, or a file is missing or damaged.
    """
    train, validation = (
        _read(data, part, vectors, device, vocabulary) for part in (PARTS[supervision], "validation")
    )
    return train, validation


def read_more(
    data: Path, vectors: Path | None, experiment: Experiment, device: str
) -> dict[str, EncodedSplit]:
    """Return what is read before the training itself, by its name in Experiment.run.

    Raises:
        Refusal: as read_splits and load_texts do.
    """
    more, vocabulary = {}, experiment.vocabulary
    if experiment.pretrains:  # whatever the supervision
        more["texts"] = load_texts(data, device, vocabulary, partial(looked_up, vectors))
    if experiment.training.phrases_first:
        more["phrases"] = _read(data, PARTS["phrases"], vectors, device, vocabulary)
    return more


def _read(data: Path, part: str, vectors: Path | None, device: str, vocabulary: int) -> EncodedSplit:
    if part == PARTS["phrases"] and not (data / part).exists():
        raise Refusal(f"{data / part} is missing: the corpus came without trees, and has no phrases")
    return EncodedSplit.load(data / part, device, vocabulary, looked_up(vectors, Path(part).name))


def looked_up(vectors: Path | None, part: str) -> Tensor | None:
    """Return the vectors of a part's words; None where the network names none."""
    return pretrained(vectors, part) if vectors else None


def _tutored(
    train: EncodedSplit, more: dict[str, EncodedSplit], folder: Path, experiment: Experiment
) -> tuple[EncodedSplit, dict[str, EncodedSplit]]:
    """Return what read_splits and read_more found, with what the tutor in `folder` makes of the rows.

    Raises:
        Refusal: it says nothing of these rows, or a file is missing or damaged.
    """
    own = Path(PARTS[experiment.training.supervision]).name
    taught = {
        part: _taught(split, folder / f"{part}.npy", experiment)
        for part, split in more.items()
        if part == opinions.PHRASES
    }
    return _taught(train, folder / f"{own}.npy", experiment), more | taught


def _taught(split: EncodedSplit, path: Path, experiment: Experiment) -> EncodedSplit:
    """Return the split with what others make of its rows, which `path` holds."""
    teacher_NC = opinions.load(path)
    if teacher_NC.shape != (len(split), experiment.classes):
        raise damaged(path, f"its shape is {teacher_NC.shape}, not {(len(split), experiment.classes)}")
    return replace(split, teacher_NC=torch.from_numpy(teacher_NC).to(split.ids.device))


def _write_opinions(folder: Path, model: nn.Module, train: EncodedSplit, validation: EncodedSplit) -> None:
    for name, split in ((opinions.TRAIN, train), (opinions.VALIDATION, validation)):
        opinions.save(folder, name, predict(model, split))
