"""How far an exported network is from the network itself, on every text of a split. No label is read.

Axes: N texts, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from unroll import arrays
from unroll.export.runtime import Runtime
from unroll.failures import damaged
from unroll.lexicon.vocabulary import UNKNOWN
from unroll.networks import tasks
from unroll.networks.batches import EncodedSplit
from unroll.networks.classifier import Classifier


@dataclass(frozen=True)
class Agreement:
    texts: int
    largest_difference: float
    """Of any class's probability in any text."""
    changed_labels: int


def texts_of(folder: Path, vocabulary: int) -> EncodedSplit:
    """Return the texts of an encoded split as new texts would be read: without labels, which are all 0, and
    with words beyond the vocabulary unknown.

    Raises:
        Refusal: a file is missing or damaged.
    """
    ids, offsets = arrays.load(folder / "ids.npy", "<i4"), arrays.load(folder / "offsets.npy", "<i8")
    lengths = np.diff(offsets)
    if not len(lengths) or lengths.min() < 1 or offsets[0] != 0 or offsets[-1] != len(ids):
        raise damaged(folder, f"the offsets do not part {len(ids)} tokens")
    return EncodedSplit(
        ids=torch.from_numpy(np.where(ids < vocabulary, ids, np.int32(UNKNOWN))),
        offsets=torch.from_numpy(offsets),
        labels=torch.zeros(len(lengths), dtype=torch.int64),
        rows=np.arange(len(lengths)),
        lengths=lengths,
    )


def agreement(runtime: Runtime, models: Sequence[Classifier], texts: EncodedSplit) -> Agreement:
    """Hold what the runtime makes of the texts against the mean of the models' own probabilities."""
    own_NC = np.mean([tasks.predict(model, texts) for model in models], axis=0)
    found_NC = runtime.probabilities(np.split(texts.ids.numpy(), texts.offsets.numpy()[1:-1]))
    return Agreement(
        len(texts),
        float(np.abs(found_NC - own_NC).max()),
        int((found_NC.argmax(axis=1) != own_NC.argmax(axis=1)).sum()),
    )
