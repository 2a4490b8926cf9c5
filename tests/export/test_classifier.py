"""An exported network gives the network's own probabilities, whatever the network and its company."""

from itertools import product

import numpy as np
import onnxruntime
import pytest
import torch
from drawn import CLASSES, SIZE, VOCABULARY, batch_of, model_of, network, rows
from runs import SHIPPED, shipped
from trained_project import decided

from unroll.export import classifier
from unroll.export.graph import quantised
from unroll.export.layers import OPERATORS
from unroll.networks.batches import Batch
from unroll.networks.cells import CELLS
from unroll.networks.classifier import Classifier, build_model
from unroll.networks.pooling import PARTS
from unroll.networks.spec import BagNetwork, RecurrentNetwork

ROWS = rows(4, 1, 7, 2, 7)
ORDER = [3, 0, 4, 2, 1]
POOLINGS = (*PARTS, "max+attention", "last+mean+max")
KINDS = {name: {"cell": name} for name in CELLS}
KINDS["elman-relu"] = {"cell": "elman", "nonlinearity": "relu"}
KINDS |= {f"{name}-one-bias": {"cell": name, "input_bias": False} for name in CELLS}
CLASSIFIERS = [name for name in SHIPPED["networks"] if SHIPPED["networks"][name].get("task") != "next_word"]
both_kinds_of_weights = pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])


class Exported:
    """What ONNX's runtime reads of some seeds of a network."""

    def __init__(
        self, spec: BagNetwork | RecurrentNetwork, models: dict[int, Classifier], int8: bool = False
    ) -> None:
        weights = {seed: arrays_of(model) for seed, model in models.items()}
        self.content = classifier.model(spec, weights, "drawn", int8).SerializeToString(deterministic=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(self.content, options, ["CPUExecutionProvider"])

    def __call__(self, batch: Batch) -> np.ndarray:
        inputs = {"tokens_BL": batch.tokens_BL.numpy(), "lengths_B": batch.lengths_B.numpy()}
        return self.session.run(["probabilities_BC"], inputs)[0]


def arrays_of(model: Classifier) -> dict[str, np.ndarray]:
    return {name: weight.numpy() for name, weight in model.state_dict().items()}


def drawn_model(spec: BagNetwork | RecurrentNetwork, seed: int = 7) -> Classifier:
    return decided(model_of(spec, torch.float32, seed))


def rounded(model: Classifier) -> Classifier:
    """Return the model with every matrix as int8 keeps it."""
    weights = model.state_dict()
    for name, weight in weights.items():
        if weight.ndim == 2 and not name.endswith("initial"):
            weight_RI, scale_R = quantised(weight.numpy())
            weights[name] = torch.from_numpy(weight_RI * scale_R[:, np.newaxis])
    model.load_state_dict(weights)
    return model


@torch.no_grad()
def alone(model: Classifier) -> np.ndarray:
    """Return the model's own probabilities of ROWS, each read by itself."""
    return torch.cat([model(batch_of([row])) for row in ROWS]).double().softmax(dim=1).numpy()


def assert_reads_as(exported: Exported, expected_BC: np.ndarray) -> None:
    """Hold each of ROWS alone, padded, in any order and among rows of one length to what is expected."""
    everyone = list(range(len(ROWS)))
    for batch, places in (
        (batch_of(ROWS), everyone),
        (batch_of(ROWS, width=21), everyone),
        (batch_of([ROWS[place] for place in ORDER]), ORDER),
        (batch_of([ROWS[4], ROWS[2]]), [4, 2]),
        *((batch_of([row]), [place]) for place, row in enumerate(ROWS)),
        *((batch_of([row], width=9), [place]) for place, row in enumerate(ROWS)),
    ):
        np.testing.assert_allclose(exported(batch), expected_BC[places], rtol=0, atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@both_kinds_of_weights
def test_a_row_gets_the_networks_own_probabilities_alone_padded_and_in_any_order(
    kind, bidirectional, layers, int8
):
    initial_state = {1: "zeros", 2: "learned", 3: "normal"}[layers]
    for pooling, head in product(POOLINGS, ("linear", "relu")):
        spec = network(
            **KINDS[kind],
            bidirectional=bidirectional,
            layers=layers,
            pooling=pooling,
            head=head,
            initial_state=initial_state,
        )
        model = drawn_model(spec)
        exported = Exported(spec, {1: model}, int8)
        assert_reads_as(exported, alone(rounded(model) if int8 else model))


@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_single_layer_may_begin_with_states_that_it_learned(cell, bidirectional):
    spec = network(cell=cell, bidirectional=bidirectional, initial_state="learned")
    model = drawn_model(spec)
    assert_reads_as(Exported(spec, {1: model}), alone(model))


@pytest.mark.parametrize("pooling", ["mean", "max", "attention", "mean+max+attention"])
@both_kinds_of_weights
def test_a_bag_gets_its_own_probabilities_too(pooling, int8):
    spec = network(cell="bag", pooling=pooling, head="relu")
    model = drawn_model(spec)
    exported = Exported(spec, {1: model}, int8)
    assert_reads_as(exported, alone(rounded(model) if int8 else model))


@pytest.mark.parametrize("name", CLASSIFIERS)
@both_kinds_of_weights
def test_every_shipped_classifier_is_exported(name, int8):
    spec = shipped(name)
    torch.manual_seed(1)
    vectors_VE = torch.randn(VOCABULARY, SIZE) if spec.embedding.vectors else None
    model = build_model(spec, VOCABULARY, CLASSES, vectors_VE).eval()
    exported = Exported(spec, {1: model}, int8)
    assert_reads_as(exported, alone(rounded(model) if int8 else model))


def test_every_cell_has_an_operator():
    assert OPERATORS.keys() == CELLS.keys()


def test_several_seeds_are_one_model_that_answers_their_mean():
    spec = network(cell="gru", pooling="max+attention")
    models = {seed: drawn_model(spec, seed) for seed in (3, 1, 2)}
    each = [alone(model) for model in models.values()]
    assert np.abs(each[0] - each[1]).max() > 0.01
    assert_reads_as(Exported(spec, models), np.mean(each, axis=0))


@both_kinds_of_weights
def test_the_same_weights_give_the_same_bytes(int8):
    spec = network(cell="lstm", bidirectional=True, layers=2, pooling="last+attention")
    first, again = (Exported(spec, {1: drawn_model(spec)}, int8).content for _ in range(2))
    assert first == again


def test_int8_takes_about_a_quarter_of_the_bytes():
    spec = network(cell="lstm", hidden=64, embedding={"size": 64}, pooling="max")
    whole, small = (len(Exported(spec, {1: drawn_model(spec)}, int8).content) for int8 in (False, True))
    assert 0.25 < small / whole < 0.32


def test_a_word_that_the_table_lacks_is_no_word():
    exported = Exported(network(), {1: drawn_model(network())})
    with pytest.raises(Exception, match="indices element out of data bounds"):
        exported(batch_of([torch.tensor([VOCABULARY])]))
