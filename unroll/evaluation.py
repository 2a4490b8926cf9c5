"""Every seed of one network on the test split: predictions and metrics."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from pydantic import TypeAdapter

from unroll import metrics
from unroll.batches import EncodedSplit
from unroll.checkpoints import load_model
from unroll.classifier import Classifier, Network
from unroll.failures import Refusal


def load_classifier(folder: Path, vocabulary_sha256: str, device: str) -> tuple[Classifier, dict]:
    """Return a trained classifier and its model.json.

    Raises:
        Refusal: the weights are damaged, or were trained with another vocabulary.
    """
    weights, document = load_model(folder)
    if document["vocabulary_sha256"] != vocabulary_sha256:
        raise Refusal(f"{folder} was trained with another vocabulary: run dvc repro")
    network = TypeAdapter(Network).validate_python(document["network"])
    model = Classifier(network, document["vocabulary_size"], len(document["labels"]))
    model.load_state_dict(weights)
    return model.to(device), document


def predictions_frame(seeds: dict[int, np.ndarray], split: EncodedSplit) -> pd.DataFrame:
    """Return seed, row, label, p_0 .. p_C-1: one row a seed and test row."""
    parts = []
    for seed, probabilities_NC in seeds.items():
        part = pd.DataFrame({"seed": seed, "row": split.rows, "label": split.labels.cpu().numpy()})
        for index, column in enumerate(probabilities_NC.T):
            part[f"p_{index}"] = column
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def predictions_schema(classes: int) -> pa.Schema:
    fixed = [("seed", pa.int64()), ("row", pa.int64()), ("label", pa.int64())]
    return pa.schema(fixed + [(f"p_{index}", pa.float64()) for index in range(classes)])


def summarise(seeds: dict[int, np.ndarray], labels_N: np.ndarray) -> dict:
    """Return the metrics of each seed, their mean and sample standard deviation, and the metrics of
    the ensemble, which averages the seeds' probabilities."""
    each = {str(seed): metrics.all_metrics(probabilities, labels_N) for seed, probabilities in seeds.items()}
    columns = {name: [scores[name] for scores in each.values()] for name in next(iter(each.values()))}
    return {
        "seeds": each,
        "mean": {name: float(np.mean(values)) for name, values in columns.items()},
        "std": {name: _sample_std(values) for name, values in columns.items()},
        "ensemble": metrics.all_metrics(np.mean(list(seeds.values()), axis=0), labels_N),
    }


def _sample_std(values: list[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def majority(train: EncodedSplit, test: EncodedSplit, classes: int) -> dict[str, float]:
    """Return what always answering the training split's largest class scores on the test split."""
    largest = int(torch.bincount(train.labels, minlength=classes).argmax())
    certain_NC = np.zeros((len(test), classes))
    certain_NC[:, largest] = 1.0
    scores = metrics.all_metrics(certain_NC, test.labels.cpu().numpy())
    return {name: scores[name] for name in ("accuracy", "macro_recall", "macro_f1")}
