"""Training runs of a second or less: the corpus, networks and rules that several tests share."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
import tiny
import torch
from ruamel.yaml import YAML

from unroll.failures import Refusal
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.networks import checkpoints, tasks
from unroll.networks.batches import EncodedSplit
from unroll.networks.spec import BagNetwork, Dropout, Embedding, Network, Pretraining, RecurrentNetwork
from unroll.params import parse
from unroll.training import loop
from unroll.training.experiment import Experiment, forget
from unroll.training.loop import Fitted, Listener, Run, Stopping, Training, Watcher, merge

PARAMS = tiny.ROOT / "params.yaml"
SHIPPED = YAML(typ="safe").load(PARAMS.read_text(encoding="utf-8"))
CLASSES = 3

RULES = merge(
    parse(SHIPPED["training"], Training, "training", PARAMS),
    {"epochs": 4, "patience": 4, "batch_size": 8, "learning_rate": 0.01},
)
SMALL = RecurrentNetwork(
    cell="lstm",
    hidden=6,
    layers=2,
    bidirectional=True,
    pooling="max",
    embedding=Embedding(size=8),
    initial_state="normal",
    dropout=Dropout(words=0.1, embedding=0.1, layers=0.2, recurrent=0.2, output=0.2),
)
"""With every kind of chance in it: what repeats here repeats."""
BAG = BagNetwork(cell="bag", embedding=Embedding(size=8))
READER = RecurrentNetwork(
    cell="gru",
    hidden=6,
    task="next_word",
    embedding=Embedding(size=8, scale=0.1),
    dropout=Dropout(words=0.1, output=0.1),
)
PRETRAINED = RecurrentNetwork(
    cell="gru",
    hidden=6,
    pooling="max",
    embedding=Embedding(size=8, scale=0.1),
    dropout=Dropout(embedding=0.1),
    pretraining=Pretraining(epochs=3, learning_rate=0.02),
)


class Corpus:
    """Encoded splits and the vocabulary of the first."""

    train: EncodedSplit
    validation: EncodedSplit

    def __init__(self, folder: Path, counts: dict[str, int]) -> None:
        table = {split: tiny.rows(count, seed) for seed, (split, count) in enumerate(counts.items())}
        self.vocabulary = Vocabulary.build([row["text"].split() for row in table["train"]], VocabularyRules())
        for split, rows in table.items():
            setattr(self, split, tiny.encoded(folder / split, rows, self.vocabulary))


def shipped(name: str) -> BagNetwork | RecurrentNetwork:
    return parse(SHIPPED["networks"][name], Network, f"networks.{name}", PARAMS)


def changed(**changes: object) -> Training:
    return merge(RULES, changes)


def experiment(
    corpus: Corpus,
    network: BagNetwork | RecurrentNetwork,
    rules: Training = RULES,
    seed: int = 1,
    headline: str = "accuracy",
) -> Experiment:
    return Experiment(network, rules, headline, len(corpus.vocabulary), CLASSES, seed)


def fit(
    corpus: Corpus,
    folder: Path,
    network: BagNetwork | RecurrentNetwork = SMALL,
    rules: Training = RULES,
    seed: int = 1,
    headline: str = "accuracy",
    watch: Watcher = lambda progress: None,
    ended: Listener = lambda epoch: None,
    stopping: Stopping = lambda: None,
) -> Fitted:
    """Run an experiment from its first weights, or from what it left in `folder`; forget it at its end."""
    made = experiment(corpus, network, rules, seed, headline)
    model = made.model(None, "cpu")
    path = folder / "run-1.safetensors"
    phrases = corpus.validation if rules.phrases_first else None
    fitted = made.run(model, corpus.train, corpus.validation, path, watch, ended, stopping, phrases=phrases)
    forget(folder, "run")
    return fitted


def assert_same_bits(first: Fitted, second: Fitted) -> None:
    assert first.weights.keys() == second.weights.keys()
    for name, tensor in first.weights.items():
        assert torch.equal(tensor, second.weights[name]), name
    assert first.history == second.history
    assert first.best_epoch == second.best_epoch


class Fits:
    """Every fit of a run: what it was given, the weights that it began with, what came of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tasks: list[tasks.Task] = []
        self.rules: list[loop.Training] = []
        self.read: list[EncodedSplit] = []
        self.first: list[dict[str, torch.Tensor]] = []
        self.fitted: list[Fitted] = []
        self.original = loop.fit
        monkeypatch.setattr(loop, "fit", self.fit)

    def fit(self, model, train, task, training, **named) -> Fitted:
        self.tasks.append(task)
        self.rules.append(training)
        self.read.append(train)
        self.first.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        self.fitted.append(self.original(model, train, task=task, training=training, **named))
        return self.fitted[-1]


def prepared(corpus: Corpus, network: BagNetwork | RecurrentNetwork, rules: Training = RULES) -> Run:
    """Return the run of `fit`, without a step."""
    made = experiment(corpus, network, rules)
    return loop.prepare(
        made.model(None, "cpu"), corpus.train, made.task(corpus.train), rules, network.batching, made.seed
    )


def stop_after(
    steps: int,
    corpus: Corpus,
    folder: Path,
    network: BagNetwork | RecurrentNetwork = SMALL,
    rules: Training = RULES,
) -> str:
    """Ask the run of `fit` to stop once it has been asked so often whether it should; return what it says."""
    asked = count(1)
    with pytest.raises(Refusal) as stopped:
        fit(
            corpus,
            folder,
            network,
            rules,
            stopping=lambda: "SIGTERM" if next(asked) >= steps else None,
        )
    return str(stopped.value)


class Pulled(Exception):
    """Somebody pulled the plug."""


@contextmanager
def pulled_after(suffix: str, epoch: int) -> Iterator[None]:
    """Kill the run once its checkpoint with this suffix holds this epoch."""
    save = checkpoints.save_checkpoint

    def save_and_stop(path: Path, parts: dict, document: dict) -> None:
        save(path, parts, document)
        if path.suffix == suffix and document["standing"]["epochs"] == epoch:
            raise Pulled

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checkpoints, "save_checkpoint", save_and_stop)
        with pytest.raises(Pulled):
            yield
