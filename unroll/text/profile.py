"""What is counted of the rows of one split, chunk after chunk."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

QUANTILES = {"min": 0.0, "median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


class Profile:
    def __init__(self) -> None:
        self.keys: set[bytes] = set()
        """By which rows are the same (unroll.text.phrases.key)."""
        self.labels: Counter[int] = Counter()
        self.lengths: list[np.ndarray] = []
        self.shortened = 0

    def add(self, keys: Iterable[bytes], labels: np.ndarray, lengths: np.ndarray, shortened: int = 0) -> None:
        self.keys.update(keys)
        self.labels.update(labels.tolist())
        self.lengths.append(lengths)
        self.shortened += shortened

    def __len__(self) -> int:
        return self.labels.total()

    def document(self, names: tuple[str, ...]) -> dict:
        """Return what profile.json says of the rows; `names` are those of the labels."""
        lengths = np.concatenate([np.zeros(0, dtype=np.int64), *self.lengths])
        return {
            "rows": len(self),
            "empty": int((lengths == 0).sum()),
            "repeated": len(self) - len(self.keys),
            "shortened": self.shortened,
            "labels": {name: self.labels[index] for index, name in enumerate(names)},
            "tokens": int(lengths.sum()),
            "length": {
                name: float(np.quantile(lengths, share)) if len(lengths) else 0.0
                for name, share in QUANTILES.items()
            },
        }
