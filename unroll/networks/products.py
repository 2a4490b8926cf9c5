"""Matrix products in float32 on a CPU: large ones through oneDNN, small ones through the default library.

PyTorch multiplies float32 matrices through MKL, which on AMD's processors reaches half to nine tenths
of what oneDNN does; oneDNN in turn takes 15 to 20 us to begin. PyTorch asks oneDNN only where it is
allowed to round to bfloat16; on a processor without matrix units for that it does not round. Whether
it does is tried here, and where it does, it is left alone: float32 stays float32.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

LARGE = 4_000_000
"""Multiplications from which on oneDNN is at least as fast."""


@contextmanager
def chosen(multiplications: int) -> Iterator[None]:
    """Send float32 products of this size to the library that is the fastest for them."""
    if multiplications < LARGE or not _onednn_is_exact():
        yield
        return
    settings = torch.backends.mkldnn.matmul
    before = settings.fp32_precision
    settings.fp32_precision = "bf16"
    try:
        yield
    finally:
        settings.fp32_precision = before


@cache
def _onednn_is_exact() -> bool:
    if not torch.backends.mkldnn.is_available():
        return False
    values = torch.linspace(-1, 1, 256 * 256).view(256, 256)
    values = values * values.t().cos()
    settings = torch.backends.mkldnn.matmul
    before = settings.fp32_precision
    try:
        settings.fp32_precision = "bf16"
        found = values @ values.t()
    finally:
        settings.fp32_precision = before
    right = values.double() @ values.double().t()
    return bool((found - right).abs().max() <= 1e-5 * right.abs().max())


def linear(vectors_UI: Tensor, weight_KI: Tensor, bias_K: Tensor) -> Tensor:
    """As torch.nn.functional.linear."""
    return _Linear.apply(vectors_UI, weight_KI, bias_K)


class _Linear(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, vectors_UI: Tensor, weight_KI: Tensor, bias_K: Tensor) -> Tensor:
        ctx.save_for_backward(vectors_UI, weight_KI)
        with chosen(len(vectors_UI) * weight_KI.numel()):
            return torch.addmm(bias_K, vectors_UI, weight_KI.t())

    @staticmethod
    def backward(ctx: FunctionCtx, grad_UK: Tensor) -> tuple[Tensor | None, ...]:
        vectors_UI, weight_KI = ctx.saved_tensors
        with chosen(len(vectors_UI) * weight_KI.numel()):
            grad_UI = grad_UK @ weight_KI if ctx.needs_input_grad[0] else None
            return grad_UI, grad_UK.t() @ vectors_UI, grad_UK.sum(0)
