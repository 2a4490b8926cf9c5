"""A chunk of raw rows -> the same rows with classes, tokens and the key by which rows are the same."""

from collections.abc import Callable

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from unroll import frames
from unroll.failures import Refusal
from unroll.text.phrases import key

TOKENS = pd.ArrowDtype(frames.TOKENS)
CUT = frames.CLEAN.append(pa.field("key", pa.binary(16))).append(pa.field("shortened", pa.bool_()))


class Cutter:
    """What is done to each chunk by itself, by whichever process: most of the work of cleaning."""

    def __init__(
        self,
        tokenize: Callable[[list[str]], pa.ListArray],
        classes: dict[int, int | None],
        names: int,
        max_characters: int | None = None,
    ) -> None:
        """Of texts with more than `max_characters` only their beginning stays."""
        self.tokenize, self.classes, self.schema = tokenize, classes, schema(names)
        self.max_characters = max_characters

    def __call__(self, chunk: tuple[str, pa.Table]) -> pa.Table:
        """Return the rows of a split's chunk (row, text, label) as CUT; no label where the class is left out.

        Raises:
            Refusal: a label has no class.
        """
        split, raw = chunk
        texts, shortened = self._shortened(raw["text"])
        tokens = self.tokenize(frames.as_list(texts))
        keys = [key(words) for words in frames.as_list(pc.binary_join(tokens, " "))]
        keys = pa.array(keys, pa.binary(16))
        cut = pa.table([raw["row"], texts, tokens, self._labels(split, raw), keys, shortened], schema=CUT)
        clean = cut.filter(pc.is_valid(cut["label"])).select(frames.CLEAN.names)
        self.schema.validate(clean.to_pandas(types_mapper={frames.TOKENS: TOKENS}.get))
        return cut

    def _shortened(self, texts: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        """Return the texts, none too long, and which of them were."""
        if self.max_characters is None:
            return texts, pc.less(pc.utf8_length(texts), 0)
        return (
            pc.utf8_slice_codeunits(texts, 0, self.max_characters),
            pc.greater(pc.utf8_length(texts), self.max_characters),
        )

    def _labels(self, split: str, raw: pa.Table) -> pa.Array:
        labels = frames.as_list(raw["label"])
        for row, label in zip(frames.as_list(raw["row"]), labels, strict=True):
            if label not in self.classes:
                raise Refusal(
                    f"{split}, row {row}: label {label} is none of 0..{len(self.classes) - 1}: correct it at "
                    "its source, or give it a class by labels or relabel"
                )
        return pa.array([self.classes[label] for label in labels], pa.int64())


def schema(classes: int) -> pandera.DataFrameSchema:
    """What every stage after this one may rely on."""
    return pandera.DataFrameSchema(
        {
            "row": pandera.Column("int64", [pandera.Check.ge(0), pandera.Check(_ascend)], unique=True),
            "text": pandera.Column(str),
            "tokens": pandera.Column(TOKENS, pandera.Check(_are_tokens), coerce=True),
            "label": pandera.Column("int64", pandera.Check.in_range(0, classes - 1)),
        },
        strict=True,
    )


def phrase_schema(classes: int) -> pandera.DataFrameSchema:
    return schema(classes).add_columns({"sentence": pandera.Column("int64", pandera.Check.ge(0))})


def _ascend(rows: pd.Series) -> bool:
    return rows.is_monotonic_increasing


def _are_tokens(cells: pd.Series) -> bool:
    # Each distinct token once, and in Arrow: a tenth of the work that it is to look at Python's lists.
    tokens = pc.unique(pc.list_flatten(pa.array(cells)))
    trimmed = pc.equal(tokens, pc.utf8_trim_whitespace(tokens))
    parted = pc.match_substring_regex(tokens, r"[\n\t]|^$")
    return pc.all(pc.and_not(trimmed, parted), skip_nulls=False, min_count=0).as_py() is True
