"""Drawn rows, batches of them, and the networks that read them: small, so that every combination is read."""

from pathlib import Path

import torch
from torch import Tensor, nn

from unroll.lexicon.vocabulary import PAD
from unroll.networks.batches import Batch
from unroll.networks.cells import CELLS
from unroll.networks.classifier import Classifier, NextWordModel, build_model
from unroll.networks.encoders import RecurrentEncoder
from unroll.networks.spec import BagNetwork, Network, RecurrentNetwork
from unroll.params import parse

VOCABULARY, CLASSES, SIZE, HIDDEN = 30, 3, 5, 4
IMPLEMENTATIONS = ("fused", "library", "handwritten")
PACKED = {"implementation": "library", "batching": "packed"}
"""Only torch's layer can read packed rows."""
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def rows(*lengths: int) -> list[Tensor]:
    """Return rows of so many words, none of them padding."""
    generator = torch.Generator().manual_seed(sum(lengths))
    return [torch.randint(1, VOCABULARY, (length,), generator=generator) for length in lengths]


def batch_of(rows: list[Tensor], width: int | None = None, unseen_XE: Tensor | None = None) -> Batch:
    """Return the rows padded on the right to `width`, by default to the longest of them."""
    lengths_B = torch.tensor([len(row) for row in rows])
    width = width or int(lengths_B.max())
    tokens_BL = torch.full((len(rows), width), PAD)
    for place, row in enumerate(rows):
        tokens_BL[place, : len(row)] = row
    labels_B = torch.arange(len(rows)) % CLASSES
    return Batch(tokens_BL, lengths_B, labels_B, bool((lengths_B == width).all()), unseen_XE)


def batched(batching: str) -> dict[str, str]:
    """Return the lines of a network whose rows come so, read by the default layer that can."""
    return PACKED if batching == "packed" else {"batching": batching}


def network(**keys: object) -> BagNetwork | RecurrentNetwork:
    """Return a small network as params.yaml would give it, an lstm if no cell is named."""
    small = {"cell": "lstm", "embedding": {"size": SIZE}} | keys
    if small["cell"] != "bag":
        small = {"hidden": HIDDEN} | small
    return parse(small, Network, "networks.small", Path("params.yaml"))


def model_of(
    network: BagNetwork | RecurrentNetwork, dtype: torch.dtype = torch.float64, seed: int = 7
) -> Classifier | NextWordModel:
    torch.manual_seed(seed)
    return build_model(network, VOCABULARY, CLASSES).to(dtype).eval()


def torchs_own(encoder: RecurrentEncoder, network: RecurrentNetwork) -> nn.RNNBase:
    """Return the library's own stack of layers with the encoder's weights."""
    cell = CELLS[network.cell].library
    nonlinearity = {"nonlinearity": network.nonlinearity} if cell is nn.RNN else {}
    stack = cell(
        SIZE,
        network.hidden,
        network.layers,
        batch_first=True,
        bidirectional=network.bidirectional,
        **nonlinearity,
    ).to(next(encoder.parameters()).dtype)
    with torch.no_grad():
        for weight in stack.parameters():
            weight.zero_()  # what the encoder has none of counts as zero
        for depth, directions in enumerate(encoder.layers):
            for direction in directions:
                for name, weight in direction.cell.named_parameters():
                    getattr(stack, torchs_name(name, depth, direction.backward)).copy_(weight)
    return stack


def torchs_name(name: str, depth: int, backward: bool) -> str:
    """Return what a cell's parameter is called in a stack.

    >>> torchs_name("weight_ih_l0", 1, True)
    'weight_ih_l1_reverse'
    """
    return f"{name[:-1]}{depth}{'_reverse' if backward else ''}"


def gradients(model: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    """Return the gradient of every parameter by its name, dense; zeros where there is none."""
    model.zero_grad()
    loss.backward()
    found = {}
    for name, parameter in model.named_parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        found[name] = gradient.to_dense() if gradient.is_sparse else gradient.clone()
    return found


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor], limit: float = 1e-10) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=limit, atol=limit, msg=lambda m, n=name: n + m)
