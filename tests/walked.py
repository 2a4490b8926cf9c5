"""Small networks of every kind, and batches for them to read."""

import tiny
import torch
from torch.nn.utils.rnn import pad_sequence

from unroll.networks.batches import Batch
from unroll.networks.classifier import Classifier, NextWordModel, build_model
from unroll.networks.spec import BagNetwork, Dropout, Embedding, Network, RecurrentNetwork
from unroll.params import Name, Params

VOCABULARY, CLASSES = 30, 3
SMALL = {"hidden": 6, "embedding": Embedding(size=4)}
NETWORKS = Params(tiny.ROOT / "params.yaml").get("networks", dict[Name, Network]) | {
    "every pooling": RecurrentNetwork(
        cell="lstm", bidirectional=True, layers=3, pooling="last+mean+max+attention", head="relu", **SMALL
    ),
    "handwritten": RecurrentNetwork(
        cell="gru", implementation="handwritten", bidirectional=True, layers=2, **SMALL
    ),
    "learned start": RecurrentNetwork(
        cell="elman", initial_state="learned", attention_size=5, pooling="attention"
    ),
    "packed": RecurrentNetwork(
        cell="gru", implementation="library", bidirectional=True, batching="packed", **SMALL
    ),
    "frozen": RecurrentNetwork(cell="lstm", hidden=6, embedding=Embedding(size=4, frozen=True)),
    "bag": BagNetwork(cell="bag", pooling="mean+attention", embedding=Embedding(size=4)),
    "dropped": RecurrentNetwork(
        cell="lstm",
        layers=2,
        dropout=Dropout(words=0.5, embedding=0.5, layers=0.5, recurrent=0.5, output=0.5),
        **SMALL,
    ),
}


def made(name: str) -> Classifier | NextWordModel:
    torch.manual_seed(5)
    return build_model(NETWORKS[name], VOCABULARY, CLASSES)


def batch_of(*lengths: int) -> Batch:
    generator = torch.Generator().manual_seed(sum(lengths))
    rows = [torch.randint(1, VOCABULARY, (length,), generator=generator) for length in lengths]
    labels_B = torch.arange(len(lengths)) % CLASSES
    return Batch(pad_sequence(rows, True), torch.tensor(lengths), labels_B, len(set(lengths)) == 1)


def row_of(batch: Batch, place: int) -> Batch:
    length_B = batch.lengths_B[place : place + 1]
    tokens_BL = batch.tokens_BL[place : place + 1, : int(length_B)]
    return Batch(tokens_BL, length_B, batch.labels_B[place : place + 1], even=True)
