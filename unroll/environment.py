"""What besides data, code and parameters decides the bits, pinned and put on record.

`pin` runs before torch is imported, because the libraries read these variables once, when they
load; Python reads its own when it starts (stage.begin). One thread a process: two threads change
the last bits of every sum, and are up to 20 times slower as soon as something else runs on the machine.
"""

import os
import sys
from importlib.metadata import version
from typing import Literal

from unroll.failures import Refusal
from unroll.stage import HASH_SEED

Device = Literal["auto", "cpu", "cuda"]

PINNED = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MKL_CBWR": "AVX2,STRICT",
    "ATEN_CPU_CAPABILITY": "avx2",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "PYTHONHASHSEED": HASH_SEED,
}
TEXT_PACKAGES = (
    "datasets",
    "emoji",
    "gensim",
    "nltk",
    "numpy",
    "pandas",
    "pyarrow",
    "spacy",
    "tokenizers",
    "wordsegment",
)
FLOOR_PACKAGES = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
TRAINING_PACKAGES = ("numpy", "safetensors", "torch")
RESULTS_PACKAGES = ("jinja2", "numpy", "pandas", "pyarrow", "scipy", "statsmodels", "vl-convert-python")


def pin() -> None:
    """Fix threads and kernels for this process.

    Raises:
        RuntimeError: torch has been imported already, so that the variables would come too late.
    """
    if "torch" in sys.modules and any(os.environ.get(key) != PINNED[key] for key in PINNED):
        raise RuntimeError("environment.pin() must run before torch is imported")
    os.environ.update(PINNED)


def text_record() -> dict[str, str]:
    """What decides the bytes of the data stages: Python and the libraries that read and cut text."""
    return _record_of(TEXT_PACKAGES)


def results_record() -> dict[str, str]:
    """What decides the bytes of predictions, comparisons and the page, beside what they are made of."""
    return _record_of(RESULTS_PACKAGES)


def floor_record() -> dict[str, object]:
    """What decides the bytes of the floor's answers, beside data, code and parameters."""
    return _record_of(FLOOR_PACKAGES) | PINNED


def training_record(device: str) -> dict[str, object]:
    """What decides the bits of weights and scores, beside data, code and parameters."""
    kind = {"device": device, "device_name": _device_name(device)}
    return kind | _record_of(TRAINING_PACKAGES) | PINNED


def choose_device(wanted: Device) -> str:
    """Return "cuda" or "cpu"; auto takes a GPU where there is one.

    Raises:
        Refusal: cuda is wanted and there is none.
    """
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise Refusal("params.yaml: device is cuda, but no CUDA device answers: make it auto or cpu")
    return wanted


def prepare_torch(device: str, matmul_precision: str) -> None:
    """Set what torch takes only by call: threads, float32 products, repeatable CUDA kernels."""
    import torch

    torch.set_num_threads(1)
    torch.set_float32_matmul_precision(matmul_precision)
    if device == "cuda":
        torch.use_deterministic_algorithms(True)
        # By itself cuDNN rounds the factors of a recurrent layer to 10 bits, whatever was asked for.
        torch.backends.cudnn.allow_tf32 = matmul_precision != "highest"
        torch.backends.cudnn.benchmark = False


def _record_of(packages: tuple[str, ...]) -> dict[str, str]:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": python, **{name: version(name) for name in packages}}


def _device_name(device: str) -> str:
    if device == "cpu":
        return "cpu"
    import torch

    return torch.cuda.get_device_name()
