"""Raw rows as unroll.corpora.readers leaves them, invented."""

import pandas as pd
import tiny

Rows = list[tuple[str, int]]


def raw(rows: Rows) -> pd.DataFrame:
    """Return rows as unroll.corpora.readers reads them; the row numbers are not the positions, as after a filter."""
    frame = pd.DataFrame(
        {
            "row": [10 * place for place in range(len(rows))],
            "text": pd.Series([text for text, _ in rows], dtype=str),
            "label": [label for _, label in rows],
        }
    )
    return frame.astype({"row": "int64", "label": "int64"})


def large() -> dict[str, pd.DataFrame]:
    """Return rows of which many repeat, within their split and across splits."""
    found = {}
    for seed, (split, count) in enumerate({"train": 400, "validation": 60, "test": 60}.items()):
        texts = [row["text"] for row in tiny.rows(count, seed % 2)]
        texts += [texts[-1].upper(), *texts[-7:], "", " "]
        found[split] = raw([(text, place % 3) for place, text in enumerate(texts)])
    return found
