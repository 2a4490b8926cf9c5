"""How fast this core multiplies matrices: what no training can surpass, measured in the same run."""

import itertools
import time
from collections.abc import Iterator

import torch

from benchmarks.slices import Loop

SHAPES = ((1600, 300, 600), (1024, 1024, 1024), (2048, 2048, 2048))
"""The input's product of a batch of 64 texts of 25 tokens, and larger ones, which pay more."""
PRECISIONS = {"float32": ("highest", "medium"), "bfloat16": ("highest",)}
"""For each type what torch.set_float32_matmul_precision may send to another library."""
LARGEST_ERROR = 1e-5
"""Relative; a float32 product that is worse than that has been rounded on its way."""
TRIES = 5


def products(dtype: str) -> Loop:
    """Multiply matrices in the fastest way that there is; a step's units are its operations."""
    torch.set_num_threads(1)
    ways = list(itertools.product(PRECISIONS[dtype], SHAPES))
    best = max((_Product(dtype, precision, shape) for precision, shape in ways), key=_Product.rate)

    def repeat() -> Iterator[int]:
        while True:
            best.multiply()
            yield best.operations

    return repeat()


class _Product:
    def __init__(self, dtype: str, precision: str, shape: tuple[int, int, int]) -> None:
        rows, inner, columns = shape
        self.precision = precision
        self.operations = 2 * rows * inner * columns
        draw = torch.Generator().manual_seed(1)
        left, right = torch.randn(rows, inner, generator=draw), torch.randn(inner, columns, generator=draw)
        self.left, self.right = left.to(getattr(torch, dtype)), right.to(getattr(torch, dtype))
        self.made = torch.empty(rows, columns, dtype=self.left.dtype)

    def multiply(self) -> None:
        torch.set_float32_matmul_precision(self.precision)
        torch.mm(self.left, self.right, out=self.made)

    def rate(self) -> float:
        """Return operations a second, none where float32 products are rounded to fewer digits."""
        self.multiply()
        if self.left.dtype == torch.float32 and self._error() > LARGEST_ERROR:
            return 0.0
        started = time.process_time()
        for _ in range(TRIES):
            self.multiply()
        return TRIES * self.operations / (time.process_time() - started)

    def _error(self) -> float:
        exact = self.left.double() @ self.right.double()
        return ((self.made - exact).norm() / exact.norm()).item()
