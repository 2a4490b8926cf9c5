"""What trained networks make of the rows that they learned from and of validation, on disk.

A folder a network and seed, with train.npy and validation.npy: probabilities (rows, classes) in float32, in
the split's order. A tutor has one too, with phrases.npy where the corpus has trees.

Axes: K networks, S seeds, N rows, C classes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unroll import arrays
from unroll.failures import Refusal, damaged

KIND = np.dtype("<f4")
TRAIN, VALIDATION, PHRASES = "train", "validation", "phrases"
TUTOR = "tutor.json"
"""Beside a tutor's opinions: who it is, and its learning curve."""


def save(folder: Path, name: str, probabilities_NC: np.ndarray) -> None:
    arrays.save(folder / f"{name}.npy", probabilities_NC.astype(KIND))


def of_networks(folder: Path, networks: Sequence[str], seeds: Sequence[int], name: str) -> np.ndarray:
    """Return what each network says in the mean over its seeds, probabilities_KNC in double precision.

    Raises:
        Refusal: opinions are missing or damaged, or those of two networks are not of the same rows.
    """
    means, shape = [], None
    for network in networks:
        mean_NC = 0.0
        for path in (folder / network / str(seed) / f"{name}.npy" for seed in seeds):
            found_NC = load(path)
            shape = shape or found_NC.shape
            if found_NC.shape != shape:
                raise Refusal(
                    f"{path} has {len(found_NC)} rows, that of {networks[0]} {shape[0]}: the networks of an "
                    "ensemble must have learned from the same rows; run dvc repro"
                )
            mean_NC = mean_NC + found_NC.astype(float) / len(seeds)
        means.append(mean_NC)
    return np.stack(means)


def load(path: Path) -> np.ndarray:
    """Return probabilities_NC.

    Raises:
        Refusal: the file is missing or damaged.
    """
    found_NC = arrays.load(path, KIND)
    if found_NC.ndim != 2 or not np.isfinite(found_NC).all():
        raise damaged(path, "it holds no probabilities of rows")
    return found_NC
