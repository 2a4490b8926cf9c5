"""Splits carved out of the training rows by a hash of the text: a row's split depends on its text alone."""

import hashlib
from collections.abc import Mapping

from unroll.corpora.sources import Frames, rows_frame
from unroll.failures import Refusal

MILLION = 1_000_000


def split_by_hash(text: str, shares: Mapping[str, float]) -> str:
    """Return the split that `shares` give the text; what they leave is train's.

    It is the same whatever the rows around it, so that a corpus can grow, and texts that repeat
    stay together. A share is exact to a millionth.
    """
    digits = int.from_bytes(hashlib.sha256(text.strip().encode()).digest()[:8], "big") % MILLION
    # Backwards, so that the last digit tells tenths apart: the starter corpora are pinned that way.
    place = int(f"{digits:06d}"[::-1])
    edge = MILLION
    for split in ("test", "validation"):
        edge -= round(shares.get(split, 0) * MILLION)
        if place >= edge:
            return split
    return "train"


def carve(frames: Frames, shares: Mapping[str, float]) -> Frames:
    """Return the splits with train's rows dealt out by `shares`; what is dealt out is numbered anew.

    Raises:
        Refusal: a split receives no row.
    """
    if not shares:
        return frames
    rows = frames["train"]
    splits = rows["text"].map(lambda text: split_by_hash(text, shares))
    carved = {}
    for split in ("train", *shares):
        part = rows[splits == split]
        if part.empty:
            raise Refusal(f"carve leaves none of {len(rows)} rows to {split}: change its shares")
        carved[split] = rows_frame(part["text"].tolist(), part["label"].tolist())
    return frames | carved
