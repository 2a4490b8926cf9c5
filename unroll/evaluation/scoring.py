"""Every seed of one network on the test split: predictions and metrics."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from pydantic import TypeAdapter
from torch import nn

from unroll import metrics
from unroll.evaluation.answers import predictions_schema
from unroll.evaluation.operations import of_pretraining, operations
from unroll.lexicon.vocabulary import UNKNOWN
from unroll.networks.batches import EncodedSplit, training_order
from unroll.networks.spec import Network, RecurrentNetwork
from unroll.networks.tasks import Words, next_word_metrics, predict, predict_words

Scores = dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    summary: dict
    """The metrics of each seed, their mean and standard deviation, those of the ensemble, and a floor."""
    predictions: pd.DataFrame
    schema: pa.Schema


def of_classes(
    models: dict[int, nn.Module], train: EncodedSplit, test: EncodedSplit, classes: int
) -> Evaluation:
    """Let the classifiers of all seeds read the test split; the floor is the majority class of training."""
    scores = {seed: predict(model, test) for seed, model in models.items()}
    summary = score_classes(scores, test.labels.cpu().numpy()) | {"majority": majority(train, test, classes)}
    return Evaluation(summary, predictions_frame(scores, test), predictions_schema(classes))


def of_words(
    models: dict[int, nn.Module], train: EncodedSplit, test: EncodedSplit, vocabulary: int
) -> Evaluation:
    """Let the next-word networks of all seeds read the test split; the floor is the words' frequencies."""
    words = {seed: predict_words(model, test) for seed, model in models.items()}
    summary = score_words(words) | {"unigrams": unigrams(train, test, vocabulary)}
    return Evaluation(summary, words_frame(words, test), WORDS_SCHEMA)


def operations_of(model: nn.Module, document: dict, read_texts: Callable[[], EncodedSplit]) -> dict:
    """Return the operations of one forward pass, and those of the pretraining where there was one: with
    them the tokens and the rows that it read in an epoch, of what `read_texts` gives."""
    network = TypeAdapter(Network).validate_python(document["network"])
    vocabulary, size = document["vocabulary_size"], model.embedding.size
    reads_on = document["headline"] == "perplexity"
    counted = asdict(operations(network, vocabulary if reads_on else len(document["labels"]), size))
    if isinstance(network, RecurrentNetwork) and network.pretraining:
        texts = read_texts()
        read = _read_in_an_epoch(document["training"], network.batching, texts.lengths)
        counts = torch.bincount(texts.tokens_N, minlength=vocabulary).tolist()
        counted["pretraining"] = {
            "epochs": network.pretraining.epochs,
            "tokens": int(texts.lengths[read].sum()),
            "rows": len(read),
            **asdict(of_pretraining(network, counts, size)),
        }
    return counted


def _read_in_an_epoch(rules: dict, batching: str, lengths: np.ndarray) -> np.ndarray:
    """Return the positions of the rows; with fewer batches than there are, which they are differs from
    epoch to epoch, how many hardly does."""
    order = training_order(lengths, rules["batch_size"], 0, 0, batching, rules["batch_tokens"])
    return np.concatenate(order[: rules["batches_per_epoch"]])


def as_metrics(headline: str, summary: dict) -> dict[str, float | None]:
    """Return what DVC shows of a network: one level, so that its tables stay narrow."""
    return summary["mean"] | {"headline_std": summary["std"][headline]}


def predictions_frame(seeds: dict[int, np.ndarray], split: EncodedSplit) -> pd.DataFrame:
    """Return seed, row, label, p_0 .. p_C-1: one row a seed and test row."""
    parts = []
    for seed, probabilities_NC in seeds.items():
        part = pd.DataFrame({"seed": seed, "row": split.rows, "label": split.labels.cpu().numpy()})
        for index, column in enumerate(probabilities_NC.T):
            part[f"p_{index}"] = column
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


WORDS_SCHEMA = pa.schema(
    [("seed", pa.int64()), ("row", pa.int64()), ("words", pa.int64()), ("nats", pa.float64())]
)


def words_frame(seeds: dict[int, Words], split: EncodedSplit) -> pd.DataFrame:
    """Return seed, row, words (how many were predicted) and nats (what they cost together)."""
    parts = []
    for seed, words in seeds.items():
        counts = np.bincount(words.places_T, minlength=len(split))
        nats = np.bincount(words.places_T, weights=-words.log_probabilities_T, minlength=len(split))
        parts.append(pd.DataFrame({"seed": seed, "row": split.rows, "words": counts, "nats": nats}))
    return pd.concat(parts, ignore_index=True)


def summarise(each: dict[int, Scores], ensemble: Scores) -> dict:
    """Return the metrics of each seed, their mean and sample standard deviation, and the ensemble's."""
    columns = {name: [scores[name] for scores in each.values()] for name in next(iter(each.values()))}
    return {
        "seeds": {str(seed): scores for seed, scores in each.items()},
        "mean": {name: float(np.mean(values)) for name, values in columns.items()},
        "std": {name: _sample_std(values) for name, values in columns.items()},
        "ensemble": ensemble,
    }


def score_classes(seeds: dict[int, np.ndarray], labels_N: np.ndarray) -> dict:
    """Summarise the seeds' probabilities; the ensemble averages them."""
    each = {seed: metrics.all_metrics(probabilities, labels_N) for seed, probabilities in seeds.items()}
    return summarise(each, metrics.all_metrics(np.mean(list(seeds.values()), axis=0), labels_N))


def score_words(seeds: dict[int, Words]) -> dict:
    """Summarise the seeds' next words. The ensemble averages their probabilities; of the words that it
    would put first, only those of the seeds are known, so that it has no accuracy."""
    each = {seed: next_word_metrics(words) for seed, words in seeds.items()}
    stacked_ST = np.stack([words.log_probabilities_T for words in seeds.values()])
    mean_T = np.logaddexp.reduce(stacked_ST, axis=0) - np.log(len(stacked_ST))
    loss = float(-mean_T.mean())
    return summarise(each, {"perplexity": float(np.exp(loss)), "loss": loss})


def majority(train: EncodedSplit, test: EncodedSplit, classes: int) -> Scores:
    """Return what always answering the training split's largest class scores on the test split."""
    largest = int(torch.bincount(train.labels, minlength=classes).argmax())
    certain_NC = np.zeros((len(test), classes))
    certain_NC[:, largest] = 1.0
    scores = metrics.all_metrics(certain_NC, test.labels.cpu().numpy())
    return {name: scores[name] for name in ("accuracy", "macro_recall", "macro_f1")}


def unigrams(train: EncodedSplit, test: EncodedSplit, vocabulary: int) -> Scores:
    """Return what the words' frequencies in training score on the test split, one added to each count.

    A network that does no better has learned nothing from the words before.
    """
    counts_V = torch.bincount(train.tokens_N, minlength=vocabulary).double() + 1
    counts_V[0] = 0  # padding is never predicted
    log_V = (counts_V / counts_V.sum()).log().cpu().numpy()
    targets_T = np.delete(test.tokens_N.cpu().numpy(), np.cumsum([0, *test.lengths[:-1]]))
    targets_T = np.where(targets_T < vocabulary, targets_T, UNKNOWN)
    loss = float(-log_V[targets_T].mean())
    accuracy = float((targets_T == log_V.argmax()).mean())
    return {"perplexity": float(np.exp(loss)), "loss": loss, "accuracy": accuracy}


def _sample_std(values: list[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
