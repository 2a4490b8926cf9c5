"""Training texts of other corpora, for networks that learn next words before they learn classes."""

from collections.abc import Mapping

import pandas as pd

from unroll.corpora import readers
from unroll.corpora.sources import FurtherTexts, rows_frame


def fetch(others: Mapping[str, FurtherTexts], label: int) -> tuple[pd.DataFrame, dict[str, dict]]:
    """Return the texts as a frame (row, text, label), and for each corpus the record of where it came from.

    No text keeps its label: all have `label`, which says nothing.

    Raises:
        Refusal: as readers.fetch does.
    """
    texts, records = [], {}
    for name, other in others.items():
        splits, records[name] = readers.fetch(other.source, other.names)
        texts += splits["train"]["text"].tolist()
    return rows_frame(texts, [label] * len(texts)), records
