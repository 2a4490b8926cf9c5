"""What params.yaml says of a network: a few lines, checked to the last key and against contradictions."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag

from unroll.networks.cells import CELLS
from unroll.networks.pooling import PARTS
from unroll.params import Consistent, Name, Share, Strict

Size = Annotated[int, Field(ge=1, le=10_000)]
Rate = Annotated[float, Field(gt=0, le=10)]
Pooling = Annotated[str, StringConstraints(pattern=rf"^({'|'.join(PARTS)})(\+({'|'.join(PARTS)}))*$")]
"""Parts of pooling.Pooling joined by "+": "last", "max+attention"."""
# Not strict about the kind of list alone: the names in it are as strict as ever.
Names = Annotated[tuple[Name, ...], Field(strict=False)]
NO_SIZE = 100


class Embedding(Consistent):
    """Vectors of words: drawn from N(mean, scale^2), but where pretrained `vectors` know the word."""

    size: Size | None = None
    """Components; without pretrained vectors 100, with them what they have together."""
    mean: float = 0.0
    scale: Annotated[float, Field(gt=0)] = 1.0
    vectors: Names = ()
    """Entries of the catalogue `vectors`, side by side."""
    frozen: bool = False
    learning_rate: Rate | None = None
    """Its own; by default that of all other parameters."""
    gradients: Literal["sparse", "dense"] = "sparse"
    """sparse: only the words of a batch move; dense: all words do, by momentum and decay."""

    @property
    def components(self) -> int:
        return NO_SIZE if self.size is None else self.size

    @classmethod
    def contradictions(cls, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
        if given["vectors"] and given["size"] is not None:
            yield "size", "the pretrained vectors decide it: leave it out"
        names = given["vectors"]
        if isinstance(names, list) and len(set(map(str, names))) < len(names):
            yield "vectors", "a name stands twice"
        if given["frozen"] is True and given["learning_rate"] is not None:
            yield "learning_rate", "a frozen embedding has none"


class Dropout(Strict):
    """Chance to be dropped in training."""

    words: Share = 0.0
    """Whole words, which then read as unknown."""
    embedding: Share = 0.0
    """Components of word vectors."""
    layers: Share = 0.0
    """What passes from one layer to the next."""
    recurrent: Share = 0.0
    """Weights from one step to the next (weight drop)."""
    output: Share = 0.0
    """Features before the scores."""
    variational: bool = False
    """In `embedding` and `layers`: the same components at all steps of a row."""


class _Network(Consistent):
    embedding: Embedding = Embedding()
    dropout: Dropout = Dropout()
    attention_size: Size | None = None
    """Units of the attention in `pooling`; by default as many as a state has."""
    head: Literal["linear", "relu"] = "linear"
    """Features -> scores: one linear layer, or one behind a ReLU."""
    teacher: Name | None = None
    """The ensemble that teaches it."""
    tutor: Name | None = None
    """The transformer that teaches it."""
    training: dict[str, Any] = Field(default_factory=dict)
    """Overrides of the training parameters; checked by training.merge."""

    @classmethod
    def contradictions(cls, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
        parts = str(given["pooling"]).split("+")
        if len(set(parts)) < len(parts):
            yield "pooling", "a part stands twice"
        if given["attention_size"] is not None and "attention" not in parts:
            yield "attention_size", "pooling has no attention"


class BagNetwork(_Network):
    """No recurrence: word vectors, pooled. The floor that a recurrent network must beat."""

    cell: Literal["bag"]
    pooling: Pooling = "mean"
    batching: Literal["exact", "length", "padded"] = "exact"

    @classmethod
    def contradictions(cls, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
        yield from super().contradictions(given)
        if "last" in str(given["pooling"]).split("+"):
            yield "pooling", "a bag has no last state: mean, max or attention"
        dropout = given["dropout"] if isinstance(given["dropout"], dict) else {}
        for part in ("layers", "recurrent"):
            if dropout.get(part):
                yield f"dropout.{part}", f"a bag has no {part} to drop from"


class Pretraining(Strict):
    """Before it learns to classify, the network learns to predict the next word of the training sentences,
    and the backward direction the word before."""

    epochs: Annotated[int, Field(ge=1)]
    learning_rate: Rate | None = None
    """By default that of the training that follows."""


def _known(cell: str) -> str:
    if cell not in CELLS:
        raise ValueError(f"none of bag, {', '.join(CELLS)}")
    return cell


class RecurrentNetwork(_Network):
    cell: Annotated[str, AfterValidator(_known)]
    implementation: Literal["fused", "library", "handwritten"] = "fused"
    """On a CPU all directions of a layer at once where torch's own is no faster, on a GPU cuDNN's; torch's
    own layer; a cell written out. All give the same numbers."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the recurrent layers in training; weights, their optimizer and all scoring stay in float32."""
    nonlinearity: Literal["tanh", "relu"] = "tanh"
    """Of an elman cell."""
    input_bias: bool = True
    """Whether the input's product has a bias beside the recurrent one's."""
    hidden: Size = 100
    """Units of one direction."""
    layers: Annotated[int, Field(ge=1, le=16)] = 1
    bidirectional: bool = False
    initial_state: Literal["zeros", "learned", "normal"] = "zeros"
    """normal: drawn from N(0, 1) for every batch in training; in scoring its mean, zeros."""
    pooling: Pooling = "last"
    batching: Literal["exact", "length", "padded", "packed"] = "exact"
    """Rows of one length together, of nearly one length, or as they come, padded or packed: four ways
    to one result."""
    task: Literal["classification", "next_word"] = "classification"
    pretraining: Pretraining | None = None

    @classmethod
    def contradictions(cls, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
        yield from super().contradictions(given)
        cell = CELLS.get(str(given["cell"]))
        if given["implementation"] == "fused" and cell is not None and cell.recurrence is None:
            yield "implementation", f"no {given['cell']} layer is fused: handwritten"
        if given["implementation"] == "library" and cell is not None:
            if cell.library is None:
                yield "implementation", f"torch has no {given['cell']} layer: handwritten"
            if given["input_bias"] is False:
                yield "input_bias", "the library has both biases: implementation must be fused or handwritten"
        if given["implementation"] != "library" and given["batching"] == "packed":
            yield "batching", "only torch's layer can read packed rows: implementation must be library"
        if given["nonlinearity"] == "relu" and given["cell"] != "elman":
            yield "nonlinearity", "only an elman cell has a choice"
        dropout = given["dropout"] if isinstance(given["dropout"], dict) else {}
        if dropout.get("layers") and given["layers"] == 1:
            yield "dropout.layers", "there is only one layer"
        yield from cls._next_word_contradictions(given)

    @classmethod
    def _next_word_contradictions(cls, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
        if given["bidirectional"] is True:
            if given["task"] == "next_word":
                yield "bidirectional", "the backward direction would have read the word to predict"
            if given["pretraining"] is not None and given["layers"] != 1:
                yield "pretraining", "a second layer would have read the word to predict: layers must be 1"
        if given["task"] == "next_word":
            if given["pretraining"] is not None:
                yield "pretraining", "next_word is what pretraining is: only a classifier has some"
            if given["teacher"] is not None:
                yield "teacher", "an ensemble has no next words to teach: only a classifier has one"
            if given["tutor"] is not None:
                yield "tutor", "it has no next words to teach: only a classifier has one"
            for key in ("pooling", "attention_size", "head"):
                if given[key] != cls.model_fields[key].default:
                    yield key, "next_word scores every step: it has none"


def _kind(value: Any) -> str:
    cell = value.get("cell") if isinstance(value, dict) else getattr(value, "cell", None)
    return "bag" if cell == "bag" else "recurrent"


Network = Annotated[
    Annotated[BagNetwork, Tag("bag")] | Annotated[RecurrentNetwork, Tag("recurrent")], Discriminator(_kind)
]
