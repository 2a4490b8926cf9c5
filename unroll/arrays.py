"""Arrays <-> .npy files that can be mapped into memory, without a pickle either way."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from unroll.failures import Refusal, damaged


def save(path: Path, array: np.ndarray) -> None:
    """Write what numpy.save would."""
    save_blocks(path, array.dtype, array.shape, [np.ascontiguousarray(array)])


def save_blocks(path: Path, kind: np.dtype, shape: tuple[int, ...], blocks: Iterable[np.ndarray]) -> None:
    """Write an array of which no more than a block is in memory at once."""
    header = {"descr": kind.str, "fortran_order": False, "shape": shape}
    with open(path, "wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        # Not by numpy, whose errors do not say whether the disk is full.
        stream.writelines(block.data for block in blocks)


def load(path: Path, kind: np.dtype | str, mapped: Literal["c"] | None = None) -> np.ndarray:
    """Return an array of this kind; mapped "c" it stays in its file, which what is written to it spares.

    Raises:
        Refusal: the file is missing, damaged, of another kind, or a pickle.
    """
    try:
        array = np.load(path, mmap_mode=mapped, allow_pickle=False)
    except FileNotFoundError:
        raise Refusal(f"{path} is missing: run dvc repro") from None
    except OSError:
        raise
    # A damaged header is a Python expression gone wrong: it may raise anything.
    except Exception as error:
        raise damaged(path, error) from None
    if not isinstance(array, np.ndarray) or array.dtype != kind:
        raise damaged(path, f"it holds no array of {np.dtype(kind)}")
    return array
