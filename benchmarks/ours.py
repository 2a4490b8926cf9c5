"""Our way of training, a step at a time: the very steps that the pipeline takes."""

from pathlib import Path

import torch

from benchmarks import ROOT
from benchmarks.corpora import Encoded
from benchmarks.slices import Loop
from unroll import catalogue, environment
from unroll.networks.spec import Network
from unroll.params import parse
from unroll.training import loop
from unroll.training.experiment import Experiment
from unroll.training.loop import Run

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
    model, task = experiment.model(None, "cpu"), experiment.task(read.train)
    run = loop.prepare(model, read.train, task, made, spec.batching, SEED)
    return _steps(run, read, passes)


def _steps(run: Run, read: Encoded, passes: int | None) -> Loop:
    epoch = 0
    while epoch != passes:
        epoch += 1
        # As in training: added up where the loss is, and read once in a while alone.
        total = torch.zeros(())
        for step in loop.steps(run, epoch):
            total += step.loss * step.predicted
            yield int(read.train.lengths[step.rows].sum())
    with run.scored():
        return run.task.score(run.model, read.validation)[run.task.headline]
