"""The way of one batch through a model: what each step makes of it, and with which weights.

Hooks on the model's own modules write it down while the model runs, so that it cannot drift from what
the model does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from unroll.networks.batches import Batch
from unroll.networks.cells import Cell
from unroll.networks.classifier import Classifier, NextWordModel
from unroll.networks.embeddings import WordEmbedding
from unroll.networks.encoders import Direction, RecurrentEncoder
from unroll.networks.pooling import Attention, Pooling
from unroll.networks.tasks import Classification, NextWord
from unroll.networks.words import Words

AXES = {
    "B": "rows of the batch",
    "L": "words of the longest row",
    "E": "components of a word vector",
    "H": "units of one direction",
    "F": "features, side by side",
    "C": "classes",
    "V": "words of the vocabulary",
}


@dataclass(frozen=True)
class Weight:
    name: str
    shape: tuple[int, ...]
    trained: bool


@dataclass(frozen=True)
class Step:
    name: str
    meaning: str
    values: Tensor
    axes: str
    """A letter of AXES for each axis of the values."""
    weights: tuple[Weight, ...] = ()
    parts: tuple[str, ...] = ("",)
    """What stands side by side in the last axis, in equal shares."""

    @property
    def shape(self) -> str:
        """As in "B=4 L=12 E=300"."""
        sizes = zip(self.axes, self.values.shape, strict=True)
        return " ".join(f"{axis}={size}" for axis, size in sizes) or "one number"

    @property
    def parameters(self) -> int:
        """How many are trained here."""
        return sum(torch.Size(weight.shape).numel() for weight in self.weights if weight.trained)


Describe = Callable[[nn.Module, tuple, Tensor | Words], Iterator[Step]]
"""A module that has run, what it was given and what it returned -> the steps that this was."""


def trace(model: Classifier | NextWordModel, batch: Batch) -> list[Step]:
    """Return every step from ids to probabilities, as in scoring: without dropout."""
    model.eval()
    steps = [Step("ids", "each word's place in vocabulary.txt; 0 is padding", batch.tokens_BL, "BL")]

    def record(describe: Describe, module: nn.Module, inputs: tuple, output: Tensor | Words) -> None:
        steps.extend(describe(module, inputs, output))

    if model.encoder is not None:
        # Fused layers take both directions at once: here each is shown by itself.
        model.encoder.fused, fused = False, model.encoder.fused
    hooks = [module.register_forward_hook(partial(record, describe)) for module, describe in _watched(model)]
    try:
        with torch.inference_mode():
            scores = model(batch)
    finally:
        for hook in hooks:
            hook.remove()
        if model.encoder is not None:
            model.encoder.fused = fused
    meaning = "softmax of the scores, to read them by: the loss does its own"
    return [*steps, Step("probabilities", meaning, scores.double().softmax(dim=-1), steps[-1].axes)]


def loss(model: Classifier | NextWordModel, batch: Batch) -> list[Step]:
    """Return the mean cross entropy, without class weights or label smoothing; nothing where nothing is
    predicted."""
    task = NextWord() if isinstance(model, NextWordModel) else Classification("accuracy")
    model.eval()
    with torch.inference_mode():
        mean, _, count = task.step(model, batch)
    what = "words to predict" if isinstance(model, NextWordModel) else "rows"
    meaning = f"minus the logarithm of the right answer's probability, the mean over all {what} ({count})"
    return [Step("loss", meaning, mean, "")] if count else []


def _watched(model: Classifier | NextWordModel) -> Iterator[tuple[nn.Module, Describe]]:
    yield model.embedding, _embedding
    if model.encoder is not None:
        for depth, directions in enumerate(model.encoder.layers, start=1):
            for direction in directions:
                yield direction, partial(_direction, depth, len(directions) == 2)
        if model.encoder.directions == 2:
            yield model.encoder, _top_layer
    if isinstance(model, Classifier):
        if model.pooling.attention is not None:
            yield model.pooling.attention, _attention
        yield model.pooling, _pooling
    if isinstance(model.head.relu, nn.ReLU):
        yield model.head.relu, _relu
    yield model.head.linear, partial(_scores, "BC" if isinstance(model, Classifier) else "BLV")


def _embedding(module: WordEmbedding, inputs: tuple, output: Words) -> Iterator[Step]:
    meaning = "the row of the weight at each id; padding is zeros"
    yield Step("embedding", meaning, output.written_out(), "BLE", _weights(module))


def _direction(
    depth: int, both: bool, module: Direction, inputs: tuple, output_BLH: Tensor
) -> Iterator[Step]:
    input_BLI, lengths_B, _ = inputs
    if both and depth > 1 and not module.backward:
        yield _side_by_side(depth - 1, input_BLI)
    name = f"layer {depth}" + (f", {'backward' if module.backward else 'forward'}" if both else "")
    owner = "our own" if isinstance(module.cell, Cell) else "torch's"
    way = "each row's last word to its first" if module.backward else "the first word to the last"
    meaning = f"{owner} {type(module.cell).__name__} reads from {way}: a state after every word"
    yield Step(name, meaning, output_BLH, "BLH", _weights(module))
    places_B = torch.zeros_like(lengths_B) if module.backward else lengths_B - 1
    last_BH = output_BLH[torch.arange(len(lengths_B), device=lengths_B.device), places_B]
    where = "first" if module.backward else "last"
    yield Step(f"{name}, last state", f"the state after each row's {where} word", last_BH, "BH")


def _top_layer(module: RecurrentEncoder, inputs: tuple, output_BLF: Tensor) -> Iterator[Step]:
    yield _side_by_side(len(module.layers), output_BLF)


def _side_by_side(depth: int, states_BLF: Tensor) -> Step:
    meaning = "the states of both directions after every word, side by side"
    return Step(f"layer {depth}, both", meaning, states_BLF, "BLF")


def _attention(module: Attention, inputs: tuple, output_BF: Tensor) -> Iterator[Step]:
    meaning = "how much each word's state counts in the mean; a row's weights are together 1"
    yield Step("attention", meaning, module.weights(*inputs).squeeze(2), "BL", _weights(module))


def _pooling(module: Pooling, inputs: tuple, output_BF: Tensor) -> Iterator[Step]:
    directions = (", forward", ", backward") if module.directions == 2 else ("",)
    parts = tuple(f"{part}{direction}" for part in module.parts for direction in directions)
    meaning = f"one vector a row: {' and '.join(module.parts)} over its own words"
    yield Step("pooling", meaning, output_BF, "BF", parts=parts)


def _relu(module: nn.ReLU, inputs: tuple, output_BF: Tensor) -> Iterator[Step]:
    yield Step("relu", "what is negative becomes 0", output_BF, "BF")


def _scores(axes: str, module: nn.Linear, inputs: tuple, output: Tensor) -> Iterator[Step]:
    what = "class" if axes == "BC" else "word that may come next, after every word"
    yield Step("scores", f"linear: one score for each {what}", output, axes, _weights(module))


def _weights(module: nn.Module) -> tuple[Weight, ...]:
    return tuple(
        Weight(name, tuple(weight.shape), weight.requires_grad) for name, weight in module.named_parameters()
    )
