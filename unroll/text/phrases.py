"""Every labelled phrase of the training split's trees: a part of a sentence is a row of its own."""

import hashlib
from collections.abc import Callable

import pandas as pd

from unroll.corpora.trees import subtrees, tree_label, tree_text
from unroll.failures import Refusal


def labelled_phrases(
    sentences: pd.DataFrame,
    tokenize: Callable[[str], list[str]],
    classes: dict[int, int | None],
    held_out: set[bytes],
) -> tuple[pd.DataFrame, dict]:
    """Return the phrases of `sentences` (row, text: a tree) and what was dropped of them, and why.

    `classes` maps the label of a node to a class, or to None where phrases of that label are left
    out. `held_out` are the keys of whole sentences that no phrase may equal. The phrases have the
    columns row, sentence (the `row` of theirs), text, tokens and label, and follow their sentence's
    order: the whole of it first, then every part from left to right.

    Raises:
        Refusal: a node has no label, or one without a class.
    """
    found: list[dict] = []
    nodes = 0
    dropped = dict.fromkeys(("class left out", "empty", "in validation or test", "repeated"), 0)
    for sentence, tree in zip(sentences["row"], sentences["text"], strict=True):
        seen = set()
        for node in subtrees(tree):
            nodes += 1
            label = classes[_label(node, classes, sentence)]
            tokens = tokenize(node)
            if label is None:
                dropped["class left out"] += 1
            elif not tokens:
                dropped["empty"] += 1
            elif key(" ".join(tokens)) in held_out:
                dropped["in validation or test"] += 1
            elif (phrase := (label, *tokens)) in seen:
                dropped["repeated"] += 1
            else:
                seen.add(phrase)
                found.append(
                    {"sentence": sentence, "text": tree_text(node), "tokens": tokens, "label": label}
                )
    frame = pd.DataFrame(found, columns=["sentence", "text", "tokens", "label"])
    frame.insert(0, "row", range(len(frame)))
    frame = frame.astype({"row": "int64", "sentence": "int64", "label": "int64"})
    return frame, {"rows_before": nodes, "dropped": dropped}


def key(words: str) -> bytes:
    """Return by what rows are the same: a digest of their tokens, a space between them, without case.

    16 bytes, which two rows of a million share by chance once in 10**26 times.
    """
    return hashlib.blake2b(words.casefold().encode(), digest_size=16).digest()


def _label(node: str, classes: dict[int, int | None], sentence: int) -> int:
    try:
        label = tree_label(node)
    except ValueError as error:
        raise Refusal(f"train, row {sentence}: {error}") from None
    if label not in classes:
        raise Refusal(f"train, row {sentence}: label {label} in the tree is none of 0..{len(classes) - 1}")
    return label
