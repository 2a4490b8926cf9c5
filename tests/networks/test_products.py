"""Large products go through oneDNN where that is exact, and nowhere else; they are torch's linear."""

from argparse import Namespace
from collections.abc import Iterator

import pytest
import torch
from drawn import TOLERANCE
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from unroll import environment, records
from unroll.networks import products

SETTINGS = torch.backends.mkldnn.matmul


@pytest.fixture
def exact(request, monkeypatch) -> bool:
    monkeypatch.setattr(products, "_onednn_is_exact", lambda: request.param)
    return request.param


every_machine = pytest.mark.parametrize("exact", [True, False], indirect=True, ids=["exact", "rounding"])


@every_machine
@pytest.mark.parametrize(("multiplications", "large"), [(products.LARGE, True), (products.LARGE - 1, False)])
def test_only_large_products_are_sent_and_only_where_none_is_rounded(exact, multiplications, large):
    before = SETTINGS.fp32_precision
    with products.chosen(multiplications):
        assert SETTINGS.fp32_precision == ("bf16" if large and exact else before)
    assert SETTINGS.fp32_precision == before


@pytest.fixture(params=["none", "ieee", "bf16"])
def before(request) -> Iterator[str]:
    found = SETTINGS.fp32_precision
    SETTINGS.fp32_precision = request.param
    yield request.param
    SETTINGS.fp32_precision = found


@pytest.mark.parametrize("exact", [True], indirect=True)
def test_what_was_set_is_set_again_whatever_happens(exact, before):
    with pytest.raises(KeyError), products.chosen(products.LARGE):
        assert SETTINGS.fp32_precision == "bf16"
        raise KeyError
    assert SETTINGS.fp32_precision == before


def test_to_try_oneDNN_leaves_the_setting_as_it_was_and_tells_the_truth():
    before = SETTINGS.fp32_precision
    exact = products._onednn_is_exact.__wrapped__()
    assert SETTINGS.fp32_precision == before
    values = torch.randn(512, 512, generator=torch.Generator().manual_seed(1))
    if exact:
        with products.chosen(512**3):
            found = values @ values
        expected = values.double() @ values.double()
        assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_a_library_that_rounds_is_found_out(monkeypatch):
    class Rounding:
        """Stands in for a processor on which the setting means what it says."""

        fp32_precision = "none"

    matmul = Tensor.__matmul__

    def rounded(self: Tensor, other: Tensor) -> Tensor:
        if Rounding.fp32_precision == "bf16" and self.dtype == torch.float32:
            return matmul(self.bfloat16().float(), other.bfloat16().float())
        return matmul(self, other)

    monkeypatch.setattr(torch.backends.mkldnn, "matmul", Rounding)
    monkeypatch.setattr(Tensor, "__matmul__", rounded)
    assert not products._onednn_is_exact.__wrapped__()
    assert Rounding.fp32_precision == "none"


def test_without_oneDNN_nothing_is_sent(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not products._onednn_is_exact.__wrapped__()


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("vectors", [0, 1, 40, 900], ids=lambda count: f"{count} vectors")
@pytest.mark.parametrize("tuned", [True, False], ids=["tuned", "frozen"])
def test_a_linear_layer_is_torchs_in_values_and_gradients(dtype, vectors, tuned):
    generator = torch.Generator().manual_seed(4)
    shapes = (vectors, 60), (80, 60), (80,)
    found = []
    drawn = [torch.randn(shape, generator=generator).to(dtype) / 8 for shape in shapes]
    for linear in (products.linear, functional.linear):
        given = [one.clone().requires_grad_() for one in drawn]
        given[0].requires_grad_(tuned)
        result_UK = linear(*given)
        result_UK.square().sum().backward()
        assert (given[0].grad is None) == (not tuned)
        found.append([result_UK, *(one.grad for one in given if one.grad is not None)])
    limit = TOLERANCE[dtype]
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=limit, atol=limit)


def test_vectors_that_do_not_learn_cost_no_gradient():
    counts = {}
    for tuned in (True, False):
        vectors_UI = torch.randn(7, 5, requires_grad=tuned)
        weight_KI, bias_K = torch.randn(3, 5, requires_grad=True), torch.zeros(3, requires_grad=True)
        result_UK = products.linear(vectors_UI, weight_KI, bias_K)
        with FlopCounterMode(display=False) as counter:
            result_UK.sum().backward()
        counts[tuned] = counter.get_total_flops()
    assert counts == {True: 2 * 2 * 7 * 5 * 3, False: 2 * 7 * 5 * 3}


@every_machine
def test_the_record_says_where_large_products_go_and_which_instructions_they_use(exact, monkeypatch):
    has = {"architecture": "x86_64", "avx2": True, "avx512_bw": True, "avx512_bf16": False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    went = "oneDNN" if exact else "MKL"
    assert products.record() == {"large_float32_products": went, "instructions": "avx512_bw"}
    has.update(architecture="aarch64", avx2=False, avx512_bw=False)
    assert products.record()["instructions"] == "aarch64"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_run_on_a_cpu_has_it_in_its_record(device, monkeypatch):
    monkeypatch.setattr(environment, "_device_name", lambda device: device)
    selected = Namespace(all_networks=(), corpora=())
    nothing = {"networks": {}, "tutors": {}, "vectors": {}}
    found = records.of(Namespace(select=selected, **nothing), device)["training.json"]
    assert found["device"] == device
    assert (found.items() >= products.record().items()) == (device == "cpu")
