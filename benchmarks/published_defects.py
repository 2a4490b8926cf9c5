"""Why T2 and T3 learn nothing as published: each of their networks with and without what went wrong.

    UNROLL_MIRROR=<folder> make repro SUITE=reference   # makes the data
    python -m benchmarks.published_defects

T2 reads the state at the end of the padded batch, at a learning rate of 0.3. T3 normalises its scores
over the rows of a batch instead of the classes. Everything else is as params.yaml says of t2_rnn and
t3_rnn. Only the validation split is read. About 10 minutes on one core.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from unroll import environment

environment.pin()  # before torch is imported

# ruff: noqa: E402
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unroll import catalogue
from unroll.networks.batches import Batch, EncodedSplit
from unroll.networks.classifier import Classifier
from unroll.networks.tasks import Classification
from unroll.training import loop
from unroll.training.experiment import Experiment

SEEDS = (1, 2, 3)
T2_BATCHES = 1500  # of 4 rows: an epoch of the notebook's own data, some 6,000 tweets


class ReadsPadding(nn.Module):
    """A classifier to which padding is text: its last state is the one at the end of the batch."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    @property
    def embedding(self) -> nn.Module:
        return self.model.embedding

    def forward(self, batch: Batch) -> Tensor:
        longest_B = batch.lengths_B.new_full(batch.lengths_B.shape, batch.tokens_BL.shape[1])
        return self.model(replace(batch, lengths_B=longest_B, even=True))


class OverTheBatch(Classification):
    """T3's loss: the softmax runs over the rows of a batch."""

    def step(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor, int]:
        scores_BC, labels_B = model(batch), batch.labels_B
        loss = functional.nll_loss(scores_BC.log_softmax(dim=0), labels_B)
        return loss, (scores_BC.argmax(dim=1) == labels_B).sum(), len(labels_B)


def main() -> None:
    whole = catalogue.load()
    print(
        "| network | what is changed | validation accuracy | majority class | answers in one class | loss |"
    )
    print("|---|---|---|---|---|---|")
    t2 = {"batches_per_epoch": T2_BATCHES}
    adam = {"optimizer": "adam", "learning_rate": 0.002, "gradient_clip": 1.0}
    rules = {"SGD 0.3": {}, "SGD 0.03": {"learning_rate": 0.03}, "Adam 0.002": adam}
    for padding in ("padding read", "padding masked"):
        for label, rule in rules.items():
            words = f"{padding}, {label}"
            report(whole, "tweets", "t2_rnn", words, t2 | rule, padding == "padding read", "padded")
    report(whole, "tweets", "t2_rnn", "padding read, rows by length, SGD 0.3", t2, True, "length")
    adam |= {"momentum": 0.0, "nesterov": False}
    for over_batch in (True, False):
        for label, rule in (("SGD 0.001", {}), ("Adam 0.002", adam)):
            words = f"softmax over {'the batch' if over_batch else 'the classes'}, {label}"
            report(whole, "sst3_spacy", "t3_rnn", words, rule, False, "padded", over_batch)


def report(
    whole: catalogue.Catalogue,
    corpus_name: str,
    network_name: str,
    words: str,
    rule: dict,
    reads_padding: bool,
    batching: str,
    over_batch: bool = False,
) -> None:
    corpus = whole.corpora[corpus_name]
    network = whole.networks[network_name].model_copy(update={"batching": batching})
    rules = loop.merge(whole.training, corpus.training, network.training, rule)
    environment.prepare_torch("cpu", rules.matmul_precision)
    data = Path("data/vocabulary") / corpus_name
    vocabulary = (data / "vocabulary.txt").read_text(encoding="utf-8").count("\n")
    train, validation = (
        EncodedSplit.load(data / split, "cpu", vocabulary) for split in ("train", "validation")
    )
    labels_N = validation.labels.numpy()
    accuracies, shares, losses = [], [], []
    for seed in SEEDS:
        experiment = Experiment(network, rules, "accuracy", vocabulary, len(corpus.labels), seed)
        model = experiment.model(None, "cpu")
        if reads_padding:
            model = ReadsPadding(model)
        task = OverTheBatch("accuracy") if over_batch else Classification("accuracy")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "checkpoint"
            fitted = loop.fit(model, train, validation, task, rules, batching, seed, path)
        answers_N = answers(model, validation)
        accuracies.append((answers_N == labels_N).mean())
        shares.append(np.bincount(answers_N).max() / len(answers_N))
        losses.append(fitted.history[-1]["train_loss"])
    most = np.bincount(labels_N).max() / len(labels_N)
    cells = [f"{np.mean(accuracies):.3f} ± {np.std(accuracies, ddof=1):.3f}", f"{most:.3f}"]
    cells += [f"{np.mean(shares):.2f}", f"{np.mean(losses):.2f}"]
    print("| " + " | ".join([network_name, words, *cells]) + " |", flush=True)


def answers(model: nn.Module, split: EncodedSplit) -> np.ndarray:
    """Return the class of every row, read as the notebook read them: 64 at once, as they come."""
    model.eval()
    batches = np.array_split(np.arange(len(split)), -(-len(split) // 64))
    with torch.inference_mode():
        return np.concatenate([model(split.batch(rows)).argmax(dim=1).numpy() for rows in batches])


if __name__ == "__main__":
    main()
