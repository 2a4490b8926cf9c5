"""Our way of training, a step at a time: what training.py's own loop does between two batches."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from benchmarks.corpora import Encoded
from benchmarks.worker import ROOT, Loop
from unroll import catalogue, environment
from unroll.networks.batches import training_order
from unroll.networks.spec import BagNetwork, Network, RecurrentNetwork
from unroll.networks.tasks import Task
from unroll.params import parse
from unroll.training import loop, optimizers
from unroll.training.experiment import Experiment
from unroll.training.loop import Training

SEED = 1


def ours(data: str, corpus: str, network: str | dict, rules: dict, passes: int | None = None) -> Loop:
    """Train a preset of params.yaml, or a network given as its lines there, with `rules` laid over its own.

    It goes on for ever, or ends after so many `passes` with the headline on validation.
    """
    path = ROOT / "params.yaml"
    whole = catalogue.load(path)
    spec = whole.networks[network] if isinstance(network, str) else parse(network, Network, "network", path)
    chosen = whole.corpora[corpus]
    # What suits the corpus belongs to our recipe; a network that is given stands for itself.
    of_corpus = chosen.training if isinstance(network, str) else {}
    made = loop.merge(whole.training, of_corpus, spec.training, rules)
    environment.prepare_torch("cpu", made.matmul_precision)
    read = Encoded.load(Path(data), corpus)
    experiment = Experiment(spec, made, chosen.headline, read.vocabulary, len(chosen.labels), SEED)
    model = experiment.model(None, "cpu")
    return steps(model, experiment.task(read.train), read, spec, made, passes)


def steps(
    model: nn.Module,
    task: Task,
    read: Encoded,
    network: BagNetwork | RecurrentNetwork,
    rules: Training,
    passes: int | None = None,
) -> Loop:
    optimizer = _optimizer(model, rules)

    def repeat() -> Iterator[int]:
        epoch = 0
        while epoch != passes:
            epoch += 1
            model.train()
            # As in training: added up where the loss is, and read once in a while alone.
            total = torch.zeros(())
            order = training_order(read.train.lengths, rules.batch_size, SEED, epoch, network.batching)
            for rows in order[: rules.batches_per_epoch]:
                loss, _, count = task.step(model, read.train.batch(rows))
                loss.backward()
                optimizer.step(rules.learning_rate, rules.gradient_clip)
                total += loss.detach() * count
                yield int(read.train.lengths[rows].sum())
        return task.score(model, read.validation)[task.headline]

    return repeat()


def _optimizer(model: nn.Module, rules: Training) -> optimizers.Optimizer:
    groups = optimizers.groups_of(model, rules.learning_rate)
    if rules.optimizer == "sgd":
        return optimizers.SGD(groups, rules.weight_decay, rules.momentum, rules.nesterov)
    return {"adam": optimizers.Adam, "adamw": optimizers.AdamW}[rules.optimizer](groups, rules.weight_decay)
