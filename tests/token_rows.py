"""Rows of tokens as a tokenizer may return them, a vocabulary of some, and what encoding left of them."""

from pathlib import Path

import hypothesis.strategies as st
import numpy as np

from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules

# What text.make_tokenizer may return: no white space but single spaces within.
TOKENS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda text: " ".join(text.split())),
    st.sampled_from(
        ["a", "b", "B", "<pad>", "<unk>", "NA", "\ufeff", "\u200b", '"', "'", "#", "0", "a b", "é", "e\u0301"]
    ),
).filter(bool)
ROWS = st.lists(st.lists(TOKENS, max_size=6), max_size=8)


def built(*rows: str, **rules: int) -> Vocabulary:
    return Vocabulary.build([row.split() for row in rows], VocabularyRules(**rules))


def arrays(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: np.load(path, allow_pickle=False) for path in folder.glob("*.npy")}
